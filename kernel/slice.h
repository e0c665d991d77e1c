/* SPDX-License-Identifier: ISC */
/*
 * slice.h: how much one hold of the kernel lock may do.
 *
 * Costs are rough counts of instructions. Work takes its cost before it is done,
 * and stops when nothing is left; every loop does at least one step, so that a
 * restarted call gets on.
 */
#pragma once
#include "base.h"

struct slice {
	int64_t left;
};

#define SLICE_CALL    15000 /* a system call's */
#define SLICE_DESTROY 3000  /* of an object's last reference, inside some other work */
#define SLICE_REVOKE  4000  /* of one revoked mapping */
#define SLICE_SILENCE 4000  /* of the devices of a dead process, after closing its handles */
#define SLICE_CAPS    64    /* capabilities that are closed; fewer: slice_ends */
#define SLICE_ENDS    12000 /* of what ends with them */
#define SLICE_WHOLE   INT64_MAX

#define COST_FRAME_NEW	800 /* allocate and zero */
#define COST_FRAME_COPY 1400
#define COST_FRAME_FREE 200
#define COST_ENTRY	40   /* change an index entry */
#define COST_PTE	60   /* change a page table entry */
#define COST_SKIP	4000 /* look through a page table for something present */
#define COST_MAPPING	250  /* make, free or change a mapping */

extern uint64_t slices_taken; /* [K] from all slices: cleanup.c */

/* Steps that may each end anything, in slices of their own: was that enough since slices_taken was
 * `before`? By costs, not by a clock: on a processor that is not ours all the time a step may take
 * any time, and each slice would be one step. */
static inline bool slice_ends(uint64_t before)
{
	return slices_taken - before > SLICE_ENDS;
}

/* False: the slice is used up; stop before doing this. */
static inline bool slice_take(struct slice *s, int64_t cost)
{
	if (s->left <= 0)
		return false;
	s->left -= cost;
	slices_taken += (uint64_t)cost;
	return true;
}
