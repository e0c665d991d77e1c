/* SPDX-License-Identifier: ISC */
/*
 * queue.c: one wait for everything that can happen.
 *
 * A watch with something to say is in queue->ready exactly once, however often it was
 * raised (watch.c). It is taken from there into registers in ipc_reply_wait, in
 * queue_wait into the buffer, if that is one page's and can be written as it stands;
 * else the waiter runs its call again.
 */
#include "queue_private.h"
#include "memory.h"
#include "syscall.h"

#define EVENT_BATCH 16

/* ---- taking -------------------------------------------------------------- */

/* A level-triggered signal stays ready while its condition holds. */
static bool still_holds(const struct watch *w)
{
	return w->kind == EVENT_SIGNAL && !(w->flags & (WATCH_EDGE | WATCH_ONESHOT)) &&
	       (signal_of(w->source)->word & w->arg);
}

/* It was ready, but its level has gone since: nothing to say. */
static bool went_stale(struct watch *w)
{
	if (w->kind != EVENT_SIGNAL || (w->flags & WATCH_EDGE) ||
	    (signal_of(w->source)->word & w->arg))
		return false;
	list_del(&w->ready_node);
	w->count = 0;
	return true;
}

/* A periodic timer runs again once its event is taken, which tells how often it would have come:
 * one that nobody looks at costs nothing. */
static void timer_again(struct watch *w, struct event *e)
{
	uint64_t last = w->timer.deadline, now = arch_now(), missed, next;

	missed = now > last ? (now - last) / w->period : 0;
	e->count = missed < UINT32_MAX - e->count ? e->count + (uint32_t)missed : UINT32_MAX;
	if (__builtin_add_overflow(last + missed * w->period, w->period, &next))
		next = DEADLINE_NEVER;
	timer_arm(&w->timer, next);
}

static void take_event(struct watch *w, struct event *e)
{
	e->kind = w->kind;
	e->count = w->count;
	e->key = w->key;
	e->data0 = w->kind == EVENT_SIGNAL ? signal_of(w->source)->word : w->data0;
	e->data1 = w->data1;
	w->count = 0;
	if (w->kind == EVENT_PROCESS || w->kind == EVENT_PRESSURE)
		w->data0 = 0;
	if (w->flags & WATCH_PERIOD)
		timer_again(w, e);
	list_del(&w->ready_node);
	if (w->flags & WATCH_ONESHOT)
		watch_end(w);
	else if (still_holds(w))
		list_add_tail(&w->queue->ready, &w->ready_node);
}

/* Messages are reported, not taken: ipc_reply_wait takes them. */
static unsigned collect(struct queue *q, struct event *events, unsigned n)
{
	unsigned count = 0;
	struct list kept = {&kept, &kept};

	while (count < n && !list_empty(&q->ready)) {
		struct watch *w = list_first(&q->ready, struct watch, ready_node);

		if (went_stale(w))
			continue;
		if (w->kind != EVENT_MESSAGE) {
			bool again = still_holds(w);

			take_event(w, &events[count++]);
			if (again) {
				list_del(&w->ready_node);
				list_add_tail(&kept, &w->ready_node);
			}
			continue;
		}
		list_del(&w->ready_node);
		if (!channel_pending(channel_of(w->source)))
			continue;
		list_add_tail(&kept, &w->ready_node);
		events[count++] = (struct event){EVENT_MESSAGE, 1, w->key, 0, 0};
	}
	while (!list_empty(&kept)) {
		struct list *node = kept.next;

		list_del(node);
		list_add_tail(&q->ready, node);
	}
	return count;
}

bool queue_receive_ready(struct queue *q, struct thread *t)
{
	while (!list_empty(&q->ready)) {
		struct watch *w = list_first(&q->ready, struct watch, ready_node);
		struct channel *ch;
		struct event e;
		bool given;

		if (went_stale(w))
			continue;
		if (w->kind != EVENT_MESSAGE) {
			take_event(w, &e);
			regs_event(&t->regs, e.kind, e.key, e.count, e.data0, e.data1);
			return true;
		}
		ch = channel_of(w->source);
		given = channel_deliver(ch, t); /* which may raise this watch again */
		list_del(&w->ready_node);
		if (channel_pending(ch))
			list_add_tail(&q->ready, &w->ready_node);
		if (given)
			return true;
	}
	return false;
}

/* ---- giving -------------------------------------------------------------- */

