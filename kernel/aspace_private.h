/* SPDX-License-Identifier: ISC */
/*
 * aspace_private.h: the inside of address spaces, for mapping.c, aspace.c,
 * aspace_clone.c, fault.c and copy.c. All fields [K].
 */
#pragma once
#include "aspace.h"
#include "vmo_private.h"

struct mapping {
	uint64_t start, end; /* addresses */
	uint64_t page;	     /* of the VMO, at `start` */
	struct vmo *vmo;     /* counted; NULL: gone, and its page tables are clear */
	struct aspace *aspace;
	uint32_t prot;	  /* PROT_* */
	uint32_t inherit; /* 0 (copy), MAP_SHARE, MAP_DROP */
	/* Page table entries at and above may permit more than `prot` does: the progress of a
	 * sliced unmap or protect. `end`: none. */
	uint64_t stale;
	bool gone; /* being unmapped: faults fail, the addresses stay taken until it is done */
	struct list vmo_node;
	struct cap cap; /* CAP_MAPPING; its rights bound `prot` */
	struct mapping *next_spare;
};

#define MAPPINGS_MAX 4096u
#define SPARES_MAX   8u /* mappings that an address space keeps for its next ones */
/* Where the kernel chooses addresses. Below is room for images at fixed places. */
#define CHOICE_LO 0x200000000ull
#define CHOICE_HI (USER_INFO_PAGE - PAGE_SIZE)

_Static_assert(PROT_R == ARCH_R && PROT_W == ARCH_W && PROT_X == ARCH_X, "one set of bits");

/* ---- mapping.c: the sorted array ---- */

/* Index of the first mapping that ends above addr; mapping_count: none. */
uint32_t mapping_index(const struct aspace *as, uint64_t addr);
/* The mapping at addr, one that is going included, or NULL. */
struct mapping *mapping_at(struct aspace *as, uint64_t addr);
/* Room for `n` more mappings in the array. 0 or -ENOMEM. */
must_check int mappings_room(struct aspace *as, uint32_t n);
void mapping_insert(struct aspace *as, uint32_t index, struct mapping *m); /* after mappings_room */
/* Take slots [from, to) out of the array; what stood there is freed, or stands elsewhere. */
void mappings_close(struct aspace *as, uint32_t from, uint32_t to);
/* Take mappings [from, to) out of the array and free them; they are released already. */
void mappings_remove(struct aspace *as, uint32_t from, uint32_t to);
void mappings_array_free(struct aspace *as);

/* ---- mapping.c: one mapping ---- */

/* A mapping of v (one more reference), a child of `parent`; not in the array yet. NULL: no memory.
 */
struct mapping *mapping_new(struct aspace *as, struct vmo *v, struct cap *parent, uint32_t rights);
void mapping_release(struct mapping *m); /* leave VMO and derivation tree; page tables are clear */
void mapping_free(struct mapping *m);	 /* to the spares of its address space, if they are few */
void mappings_spares_free(struct aspace *as);
/* Cut mapping `index` in two at an address inside; the upper half comes behind. 0 or -ENOMEM. */
must_check int mapping_split(struct aspace *as, uint32_t index, uint64_t at);
/* Let m cover n, its neighbour above, when nothing tells them apart: true, and n is freed. */
bool mapping_join(struct mapping *m, struct mapping *n);
/* Clear page table entries from m->stale on. True: all. Flushed. */
bool mapping_clear(struct mapping *m, struct slice *s);
/* Bring page table entries from m->stale on down to m->prot. True: all. Flushed. */
bool mapping_restrict(struct mapping *m, struct slice *s);

static inline uint64_t mapping_page(const struct mapping *m, uint64_t addr)
{
	return m->page + ((addr - m->start) >> PAGE_SHIFT);
}
static inline uint64_t mapping_address(const struct mapping *m, uint64_t page)
{
	return m->start + ((page - m->page) << PAGE_SHIFT);
}

/* ---- aspace.c ---- */
bool prot_permitted(uint32_t rights, uint32_t prot);
bool range_valid(uint64_t addr, uint64_t len); /* whole pages of user space */
bool aspace_unmap_slice(struct aspace *as, uint64_t lo, uint64_t hi, struct slice *s, int *err);
must_check int64_t aspace_map_slice(struct aspace *as, struct vmo *v, uint64_t offset, uint64_t len,
				    uint32_t flags, struct cap *through, struct slice *s,
				    uint64_t *addr);
must_check int64_t aspace_protect_slice(struct aspace *as, uint64_t lo, uint64_t hi, uint32_t prot,
					struct slice *s);
must_check int64_t aspace_inherit(struct aspace *as, uint64_t lo, uint64_t hi, uint32_t how,
				  struct slice *s);
bool aspace_cleanup(struct slice *s); /* dying address spaces; true: there are more */

/* ---- aspace_clone.c ---- */
must_check int64_t aspace_clone(struct thread *cur, struct aspace *as, struct account *a,
				struct aspace **out);

/* ---- fault.c ---- */
/* Map the page `p` of m at va, or give it more rights; flushed where another was. -ENOMEM. */
must_check int mapping_enter(struct mapping *m, uint64_t va, const struct vmo_page *p);
/* Map resident pages of m in [page, end), as far as the slice goes. `empty`: none is mapped yet. */
void mapping_populate(struct mapping *m, uint64_t page, uint64_t end, bool empty, struct slice *s);
