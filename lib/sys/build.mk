# SPDX-License-Identifier: ISC
LIBS += sys
sys-srcs := lib/sys/boot.c lib/sys/bootstrap.c lib/sys/error.c lib/sys/hold.c lib/sys/log.c

UNIT += abi
abi-srcs := tests/unit/abi.c
