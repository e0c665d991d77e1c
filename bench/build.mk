# SPDX-License-Identifier: ISC
BENCH += micro
micro-srcs := bench/micro.c tests/core/core.c
micro-libs := spawn elf cpio sys

PROGS += bench-9p
bench-9p-srcs := bench/nine.c
bench-9p-libs := serve 9p sys
BENCHRUN += bench-9p
