/* SPDX-License-Identifier: ISC */
/*
 * copy.c: copies between the kernel and programs, and between programs.
 *
 * For the calling thread the copy runs through its own page tables; where that
 * faults, the fault is served as if the program had made it, and the copy goes
 * on. For other address spaces each page is looked up and reached through the
 * kernel's map of RAM; device registers are never touched that way.
 */
#include "aspace_private.h"
#include "thread.h"

static bool user_range(uint64_t addr, uint64_t len)
{
	return len <= USER_HI && addr <= USER_HI - len;
}

/* Make a page of the caller accessible after a copy tripped over it. */
static int64_t fault_serve(struct thread *cur, uint64_t addr, uint32_t access)
{
	enum fault_reason reason;
	int64_t err = aspace_fault(cur->aspace, cur, addr, access, &reason);

	if (err == -EFAULT)
		pager_error_forget(cur);
	return err;
}

/* The first try stopped at `fault`, with `left` bytes to go. */
static noinline int64_t copy_in_on(struct thread *cur, void *dst, uaddr_t src, uint64_t len,
				   uint64_t left, uint64_t fault)
{
	for (uint64_t tries = 2 + (len >> PAGE_SHIFT); left; tries--) {
		uint64_t done = len - left;
		int64_t err = tries ? fault_serve(cur, fault, PROT_R) : -EFAULT;

		if (err)
			return err;
		left = arch_copy_in((char *)dst + done, src.a + done, left, &fault);
	}
	return 0;
}

int64_t copy_in(struct thread *cur, void *dst, uaddr_t src, uint64_t len)
{
	uint64_t left, fault;

	if (unlikely(!user_range(src.a, len)))
		return -EFAULT;
	left = arch_copy_in(dst, src.a, len, &fault);
	return likely(!left) ? 0 : copy_in_on(cur, dst, src, len, left, fault);
}

static noinline int64_t copy_out_on(struct thread *cur, uaddr_t dst, const void *src, uint64_t len,
				    uint64_t left, uint64_t fault)
{
	for (uint64_t tries = 2 + (len >> PAGE_SHIFT); left; tries--) {
		uint64_t done = len - left;
		int64_t err = tries ? fault_serve(cur, fault, PROT_W) : -EFAULT;

		if (err)
			return err;
		left = arch_copy_out(dst.a + done, (const char *)src + done, left, &fault);
	}
	return 0;
}

int64_t copy_out(struct thread *cur, uaddr_t dst, const void *src, uint64_t len)
{
	uint64_t left, fault;

	if (unlikely(!user_range(dst.a, len)))
		return -EFAULT;
	left = arch_copy_out(dst.a, src, len, &fault);
	return likely(!left) ? 0 : copy_out_on(cur, dst, src, len, left, fault);
}

void *aspace_reach(struct aspace *as, uint64_t addr, uint64_t len)
{
	uint64_t offset = addr & (PAGE_SIZE - 1);
	char *page;

	if (unlikely(addr >= USER_HI || offset + len > PAGE_SIZE))
		return NULL;
	page = arch_writable(&as->arch, addr);
	return likely(page) ? page + offset : NULL;
}

static int64_t prepare_slow(struct thread *cur, uint64_t addr, uint64_t len)
{
	if (!user_range(addr, len))
		return -EFAULT;
	for (uint64_t va = addr & ~(uint64_t)(PAGE_SIZE - 1); va < addr + len; va += PAGE_SIZE) {
		uint32_t prot;
		int64_t err;

		if (arch_lookup(&cur->aspace->arch, va, &prot) && (prot & ARCH_W))
			continue;
		err = fault_serve(cur, va, PROT_W);
		if (err)
			return err;
	}
	return 0;
}

int64_t prepare_out(struct thread *cur, uaddr_t dst, uint64_t len)
{
	if (likely(aspace_reach(cur->aspace, dst.a, len)))
		return 0;
	return prepare_slow(cur, dst.a, len);
}

/* ---- any address space ----------------------------------------------------- */

