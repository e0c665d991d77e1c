/* SPDX-License-Identifier: ISC */
/*
 * claim.h: memory that was made or mapped through a device, a claim each. For
 * claim.c and dma.c. All fields [K].
 *
 * What takes long goes in slices. A call that is not done holds its claim, which
 * is MAKING or ENDING: only that thread goes on with it, until the device is
 * silenced. Whatever ends the call (the thread's death, a revoked handle) leaves
 * the claim to devices_cleanup, which ends it.
 */
#pragma once
#include "device_private.h"

/* Memory that was made or mapped through a device. */
enum claim_kind {
	CLAIM_REGISTERS,  /* a physical VMO */
	CLAIM_CONTIGUOUS, /* a contiguous VMO; pinned while in quarantine */
	CLAIM_MAPPED,	  /* dma_map: pages of a VMO, pinned */
};

/* claim_move says from where to where. */
enum claim_state {
	CLAIM_MAKING,	   /* its call has not answered yet */
	CLAIM_LIVE,	   /* the device may use it */
	CLAIM_ENDING,	   /* its pages are on their way out of the domain; then it is no more */
	CLAIM_QUARANTINED, /* held until the function was reset */
	CLAIM_SILENCED,	   /* out of the device's reach for good; waits for the end of its VMO */
	CLAIM_STATES,
};

/* The first two kinds end with their VMO (vmo_on_destroy), the last by dma_unmap, by a call that
 * was given up, or after silence. Charged RES_DMA (but for registers) from making to end. */
struct claim {
	struct list node;      /* device->claims, or ->silenced */
	struct device *device; /* counted */
	struct vmo *vmo;       /* CLAIM_MAPPED holds a pin */
	uint8_t kind;	       /* enum claim_kind */
	uint8_t state;	       /* enum claim_state */
	bool stale;	       /* pages left the domain, but perhaps not the device's caches */
	bool parked;	       /* in quarantine with a VMO of which only the frames are left */
	uint64_t page, pages;
	uint64_t told;	   /* addresses that dma_map has written out */
	uint64_t confined; /* so many of its pages, from the first, are in the device's domain */
	struct silo *silo; /* counted; charged */
	struct thread *thread; /* whose call makes or ends it: thread->claim is this; or NULL */
	int result;	       /* of that call when it has ended: 0 for dma_unmap, else an error */
};

#define COST_CLAIM 400 /* move or end one */

static inline uint64_t claim_bytes(const struct claim *c)
{
	return c->pages * PAGE_SIZE;
}

/* A claim of the silo's, MAKING, charged and listed, still without a VMO. NULL: *err says why:
 * -EDQUOT, -ENOMEM. */
struct claim *claim_new(struct device *d, struct silo *s, enum claim_kind kind, uint64_t page,
			uint64_t pages, int *err);
void claim_move(struct claim *c, enum claim_state to);
/* The thread's call is with this claim, until claim_part. */
void claim_join(struct claim *c, struct thread *t);
void claim_part(struct claim *c);
/* It is no more, nothing that it held is held any longer: the last reference to its device or its
 * VMO may go. Its pages have left the domain. */
void claim_end(struct claim *c);

/* With an IOMMU: let the device reach the claim's pages. K_RESTART: the slice is used up; -EPERM,
 * -ENOMEM, -ENXIO, -ERANGE: part of them may be in the domain. */
must_check int64_t claim_confine(struct claim *c, struct slice *s);
/* Take its pages out of the domain. True: the device reaches none of them any more. */
must_check bool claim_unconfine(struct claim *c, struct slice *s);

void quarantine_begin(struct claim *c);
void quarantine_end(struct claim *c); /* the VMO may go, and with it the claim */
/* One in quarantine, or NULL. */
struct claim *claim_quarantined(const struct device *d);
