/* SPDX-License-Identifier: ISC */
/*
 * watch.c: registrations in queues, and raising them.
 *
 * A watch is in the list of its source and in that of its queue; whichever goes first
 * ends it. Raising it never allocates and never drops: the event is given to a waiter
 * at once, in the usual case without passing the ready list, or counted in the watch.
 */
#include "queue_private.h"
#include "device.h"
#include "memory.h"
#include "silo.h"
#include "syscall.h"
#include "vmo.h"

#define TIMER_PERIOD_MIN 10000

/* ---- raising ------------------------------------------------------------- */

/* Its event was given without its being ready first. A level that holds is so now. */
static inline void given(struct watch *w)
{
	w->count = 0;
	if (w->kind == EVENT_SIGNAL && !(w->flags & WATCH_EDGE))
		list_add_tail(&w->queue->ready, &w->ready_node);
}

/* The usual case, with nothing else to say: one event for a waiter in queue_wait. False: take the
 * long way. */
static inline bool event_give(struct watch *w, struct thread *t, uint64_t data0, uint64_t data1)
{
	struct event *to;

	if ((w->flags & (WATCH_ONESHOT | WATCH_PERIOD)) || !list_empty(&w->queue->ready))
		return false;
	if (unlikely(!t->events_at || t->events_flushes != t->aspace->arch.flushes))
		return false;
	to = t->events_at;
	*to = (struct event){w->kind, w->count + 1, w->key, data0, data1};
	given(w);
	list_del(&t->node);
	REGS_RESULT(&t->regs) = 1;
	thread_woken(t);
	return true;
}

/* The same for one that takes it in registers. */
static inline bool registers_give(struct watch *w, struct thread *t, uint64_t data0, uint64_t data1)
{
	if (t->suspended || (w->flags & (WATCH_ONESHOT | WATCH_PERIOD)) ||
	    !list_empty(&w->queue->ready))
		return false;
	regs_event(&t->regs, w->kind, w->key, w->count + 1, data0, data1);
	given(w);
	list_del(&t->node);
	thread_woken(t);
	return true;
}

/* It has something to say, from now on. */
static inline void note(struct watch *w, uint64_t data0, uint64_t data1)
{
	w->count++;
	if (w->kind == EVENT_PROCESS)
		w->data0 |= data0; /* which of PROCESS_EV_* happened */
	else
		w->data0 = data0;
	w->data1 = data1;
	if (list_empty(&w->ready_node))
		list_add_tail(&w->queue->ready, &w->ready_node);
}

void watch_raise(struct watch *w, uint64_t data0, uint64_t data1)
{
	struct queue *q = w->queue;
	struct thread *t = container_of(q->waiters.next, struct thread, node);

	if (list_empty(&q->waiters)) {
		note(w, data0, data1);
		return;
	}
	if (unlikely(t->wants_registers || t->suspended)) {
		if (t->wants_registers && registers_give(w, t, data0, data1))
			return;
		note(w, data0, data1);
		queue_wake(q);
		return;
	}
	if (!runs_before(t, this_cpu()->cur)) {
		note(w, data0, data1);
		list_del(&t->node);
		thread_wake(t, K_RESTART);
		return;
	}
	if (event_give(w, t, data0, data1))
		return;
	note(w, data0, data1);
	queue_wake(q);
}

void watch_list_raise(struct list *source_list, uint32_t kind, uint64_t mask, uint64_t data0,
		      uint64_t data1)
{
	struct watch_walk walk;
	struct watch *w;

	watch_walk_begin(&walk, source_list);
	while ((w = watch_walk_next(&walk)))
		if (w->kind == kind && (!w->arg || (w->arg & mask)))
			watch_raise(w, data0, data1);
}

void queue_channel_ready(struct channel *ch)
{
	struct watch *w = ch->watch;

	if (list_empty(&w->ready_node))
		list_add_tail(&w->queue->ready, &w->ready_node);
	if (!list_empty(&w->queue->waiters))
		queue_wake(w->queue);
}

struct watch_walk *watch_walks;

