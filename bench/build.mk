# SPDX-License-Identifier: ISC
BENCH += micro
micro-srcs := bench/micro.c tests/core/core.c
micro-libs := spawn elf cpio sys

BENCH += interrupt
interrupt-srcs := bench/interrupt.c tests/core/edu/edu.c tests/core/core.c
interrupt-libs := pci spawn elf cpio sys

BENCHPROGS += bench-9p
bench-9p-srcs := bench/nine.c
bench-9p-libs := serve 9p sys
BENCHRUN += bench-9p

# It ends silos, so it has a silo with a mode for that.
BENCHPROGS += bench-restart
bench-restart-srcs := bench/restart.c
bench-restart-libs := serve 9p sys
bench-restart-command := silo start bench-restart; silo logs bench-restart
BENCHRUN += bench-restart
