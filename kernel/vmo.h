/* SPDX-License-Identifier: ISC */
/*
 * vmo.h: memory objects. Page index, sharing, clones, pagers.
 *
 * The index (a radix tree of frames by page number) belongs to the VMO; a frame
 * may stand in several VMOs (clones before a write, pager_supply). A page that
 * is shared copy-on-write is write-protected everywhere; the writer gets a copy
 * charged to its VMO's account. No chains: a clone copies the index.
 */
#pragma once
#include "memory.h"
#include "object.h"

struct thread;
struct queue;
struct slice;
struct watch;

struct vmo; /* vmo.c and aspace.c only: vmo_private.h */

/* Kernel-side constructors; one reference to the caller. -ENOMEM, -EINVAL. */
must_check int vmo_make(struct account *a, enum vmo_kind kind, uint64_t size, struct vmo **out);
/* Existing physical memory, never freed. Registers: kind PHYSICAL, mapped uncached, not readable by
 * vmo_read, not cloned. Otherwise (the boot archive): kind WIRED, read-only to everybody, cloned
 * without a copy. */
must_check int vmo_make_fixed(struct account *a, paddr_t base, uint64_t size, bool registers,
			      struct vmo **out);
/* Adjacent zeroed frames for DMA. Who pins it (device.c) holds it, so that frames in quarantine
 * outlive every handle. Long work is sliced: K_RESTART when `cur` is to repeat its call whole, with
 * the memory kept; then again with the same size and align. -ENOMEM, -EINVAL. */
must_check int64_t vmo_make_contiguous(struct thread *cur, struct account *a, uint64_t size,
				       uint64_t align, struct vmo **out);
/* Let there be no more mappings of a VMO, and end those that there are: for register windows whose
 * device's owner died. False: the slice is used up, and some are left. */
must_check bool vmo_unmap_everywhere(struct vmo *v, struct slice *s);
/* Called when the VMO is destroyed, before its frames are freed (to give back RES_DMA); with slices
 * until it answers true, unless it parks the VMO. */
void vmo_on_destroy(struct vmo *v, bool (*release)(struct vmo *v, void *arg, struct slice *s),
		    void *arg);
/* Keep the frames of a VMO that is being destroyed, until it is unparked. `release` is not called
 * again. */
void vmo_park(struct vmo *v);
void vmo_unpark(struct vmo *v);
struct object *vmo_object(struct vmo *v);
struct vmo *vmo_of(struct object *o);
enum vmo_kind vmo_kind_of(const struct vmo *v);
uint64_t vmo_size(const struct vmo *v);
/* Frame of a resident page, or 0. For WIRED and CONTIGUOUS it never is 0 inside the size. */
paddr_t vmo_frame(struct vmo *v, uint64_t page);
/* Pin for DMA (WIRED and CONTIGUOUS, whose frames never move): a counted reference to the VMO for
 * the range, so that its frames outlive all handles until it is unpinned. */
void vmo_pin(struct vmo *v, uint64_t page, uint64_t n);
void vmo_unpin(struct vmo *v, uint64_t page, uint64_t n);

/* The queue of a pager's watch ends (watch_end calls it before it frees `w`): all who wait, and
 * all later faults, fail. */
void pager_watch_ended(struct watch *w);
