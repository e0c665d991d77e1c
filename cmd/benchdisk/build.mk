# SPDX-License-Identifier: ISC
PROGS += bench-disk
bench-disk-srcs := cmd/benchdisk/main.c cmd/benchdisk/load.c
bench-disk-libs := serve 9p sys