/* Where the byte at addr lies in the kernel's map, ready for the access; NULL: it cannot be had. */
static char *byte_at(struct aspace *as, uint64_t addr, uint32_t access)
{
	uint64_t offset = addr & (PAGE_SIZE - 1);
	struct mapping *m;
	struct vmo_page p;

	if (addr >= USER_HI)
		return NULL;
	m = mapping_at(as, addr);
	if (!m || m->gone || !(m->prot & access) || m->vmo->registers)
		return NULL;
	if (vmo_page_get(m->vmo, mapping_page(m, addr), access, NULL, &p))
		return NULL;
	/* Whoever is written to will look: that needs no fault then, and the next write no search.
	 * Without memory for page tables it does. */
	if (access == PROT_W)
		(void)!mapping_enter(m, addr - offset, &p);
	return (char *)phys_to_virt(p.pa) + offset;
}

static uint64_t page_rest(uint64_t addr)
{
	return PAGE_SIZE - (addr & (PAGE_SIZE - 1));
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int64_t copied(uint64_t done, uint64_t len)
{
	return done || !len ? (int64_t)done : -EFAULT;
}

/* One side of a copy: what is left of the page in hand. */
struct side {
	struct aspace *as;
	uint64_t addr, left;
	char *at;
};

static bool side_ready(struct side *side, uint32_t access)
{
	if (side->left)
		return true;
	side->at = byte_at(side->as, side->addr, access);
	side->left = side->at ? page_rest(side->addr) : 0;
	return side->at;
}

static void side_advance(struct side *side, uint64_t n)
{
	side->addr += n;
	side->at += n;
	side->left -= n;
}

/* The next page of the source: mostly it is in the page tables. */
static bool source_ready(struct side *from)
{
	const char *page;

	if (from->left)
		return true;
	page = from->addr < USER_HI ? arch_readable(&from->as->arch, from->addr) : NULL;
	if (unlikely(!page))
		return side_ready(from, PROT_R);
	from->at = (char *)page + (from->addr & (PAGE_SIZE - 1));
	from->left = page_rest(from->addr);
	return true;
}

/* The next page of the target. Making it writable may give the target its own copy of a page that
 * the source shows, too: that is looked up again then. */
static bool target_ready(struct side *to, struct side *from)
{
	if (to->left)
		return true;
	to->at = aspace_reach(to->as, to->addr, 1);
	if (likely(to->at)) {
		to->left = page_rest(to->addr);
		return true;
	}
	from->left = 0;
	return side_ready(to, PROT_W);
}

int64_t aspace_copy(struct aspace *dst, uint64_t daddr, struct aspace *src, uint64_t saddr,
		    uint64_t len)
{
	struct side to = {dst, daddr, 0, NULL}, from = {src, saddr, 0, NULL};
	uint64_t done = 0;

	while (done < len && target_ready(&to, &from) && source_ready(&from)) {
		uint64_t n = least(len - done, least(to.left, from.left));

		memmove(to.at, from.at, n);
		side_advance(&to, n);
		side_advance(&from, n);
		done += n;
	}
	return copied(done, len);
}

int64_t aspace_read(struct aspace *as, uint64_t addr, void *dst, uint64_t len)
{
	uint64_t done = 0;

	while (done < len) {
		uint64_t n = least(len - done, page_rest(addr + done));
		const char *from = byte_at(as, addr + done, PROT_R);

		if (!from)
			break;
		memcpy((char *)dst + done, from, n);
		done += n;
	}
	return copied(done, len);
}

int64_t aspace_write(struct aspace *as, uint64_t addr, const void *src, uint64_t len)
{
	uint64_t done = 0;

	while (done < len) {
		uint64_t n = least(len - done, page_rest(addr + done));
		char *to = aspace_reach(as, addr + done, n);

		if (!to)
			to = byte_at(as, addr + done, PROT_W);

		if (!to)
			break;
		memcpy(to, (const char *)src + done, n);
		done += n;
	}
	return copied(done, len);
}

int aspace_key(struct aspace *as, uint64_t addr, uint64_t *vmo, uint64_t *offset)
{
	struct mapping *m = addr < USER_HI ? mapping_at(as, addr) : NULL;

	if (!m || m->gone)
		return -EFAULT;
	*vmo = m->vmo->object.id;
	*offset = (mapping_page(m, addr) << PAGE_SHIFT) + (addr & (PAGE_SIZE - 1));
	return 0;
}
