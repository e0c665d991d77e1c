/* SPDX-License-Identifier: ISC */
/*
 * fault.c: filling page tables: page faults, and pages mapped ahead.
 *
 * An entry that goes from absent to present, or that gains a right for the same
 * frame, needs no flush: at worst another CPU faults once more and finds it done.
 * A frame that changes (a copy on write) has left all page tables before it is
 * entered again.
 *
 * A read fault on a page that was resident also maps the resident pages around
 * it: 16 pages cost less than the two faults that they save at least.
 */
#include "aspace_private.h"

#define AROUND 16u /* pages, aligned; a divisor of INDEX_SLOTS */

static uint32_t entry_prot(const struct mapping *m, const struct vmo_page *p)
{
	uint32_t prot = p->writable ? m->prot : m->prot & ~PROT_W;

	return m->vmo->registers ? prot | ARCH_UNCACHED : prot;
}

int mapping_enter(struct mapping *m, uint64_t va, const struct vmo_page *p)
{
	struct aspace *as = m->aspace;
	uint32_t old;
	paddr_t was = p->fresh ? 0 : arch_lookup(&as->arch, va, &old);
	int err = arch_map(&as->arch, va, p->pa, entry_prot(m, p));

	if (err)
		return err;
	if (!was)
		as->resident += PAGE_SIZE;
	else if (was != p->pa)
		arch_tlb_flush(&as->arch, va, 1);
	return 0;
}

/* Map a resident page, unless something is mapped; false: no memory for page tables. */
static bool populate_page(struct mapping *m, uint64_t page, const struct vmo_page *p, bool empty)
{
	struct aspace *as = m->aspace;
	uint64_t va = mapping_address(m, page);
	uint32_t old;

	if (!empty && arch_lookup(&as->arch, va, &old))
		return true;
	if (arch_map(&as->arch, va, p->pa, entry_prot(m, p)))
		return false;
	as->resident += PAGE_SIZE;
	return true;
}

void mapping_populate(struct mapping *m, uint64_t page, uint64_t end, bool empty, struct slice *s)
{
	const struct vmo *v = m->vmo;
	struct vmo_page p;

	if (!m->prot)
		return;
	end = end < v->pages ? end : v->pages;
	for (; page < end; page++) {
		if (!vmo_page_peek(v, page, &p)) {
			page = index_next(&v->index, page, end) - 1;
			continue;
		}
		if (!slice_take(s, 2 * COST_PTE) || !populate_page(m, page, &p, empty))
			return;
	}
}

static void fault_around(struct mapping *m, uint64_t page)
{
	uint64_t lo = page & ~(uint64_t)(AROUND - 1), hi = lo + AROUND;
	uint64_t end = m->page + ((m->end - m->start) >> PAGE_SHIFT);
	struct slice s = {SLICE_WHOLE};

	mapping_populate(m, lo > m->page ? lo : m->page, hi < end ? hi : end, false, &s);
}

static enum fault_reason reason_of(int64_t err)
{
	if (err == -ENOMEM)
		return FAULT_MEMORY;
	return err == -EINVAL ? FAULT_PAGE : FAULT_PAGER;
}

int64_t aspace_fault(struct aspace *as, struct thread *t, uint64_t addr, uint32_t access,
		     enum fault_reason *reason)
{
	struct mapping *m = mapping_at(as, addr);
	uint64_t page;
	struct vmo_page p;
	int64_t err;

	*reason = FAULT_PAGE;
	if (unlikely(!m || m->gone || !(m->prot & access)))
		return -EFAULT;
	page = mapping_page(m, addr);
	err = vmo_page_get(m->vmo, page, access, t, &p);
	if (unlikely(err == K_RESTART))
		return err;
	if (likely(!err))
		err = mapping_enter(m, addr & ~(uint64_t)(PAGE_SIZE - 1), &p);
	if (unlikely(err)) {
		if (err == -ENOMEM && t == memory_waiter)
			return K_RESTART;
		*reason = reason_of(err);
		return -EFAULT;
	}
	if (!p.fresh && access != PROT_W && !m->vmo->registers)
		fault_around(m, page);
	return 0;
}
