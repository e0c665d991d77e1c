/* SPDX-License-Identifier: ISC */
/*
 * memory.h: frames and kernel memory.
 *
 * A frame is a page of RAM with a reference count and the account that pays for
 * it. Frames are zeroed when allocated. kmem gives small kernel objects from
 * slabs of size classes; both charge RES_MEMORY to an account, and freeing
 * uncharges the account that was charged.
 */
#pragma once
#include "account.h"

struct frame {
	uint32_t refs;		 /* [K] 0: free */
	uint32_t flags;		 /* [K] FRAME_* */
	struct account *account; /* [K] charged; a counted reference */
	struct frame *next;	 /* [K] free list, or batch awaiting a TLB flush */
};
#define FRAME_KERNEL (1u << 0) /* page tables, slabs, pinned pages */
#define FRAME_FIXED  (1u << 1) /* never returned: image, archive, registers */
#define FRAME_PLACED                                                                               \
	(1u << 2) /* of a WIRED or CONTIGUOUS VMO: its address is known outside, so it             \
		   * is never shared copy-on-write: a clone gets a copy at once */

/* Called once at boot with usable ranges, image and modules excluded. */
void frame_init(const struct phys_range *usable, unsigned n);
/* A zeroed frame with one reference; 0 when the account or the machine has none. */
paddr_t frame_alloc(struct account *a, uint32_t flags);
/* n adjacent zeroed frames aligned to `align` bytes, one reference each, charged; 0: none. */
paddr_t frame_alloc_run(struct account *a, uint64_t n, uint64_t align, uint32_t flags);
/* The same, not zeroed: for who zeroes in slices before anybody can see it. */
paddr_t frame_alloc_run_raw(struct account *a, uint64_t n, uint64_t align, uint32_t flags);
/* A frame with the contents of another page of RAM. */
paddr_t frame_alloc_copy(struct account *a, uint32_t flags, paddr_t from);
void page_zero(void *page);
bool frames_refused(struct account *a); /* none is left, for user tier only the reserve */
struct frame *frame_of(paddr_t pa);	/* NULL: not RAM that we manage */
void frame_get(paddr_t pa);
void frame_put(paddr_t pa); /* frees at 0: no CPU may have it in a TLB any more */
uint64_t frames_total(void), frames_free(void);
uint64_t frame_table_bytes(void);

/* Zeroed object of `size` bytes (at most 4096), or NULL; charges the size class. */
void *kmem_alloc(struct account *a, size_t size);
void kmem_free(void *p, size_t size);
uint64_t kmem_bytes(void);

/* Boot word memory=poison: objects and frames are overwritten with this byte when they are freed.
 */
#define MEMORY_POISON 0xdb
extern bool memory_poisoned;

/* Memory was refused to the calling thread. True: some is on its way back, and what it does will be
 * tried again: nothing to count or tell (shortage.c). */
bool memory_awaited(void);
extern struct thread *memory_waiter; /* for whom that is so in its present call or fault; or NULL */
void memory_retry(void);	     /* on the way out of the kernel, if there is one */

/* There is something for memory_cleanup_slice to do (sched.c). */
void sched_cleanup(void);
