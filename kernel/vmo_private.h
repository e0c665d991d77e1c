/* SPDX-License-Identifier: ISC */
/*
 * vmo_private.h: the inside of a VMO, for vmo*.c, pager.c, sys_vmo.c and the
 * files of address spaces. All fields are protected by the kernel lock [K].
 */
#pragma once
#include "index.h"
#include "slice.h"
#include "vmo.h"

#define VMO_SIZE_MAX (1ull << 40)

struct pager {
	struct vmo *vmo;     /* [const] whose it is */
	struct list watches; /* the one watch, by source_node; empty: its queue is gone */
	struct watch *watch;
	struct list waiting; /* threads in THREAD_PAGER, thread.node; they hold no reference */
	uint64_t timeout;    /* ns; 0: never late */
	uint64_t server;     /* thread (object number) that serves: it would wait for itself */
};

struct vmo {
	struct object object;
	uint8_t kind;		   /* [const] enum vmo_kind */
	bool linear;		   /* [const] frames lie at `base`, there is no index */
	bool registers, read_only; /* [const] */
	bool ended;		   /* its device's owner died: never mapped again */
	bool owned;		   /* [const] linear: frames are counted and go back to the pool */
	uint64_t pages;		   /* size */
	uint64_t committed;	   /* resident pages */
	paddr_t base;		   /* linear: of page 0 */
	struct index index;
	struct list mappings; /* mapping.vmo_node */
	uint32_t mapping_count;
	uint64_t pins;	     /* ranges pinned; each holds a reference */
	struct pager *pager; /* VMO_PAGER */
	bool (*release)(struct vmo *v, void *arg, struct slice *s);
	void *release_arg;
	bool parked;	   /* destroyed, but for its frames */
	struct list dying; /* while it is taken apart, or emptied, in slices */
};

struct vmo_page {
	paddr_t pa;
	bool writable; /* may be mapped writable as it is */
	bool fresh;    /* was made just now */
};

must_check int vmo_new(struct account *a, enum vmo_kind kind, uint64_t pages, struct vmo **out);

/* A page, ready for an access (PROT_*); a write breaks sharing and marks dirty. 0; -EINVAL beyond
 * the end or of no permitted kind; -ENOMEM; from a pager: K_RESTART with `t` parked, -EAGAIN when
 * `t` is NULL, or the pager's error. */
must_check int64_t vmo_page_get(struct vmo *v, uint64_t page, uint32_t access, struct thread *t,
				struct vmo_page *out);
static inline void vmo_linear_page(const struct vmo *v, uint64_t page, struct vmo_page *out)
{
	*out = (struct vmo_page){.pa = v->base + (page << PAGE_SHIFT), .writable = !v->read_only};
}
/* A resident page, inside the size, as it may be mapped now; false: not resident. */
static inline bool vmo_page_peek(const struct vmo *v, uint64_t page, struct vmo_page *out)
{
	const struct index_node *leaf;
	uint64_t entry;

	if (v->linear) {
		vmo_linear_page(v, page, out);
		return true;
	}
	leaf = index_leaf(&v->index, page);
	entry = leaf ? leaf->slot[index_of(page)] : 0;
	if (!entry)
		return false;
	out->pa = ENTRY_FRAME(entry);
	out->writable = !(entry & ENTRY_COW) && (!v->pager || (leaf->dirty >> index_of(page) & 1));
	out->fresh = false;
	return true;
}

/* vmo_range.c: work in slices. True: all done. */
bool vmo_drop(struct vmo *v, uint64_t first, uint64_t end, bool clean_only, struct slice *s,
	      uint64_t *next, uint64_t *dropped);
/* 0, K_RESTART (used up; present pages are passed over next time), -ENOMEM, pager's results. */
must_check int64_t vmo_commit(struct vmo *v, uint64_t first, uint64_t end, struct thread *t,
			      struct slice *s);
/* Copy pages [first, first + dst->pages) of src into dst from *next on. 0, K_RESTART, -ENOMEM,
 * -EAGAIN (a pager's page is missing). */
must_check int64_t vmo_clone(struct vmo *src, uint64_t first, struct vmo *dst, struct slice *s,
			     uint64_t *next);
bool vmo_clonable(const struct vmo *v);
must_check int64_t vmo_resize(struct vmo *v, uint64_t pages, struct slice *s);
void vmo_clean(struct vmo *v, uint64_t first, uint64_t end); /* not dirty, write-protected */
bool vmo_cleanup(struct slice *s);			     /* dying VMOs; true: there are more */

/* mapping.c: page tables of all address spaces that map pages of the 64 at `base`. Flushed. */
void vmo_unmap_pages(struct vmo *v, uint64_t base, uint64_t mask);
void vmo_protect_pages(struct vmo *v, uint64_t base, uint64_t mask);

/* vmo.c: its pager has gone, and nobody can put a page in again: what is there goes, too, unless it
 * is mapped. */
void vmo_abandon(struct vmo *v);

/* pager.c */
static inline bool pager_lives(const struct vmo *v)
{
	return !list_empty(&v->pager->watches);
}
must_check int64_t pager_wait(struct vmo *v, uint64_t page, uint32_t access, struct thread *t);
must_check int pager_make(struct vmo *v, struct queue *q, uint64_t key, uint64_t timeout,
			  uint64_t server);
/* End waits in a range: with 0 to look again, else with an error. */
void pager_wake(struct vmo *v, uint64_t first, uint64_t end, int error);
void pager_destroy(struct vmo *v);
void pager_error_forget(struct thread *t); /* a call has answered with it */
