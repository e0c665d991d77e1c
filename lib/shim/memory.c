/* SPDX-License-Identifier: ISC */
/*
 * memory.c: anonymous memory. Each mmap is a VMO of its own whose handle is closed at once: the
 * mapping keeps it, and unmapping the last of it frees it. Frames under a part that was unmapped
 * are free only when the whole is. No file mappings, no mremap (libc copies instead).
 */
#include "shim/state.h"

#define LINUX_MAP_FIXED		  0x10
#define LINUX_MAP_ANONYMOUS	  0x20
#define LINUX_MAP_FIXED_NOREPLACE 0x100000
#define LINUX_MADV_DONTNEED	  4
#define PROT_ALL		  (PROT_R | PROT_W | PROT_X)
#define BRK_MAX			  (16ull << 20)
#define MAP_LEN_MAX		  (1ull << 40)

/* Round up to pages; false: 0, or more than one VMO can have. */
static bool whole_pages(uint64_t *len)
{
	if (*len == 0 || *len > MAP_LEN_MAX)
		return false;
	*len = (*len + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
	return true;
}

/* Write permission means read permission, as on the hardware. */
static uint32_t protection(uint64_t prot)
{
	return (uint32_t)(prot & PROT_ALL) | (prot & PROT_W ? PROT_R : 0);
}

/* Zeroed memory of len (whole pages) at addr, flags PROT_* | MAP_*. Returns its address. */
int64_t shim_map_fresh(uint64_t addr, uint64_t len, uint32_t flags)
{
	struct map_args args = {.flags = flags, .addr = addr, .len = len};
	int64_t vmo = sys_vmo_create(len, VMO_ANON);
	int64_t result;

	if (vmo < 0)
		return vmo;
	args.vmo = (handle_t)vmo;
	result = sys_aspace_map(shim_state.aspace, &args);
	sys_handle_close((handle_t)vmo);
	return result;
}

int64_t shim_mmap(uint64_t addr, uint64_t len, uint64_t prot, uint64_t flags)
{
	uint32_t how = protection(prot);

	if (!(flags & LINUX_MAP_ANONYMOUS))
		return -ENODEV;
	if ((prot & ~(uint64_t)PROT_ALL) || len == 0)
		return -EINVAL;
	if (!whole_pages(&len))
		return -ENOMEM;
	if (flags & LINUX_MAP_FIXED)
		how |= MAP_AT | MAP_REPLACE;
	else if (flags & LINUX_MAP_FIXED_NOREPLACE)
		how |= MAP_AT;
	else
		addr = 0; /* only a hint */
	return shim_map_fresh(addr, len, how);
}

int64_t shim_munmap(uint64_t addr, uint64_t len)
{
	if (!whole_pages(&len))
		return -EINVAL;
	return sys_aspace_unmap(shim_state.aspace, addr, len);
}

int64_t shim_mprotect(uint64_t addr, uint64_t len, uint64_t prot)
{
	if (len == 0)
		return 0;
	if (!whole_pages(&len))
		return -ENOMEM;
	return sys_aspace_protect(shim_state.aspace, addr, len, protection(prot));
}

/* MADV_DONTNEED must read as zeros afterwards: a fresh mapping, mapping by mapping. The other
 * advice may be ignored. */
int64_t shim_madvise(uint64_t addr, uint64_t len, uint64_t advice)
{
	struct mapping_info info;
	uint64_t end;

	if (advice != LINUX_MADV_DONTNEED || len == 0)
		return 0;
	if ((addr & (PAGE_SIZE - 1)) || !whole_pages(&len))
		return -EINVAL;
	if (__builtin_add_overflow(addr, len, &end))
		return -ENOMEM;
	while (addr < end) {
		int64_t result = sys_aspace_query(shim_state.aspace, addr, &info);
		uint64_t stop;

		if (result < 0 || info.addr > addr)
			return -ENOMEM;
		stop = info.addr + info.len < end ? info.addr + info.len : end;
		result = shim_map_fresh(addr, stop - addr,
					(info.flags & PROT_ALL) | MAP_AT | MAP_REPLACE);
		if (result < 0)
			return result;
		addr = stop;
	}
	return 0;
}

/* The break lives in one lazily filled mapping. Like Linux: answers the break, new or old. */
int64_t shim_brk(uint64_t to)
{
	struct shim_state *s = &shim_state;

	if (!s->brk_base) {
		int64_t base = shim_map_fresh(0, BRK_MAX, PROT_R | PROT_W);

		if (base < 0)
			return 0;
		s->brk_base = s->brk_now = (uint64_t)base;
	}
	if (to < s->brk_base || to > s->brk_base + BRK_MAX)
		return (int64_t)s->brk_now;
	for (uint64_t at = to; at < s->brk_now; at++)
		*(volatile uint8_t *)at = 0; /* reads as zero when it grows again */
	s->brk_now = to;
	return (int64_t)to;
}