struct thread *queue_take_receiver(struct queue *q)
{
	list_for_each (t, &q->waiters, struct thread, node)
		if (t->wants_registers && !t->suspended) {
			list_del(&t->node);
			if (t->timer.armed)
				timer_disarm(&t->timer);
			return t;
		}
	return NULL;
}

/* End a queue_wait from here, by way of the kernel's map; false: the waiter is to run its call
 * again, because its buffer cannot be written as it stands. What turned out stale leaves it
 * waiting. */
static bool events_give(struct queue *q, struct thread *t)
{
	uint64_t room = (PAGE_SIZE - (t->events & (PAGE_SIZE - 1))) / sizeof(struct event);
	uint64_t n = t->events_max < room ? t->events_max : room;
	struct event *to = n ? aspace_reach(t->aspace, t->events, n * sizeof(*to)) : NULL;

	if (unlikely(!to))
		return false;
	n = collect(q, to, (unsigned)n);
	if (likely(n)) {
		list_del(&t->node);
		thread_wake(t, (int64_t)n);
	}
	return true;
}

void queue_wake(struct queue *q)
{
	list_for_each_safe (t, &q->waiters, struct thread, node) {
		if (t->suspended)
			continue;
		if (!t->wants_registers && runs_before(t, this_cpu()->cur) && events_give(q, t))
			return;
		list_del(&t->node);
		timer_disarm(&t->timer);
		if (!t->wants_registers)
			thread_wake(t, K_RESTART);
		else if (queue_receive_ready(q, t))
			thread_wake(t, K_DONE);
		else
			receiver_return(t);
		return;
	}
}

void queue_poke(struct queue *q)
{
	if (!list_empty(&q->ready))
		queue_wake(q);
}

/* ---- queues -------------------------------------------------------------- */

int64_t sys_queue_create(struct thread *cur)
{
	struct account *account = cur->process->account;
	struct queue *q = kmem_alloc(account, sizeof(*q));
	handle_t h;
	int err;

	if (!q)
		return -ENOMEM;
	object_init(&q->object, OBJ_QUEUE, account);
	list_init(&q->waiters);
	list_init(&q->ready);
	list_init(&q->watches);
	err = handle_install(&cur->process->table, &q->object,
			     RIGHTS_ALL & ~(RIGHT_WX | RIGHT_EXECUTE), NULL, &h);
	object_put(&q->object);
	return err ? err : (int64_t)h;
}

/* No handle is left: nobody can wait any more but those who wait already. */
void queue_unhandled(struct object *o)
{
	struct queue *q = queue_of(o);

	q->dead = true;
	while (!list_empty(&q->watches))
		watch_end(list_first(&q->watches, struct watch, queue_node));
	while (!list_empty(&q->waiters)) {
		struct thread *t = list_first(&q->waiters, struct thread, node);

		list_del(&t->node);
		thread_wake(t, -EPIPE);
	}
}

void queue_destroy(struct object *o)
{
	struct queue *q = queue_of(o);

	while (!list_empty(&q->watches)) /* a queue that never got its first handle */
		watch_end(list_first(&q->watches, struct watch, queue_node));
	kmem_free(q, sizeof(*q));
}

int64_t sys_queue_wait(struct thread *cur, handle_t queue, uaddr_t events, uint32_t n,
		       uint64_t deadline)
{
	struct event batch[EVENT_BATCH], *at;
	struct object *o;
	struct queue *q;
	unsigned count;
	int64_t err = object_find(cur, queue, OBJ_QUEUE, RIGHT_WAIT, &o);

	if (err)
		return err;
	if (n == 0)
		return -EINVAL;
	if (n > EVENT_BATCH)
		n = EVENT_BATCH;
	at = aspace_reach(cur->aspace, events.a, n * sizeof(*at));
	err = likely(at) ? 0 : prepare_out(cur, events, n * sizeof(*at));
	if (err)
		return err;
	q = queue_of(o);
	count = collect(q, batch, n);
	if (count) {
		err = copy_out(cur, events, batch, count * sizeof(batch[0]));
		return err ? err : (int64_t)count;
	}
	if (deadline == DEADLINE_NOW)
		return -EAGAIN;
	if (deadline != DEADLINE_NEVER && deadline <= arch_now())
		return -ETIMEDOUT;
	cur->source = o;
	cur->wants_registers = false;
	cur->events = events.a;
	cur->events_max = n;
	cur->events_at = at;
	cur->events_flushes = cur->aspace->arch.flushes;
	list_add_tail(&q->waiters, &cur->node);
	thread_park(cur, THREAD_QUEUE, deadline);
	return K_DONE;
}
