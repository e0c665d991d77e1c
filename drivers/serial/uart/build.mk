# SPDX-License-Identifier: ISC
PROGS += uart
uart-srcs := drivers/serial/uart/uart.c drivers/serial/uart/tree.c
uart-libs := serve 9p sys
