/* SPDX-License-Identifier: ISC */
/*
 * queue.h: event queues, watches, signal words, futexes.
 *
 * A watch is one registration: one source, one kind, one record. Raising it adds
 * to `count` and links it into the queue's ready list once; so an event is never
 * dropped and never allocates. A watch hangs in its source's list by source_node
 * and in the queue's by queue_node; whoever goes first removes it. So does the
 * revocation of the handle that it was made through, of which it is a child.
 */
#pragma once
#include "handle.h"
#include "timer.h"

struct thread;
struct channel;

struct queue {
	struct object object;
	struct list waiters; /* threads */
	struct list ready;   /* watches with something to say */
	struct list watches;
	uint64_t next_id;
	bool dead;
};

struct watch {
	struct queue *queue;
	struct object *source; /* counted but for channels, NULL for timers and memory */
	uint32_t kind, flags;
	uint64_t id, key, arg;
	uint32_t count; /* not delivered yet */
	uint64_t data0, data1;
	struct list queue_node, ready_node, source_node;
	struct timer timer; /* EVENT_TIMER */
	uint64_t period;
	uint64_t key_vmo, key_offset; /* EVENT_MEMORY */
	struct account *account;
	struct cap cap; /* CAP_WATCH; below nothing when no handle of a source was named */
};

static inline struct queue *queue_of(struct object *o)
{
	return container_of(o, struct queue, object);
}

/*
 * Going through a source's watches while they are raised: raising one may end it, and others of its
 * queue with it. watch_end moves `next` of every walk on. A walk goes on until it answers NULL.
 */
struct watch_walk {
	struct list *head, *next;
	struct watch_walk *outer;
};
extern struct watch_walk *watch_walks; /* [K] those under way */

static inline void watch_walk_begin(struct watch_walk *walk, struct list *head)
{
	walk->head = head;
	walk->next = head->next;
	walk->outer = watch_walks;
	watch_walks = walk;
}

static inline struct watch *watch_walk_next(struct watch_walk *walk)
{
	struct list *node = walk->next;

	if (node == walk->head) {
		watch_walks = walk->outer;
		return NULL;
	}
	walk->next = node->next;
	return container_of(node, struct watch, source_node);
}

/* Something happened: wake a waiter or mark ready. */
void watch_raise(struct watch *w, uint64_t data0, uint64_t data1);
void watch_list_raise(struct list *source_list, uint32_t kind, uint64_t mask, uint64_t data0,
		      uint64_t data1);
void watch_end(struct watch *w); /* unlink everywhere and free */
/* A watch made by the kernel for a pager VMO (vmo.c). NULL: no memory. */
struct watch *watch_make(struct queue *q, uint32_t kind, uint64_t key, struct account *a);
void queue_poke(struct queue *q); /* a waiter became able to take what is ready */
/* A channel in a queue got something: give it to a waiter, or mark ready. */
void queue_channel_ready(struct channel *c);
/* A waiter for this queue that takes registers, unlinked; NULL: none. */
struct thread *queue_take_receiver(struct queue *q);
/* Put the next message or event into the registers of `t`, which waits or is current. */
must_check bool queue_receive_ready(struct queue *q, struct thread *t);
void futex_ring(uint64_t vmo, uint64_t offset, uint32_t n, int64_t *woken);
