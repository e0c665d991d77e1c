/* SPDX-License-Identifier: ISC */
/*
 * queue_private.h: what queue.c, watch.c and signal.c share. All fields [K].
 */
#pragma once
#include "channel.h"
#include "cpu.h"
#include "queue.h"

#define WATCH_PERIOD 0x80000000u /* in watch.flags: a timer that is set again when it is taken */

struct signal {
	struct object object;
	uint64_t word;
	struct list watches;
};

static inline struct signal *signal_of(struct object *o)
{
	return container_of(o, struct signal, object);
}

/* A waiter of a lower band than the waker's takes its events in its own time. */
static inline bool runs_before(const struct thread *t, const struct thread *cur)
{
	return !cur || t->band <= cur->band;
}

/* queue.c: something is ready: serve one waiter. */
noinline void queue_wake(struct queue *q);
