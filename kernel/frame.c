/* SPDX-License-Identifier: ISC */
/*
 * frame.c: the pool of RAM pages.
 *
 * Each usable range keeps its own frame table and a bitmap of free frames at its
 * start. Free frames also hang in one doubly linked list (a free frame's
 * `account` field holds the way back), so that one frame is taken and given back
 * in constant time; adjacent frames are found in the bitmaps. The list is filled
 * from the bottom up and used from its head, so single frames come from high
 * addresses and runs, searched from below, find room.
 *
 * A frame that is given back must be in no TLB any more: whoever unmaps it
 * flushes before frame_put. Physical memory without a struct frame (archive,
 * registers, the kernel's image) is nobody's: frame_get and frame_put ignore it.
 */
#include "memory.h"
#include "arch.h"
#include "bitmap.h"

struct range {
	paddr_t base; /* of the first frame that can be given out */
	uint64_t len; /* bytes */
	struct frame *frames;
	uint64_t *map; /* a bit for each free frame */
};

static struct range ranges[array_len(boot.usable)];
static unsigned range_count;
static struct frame *free_list;
static uint64_t total, free_count, tables;

#define RESERVE_MIN	1024 /* frames */
#define SILO_USER_FIRST 1000 /* ids of user tier start here */

static inline struct range *range_of(paddr_t pa)
{
	for (unsigned i = 0; i < range_count; i++)
		if (pa - ranges[i].base < ranges[i].len)
			return &ranges[i];
	return NULL;
}

struct frame *frame_of(paddr_t pa)
{
	struct range *r = range_of(pa);

	return r ? &r->frames[(pa - r->base) >> PAGE_SHIFT] : NULL;
}

static inline paddr_t frame_address(const struct range *r, const struct frame *f)
{
	return r->base + ((uint64_t)(f - r->frames) << PAGE_SHIFT);
}

static struct range *range_of_frame(const struct frame *f)
{
	for (unsigned i = 0; i < range_count; i++) {
		struct range *r = &ranges[i];

		if (f >= r->frames && f < r->frames + (r->len >> PAGE_SHIFT))
			return r;
	}
	panic("frame %p in no range", (const void *)f);
}

/* ---- the free list --------------------------------------------------------- */

static inline struct frame *back_link(const struct frame *f)
{
	return (struct frame *)f->account;
}

static inline void set_back_link(struct frame *f, struct frame *back)
{
	f->account = (struct account *)back;
}

static void free_push(struct range *r, struct frame *f)
{
	f->refs = 0;
	f->flags = 0;
	f->next = free_list;
	set_back_link(f, NULL);
	if (free_list)
		set_back_link(free_list, f);
	free_list = f;
	bitmap_set(r->map, (uint64_t)(f - r->frames));
	free_count++;
}

static void free_remove(struct range *r, struct frame *f)
{
	struct frame *back = back_link(f);

	if (back)
		back->next = f->next;
	else
		free_list = f->next;
	if (f->next)
		set_back_link(f->next, back);
	f->next = NULL;
	bitmap_clear(r->map, (uint64_t)(f - r->frames));
	free_count--;
}

/* ---- boot ------------------------------------------------------------------ */

/* Bytes of frame table and bitmap for n frames, in whole pages. */
static uint64_t table_bytes(uint64_t n)
{
	return page_round_up(n * sizeof(struct frame)) + page_round_up((n + 63) / 64 * 8);
}

static void range_add(paddr_t base, uint64_t end)
{
	struct range *r = &ranges[range_count];
	uint64_t pages = (end - base) >> PAGE_SHIFT, table = table_bytes(pages);

	if (table + PAGE_SIZE > end - base)
		return; /* too small to be worth its table */
	r->frames = phys_to_virt(base);
	r->map = (uint64_t *)((char *)r->frames + page_round_up(pages * sizeof(struct frame)));
	memset(r->frames, 0, table);
	r->base = base + table;
	r->len = end - r->base;
	range_count++;
	tables += table;
	total += r->len >> PAGE_SHIFT;
	for (uint64_t i = 0; i < r->len >> PAGE_SHIFT; i++)
		free_push(r, &r->frames[i]);
}

