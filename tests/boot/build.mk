# SPDX-License-Identifier: ISC
# What test_tenant.py runs, in a boot archive of its own.
PLAIN += tenant
tenant-srcs := tests/boot/tenant/main.c tests/boot/tenant/flood.c \
	tests/boot/tenant/memory.c tests/boot/tenant/lend.c
tenant-libs := serve 9p ring sys

PLAIN += liar
liar-srcs := tests/boot/liar/main.c
liar-libs := serve 9p sys
