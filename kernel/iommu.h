/* SPDX-License-Identifier: ISC */
/*
 * iommu.h: what confines a device's DMA, where the machine has it.
 *
 * A domain is what one requester (segment << 16 | bus << 8 | devfn) may reach.
 * Bus addresses are physical ones: a page is mapped where it is, and counted, so
 * that mapping it twice and unmapping it once leaves it mapped. A requester
 * without a domain reaches nothing. Everything with the kernel lock held.
 */
#pragma once
#include "base.h"

struct account;
struct iommu_domain;
struct slice;

void iommu_init(void); /* finds the units and turns translation on: all DMA is blocked */
bool iommu_present(void);
/* Do these addresses touch the units' own registers? */
bool iommu_owns(uint64_t base, uint64_t len);
/* The domain of a requester, made when it is not there; counted. `pays` for what it makes.
 * -ENOMEM; -ENXIO: a requester that the units do not know, or no domain number left. */
must_check int iommu_domain_get(uint32_t source, struct account *pays, struct iommu_domain **out);
/* After the last one the requester reaches nothing; the tables are freed in slices. */
void iommu_domain_put(struct iommu_domain *d);
bool iommu_cleanup(struct slice *s); /* those tables; true: there are more */
/* One page, for reading and writing. K_RESTART: the slice is used up, and nothing was done;
 * -ENOMEM; -ERANGE beyond the width of bus addresses. */
must_check int64_t iommu_map(struct iommu_domain *d, paddr_t pa, struct slice *s);
/* Undo one iommu_map; false: the slice is used up, and nothing was done. The device may use the
 * page until iommu_flush has returned. */
must_check bool iommu_unmap(struct iommu_domain *d, paddr_t pa, struct slice *s);
void iommu_flush(struct iommu_domain *d);
