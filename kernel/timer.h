/* SPDX-License-Identifier: ISC */
/*
 * timer.h: deadlines, in a pairing heap. No allocation: a timer is a field of what waits.
 */
#pragma once
#include "base.h"

struct timer {
	struct timer *child, *next, *prev; /* heap links; prev: left sibling or parent */
	uint64_t deadline;		   /* ns */
	void (*fire)(struct timer *t);	   /* lock held; the timer is out of the heap */
	bool armed;
};

void timer_arm(struct timer *t, uint64_t deadline); /* moves it when armed; NEVER: disarms */
void timer_disarm_armed(struct timer *t);
static inline void timer_disarm(struct timer *t)
{
	if (unlikely(t->armed))
		timer_disarm_armed(t);
}
extern uint64_t timer_first;  /* [K] the earliest deadline, or DEADLINE_NEVER */
void timer_run(uint64_t now); /* fire what is due, at most 64; the rest at the next entry */
