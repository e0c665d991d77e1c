# SPDX-License-Identifier: ISC
# What test_tenant.py runs, in a boot archive of its own.
PLAIN += tenant
tenant-srcs := tests/boot/tenant/main.c tests/boot/tenant/flood.c
tenant-libs := serve 9p sys
