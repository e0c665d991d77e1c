/* SPDX-License-Identifier: ISC */
/*
 * work.h: how far a sliced system call has come.
 *
 * A call that answers K_RESTART is run again from its first instruction with the
 * same arguments. What it must remember (a cursor, a half-made object) stands in
 * a record that belongs to the thread. It is found again only by the same thread,
 * call and arguments; anything else, and the thread's death, drops it and what
 * it holds.
 */
#pragma once
#include "object.h"

struct thread;

enum work_call {
	WORK_NONE,
	WORK_VMO_CREATE,
	WORK_VMO_CONTIGUOUS,
	WORK_VMO_CLONE,
	WORK_PAGER_EVICT,
	WORK_ASPACE_CLONE,
};

struct work {
	struct list node;
	struct thread *thread; /* counted, in a saved record */
	enum work_call call;
	uint64_t args[4];
	uint64_t next, count, key[2]; /* the call's own cursors, 0 at first */
	struct object *made, *part;   /* references that the record holds */
	struct work *saved;	      /* the record behind a working copy */
};

/* Fill *w: fresh, or as work_suspend left it. Args beyond the call's own are 0. */
void work_begin(struct work *w, struct thread *cur, enum work_call call, const uint64_t args[4]);
/* Keep *w for the restart. K_RESTART; or -ENOMEM, and *w is still the caller's to end or go on. */
must_check int64_t work_suspend(struct work *w);
/* The call ends: drop the record. `made` and `part` that are still set are released. */
void work_end(struct work *w);
bool work_reap_one(void); /* a record of a dead thread; true: there was one */
