# SPDX-License-Identifier: ISC
# Pure parts of the kernel, on the host.
UNIT += print drbg kernel_lock
print-srcs := tests/unit/print.c kernel/print.c
drbg-srcs := tests/unit/drbg.c kernel/drbg.c
kernel_lock-srcs := tests/unit/kernel_lock.c kernel/lock.c
kernel_lock-cflags := -iquote kernel
