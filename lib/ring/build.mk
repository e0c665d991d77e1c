# SPDX-License-Identifier: ISC
LIBS += ring
HOSTLIBS += ring
ring-srcs := lib/ring/ring.c

UNIT += block_ring
block_ring-srcs := tests/unit/ring.c
block_ring-libs := ring
