/* SPDX-License-Identifier: ISC */
/*
 * device_private.h: what device.c, dma.c and irq.c share. All fields [K].
 */
#pragma once
#include "device.h"
#include "handle.h"
#include "process.h"
#include "silo.h"
#include "slice.h"

#define NO_SOURCE 0xffffffffu

struct device {
	struct object object;
	struct device *parent; /* counted; NULL at the root */
	uint8_t depth;	       /* [const] 0: the root; its end may be the end of all above */
	struct list children, sibling;
	struct list all_node;	 /* every device that exists */
	struct device_args args; /* the root's are not looked at */
	struct process *owner;	 /* not counted: cleared at its death */
	bool used;		 /* a call of the owner's has succeeded: device_settle */
	struct list irqs;	 /* irq.device_node */
	uint32_t irq_count;
	uint32_t msi_count;	     /* with those of all that was cut out of it */
	struct list claims;	     /* what it may reach, and what is on the way in or out */
	struct list silenced;	     /* what it may not; first those in quarantine */
	uint32_t claim_count;	     /* in both */
	struct list work_node;	     /* devices_cleanup has work for it, and a reference */
	struct iommu_domain *domain; /* counted; NULL: no IOMMU, or no DMA yet */
	uint64_t dma_used, dma_quarantined; /* bytes */
	uint64_t dma_held;		    /* both, with those of all that was cut out of it */
};

/* Find a device handle; the mode of the caller's silo must have `mode`. -EPERM. */
must_check int device_find(struct thread *cur, handle_t h, uint32_t rights, uint32_t mode,
			   struct cap **cap, struct device **out);
/* Make the caller its owner; -EBUSY when another process is. What its call then answers is told to
 * device_settle. */
must_check int device_own(struct device *d, struct process *p);
/* A call of p's answers, or was given up (any error): one that failed leaves p the owner only if it
 * was that before, or another call of it succeeded meanwhile or is under way. */
void device_settle(struct device *d, const struct process *p, int64_t result);
/* The device has an owner that is on its way out. */
static inline bool owner_ends(const struct device *d)
{
	return d->owner && (d->owner->ending || d->owner->clearing);
}
static inline bool device_is_root(const struct device *d)
{
	return !d->parent;
}
/* Is the range inside one register window of the device, and not memory of the kernel's? */
bool device_has_registers(const struct device *d, uint64_t base, uint64_t len);

bool device_has_line(const struct device *d, uint32_t line);
struct list *devices_all(void); /* device.all_node */
/* dma.c: a physical VMO of checked registers; its handle, a child of `above`, or an error. */
must_check int64_t claim_registers(struct thread *cur, struct cap *above, struct device *d,
				   uint64_t base, uint64_t size);

/* irq.c: detach all of a device's interrupts from their lines and vectors. */
void irqs_silence(struct device *d);
/* claim.c: end register mappings, put DMA memory out of reach or into quarantine: all of `claims`.
 * False: the slice is used up. */
must_check bool claims_silence(struct device *d, struct slice *s);
/* claim.c: end what calls have left behind that were given up. False: the slice is used up. */
must_check bool claims_tidy(struct device *d, struct slice *s);
/* claim.c: a call is making or ending one. */
bool claims_under_way(const struct device *d);
/* claim.c: move what is in quarantine to a successor for the same requester. */
void claims_adopt(struct device *to, struct device *from);
/* device.c: devices_cleanup is to look at it. */
void device_work(struct device *d);
