# SPDX-License-Identifier: ISC
PROGS += consoled
consoled-srcs := servers/consoled/main.c servers/consoled/line.c \
	servers/consoled/tree.c
consoled-libs := serve 9p sys
