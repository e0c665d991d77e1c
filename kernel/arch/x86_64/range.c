/* SPDX-License-Identifier: ISC */
/* range.c: see range.h. */
#include "range.h"

#define PAGE_MASK (~(uint64_t)(PAGE_SIZE - 1))

static uint64_t range_end(const struct phys_range *r)
{
	return r->base + r->len;
}

static void range_remove(struct range_set *s, unsigned i)
{
	for (s->count--; i < s->count; i++)
		s->range[i] = s->range[i + 1];
}

static bool range_insert(struct range_set *s, unsigned i, uint64_t base, uint64_t end)
{
	if (s->count == s->room)
		return false;
	for (unsigned k = s->count++; k > i; k--)
		s->range[k] = s->range[k - 1];
	s->range[i] = (struct phys_range){base, end - base};
	return true;
}

void range_add(struct range_set *s, uint64_t base, uint64_t len)
{
	uint64_t end;
	unsigned i;

	if (base + len < base || base > PAGE_MASK)
		return;
	end = (base + len) & PAGE_MASK;
	base = page_round_up(base);
	if (base >= end)
		return;
	for (i = 0; i < s->count && range_end(&s->range[i]) < base; i++)
		;
	/* Swallow all that touches. */
	while (i < s->count && s->range[i].base <= end) {
		if (s->range[i].base < base)
			base = s->range[i].base;
		if (range_end(&s->range[i]) > end)
			end = range_end(&s->range[i]);
		range_remove(s, i);
	}
	(void)range_insert(s, i, base, end);
}

void range_cut(struct range_set *s, uint64_t base, uint64_t len)
{
	uint64_t end = base + len < base ? UINT64_MAX : base + len;

	if (!len)
		return;
	base &= PAGE_MASK;
	end = end > PAGE_MASK ? PAGE_MASK : page_round_up(end);
	for (unsigned i = 0; i < s->count; i++) {
		struct phys_range *r = &s->range[i];
		uint64_t from = r->base, to = range_end(r);
		if (to <= base || from >= end)
			continue;
		if (from < base && to > end) {
			r->len = base - from;
			(void)range_insert(s, i + 1, end, to);
		} else if (from < base) {
			r->len = base - from;
		} else if (to > end) {
			*r = (struct phys_range){end, to - end};
		} else {
			range_remove(s, i--);
		}
	}
}
