# SPDX-License-Identifier: ISC
# The kernel's memory side on the host: page tables, handles and queues are a mock.
UNIT += kernel_memory
kernel_memory-srcs := $(addprefix tests/unit/memory/,model.c parts.c mock.c) \
	$(addprefix kernel/,account.c bitmap.c frame.c kmem.c index.c vmo.c vmo_range.c pager.c work.c \
	mapping.c aspace.c aspace_clone.c fault.c copy.c cleanup.c sys_vmo.c sys_aspace.c)
kernel_memory-cflags := -iquote kernel -include tests/unit/memory/before.h
