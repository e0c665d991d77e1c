/* SPDX-License-Identifier: ISC */
/*
 * vmo_range.c: work on many pages of a VMO: drop, commit, clone, resize, clean.
 *
 * It proceeds leaf by leaf of the index, up to 64 pages at a time: first all page
 * tables, one TLB flush for each address space, then the index, then the frames.
 * A slice ends between such groups, where everything is consistent.
 */
#include "vmo_private.h"
#include "arch.h"
#include "work.h"

/* `mask` cut down to its lowest `n` bits that are set. */
static uint64_t lowest_bits(uint64_t mask, unsigned n)
{
	uint64_t out = 0;

	for (; n && mask; n--) {
		out |= mask & -mask;
		mask &= mask - 1;
	}
	return out;
}

/* Bits of pages [first, end) within the leaf of `first`. */
static uint64_t range_mask(uint64_t first, uint64_t end)
{
	uint64_t mask = UINT64_MAX << index_of(first);
	uint64_t base = first - index_of(first);

	return end - base < INDEX_SLOTS ? mask & ~(UINT64_MAX << (end - base)) : mask;
}

/* How many pages at once, when each is to be looked for in all mappings. */
static unsigned group_size(const struct vmo *v)
{
	unsigned n = INDEX_SLOTS / (v->mapping_count + 1);

	return n ? n * 2 : 1;
}

static int64_t page_cost(const struct vmo *v)
{
	return COST_FRAME_FREE + COST_ENTRY + (int64_t)v->mapping_count * COST_PTE;
}

static void entries_drop(struct vmo *v, uint64_t base, uint64_t mask)
{
	for (; mask; mask &= mask - 1) {
		uint64_t entry = index_clear(&v->index, base + (uint64_t)__builtin_ctzll(mask));

		v->committed--;
		frame_put(ENTRY_FRAME(entry));
	}
}

bool vmo_drop(struct vmo *v, uint64_t first, uint64_t end, bool clean_only, struct slice *s,
	      uint64_t *next, uint64_t *dropped)
{
	uint64_t page = *next > first ? *next : first;

	while ((page = index_next(&v->index, page, end)) < end) {
		struct index_node *leaf = index_leaf(&v->index, page);
		uint64_t base = page - index_of(page), mask;

		*next = page;
		mask = leaf->present & range_mask(page, end);
		if (clean_only)
			mask &= ~leaf->dirty;
		mask = lowest_bits(mask, group_size(v));
		if (!slice_take(s, COST_ENTRY + __builtin_popcountll(mask) * page_cost(v)))
			return false;
		if (!mask) {
			page = base + INDEX_SLOTS;
			continue;
		}
		vmo_unmap_pages(v, base, mask);
		entries_drop(v, base, mask);
		*dropped += (uint64_t)__builtin_popcountll(mask);
		page = base + 64 - (uint64_t)__builtin_clzll(mask);
	}
	*next = end;
	return true;
}

int64_t vmo_commit(struct vmo *v, uint64_t first, uint64_t end, struct thread *t, struct slice *s)
{
	struct vmo_page page;

	if (v->linear)
		return 0;
	while ((first = index_next_absent(&v->index, first, end)) < end) {
		int64_t err;

		if (!slice_take(s, COST_FRAME_NEW))
			return K_RESTART;
		err = vmo_page_get(v, first, PROT_R, t, &page);
		if (err)
			return err;
	}
	return 0;
}

/* Zero the frames that the half-made VMO of `w` has. */
static int64_t contiguous_zero(struct work *w, const struct vmo *v, struct slice *s)
{
	for (; w->next < v->pages; w->next++) {
		if (!slice_take(s, COST_FRAME_NEW))
			return work_suspend(w);
		page_zero(phys_to_virt(v->base + (w->next << PAGE_SHIFT)));
	}
	return 0;
}

static int contiguous_start(struct work *w, struct account *a, uint64_t size, uint64_t align)
{
	struct vmo *v;
	int err = vmo_new(a, VMO_CONTIGUOUS, size >> PAGE_SHIFT, &v);

	if (err)
		return err;
	w->made = &v->object;
	v->linear = true;
	v->base = frame_alloc_run_raw(a, v->pages, align, FRAME_PLACED);
	v->owned = v->base != 0;
	v->committed = v->pages;
	return v->base ? 0 : -ENOMEM;
}

int64_t vmo_make_contiguous(struct thread *cur, struct account *a, uint64_t size, uint64_t align,
			    struct vmo **out)
{
	struct slice s = {SLICE_CALL};
	struct work w;
	int64_t err = 0;

	if (!page_aligned(size) || !size || size > VMO_SIZE_MAX || (align & (align - 1)))
		return -EINVAL;
	work_begin(&w, cur, WORK_VMO_CONTIGUOUS, (uint64_t[4]){size, align});
	if (!w.made)
		err = contiguous_start(&w, a, size, align);
	if (!err)
		err = contiguous_zero(&w, vmo_of(w.made), &s);
	if (err == K_RESTART)
		return err;
	if (!err) {
		*out = vmo_of(w.made);
		w.made = NULL;
	}
	work_end(&w);
	return err;
}

