# SPDX-License-Identifier: ISC
BENCH += micro
micro-srcs := bench/micro.c tests/core/core.c
micro-libs := spawn elf cpio sys
