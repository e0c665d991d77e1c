/* SPDX-License-Identifier: ISC */
/*
 * index.h: the page index of a VMO: a radix tree from page number to entry.
 *
 * An entry is the address of a frame and flags in its low bits; 0 is no entry. A
 * node has 64 slots and, in one word each, which are present and which are
 * dirty, so that 64 pages are passed over in a few instructions. The tree is as
 * high as its highest page needs. Nodes without a present slot are freed at
 * once. Pure but for kmem, which charges nodes to the account that is given.
 */
#pragma once
#include "base.h"

struct account;

#define ENTRY_COW      1ull /* shared with another VMO: copy before a write */
#define ENTRY_FLAGS    (PAGE_SIZE - 1ull)
#define ENTRY_FRAME(e) ((e) & ~ENTRY_FLAGS)

#define INDEX_BITS   6
#define INDEX_SLOTS  64u
#define INDEX_HEIGHT 5 /* 2^30 pages */

struct index_node {
	uint64_t slot[INDEX_SLOTS]; /* entries in a leaf, else nodes */
	uint64_t present, dirty;    /* a bit for each slot; dirty only in leaves */
};

struct index {
	struct index_node *root;
	unsigned height; /* 0: empty; h: covers 64^h pages */
};

/* The leaf of a page, or NULL. */
static inline struct index_node *index_leaf(const struct index *ix, uint64_t page)
{
	struct index_node *n = ix->root;

	if (page >> (ix->height * INDEX_BITS))
		return NULL;
	for (unsigned h = ix->height; h > 1 && n; h--)
		n = (struct index_node *)
			    n->slot[page >> ((h - 1) * INDEX_BITS) & (INDEX_SLOTS - 1)];
	return n;
}

static inline unsigned index_of(uint64_t page)
{
	return page & (INDEX_SLOTS - 1);
}

static inline uint64_t index_get(const struct index *ix, uint64_t page)
{
	const struct index_node *leaf = index_leaf(ix, page);

	return leaf ? leaf->slot[index_of(page)] : 0;
}

/* Set an entry that is present already. */
static inline void index_replace(struct index *ix, uint64_t page, uint64_t entry)
{
	index_leaf(ix, page)->slot[index_of(page)] = entry;
}

/* Add or replace an entry (not 0). 0 or -ENOMEM. */
must_check int index_set(struct index *ix, uint64_t page, uint64_t entry, struct account *a);
/* Take an entry out; answers what was there. Frees nodes that become empty. */
uint64_t index_clear(struct index *ix, uint64_t page);
/* The next present (dirty) page in [page, end), or `end`. */
uint64_t index_next(const struct index *ix, uint64_t page, uint64_t end);
uint64_t index_next_dirty(const struct index *ix, uint64_t page, uint64_t end);
/* The next absent page in [page, end), or `end`. */
uint64_t index_next_absent(const struct index *ix, uint64_t page, uint64_t end);