/* ---- clone ----------------------------------------------------------------- */

bool vmo_clonable(const struct vmo *v)
{
	return v->kind != VMO_PHYSICAL && v->kind != VMO_CONTIGUOUS;
}

/* Put one page of a source into a clone. *protect: the source's page became shared by this. */
static int clone_page(struct vmo *dst, uint64_t to, uint64_t entry, struct slice *s, bool *protect)
{
	paddr_t pa = ENTRY_FRAME(entry);
	struct frame *f = frame_of(pa);
	struct account *a = dst->object.account;
	bool copy = f && ((f->flags & FRAME_PLACED) || f->refs == UINT32_MAX);

	s->left -= copy ? COST_FRAME_COPY : COST_ENTRY;
	if (copy) {
		pa = frame_alloc_copy(a, 0, pa);
		if (!pa)
			return -ENOMEM;
	}
	if (index_set(&dst->index, to, copy ? pa : pa | ENTRY_COW, a)) {
		if (copy)
			frame_put(pa);
		return -ENOMEM;
	}
	dst->committed++;
	if (!copy)
		frame_get(pa);
	*protect = !copy && !(entry & ENTRY_COW);
	return 0;
}

/* Clone the pages of one leaf of the source from `page` on; *next says how far it came. */
static int clone_leaf(struct vmo *src, uint64_t first, uint64_t page, struct vmo *dst,
		      struct slice *s, uint64_t *next)
{
	struct index_node *leaf = index_leaf(&src->index, page);
	uint64_t base = page - index_of(page), shared = 0;
	uint64_t mask = leaf->present & range_mask(page, first + dst->pages);
	int err = 0;

	for (; mask && s->left > 0; mask &= mask - 1) {
		unsigned i = (unsigned)__builtin_ctzll(mask);
		bool protect;

		err = clone_page(dst, base + i - first, leaf->slot[i], s, &protect);
		if (err)
			break;
		if (protect) {
			leaf->slot[i] |= ENTRY_COW;
			shared |= 1ull << i;
			s->left -= (int64_t)src->mapping_count * COST_PTE;
		}
	}
	if (shared)
		vmo_protect_pages(src, base, shared);
	*next = base + (mask ? (unsigned)__builtin_ctzll(mask) : INDEX_SLOTS) - first;
	return err;
}

/* The boot archive: its frames are nobody's and never change. */
static int64_t clone_linear(struct vmo *src, uint64_t first, struct vmo *dst, struct slice *s,
			    uint64_t *next)
{
	for (; *next < dst->pages; ++*next) {
		paddr_t pa = src->base + ((first + *next) << PAGE_SHIFT);

		if (!slice_take(s, COST_ENTRY))
			return K_RESTART;
		if (index_set(&dst->index, *next, pa | ENTRY_COW, dst->object.account))
			return -ENOMEM;
		dst->committed++;
	}
	return 0;
}

int64_t vmo_clone(struct vmo *src, uint64_t first, struct vmo *dst, struct slice *s, uint64_t *next)
{
	uint64_t end = first + dst->pages, page;

	if (src->linear)
		return clone_linear(src, first, dst, s, next);
	if (src->pager && index_next_absent(&src->index, first, end) < end)
		return -EAGAIN;
	while ((page = index_next(&src->index, first + *next, end)) < end) {
		int err;

		if (!slice_take(s, COST_ENTRY))
			return K_RESTART;
		err = clone_leaf(src, first, page, dst, s, next);
		if (err)
			return err;
	}
	return 0;
}

/* ---- size and dirt --------------------------------------------------------- */

/* Whatever lies beyond the size is leftover of an unfinished shrink; it goes before growth. */
int64_t vmo_resize(struct vmo *v, uint64_t pages, struct slice *s)
{
	uint64_t next = 0, dropped = 0;

	if (pages < v->pages)
		v->pages = pages;
	if (!vmo_drop(v, v->pages, UINT64_MAX, false, s, &next, &dropped))
		return K_RESTART;
	if (v->pager)
		pager_wake(v, v->pages, UINT64_MAX, 0);
	v->pages = pages;
	return 0;
}

void vmo_clean(struct vmo *v, uint64_t first, uint64_t end)
{
	while ((first = index_next_dirty(&v->index, first, end)) < end) {
		struct index_node *leaf = index_leaf(&v->index, first);
		uint64_t base = first - index_of(first);
		uint64_t mask = leaf->dirty & range_mask(first, end);

		vmo_protect_pages(v, base, mask);
		leaf->dirty &= ~mask;
		first = base + INDEX_SLOTS;
	}
}
