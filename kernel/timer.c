/* SPDX-License-Identifier: ISC */
/*
 * timer.c: a pairing heap of deadlines.
 *
 * Insert and find-min take constant time, removal is logarithmic when averaged
 * over many. Whoever inserts a new earliest deadline makes its own CPU's
 * one-shot cover it (sched.c asks timer_first before leaving the kernel).
 */
#include "timer.h"
#include "cpu.h"

#define FIRE_MAX 64

static struct timer *timer_root; /* the earliest */
uint64_t timer_first = DEADLINE_NEVER;

static void root_set(struct timer *t)
{
	timer_root = t;
	timer_first = t ? t->deadline : DEADLINE_NEVER;
}

/* Link two heaps; both are roots without siblings. */
static struct timer *meld(struct timer *a, struct timer *b)
{
	if (!a)
		return b;
	if (!b)
		return a;
	if (b->deadline < a->deadline) {
		struct timer *t = a;

		a = b;
		b = t;
	}
	b->next = a->child;
	b->prev = a;
	if (a->child)
		a->child->prev = b;
	a->child = b;
	return a;
}

/* Meld a list of siblings in pairs, then the pairs from the right. */
static struct timer *meld_siblings(struct timer *first)
{
	struct timer *pairs = NULL, *heap = NULL;

	while (first) {
		struct timer *a = first, *b = a->next, *pair;

		first = b ? b->next : NULL;
		a->next = a->prev = NULL;
		if (b)
			b->next = b->prev = NULL;
		pair = meld(a, b);
		pair->next = pairs;
		pairs = pair;
	}
	while (pairs) {
		struct timer *pair = pairs;

		pairs = pair->next;
		pair->next = NULL;
		heap = meld(heap, pair);
	}
	return heap;
}

void timer_disarm_armed(struct timer *t)
{
	t->armed = false;
	if (t == timer_root) {
		root_set(meld_siblings(t->child));
	} else {
		if (t->prev->child == t)
			t->prev->child = t->next;
		else
			t->prev->next = t->next;
		if (t->next)
			t->next->prev = t->prev;
		root_set(meld(timer_root, meld_siblings(t->child)));
	}
	t->child = t->next = t->prev = NULL;
}

void timer_arm(struct timer *t, uint64_t deadline)
{
	timer_disarm(t);
	if (deadline == DEADLINE_NEVER)
		return;
	t->deadline = deadline;
	t->child = t->next = t->prev = NULL;
	t->armed = true;
	root_set(meld(timer_root, t));
	if (timer_root == t)
		this_cpu()->attention = true;
}

void timer_run(uint64_t now)
{
	for (unsigned i = 0; i < FIRE_MAX && timer_first <= now && timer_root; i++) {
		struct timer *t = timer_root;

		timer_disarm(t);
		t->fire(t);
	}
}
