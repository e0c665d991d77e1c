/* SPDX-License-Identifier: ISC */
/*
 * slice.h: how much one hold of the kernel lock may do.
 *
 * Costs are rough counts of instructions. Work takes its cost before it is done,
 * and stops when nothing is left; every loop does at least one step, so that a
 * restarted call gets on.
 */
#pragma once
#include "arch.h"

struct slice {
	int64_t left;
};

#define SLICE_CALL    15000 /* a system call's */
#define SLICE_DESTROY 3000  /* of an object's last reference, inside some other work */
#define SLICE_REVOKE  4000  /* of one revoked mapping */
#define SLICE_SILENCE 4000  /* of the devices of a dead process, after closing its handles */
#define SLICE_CAPS    64    /* capabilities that are closed; but see slice_spent */
#define SLICE_CYCLES  15000 /* of work whose steps' costs nobody can tell before */
#define SLICE_WHOLE   INT64_MAX

#define COST_FRAME_NEW	800 /* allocate and zero */
#define COST_FRAME_COPY 1400
#define COST_FRAME_FREE 70
#define COST_FRAME_LAST 200  /* of contiguous memory, with its account */
#define COST_ENTRY	40   /* change an index entry */
#define COST_PTE	60   /* change a page table entry */
#define COST_SKIP	4000 /* look through a page table for something present */
#define COST_MAPPING	250  /* make, free or change a mapping */

/* Steps that may each end anything: so much time is gone since arch_cycles() was `began`. */
static inline bool slice_spent(uint64_t began)
{
	return arch_cycles() - began > SLICE_CYCLES;
}

/* False: the slice is used up; stop before doing this. */
static inline bool slice_take(struct slice *s, int64_t cost)
{
	if (s->left <= 0)
		return false;
	s->left -= cost;
	return true;
}
