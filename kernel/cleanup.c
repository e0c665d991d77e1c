/* SPDX-License-Identifier: ISC */
/*
 * cleanup.c: long work that nobody waits for, a slice at a time: what devices
 * still reach, dead address spaces before dead VMOs, because they hold them, the
 * tables of dead translation domains, then what calls of dead threads left
 * unfinished.
 */
#include "aspace_private.h"
#include "cpu.h"
#include "device.h"
#include "iommu.h"
#include "work.h"

bool cleanup_pending;
uint64_t slices_taken;

bool memory_cleanup_slice(void)
{
	struct slice s = {SLICE_CALL};

	return devices_cleanup(&s) || aspace_cleanup(&s) || vmo_cleanup(&s) || iommu_cleanup(&s) ||
	       work_reap_one();
}
