# SPDX-License-Identifier: ISC
# Pure parts of the kernel, on the host.
UNIT += print drbg
print-srcs := tests/unit/print.c kernel/print.c
drbg-srcs := tests/unit/drbg.c kernel/drbg.c
