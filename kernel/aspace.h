/* SPDX-License-Identifier: ISC */
/*
 * aspace.h: address spaces: mappings, faults, copies to and from programs.
 *
 * Mappings do not overlap and are found by binary search with a last-hit cache.
 * Page tables are filled by faults, and torn down before a frame can go back to
 * the pool; arch does the TLB work (arch.h). A mapping's `cap` node hangs below
 * the handle that it was made through.
 */
#pragma once
#include "arch.h"
#include "handle.h"
#include "vmo.h"

struct mapping; /* aspace_private.h */

struct aspace {
	struct object object;
	struct arch_aspace arch;   /* page table root, CPU mask, ASID */
	struct mapping **mappings; /* [K] sorted by address, not overlapping */
	uint32_t mapping_count, mapping_room;
	uint32_t last_hit;	/* [K] index of a mapping found or made; may be out of date */
	uint64_t choice_hint;	/* [K] no room for the kernel's choice lies below */
	struct mapping *spares; /* [K] freed mappings, still charged */
	uint32_t spare_count;
	uint64_t resident; /* [K] bytes mapped present */
	struct list dying; /* [K] while it is taken apart in slices */
	uint32_t withheld; /* [K] silo flags that its information page shows */
};

/* Its account is a new part of `a`, which pays for it, its page tables and mappings. -ENOMEM. */
must_check int aspace_make(struct account *a, struct aspace **out);
/* Map from the kernel's side; `through` may be NULL. addr 0: choose. 0 or errors of aspace_map. */
must_check int aspace_map_vmo(struct aspace *as, struct vmo *v, uint64_t offset, uint64_t len,
			      uint32_t flags, struct cap *through, uint64_t *addr);
void aspace_unmap_range(struct aspace *as, uint64_t addr, uint64_t len);
/* A process of a silo with these flags will run in it: the information page says what it lacks.
 * What one process in an address space lacks, it says to all. */
void aspace_withhold(struct aspace *as, uint32_t silo_flags);

/* Serve a page fault of `t` at `addr`. 0: retry the instruction; K_RESTART: `t` is parked at the
 * pager; else -EFAULT with *reason (enum fault_reason). */
must_check int64_t aspace_fault(struct aspace *as, struct thread *t, uint64_t addr, uint32_t access,
				enum fault_reason *reason);

/* Copy between the kernel and the calling thread's memory. 0, -EFAULT, or K_RESTART with the
 * thread parked at a pager: the caller must not have changed anything yet. */
must_check int64_t copy_in(struct thread *cur, void *dst, uaddr_t src, uint64_t len);
must_check int64_t copy_out(struct thread *cur, uaddr_t dst, const void *src, uint64_t len);
/* Make sure that a range of the caller's memory can be written now. The same results. */
must_check int64_t prepare_out(struct thread *cur, uaddr_t dst, uint64_t len);

/* Where the kernel's map has `len` bytes inside one page that the program could write now, as
 * they stand, without a fault; else NULL. Good until the lock is dropped or a page is unmapped. */
void *aspace_reach(struct aspace *as, uint64_t addr, uint64_t len);

/* Copy between two address spaces through the kernel's map, filling anonymous pages on the way
 * but waiting for no pager. Bytes copied before the first page that is not there, or -EFAULT. */
must_check int64_t aspace_copy(struct aspace *dst, uint64_t daddr, struct aspace *src,
			       uint64_t saddr, uint64_t len);
/* Kernel memory to/from any address space, as aspace_copy. */
must_check int64_t aspace_read(struct aspace *as, uint64_t addr, void *dst, uint64_t len);
must_check int64_t aspace_write(struct aspace *as, uint64_t addr, const void *src, uint64_t len);

/* The futex key of an address: VMO object number and offset. -EFAULT. */
must_check int aspace_key(struct aspace *as, uint64_t addr, uint64_t *vmo, uint64_t *offset);

/* A thread leaves the pager's waiting list (interrupt, death, deadline). */
void pager_wait_cancel(struct thread *t);

/* One slice of long work that nobody waits for: taking dead VMOs and address spaces apart,
 * dropping unfinished calls of dead threads. True: there is more. Cheap when there is none. */
bool memory_cleanup_slice(void);
/* The thread's sliced call will not be restarted (it died, or was sent elsewhere by an upcall or
 * by thread_state_set): forget how far it had come. */
void memory_call_drop(struct thread *t);