/* ---- life ---------------------------------------------------------------- */

struct watch *watch_make(struct queue *q, uint32_t kind, uint64_t key, struct account *a)
{
	struct watch *w = kmem_alloc(a, sizeof(*w));

	if (!w)
		return NULL;
	w->queue = q;
	w->kind = kind;
	w->key = key;
	w->id = ++q->next_id;
	w->account = a;
	w->cap.kind = CAP_WATCH;
	account_get(a);
	list_init(&w->ready_node);
	list_init(&w->source_node);
	list_add_tail(&q->watches, &w->queue_node);
	return w;
}

/* Threads that wait for their fault handler wait for nobody now: their faults are final. */
static void handler_gone(struct process *p)
{
	p->handler = NULL;
	list_for_each (t, &p->threads, struct thread, process_node)
		if (t->run == THREAD_FAULTED) {
			thread_crash(t, t->fault.reason, t->fault.code, t->fault.address);
			return; /* the process ends, with all its threads */
		}
}

/* The source learns that nobody watches it by this any more. */
static void source_forget(struct watch *w)
{
	if (w->kind == EVENT_MESSAGE)
		channel_of(w->source)->watch = NULL;
	if (w->kind == EVENT_PROCESS && process_of(w->source)->handler == w)
		handler_gone(process_of(w->source));
	if (w->kind == EVENT_PAGER)
		pager_watch_ended(w);
}

void watch_end(struct watch *w)
{
	struct object *source = w->source;

	source_forget(w);
	for (struct watch_walk *walk = watch_walks; walk; walk = walk->outer)
		if (walk->next == &w->source_node)
			walk->next = w->source_node.next;
	timer_disarm(&w->timer);
	list_del(&w->ready_node);
	list_del(&w->source_node);
	list_del(&w->queue_node);
	cap_unlink(&w->cap);
	if (w->kind == EVENT_MESSAGE)
		source = NULL; /* not counted */
	account_put(w->account);
	kmem_free(w, sizeof(*w));
	if (source)
		object_put(source);
}

/* ---- registering --------------------------------------------------------- */

/* The list that a source keeps for a kind of event; NULL: the kind does not fit. */
static struct list *source_list(struct object *o, uint32_t kind)
{
	switch (kind) {
	case EVENT_IRQ: return o->type == OBJ_IRQ ? irq_watches(o) : NULL;
	case EVENT_PROCESS: return o->type == OBJ_PROCESS ? &process_of(o)->watches : NULL;
	case EVENT_SILO: return o->type == OBJ_SILO ? &silo_of(o)->watches : NULL;
	case EVENT_PRESSURE: return o->type == OBJ_SILO ? &silo_of(o)->account->pressure : NULL;
	case EVENT_SIGNAL: return o->type == OBJ_SIGNAL ? &signal_of(o)->watches : NULL;
	}
	return NULL;
}

static int64_t add_channel(struct queue *q, struct cap *c, uint64_t key)
{
	struct channel *ch = channel_of(c->object);
	struct watch *w;

	if (ch->watch || !list_empty(&ch->receivers))
		return -EBUSY;
	w = watch_make(q, EVENT_MESSAGE, key, q->object.account);
	if (!w)
		return -ENOMEM;
	cap_link_child(c, &w->cap);
	w->source = &ch->object;
	ch->watch = w;
	if (channel_pending(ch))
		queue_channel_ready(ch);
	return (int64_t)w->id;
}

static int64_t add_source(struct object *o, struct watch *w, struct list *list)
{
	int64_t id = (int64_t)w->id; /* raising one that is ONESHOT may end it */

	w->source = o;
	object_get(o);
	list_add_tail(list, &w->source_node);
	if (w->kind == EVENT_SIGNAL) {
		if (signal_of(o)->word & w->arg)
			watch_raise(w, signal_of(o)->word, 0);
	} else if (w->kind == EVENT_IRQ) {
		if (irq_pending(o))
			watch_raise(w, 0, 0);
	} else if (w->kind == EVENT_PROCESS && process_of(o)->state >= PROCESS_CORPSE &&
		   (w->arg & PROCESS_EV_EXIT)) {
		struct process *p = process_of(o);

		watch_raise(w, PROCESS_EV_EXIT,
			    p->crash.reason ? p->crash.reason : (uint32_t)p->code);
	}
	return id;
}

