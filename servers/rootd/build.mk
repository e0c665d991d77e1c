# SPDX-License-Identifier: ISC
PROGS += rootd
rootd-srcs := servers/rootd/main.c servers/rootd/mounts.c servers/rootd/ops.c servers/rootd/registrar.c \
	servers/rootd/state.c servers/init/kept.c
rootd-libs := serve 9p sys