void frame_init(const struct phys_range *usable, unsigned n)
{
	for (unsigned i = 0; i < n && range_count < array_len(ranges); i++) {
		paddr_t base = page_round_up(usable[i].base);
		uint64_t end = (usable[i].base + usable[i].len) & ~(uint64_t)(PAGE_SIZE - 1);

		if (base < PAGE_SIZE)
			base = PAGE_SIZE; /* 0 means no frame */
		if (end > base)
			range_add(base, end);
	}
	/* The largest range first: most look-ups end there. */
	for (unsigned i = 1; i < range_count; i++)
		if (ranges[i].len > ranges[0].len) {
			struct range largest = ranges[i];

			ranges[i] = ranges[0];
			ranges[0] = largest;
		}
}

/* ---- allocation ------------------------------------------------------------ */

/* Eight bytes a step. The barrier keeps the compiler from calling memset instead. */
void page_zero(void *page)
{
	arch_zero_words(page, PAGE_SIZE / 8);
}

static inline void frame_own(struct frame *f, struct account *a, uint32_t flags)
{
	f->refs = 1;
	f->flags = flags;
	f->account = a;
	account_get(a);
}

/* There is none, or it is one of the last: those are for silos of critical and system tier. When a
 * program has taken all that it could, servers and supervisor can still serve, and end it. */
bool frames_refused(struct account *a)
{
	uint64_t reserve = total / 32 > RESERVE_MIN ? total / 32 : RESERVE_MIN;

	if (likely(free_count > reserve) ||
	    (free_count && account_of_silo(a)->silo < SILO_USER_FIRST))
		return false;
	(void)memory_awaited();
	return true;
}

static paddr_t frame_take(struct account *a, uint32_t flags)
{
	struct frame *f = free_list;
	struct range *r;

	if (frames_refused(a) || account_charge(a, RES_MEMORY, PAGE_SIZE))
		return 0;
	r = range_of_frame(f);
	free_remove(r, f);
	frame_own(f, a, flags);
	return frame_address(r, f);
}

paddr_t frame_alloc(struct account *a, uint32_t flags)
{
	paddr_t pa = frame_take(a, flags);

	if (likely(pa))
		page_zero(phys_to_virt(pa));
	return pa;
}

paddr_t frame_alloc_copy(struct account *a, uint32_t flags, paddr_t from)
{
	paddr_t pa = frame_take(a, flags);

	if (likely(pa))
		memcpy(phys_to_virt(pa), phys_to_virt(from), PAGE_SIZE);
	return pa;
}

paddr_t frame_alloc_run_raw(struct account *a, uint64_t n, uint64_t align, uint32_t flags)
{
	if (align < PAGE_SIZE)
		align = PAGE_SIZE;
	if (!n || n > free_count || frames_refused(a) ||
	    account_charge(a, RES_MEMORY, n << PAGE_SHIFT))
		return 0;
	for (unsigned i = 0; i < range_count; i++) {
		struct range *r = &ranges[i];
		uint64_t at = bitmap_find_run(r->map, r->len >> PAGE_SHIFT, n, align >> PAGE_SHIFT,
					      r->base >> PAGE_SHIFT);

		if (at == BITMAP_NONE)
			continue;
		for (uint64_t k = at; k < at + n; k++) {
			free_remove(r, &r->frames[k]);
			frame_own(&r->frames[k], a, flags);
		}
		return frame_address(r, &r->frames[at]);
	}
	account_uncharge(a, RES_MEMORY, n << PAGE_SHIFT);
	return 0;
}

paddr_t frame_alloc_run(struct account *a, uint64_t n, uint64_t align, uint32_t flags)
{
	paddr_t pa = frame_alloc_run_raw(a, n, align, flags);

	for (uint64_t i = 0; pa && i < n; i++)
		page_zero(phys_to_virt(pa + (i << PAGE_SHIFT)));
	return pa;
}

void frame_get(paddr_t pa)
{
	struct frame *f = frame_of(pa);

	if (f) {
		assert(f->refs > 0);
		f->refs++;
	}
}

void frame_put(paddr_t pa)
{
	struct range *r = range_of(pa);
	struct account *a;
	struct frame *f;

	if (!r)
		return;
	f = &r->frames[(pa - r->base) >> PAGE_SHIFT];
	assert(f->refs > 0);
	if (--f->refs > 0 || (f->flags & FRAME_FIXED))
		return;
	a = f->account;
	if (unlikely(memory_poisoned))
		memset(phys_to_virt(pa), MEMORY_POISON, PAGE_SIZE);
	free_push(r, f);
	account_uncharge(a, RES_MEMORY, PAGE_SIZE);
	account_put(a);
}

uint64_t frames_total(void)
{
	return total;
}

uint64_t frames_free(void)
{
	return free_count;
}

uint64_t frame_table_bytes(void)
{
	return tables;
}
