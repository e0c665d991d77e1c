# SPDX-License-Identifier: ISC
PROGS += exportd
exportd-srcs := servers/exportd/main.c servers/exportd/job.c servers/exportd/node.c \
	servers/exportd/ops.c servers/exportd/change.c
exportd-libs := serve 9p sys
