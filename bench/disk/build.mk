# SPDX-License-Identifier: ISC
BENCHPROGS += bench-disk
bench-disk-srcs := bench/disk/main.c bench/disk/load.c
bench-disk-libs := serve 9p sys