int64_t sys_queue_add(struct thread *cur, handle_t queue, handle_t source, uint32_t kind,
		      uint64_t key, uint32_t flags, uint64_t arg)
{
	struct object *qo, *o;
	struct list *list;
	struct watch *w;
	struct cap *c;
	int err = object_find(cur, queue, OBJ_QUEUE, RIGHT_WRITE, &qo);

	if (!err)
		err = cap_find(cur, source, OBJ_NONE,
			       kind == EVENT_MESSAGE ? RIGHT_READ : RIGHT_WAIT, &c);
	if (err)
		return err;
	if (flags & ~(WATCH_EDGE | WATCH_ONESHOT))
		return -EINVAL;
	o = c->object;
	if (cap_revoking(c))
		return -EAGAIN;
	if (kind == EVENT_MESSAGE && o->type == OBJ_CHANNEL)
		return flags || arg ? -EINVAL : add_channel(queue_of(qo), c, key);
	list = source_list(o, kind);
	if (!list || (kind == EVENT_SIGNAL && !arg))
		return -EINVAL;
	if (kind == EVENT_PROCESS && (arg & PROCESS_EV_FAULT)) {
		/* Its end makes faults final: that must not happen while an event is given out. */
		if (flags & WATCH_ONESHOT)
			return -EINVAL;
		if (!(c->rights & RIGHT_MANAGE))
			return -EACCES;
		if (process_of(o)->handler || faults_sent(process_of(o)))
			return -EBUSY;
	}
	w = watch_make(queue_of(qo), kind, key, cur->process->account);
	if (!w)
		return -ENOMEM;
	cap_link_child(c, &w->cap);
	w->flags = flags;
	w->arg = arg;
	if (kind == EVENT_PROCESS && (arg & PROCESS_EV_FAULT))
		process_of(o)->handler = w;
	return add_source(o, w, list);
}

void watch_revoked(struct cap *node)
{
	watch_end(container_of(node, struct watch, cap));
}

static struct watch *watch_find(struct queue *q, uint64_t id)
{
	list_for_each (w, &q->watches, struct watch, queue_node)
		if (w->id == id)
			return w;
	return NULL;
}

int64_t sys_queue_remove(struct thread *cur, handle_t queue, uint64_t id)
{
	struct object *o;
	struct watch *w;
	int err = object_find(cur, queue, OBJ_QUEUE, RIGHT_WRITE, &o);

	if (err)
		return err;
	w = watch_find(queue_of(o), id);
	if (!w || w->kind == EVENT_PAGER)
		return -ENOENT;
	watch_end(w);
	return 0;
}

static void timer_fired(struct timer *tm)
{
	watch_raise(container_of(tm, struct watch, timer), 0, 0);
}

int64_t sys_queue_timer(struct thread *cur, handle_t queue, uint64_t id, uint64_t key,
			uint64_t deadline, uint64_t period)
{
	struct object *o;
	struct watch *w;
	int err = object_find(cur, queue, OBJ_QUEUE, RIGHT_WRITE, &o);

	if (err)
		return err;
	if (period && period < TIMER_PERIOD_MIN)
		return -EINVAL;
	if (id) {
		w = watch_find(queue_of(o), id);
		if (!w || w->kind != EVENT_TIMER)
			return -ENOENT;
		w->key = key;
	} else {
		w = watch_make(queue_of(o), EVENT_TIMER, key, cur->process->account);
		if (!w)
			return -ENOMEM;
		w->timer.fire = timer_fired;
	}
	w->period = period;
	w->flags = period ? WATCH_PERIOD : 0;
	w->count = 0;
	list_del(&w->ready_node); /* what it said of the old deadline is void */
	timer_arm(&w->timer, deadline);
	return (int64_t)w->id;
}
