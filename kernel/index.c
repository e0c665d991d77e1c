/* SPDX-License-Identifier: ISC */
/*
 * index.c: changes to page indexes, and walks over them. See index.h.
 */
#include "index.h"
#include "memory.h"

static inline unsigned slot_of(uint64_t page, unsigned height)
{
	return page >> ((height - 1) * INDEX_BITS) & (INDEX_SLOTS - 1);
}

static unsigned height_of(uint64_t page)
{
	unsigned h = 1;

	while (page >> (h * INDEX_BITS))
		h++;
	return h;
}

/* Free nodes on the way to `page` that hold nothing. */
static void prune(struct index *ix, uint64_t page)
{
	struct index_node *path[INDEX_HEIGHT + 1] = {NULL};
	struct index_node *n = ix->root;
	unsigned h = ix->height, low = h + 1;

	for (; h >= 1 && n; h--) {
		path[h] = n;
		low = h;
		n = h > 1 ? (struct index_node *)n->slot[slot_of(page, h)] : NULL;
	}
	for (h = low; h <= ix->height && !path[h]->present; h++) {
		kmem_free(path[h], sizeof(*path[h]));
		if (h == ix->height) {
			ix->root = NULL;
			ix->height = 0;
			return;
		}
		path[h + 1]->slot[slot_of(page, h + 1)] = 0;
		path[h + 1]->present &= ~(1ull << slot_of(page, h + 1));
	}
}

/* Make the tree high enough for `page`. */
static int grow(struct index *ix, uint64_t page, struct account *a)
{
	while (!ix->root || page >> (ix->height * INDEX_BITS)) {
		struct index_node *n = kmem_alloc(a, sizeof(*n));

		if (!n)
			return -ENOMEM;
		if (ix->root) {
			n->slot[0] = (uint64_t)ix->root;
			n->present = 1;
		}
		ix->height = ix->root ? ix->height + 1 : height_of(page);
		ix->root = n;
		assert(ix->height <= INDEX_HEIGHT);
	}
	return 0;
}

int index_set(struct index *ix, uint64_t page, uint64_t entry, struct account *a)
{
	struct index_node *n;

	if ((!ix->root || page >> (ix->height * INDEX_BITS)) && grow(ix, page, a))
		goto no_memory;
	n = ix->root;
	for (unsigned h = ix->height; h > 1; h--) {
		unsigned i = slot_of(page, h);

		if (!n->slot[i]) {
			n->slot[i] = (uint64_t)kmem_alloc(a, sizeof(*n));
			if (!n->slot[i])
				goto no_memory;
			n->present |= 1ull << i;
		}
		n = (struct index_node *)n->slot[i];
	}
	n->slot[index_of(page)] = entry;
	n->present |= 1ull << index_of(page);
	return 0;
no_memory:
	prune(ix, page);
	return -ENOMEM;
}

uint64_t index_clear(struct index *ix, uint64_t page)
{
	struct index_node *leaf = index_leaf(ix, page);
	uint64_t bit = 1ull << index_of(page), entry;

	if (!leaf)
		return 0;
	entry = leaf->slot[index_of(page)];
	leaf->slot[index_of(page)] = 0;
	leaf->present &= ~bit;
	leaf->dirty &= ~bit;
	if (!leaf->present)
		prune(ix, page);
	return entry;
}

/* The leaf of `page`, or NULL and *page advanced past what has no leaf. */
static struct index_node *leaf_or_skip(const struct index *ix, uint64_t *page)
{
	struct index_node *n = ix->root;

	if (!n || *page >> (ix->height * INDEX_BITS)) {
		*page = UINT64_MAX;
		return NULL;
	}
	for (unsigned h = ix->height; h > 1; h--) {
		unsigned shift = (h - 1) * INDEX_BITS;

		n = (struct index_node *)n->slot[*page >> shift & (INDEX_SLOTS - 1)];
		if (!n) {
			*page = ((*page >> shift) + 1) << shift;
			return NULL;
		}
	}
	return n;
}

static uint64_t next(const struct index *ix, uint64_t page, uint64_t end, bool dirty)
{
	while (page < end) {
		struct index_node *leaf = leaf_or_skip(ix, &page);
		uint64_t set;

		if (!leaf)
			continue;
		set = (dirty ? leaf->dirty : leaf->present) >> index_of(page);
		if (set) {
			page += (uint64_t)__builtin_ctzll(set);
			break;
		}
		page = (page | (INDEX_SLOTS - 1)) + 1;
	}
	return page < end ? page : end;
}

uint64_t index_next(const struct index *ix, uint64_t page, uint64_t end)
{
	return next(ix, page, end, false);
}

uint64_t index_next_dirty(const struct index *ix, uint64_t page, uint64_t end)
{
	return next(ix, page, end, true);
}

uint64_t index_next_absent(const struct index *ix, uint64_t page, uint64_t end)
{
	while (page < end) {
		struct index_node *leaf = index_leaf(ix, page);
		uint64_t absent = leaf ? ~leaf->present >> index_of(page) : 1;

		if (absent) {
			page += (uint64_t)__builtin_ctzll(absent);
			break;
		}
		page = (page | (INDEX_SLOTS - 1)) + 1;
	}
	return page < end ? page : end;
}
