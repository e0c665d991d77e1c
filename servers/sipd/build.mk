# SPDX-License-Identifier: ISC
LIBS += supervise
HOSTLIBS += supervise
supervise-srcs := servers/sipd/restart.c servers/sipd/life.c servers/sipd/args.c
