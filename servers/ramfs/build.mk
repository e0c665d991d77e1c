# SPDX-License-Identifier: ISC
PROGS += ramfs
ramfs-srcs := servers/ramfs/main.c servers/ramfs/ops.c servers/ramfs/change.c servers/ramfs/node.c \
	servers/ramfs/data.c servers/ramfs/archive.c
ramfs-libs := serve 9p cpio sys
