# SPDX-License-Identifier: ISC
LIBS += blockdrv
HOSTLIBS += blockdrv
blockdrv-srcs := lib/blockdrv/request.c lib/blockdrv/disk.c lib/blockdrv/ring.c lib/blockdrv/tree.c
blockdrv-host-srcs := lib/blockdrv/request.c

UNIT += block_request
block_request-srcs := tests/unit/block_request.c
block_request-libs := blockdrv
