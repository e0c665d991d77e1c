# SPDX-License-Identifier: ISC
LIBS += supervise
HOSTLIBS += supervise
supervise-srcs := servers/sipd/restart.c servers/sipd/life.c servers/sipd/args.c \
	servers/sipd/status.c servers/sipd/events.c

PROGS += sipd
sipd-srcs := servers/sipd/main.c servers/sipd/registry.c servers/sipd/describe.c \
	servers/sipd/recover.c servers/sipd/supervise.c servers/sipd/crash.c servers/sipd/worker.c \
	servers/sipd/launch.c servers/sipd/lease.c servers/sipd/remote.c servers/sipd/health.c \
	servers/sipd/output.c servers/sipd/gate.c servers/sipd/clone.c servers/sipd/ctl.c \
	servers/sipd/ctl_set.c servers/sipd/ctl_rights.c servers/sipd/facts.c servers/sipd/tree.c servers/sipd/prompt.c \
	servers/init/kept.c servers/init/place.c
sipd-libs := supervise serve 9p spawn elf cpio silo sys

UNIT += sipd_restart sipd_life sipd_status sipd_output
sipd_restart-srcs := tests/unit/sipd_restart.c
sipd_restart-libs := supervise
sipd_life-srcs := tests/unit/sipd_life.c
sipd_life-libs := supervise
sipd_status-srcs := tests/unit/sipd_status.c
sipd_status-libs := supervise 9p silo
sipd_output-srcs := tests/unit/sipd_output.c
sipd_output-libs := supervise 9p silo
