/* SPDX-License-Identifier: ISC */
/*
 * queue.c: one wait for everything that can happen.
 *
 * A watch with something to say is in queue->ready exactly once, however often it
 * was raised. Whoever raises it gives it to a waiter: into registers in ipc_reply_wait, in
 * queue_wait into the buffer, if that is one page's and can be written as it stands; else the
 * waiter runs its call again.
 */
#include "queue.h"
#include "channel.h"
#include "device.h"
#include "memory.h"
#include "vmo.h"
#include "silo.h"
#include "syscall.h"

#define EVENT_BATCH	 16
#define TIMER_PERIOD_MIN 10000
#define WATCH_PERIOD	 0x80000000u /* in watch.flags: a timer that is set again when it is taken */

struct signal {
	struct object object;
	uint64_t word;
	struct list watches;
};

struct queue *queue_of(struct object *o)
{
	return container_of(o, struct queue, object);
}

static struct signal *signal_of(struct object *o)
{
	return container_of(o, struct signal, object);
}

/* ---- taking ---------------------------------------------------------------------- */

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

		if (went_stale(w))
			continue;
		if (w->kind != EVENT_MESSAGE) {
			take_event(w, &e);
			regs_event(&t->regs, e.kind, e.key, e.count, e.data0, e.data1);
			return true;
		}
		ch = channel_of(w->source);
		list_del(&w->ready_node);
		if (channel_deliver(ch, t)) {
			if (channel_pending(ch))
				list_add_tail(&q->ready, &w->ready_node);
			return true;
		}
	}
	return false;
}

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

/* A waiter of a lower band than the waker's takes its events in its own time. */
static inline bool runs_before(const struct thread *t, const struct thread *cur)
{
	return !cur || t->band <= cur->band;
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

/* Something is ready: serve one waiter. */
static noinline void queue_wake(struct queue *q)
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

/* ---- raising --------------------------------------------------------------------- */

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
	thread_wake(t, 1);
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
	thread_wake(t, K_DONE);
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
	list_for_each_safe (w, source_list, struct watch, source_node)
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

static void timer_fired(struct timer *tm)
{
	watch_raise(container_of(tm, struct watch, timer), 0, 0);
}

/* ---- watches ---------------------------------------------------------------------- */

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
	timer_disarm(&w->timer);
	list_del(&w->ready_node);
	list_del(&w->source_node);
	list_del(&w->queue_node);
	if (w->kind == EVENT_MESSAGE)
		source = NULL; /* not counted */
	account_put(w->account);
	kmem_free(w, sizeof(*w));
	if (source)
		object_put(source);
}

static struct watch *watch_find(struct queue *q, uint64_t id)
{
	list_for_each (w, &q->watches, struct watch, queue_node)
		if (w->id == id)
			return w;
	return NULL;
}

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

static int64_t add_channel(struct queue *q, struct channel *ch, uint64_t key, struct account *a)
{
	struct watch *w;

	if (ch->watch || !list_empty(&ch->receivers))
		return -EBUSY;
	w = watch_make(q, EVENT_MESSAGE, key, a);
	if (!w)
		return -ENOMEM;
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
	if (kind == EVENT_MESSAGE && o->type == OBJ_CHANNEL)
		return flags || arg ? -EINVAL
				    : add_channel(queue_of(qo), channel_of(o), key, qo->account);
	list = source_list(o, kind);
	if (!list || (kind == EVENT_SIGNAL && !arg))
		return -EINVAL;
	if (kind == EVENT_PROCESS && (arg & PROCESS_EV_FAULT)) {
		/* Its end makes faults final: that must not happen while an event is given out. */
		if (flags & WATCH_ONESHOT)
			return -EINVAL;
		if (!(c->rights & RIGHT_MANAGE))
			return -EACCES;
		if (process_of(o)->handler || process_of(o)->faults)
			return -EBUSY;
	}
	w = watch_make(queue_of(qo), kind, key, cur->process->account);
	if (!w)
		return -ENOMEM;
	w->flags = flags;
	w->arg = arg;
	if (kind == EVENT_PROCESS && (arg & PROCESS_EV_FAULT))
		process_of(o)->handler = w;
	return add_source(o, w, list);
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

/* ---- queues ------------------------------------------------------------------------ */

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

/* ---- signal words ------------------------------------------------------------------- */

int64_t sys_signal_create(struct thread *cur, uint64_t word)
{
	struct account *account = cur->process->account;
	struct signal *s = kmem_alloc(account, sizeof(*s));
	handle_t h;
	int err;

	if (!s)
		return -ENOMEM;
	object_init(&s->object, OBJ_SIGNAL, account);
	s->word = word;
	list_init(&s->watches);
	err = handle_install(&cur->process->table, &s->object,
			     RIGHTS_ALL & ~(RIGHT_WX | RIGHT_EXECUTE), NULL, &h);
	object_put(&s->object);
	return err ? err : (int64_t)h;
}

void signal_destroy(struct object *o)
{
	kmem_free(signal_of(o), sizeof(struct signal));
}

/* A word of any value as a result. */
static inline int64_t word_result(struct thread *cur, uint64_t word)
{
	if (likely(word <= INT32_MAX))
		return (int64_t)word;
	REGS_RESULT(&cur->regs) = word;
	return K_DONE;
}

int64_t sys_signal_set(struct thread *cur, handle_t signal, uint64_t clear, uint64_t set)
{
	struct object *o;
	struct signal *s;
	uint64_t old, raised;
	int err = object_find(cur, signal, OBJ_SIGNAL, RIGHT_WRITE, &o);

	if (err)
		return err;
	s = signal_of(o);
	old = s->word;
	s->word = (old & ~clear) | set;
	raised = s->word;
	list_for_each_safe (w, &s->watches, struct watch, source_node)
		if ((raised & w->arg) && (!(w->flags & WATCH_EDGE) || (raised & ~old & w->arg)))
			watch_raise(w, raised, 0);
	return word_result(cur, old);
}

int64_t sys_signal_get(struct thread *cur, handle_t signal)
{
	struct object *o;
	int err = object_find(cur, signal, OBJ_SIGNAL, RIGHT_READ, &o);

	if (err)
		return err;
	return word_result(cur, signal_of(o)->word);
}
