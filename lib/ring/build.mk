# SPDX-License-Identifier: ISC
LIBS += ring
HOSTLIBS += ring
ring-srcs := lib/ring/ring.c
