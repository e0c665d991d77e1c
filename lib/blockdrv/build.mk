# SPDX-License-Identifier: ISC
LIBS += blockdrv
HOSTLIBS += blockdrv
blockdrv-srcs := lib/blockdrv/request.c lib/blockdrv/disk.c lib/blockdrv/ring.c lib/blockdrv/tree.c
blockdrv-host-srcs := lib/blockdrv/request.c
