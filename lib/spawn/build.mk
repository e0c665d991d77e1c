# SPDX-License-Identifier: ISC
LIBS += spawn
spawn-srcs := lib/spawn/spawn.c lib/spawn/image.c lib/spawn/block.c
