/* SPDX-License-Identifier: ISC */
/*
 * pool.c: the pages of the pool: where one is, and which one goes when another is needed.
 *
 * All pages stand in one hash table by (inode number, page), metadata under inode number 0. The
 * clock hand passes over the pool in order, so that pages taken one behind the other mostly lie
 * side by side: fewer segments for the driver, fewer pieces for a reader.
 *
 * A page that stands in a VMO leaves it the first time that the hand comes by, together with its
 * neighbours, and goes at the second: a mapped page that is in use comes back by a fault that needs
 * no disk. Work of one page_take: at most five rounds of the hand.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "servers/fsd/fsd.h"

#define ROUNDS	  5u
#define PATIENT	  512u /* pages passed over before a mapped page gets no second chance */
#define HEAT_META 3u

int pool_init(struct fsd *f, void *base, uint32_t count)
{
	uint32_t buckets = 1;

	while (buckets < count * 2)
		buckets *= 2;
	f->page = calloc(count, sizeof(*f->page));
	f->buckets = malloc(buckets * sizeof(*f->buckets));
	if (!f->page || !f->buckets) {
		free(f->page);
		free(f->buckets);
		return -ENOMEM;
	}
	memset(f->buckets, 0xff, buckets * sizeof(*f->buckets));
	f->bucket_mask = buckets - 1;
	f->pool = base;
	f->pages = count;
	f->serial = 1;
	return 0;
}

static uint32_t *bucket_of(struct fsd *f, uint32_t ino, uint32_t index)
{
	return &f->buckets[(index + ino * 0x9e3779b1u) & f->bucket_mask];
}

struct page *page_find(struct fsd *f, uint32_t ino, uint32_t index)
{
	uint32_t at = *bucket_of(f, ino, index);

	while (at != PAGE_NONE) {
		struct page *p = &f->page[at];

		if (p->index == index && p->ino == ino)
			return p;
		at = p->next;
	}
	return NULL;
}

void page_drop(struct fsd *f, struct page *p)
{
	uint32_t *at = bucket_of(f, p->ino, p->index), self = (uint32_t)(p - f->page);

	while (*at != self)
		at = &f->page[*at].next;
	*at = p->next;
	p->state = PAGE_FREE;
	p->heat = 0;
}

/* The hand stands on p: is it free, or to be had? */
static bool page_yields(struct fsd *f, struct page *p, bool patient)
{
	if (p->state == PAGE_FREE)
		return true;
	if (p->state == PAGE_READING || p->touched == f->serial)
		return false;
	if (p->supplied) {
		page_unsupply(f, p);
		if (p->supplied || patient)
			return false;
	}
	if (p->heat) {
		p->heat--;
		return false;
	}
	page_drop(f, p);
	f->count.evicted++;
	return true;
}

static struct page *clock_turn(struct fsd *f)
{
	for (uint32_t i = 0; i < ROUNDS * f->pages; i++) {
		struct page *p = &f->page[f->hand];

		f->hand = f->hand + 1 < f->pages ? f->hand + 1 : 0;
		if (page_yields(f, p, i < PATIENT))
			return p;
	}
	return NULL;
}

struct page *page_take(struct fsd *f, uint32_t ino, uint32_t index)
{
	struct page *p = clock_turn(f);
	uint32_t *bucket;

	if (!p) {
		f->wait = &f->starved;
		return NULL;
	}
	bucket = bucket_of(f, ino, index);
	*p = (struct page){.ino = ino,
			   .index = index,
			   .next = *bucket,
			   .touched = f->serial,
			   .tail = FSD_PAGE,
			   .state = PAGE_READING,
			   .heat = ino ? 0 : HEAT_META};
	*bucket = (uint32_t)(p - f->page);
	f->count.taken++;
	return p;
}

void page_done(struct fsd *f, struct page *p)
{
	struct job *waiters = p->waiters;

	p->waiters = NULL;
	if (p->failed != PAGE_GOOD) {
		page_drop(f, p);
		jobs_wake(f, &waiters, p->failed == PAGE_BAD ? -EIO : 0);
	} else {
		if (p->tail < FSD_PAGE)
			memset((uint8_t *)page_data(f, p) + p->tail, 0, FSD_PAGE - p->tail);
		p->state = PAGE_VALID;
		jobs_wake(f, &waiters, 0);
	}
	jobs_wake(f, &f->starved, 0);
}
