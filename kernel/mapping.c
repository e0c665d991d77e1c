/* SPDX-License-Identifier: ISC */
/*
 * mapping.c: mappings, the sorted array that an address space keeps them in, and
 * the page table entries under them.
 *
 * A mapping hangs in three places: its address space's array, its VMO's list (to
 * find all page tables that hold a page), and below a handle in the derivation
 * tree. Page table entries are only cleared or restricted here, and each function
 * that does so flushes before it returns.
 */
#include "aspace_private.h"

#define ARRAY_MIN  8u
#define ARRAY_KMEM (PAGE_SIZE / sizeof(struct mapping *)) /* larger arrays are runs of frames */

/* ---- the array ------------------------------------------------------------- */

uint32_t mapping_index(const struct aspace *as, uint64_t addr)
{
	uint32_t lo = 0, hi = as->mapping_count, i = as->last_hit;
	struct mapping *const *m = as->mappings;

	/* Where something was made or unmapped last? */
	if (i < hi && m[i]->end > addr && (!i || m[i - 1]->end <= addr))
		return i;
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (m[mid]->end > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

struct mapping *mapping_at(struct aspace *as, uint64_t addr)
{
	uint32_t i = as->last_hit;
	struct mapping *m;

	if (likely(i < as->mapping_count)) {
		m = as->mappings[i];
		if (likely(addr - m->start < m->end - m->start))
			return m;
	}
	i = mapping_index(as, addr);
	if (i == as->mapping_count || as->mappings[i]->start > addr)
		return NULL;
	as->last_hit = i;
	return as->mappings[i];
}

static struct mapping **array_alloc(struct account *a, uint32_t room)
{
	paddr_t pa;

	if (room <= ARRAY_KMEM)
		return kmem_alloc(a, room * sizeof(struct mapping *));
	pa = frame_alloc_run_raw(a, room / ARRAY_KMEM, PAGE_SIZE, FRAME_KERNEL);
	return pa ? phys_to_virt(pa) : NULL;
}

void mappings_array_free(struct aspace *as)
{
	uint32_t room = as->mapping_room;

	if (room > ARRAY_KMEM)
		for (uint32_t i = 0; i < room / ARRAY_KMEM; i++)
			frame_put(virt_to_phys(as->mappings) + (uint64_t)i * PAGE_SIZE);
	else if (room)
		kmem_free(as->mappings, room * sizeof(struct mapping *));
	as->mappings = NULL;
	as->mapping_room = 0;
}

int mappings_room(struct aspace *as, uint32_t n)
{
	uint32_t room = as->mapping_room ? as->mapping_room : ARRAY_MIN, count = as->mapping_count;
	struct mapping **array;

	if (likely(count + n <= as->mapping_room))
		return 0;
	while (room < count + n)
		room *= 2;
	if (room > MAPPINGS_MAX)
		return -ENOMEM;
	array = array_alloc(as->object.account, room);
	if (!array)
		return -ENOMEM;
	if (count)
		memcpy(array, as->mappings, count * sizeof(*array));
	mappings_array_free(as);
	as->mappings = array;
	as->mapping_room = room;
	return 0;
}

void mapping_insert(struct aspace *as, uint32_t index, struct mapping *m)
{
	struct mapping **at = &as->mappings[index], **p = &as->mappings[as->mapping_count];

	assert(as->mapping_count < as->mapping_room);
	for (; p != at; p--) {
		p[0] = p[-1];
		__asm__ volatile("" ::: "memory"); /* no call of memmove for these few */
	}
	*at = m;
	as->mapping_count++;
	as->last_hit = index;
}

void mappings_close(struct aspace *as, uint32_t from, uint32_t to)
{
	struct mapping **p = &as->mappings[from], **end = &as->mappings[as->mapping_count];

	for (struct mapping **q = &as->mappings[to]; q != end && p != q; p++, q++) {
		*p = *q;
		__asm__ volatile("" ::: "memory");
	}
	as->mapping_count -= to - from;
}

void mappings_remove(struct aspace *as, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		mapping_free(as->mappings[i]);
	mappings_close(as, from, to);
}

/* ---- one mapping ----------------------------------------------------------- */

struct mapping *mapping_new(struct aspace *as, struct vmo *v, struct cap *parent, uint32_t rights)
{
	struct mapping *m = as->spares;

	if (likely(m)) {
		as->spares = m->next_spare;
		as->spare_count--;
	} else {
		m = kmem_alloc(as->object.account, sizeof(*m));
		if (!m)
			return NULL;
	}
	*m = (struct mapping){.aspace = as, .vmo = v};
	object_get(&v->object);
	list_add_tail(&v->mappings, &m->vmo_node);
	v->mapping_count++;
	m->cap.object = &v->object;
	m->cap.kind = CAP_MAPPING;
	m->cap.rights = rights;
	cap_link_child(parent, &m->cap);
	return m;
}

void mapping_release(struct mapping *m)
{
	struct vmo *v = m->vmo;

	list_del(&m->vmo_node);
	v->mapping_count--;
	cap_unlink(&m->cap);
	m->vmo = NULL;
	object_put(&v->object);
}

void mapping_free(struct mapping *m)
{
	struct aspace *as = m->aspace;

	assert(!m->vmo);
	if (as->spare_count == SPARES_MAX) {
		kmem_free(m, sizeof(*m));
		return;
	}
	m->next_spare = as->spares;
	as->spares = m;
	as->spare_count++;
}

void mappings_spares_free(struct aspace *as)
{
	while (as->spares) {
		struct mapping *m = as->spares;

		as->spares = m->next_spare;
		kmem_free(m, sizeof(*m));
	}
	as->spare_count = 0;
}

int mapping_split(struct aspace *as, uint32_t index, uint64_t at)
{
	struct mapping *m = as->mappings[index], *upper;
	int err = mappings_room(as, 1);

	if (err)
		return err;
	assert(m->vmo && at > m->start && at < m->end);
	upper = mapping_new(as, m->vmo, m->cap.parent, m->cap.rights);
	if (!upper)
		return -ENOMEM;
	upper->start = at;
	upper->end = m->end;
	upper->page = mapping_page(m, at);
	upper->prot = m->prot;
	upper->inherit = m->inherit;
	upper->gone = m->gone;
	upper->stale = m->stale > at ? m->stale : at;
	if (m->stale == m->end)
		upper->stale = upper->end;
	m->end = at;
	if (m->stale > at)
		m->stale = at;
	mapping_insert(as, index + 1, upper);
	return 0;
}

bool mapping_join(struct mapping *m, struct mapping *n)
{
	if (!m->vmo || m->vmo != n->vmo || m->end != n->start || m->gone || n->gone ||
	    mapping_page(m, m->end) != n->page || m->prot != n->prot || m->inherit != n->inherit ||
	    m->stale != m->end || n->stale != n->end || m->cap.parent != n->cap.parent ||
	    m->cap.rights != n->cap.rights)
		return false;
	m->end = m->stale = n->end;
	mapping_release(n);
	mapping_free(n);
	return true;
}

/* ---- page table entries ---------------------------------------------------- */

static void flush(struct aspace *as, uint64_t lo, uint64_t hi)
{
	if (hi > lo)
		arch_tlb_flush(&as->arch, lo, (hi - lo) >> PAGE_SHIFT);
}

/* Clear one entry; false: it was not present. */
static bool entry_clear(struct aspace *as, uint64_t va)
{
	bool dirty;

	if (!arch_unmap(&as->arch, va, &dirty))
		return false;
	as->resident -= PAGE_SIZE;
	return true;
}

bool mapping_clear(struct mapping *m, struct slice *s)
{
	struct aspace *as = m->aspace;
	uint64_t va = m->stale, lo = UINT64_MAX, hi = 0;

	while (va < m->end && slice_take(s, COST_PTE)) {
		if (entry_clear(as, va)) {
			lo = va < lo ? va : lo;
			va += PAGE_SIZE;
			hi = va;
		} else {
			va = arch_next_present(&as->arch, va + PAGE_SIZE, m->end);
			s->left -= va < m->end ? COST_SKIP : 0;
		}
	}
	m->stale = va < m->end ? va : m->end;
	flush(as, lo, hi);
	return m->stale == m->end;
}

/* Take rights from one entry; false: it was not present. */
static bool entry_restrict(struct aspace *as, uint64_t va, uint32_t prot)
{
	uint32_t now;

	if (!prot)
		return entry_clear(as, va);
	if (!arch_lookup(&as->arch, va, &now))
		return false;
	return arch_protect(&as->arch, va, now & (prot | ARCH_UNCACHED));
}

bool mapping_restrict(struct mapping *m, struct slice *s)
{
	struct aspace *as = m->aspace;
	uint64_t va = m->stale, lo = UINT64_MAX, hi = 0;

	while (va < m->end && slice_take(s, 2 * COST_PTE)) {
		if (entry_restrict(as, va, m->prot)) {
			lo = va < lo ? va : lo;
			va += PAGE_SIZE;
			hi = va;
		} else {
			va = arch_next_present(&as->arch, va + PAGE_SIZE, m->end);
			s->left -= va < m->end ? COST_SKIP : 0;
		}
	}
	m->stale = va < m->end ? va : m->end;
	flush(as, lo, hi);
	return m->stale == m->end;
}

/* ---- all page tables that hold pages of a VMO ------------------------------ */

/* Do `change` to each entry of `mask` that m maps; the range that needs a flush is flushed. */
static void mapping_each(struct mapping *m, uint64_t base, uint64_t mask,
			 bool (*change)(struct aspace *as, uint64_t va))
{
	uint64_t pages = (m->end - m->start) >> PAGE_SHIFT, lo = UINT64_MAX, hi = 0;

	if (m->page >= base + INDEX_SLOTS || base >= m->page + pages)
		return;
	for (; mask; mask &= mask - 1) {
		uint64_t page = base + (uint64_t)__builtin_ctzll(mask), va;

		if (page - m->page >= pages)
			continue;
		va = mapping_address(m, page);
		if (!change(m->aspace, va))
			continue;
		lo = va < lo ? va : lo;
		hi = va + PAGE_SIZE;
	}
	flush(m->aspace, lo, hi);
}

void vmo_unmap_pages(struct vmo *v, uint64_t base, uint64_t mask)
{
	list_for_each (m, &v->mappings, struct mapping, vmo_node)
		mapping_each(m, base, mask, entry_clear);
}

static bool entry_write_protect(struct aspace *as, uint64_t va)
{
	uint32_t now;

	if (!arch_lookup(&as->arch, va, &now) || !(now & ARCH_W))
		return false;
	return arch_protect(&as->arch, va, now & ~ARCH_W);
}

void vmo_protect_pages(struct vmo *v, uint64_t base, uint64_t mask)
{
	list_for_each (m, &v->mappings, struct mapping, vmo_node)
		if (m->prot & PROT_W || m->stale != m->end)
			mapping_each(m, base, mask, entry_write_protect);
}
