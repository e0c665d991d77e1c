/* SPDX-License-Identifier: ISC */
/*
 * sched.c: who runs on which CPU, and who pays for it.
 *
 * A band holds the silos that have ready threads, ordered by virtual time; a
 * silo holds its ready threads in turn. A thread runs on the account of
 * `payer`: its own silo, or the one whose request it serves. Time is charged
 * when a CPU picks again, not at a direct switch, which keeps the payer.
 *
 * Invariant: a thread is in a run queue, or is some CPU's `next`, exactly when it
 * is READY, not suspended and not running; `on_queue` says so. `next` is who
 * preempts the running thread as soon as that CPU picks. Some CPU's one-shot timer
 * is never later than the earliest timer.
 */
#include "log.h"
#include "process.h"
#include "sched.h"
#include "silo.h"
#include "syscall.h"

static struct list bands[BANDS] = {
	{&bands[0], &bands[0]}, {&bands[1], &bands[1]}, {&bands[2], &bands[2]}};
static uint64_t band_vtime[BANDS]; /* of the silo picked last: where newcomers start */
uint64_t stat_switches;

/* ---- run queues ------------------------------------------------------------- */

static inline void entity_link(const struct silo *s, struct sched_entity *e, unsigned b)
{
	struct list *head = &bands[b], *at = head->prev;

	if (e->linked || s->held || list_empty(&e->threads))
		return;
	if (e->vtime < band_vtime[b])
		e->vtime = band_vtime[b];
	while (at != head && container_of(at, struct sched_entity, node)->vtime > e->vtime)
		at = at->prev;
	list_add_head(at, &e->node);
	e->linked = true;
}

static inline void entity_unlink(struct sched_entity *e)
{
	if (!e->linked)
		return;
	list_del(&e->node);
	e->linked = false;
}

/* The CPU that should look again because `t` is ready, of several. */
static struct cpu *kick_choose(const struct thread *t)
{
	struct cpu *best = NULL;
	unsigned lowest = t->band;

	for (unsigned i = 0; i < cpu_count; i++) {
		struct cpu *c = &cpus[i];

		if (!c->online || !(t->cpus >> i & 1) || c->resched)
			continue;
		if (!c->cur) {
			best = c;
			if (c == t->cpu)
				return c;
			lowest = BANDS;
		} else if (c->cur->band > lowest && lowest < BANDS) {
			best = c;
			lowest = c->cur->band;
		}
	}
	return best;
}

void sched_kick(struct cpu *c)
{
	if (c->resched)
		return;
	c->resched = true;
	if (c != this_cpu())
		arch_ipi(c);
}

static inline void enqueue(struct thread *t)
{
	unsigned b = t->band;
	struct silo *s = t->payer;
	struct sched_entity *e;

	/* A server is not stopped with a request in hand because its client has overdrawn: it takes
	 * its own silo's turns, and the time is the client's debt. */
	if (unlikely(s->held))
		s = t->process->silo;
	e = &s->entity[b];

	list_add_tail(&e->threads, &t->node);
	t->on_queue = true;
	entity_link(s, e, b);
}

static noinline void slice_start(struct cpu *c)
{
	uint64_t now = arch_now();

	c->slice_end = now + SLICE_NS;
	if (c->slice_end >= c->timer_armed || c->resched)
		return;
	if (c == this_cpu()) {
		c->timer_armed = c->slice_end;
		arch_timer_start(c->slice_end, now);
	} else {
		arch_ipi(c); /* it arms its timer as it leaves */
	}
}

/* `t` stays ready: one of the CPUs where it may run must be shared in turn. One that is about to
 * pick again sees to that itself. */
static void share_among(const struct thread *t)
{
	struct cpu *one = NULL;

	for (unsigned i = 0; i < cpu_count; i++) {
		struct cpu *c = &cpus[i];

		if (!c->online || !(t->cpus >> i & 1))
			continue;
		if (c->slice_end != DEADLINE_NEVER || c->resched)
			return;
		if (!one || c == this_cpu())
			one = c;
	}
	if (one)
		slice_start(one);
}

/* This CPU, which does not pick yet, goes on with t. */
static inline void hand_over(struct cpu *here, struct thread *t)
{
	here->resched = true;
	here->next = t;
	t->cpu = here;
	t->on_queue = true;
}

static noinline void ready_somewhere(struct thread *t)
{
	struct cpu *target = kick_choose(t);

	if (target == this_cpu()) {
		hand_over(target, t);
		return;
	}
	enqueue(t);
	if (target)
		sched_kick(target);
	else
		share_among(t);
}

void sched_ready(struct thread *t)
{
	struct cpu *here = this_cpu();

	if (t->suspended || t->on_queue)
		return;
	if (cpu_count > 1) {
		ready_somewhere(t);
		return;
	}
	if (!here->resched && (!here->cur || here->cur->band > t->band)) {
		hand_over(here, t);
		return;
	}
	enqueue(t);
	if (here->slice_end == DEADLINE_NEVER)
		slice_start(here);
}

static inline void unqueue(struct thread *t)
{
	struct list *head = t->node.next;
	bool only = head == t->node.prev;

	list_cut(&t->node);
	t->on_queue = false;
	if (only)
		entity_unlink(container_of(head, struct sched_entity, threads));
}

void sched_remove(struct thread *t)
{
	if (!t->on_queue)
		return;
	if (t->cpu && t->cpu->next == t) {
		t->cpu->next = NULL;
		t->on_queue = false;
	} else {
		unqueue(t);
	}
}

/* Whoever is c's next waits in the run queue like others. */
static noinline void next_enqueue(struct cpu *c)
{
	struct thread *t = c->next;

	c->next = NULL;
	enqueue(t);
}

/* ---- time ------------------------------------------------------------------- */

/* These threads may run again, perhaps on a CPU alone whose thread has no end of its slice. */
static void threads_offer(const struct sched_entity *e)
{
	uint64_t offered = 0;

	list_for_each (t, &e->threads, struct thread, node) {
		struct cpu *c = t->cpus == offered ? NULL : kick_choose(t);

		if (c)
			sched_kick(c);
		else if (t->cpus != offered)
			share_among(t);
		offered = t->cpus;
	}
}

/* It, and with it each silo below that no other one holds, has turns again. */
static void release(struct silo *top, uint64_t now)
{
	top->throttled = false;
	for (struct silo *s = top; s; s = silo_next(top, s)) {
		if (--s->held)
			continue;
		s->throttled_ns += now - s->throttled_since;
		for (unsigned b = 0; b < BANDS; b++) {
			entity_link(s, &s->entity[b], b);
			threads_offer(&s->entity[b]);
		}
	}
	for (unsigned i = 0; i < cpu_count; i++)
		if (cpus[i].online && (!cpus[i].cur || &cpus[i] == this_cpu()))
			sched_kick(&cpus[i]);
}

static void refill(struct timer *tm)
{
	struct silo *s = container_of(tm, struct silo, refill);
	uint64_t now = arch_now(), quota = s->quota_cycles;

	s->period_start = now;
	s->used_cycles = quota && s->used_cycles > quota ? s->used_cycles - quota : 0;
	if (s->throttled && (!quota || s->used_cycles < quota))
		release(s, now);
	if (s->throttled || s->used_cycles)
		timer_arm(&s->refill, now + s->period_ns);
}

/* No turns for the silo's own threads; those that work for it go to their own silos' queues. */
static void throttle(const struct silo *s, struct sched_entity *e)
{
	list_for_each_safe (t, &e->threads, struct thread, node)
		if (t->process->silo != s) {
			unqueue(t);
			enqueue(t);
		}
	entity_unlink(e);
}

static void hold(struct silo *top)
{
	uint64_t now = arch_now();

	top->throttled = true;
	for (struct silo *s = top; s; s = silo_next(top, s)) {
		if (s->held++)
			continue;
		s->throttled_since = now;
		for (unsigned b = 0; b < BANDS; b++)
			throttle(s, &s->entity[b]);
	}
}

/* The time counts for the quotas above, too. */
static noinline void quota_use(struct silo *s, uint64_t cycles)
{
	for (; s; s = s->parent) {
		if (!s->quota_cycles)
			continue;
		s->used_cycles += cycles;
		if (!s->refill.armed) {
			s->refill.fire = refill;
			timer_arm(&s->refill, arch_now() + s->period_ns);
		}
		if (!s->throttled && s->used_cycles >= s->quota_cycles)
			hold(s);
	}
}

/* Did the virtual time of a linked entity reach that of the one behind it? */
static inline bool overtakes(const struct sched_entity *e, unsigned b)
{
	return e->node.next != &bands[b] &&
	       container_of(e->node.next, struct sched_entity, node)->vtime <= e->vtime;
}

/* What was charged: the payer's entity in the thread's band; NULL: nobody ran. */
static inline struct sched_entity *charge(struct cpu *c)
{
	uint64_t now = arch_cycles(), cycles = now - c->since;
	/* One that began to wait in this entry to the kernel is still loaded. */
	struct thread *t = c->cur ? c->cur : c->loaded;
	struct silo *s = c->payer;
	struct sched_entity *e;
	unsigned b = t->band;

	c->since = now;
	if (!s)
		return NULL;
	e = &s->entity[b];
	t->cpu_ns += cycles;
	s->cpu_cycles += cycles;
	e->vtime += cycles * s->share_cost >> SHARE_SHIFT;
	if (unlikely(e->linked && overtakes(e, b))) {
		entity_unlink(e);
		entity_link(s, e, b);
	}
	if (unlikely(s->quotas))
		quota_use(s, cycles);
	return e;
}

void sched_shares(struct silo *s, uint32_t shares)
{
	s->shares = shares;
	s->share_cost = ((uint64_t)SHARES_DEFAULT << SHARE_SHIFT) / shares;
}

void sched_charge(struct cpu *c)
{
	if (arch_cycles() > c->since) /* another's counter may be a little ahead */
		(void)charge(c);
}

/* When the first of the quotas that count for the payer is used up; it is not held. */
static noinline uint64_t quota_end(const struct silo *s, uint64_t now)
{
	uint64_t end = DEADLINE_NEVER;

	for (; s; s = s->parent) {
		uint64_t left = s->quota_cycles - s->used_cycles, at = now;

		if (!s->quota_cycles)
			continue;
		if (s->used_cycles < s->quota_cycles) /* else it was lowered: at the next charge */
			at += cycles_to_ns(left) + 1000;
		end = at < end ? at : end;
	}
	return end;
}

void sched_soon(struct cpu *c)
{
	uint64_t soon = arch_now() + 100000;

	if (c->next)
		next_enqueue(c);
	c->resched = true;
	if (soon < c->slice_end)
		c->slice_end = soon;
}

void sched_tick(struct cpu *c, uint64_t now)
{
	if (c->timer_armed <= now)
		c->timer_armed = DEADLINE_NEVER;
	timer_run(now);
	if (c->slice_end <= now)
		c->resched = true;
}

/* ---- choosing ----------------------------------------------------------------- */

static inline struct thread *pick_for(struct cpu *c)
{
	for (unsigned b = 0; b < BANDS; b++)
		list_for_each (e, &bands[b], struct sched_entity, node)
			list_for_each (t, &e->threads, struct thread, node)
				if (t->cpus >> c->index & 1) {
					band_vtime[b] = e->vtime;
					return t;
				}
	return NULL;
}

static inline bool anyone_ready(void)
{
	return !list_empty(&bands[0]) || !list_empty(&bands[1]) || !list_empty(&bands[2]);
}

/* The running thread goes back to the queue; its server's loan of a payer stays. */
static inline void requeue_current(struct cpu *c)
{
	struct thread *t = c->cur;

	t->run = THREAD_READY;
	c->cur = NULL;
	if (likely(!t->suspended))
		enqueue(t);
}

/* The same in this band or a higher one. */
static inline bool anyone_ready_in(unsigned band)
{
	return !list_empty(&bands[BAND_CRITICAL]) ||
	       (band >= BAND_SYSTEM && !list_empty(&bands[BAND_SYSTEM])) ||
	       (band >= BAND_USER && !list_empty(&bands[BAND_USER]));
}

/* It is c's next no longer, but runs: a newcomer in its band. */
static inline void next_begin(struct cpu *c, struct thread *t)
{
	struct sched_entity *e = &t->payer->entity[t->band];

	if (e->vtime < band_vtime[t->band])
		e->vtime = band_vtime[t->band];
	band_vtime[t->band] = e->vtime;
	c->next = NULL;
	t->on_queue = false;
}

/* c's next, if nobody who waits should come before it; it was in no run queue. */
static inline struct thread *next_take(struct cpu *c)
{
	struct thread *t = c->next;

	if (!t)
		return NULL;
	if (unlikely(anyone_ready_in(t->band) || t->payer->held)) {
		next_enqueue(c);
		return NULL;
	}
	next_begin(c, t);
	return t;
}

/* The usual turn: somebody of the same silo goes on, and the running thread waits behind its
 * peers in e. NULL: nothing has changed, choose at large. */
static inline struct thread *next_peer(struct cpu *c, struct sched_entity *e)
{
	struct thread *t, *before = c->cur;
	unsigned b = before->band;

	if (bands[b].next != &e->node || before->suspended || (b > 0 && !list_empty(&bands[0])) ||
	    (b > 1 && !list_empty(&bands[1])))
		return NULL;
	t = list_first(&e->threads, struct thread, node);
	if (!(t->cpus >> c->index & 1))
		return NULL;
	list_cut(&t->node);
	t->on_queue = false;
	before->run = THREAD_READY;
	before->on_queue = true;
	list_add_tail(&e->threads, &before->node);
	band_vtime[b] = e->vtime;
	return t;
}

/* Who runs next on c; out of its run queue. The running thread is in one, if it can go on. */
static inline struct thread *choose(struct cpu *c, struct sched_entity *charged)
{
	struct thread *next = next_take(c);

	if (c->cur) {
		if (!next && (next = next_peer(c, charged)))
			return next;
		requeue_current(c);
	}
	if (next)
		return next;
	next = pick_for(c);
	if (next)
		unqueue(next);
	return next;
}

/* From the last charge on: a slice when others wait, at most what the quota leaves. With a quota
 * always: who begins to wait later relies on an end that there is (share_among). */
static inline void slice_begin(struct cpu *c, const struct silo *payer)
{
	if (anyone_ready() || unlikely(payer->quotas))
		c->slice_end = arch_time_at(c->since) + SLICE_NS;
	if (unlikely(payer->quotas) && !payer->held) {
		uint64_t end = quota_end(payer, arch_time_at(c->since));

		if (end < c->slice_end)
			c->slice_end = end;
	}
}

/* It lost this CPU and waits; another may have room. */
static noinline void offer(struct cpu *c, const struct thread *before)
{
	struct cpu *other = kick_choose(before);

	if (other && other != c)
		sched_kick(other);
	else if (!other)
		share_among(before);
}

void sched_pick(void)
{
	struct cpu *c = this_cpu();
	struct thread *next, *before = c->cur;
	struct sched_entity *charged;

	charged = charge(c);
	if (before && unlikely(before->dying)) {
		thread_end(before); /* suspended or throttled it would never be picked to end */
		before = NULL;
	}
	c->resched = false;
	next = choose(c, charged);
	c->cur = next;
	c->slice_end = DEADLINE_NEVER;
	if (likely(next)) {
		next->run = THREAD_RUNNING;
		next->cpu = c;
		c->payer = next->payer;
		stat_switches++;
		slice_begin(c, next->payer);
	} else {
		c->payer = NULL;
	}
	if (cpu_count > 1 && before && before != next && before->on_queue)
		offer(c, before);
}

bool sched_preempt(struct cpu *c)
{
	struct thread *next = c->next, *before = c->cur;
	struct silo *payer = c->payer;
	struct sched_entity *e;
	uint64_t now, cycles;
	unsigned b;

	if (!next || !before || thread_flagged(before) || before->suspended)
		return false;
	b = before->band;
	if (anyone_ready_in(b) || payer->quotas || payer->held || next->payer->quotas ||
	    next->payer->held)
		return false;
	now = arch_cycles();
	cycles = now - c->since; /* as charge does */
	e = &payer->entity[b];
	before->cpu_ns += cycles;
	payer->cpu_cycles += cycles;
	e->vtime += cycles * payer->share_cost >> SHARE_SHIFT;
	before->run = THREAD_READY; /* alone in its band, whose virtual time it made */
	before->on_queue = true;
	list_add_tail(&e->threads, &before->node);
	list_add_tail(&bands[b], &e->node);
	e->linked = true;
	next_begin(c, next);
	next->run = THREAD_RUNNING;
	next->cpu = c;
	c->cur = next;
	c->payer = next->payer;
	c->resched = false;
	c->since = now;
	c->slice_end = arch_time_at(now) + SLICE_NS;
	stat_switches++;
	if (cpu_count > 1)
		offer(c, before);
	return true;
}

uint64_t thread_cycles(const struct thread *t)
{
	uint64_t now;

	if (t->run != THREAD_RUNNING || !t->cpu || t->cpu->cur != t)
		return t->cpu_ns;
	now = arch_cycles();
	return t->cpu_ns + (now > t->cpu->since ? now - t->cpu->since : 0);
}

/* Leave through kernel_leave, which cleans up a slice. */
void sched_cleanup(void)
{
	cleanup_pending = true;
	this_cpu()->resched = true;
}

/* ---- changes ------------------------------------------------------------------- */

void thread_band_set(struct thread *t, enum band b)
{
	bool queued = t->on_queue;

	if (t->band == b)
		return;
	sched_remove(t);
	t->band = b;
	if (queued)
		sched_ready(t);
}

void thread_cpus_set(struct thread *t)
{
	t->cpus = t->affinity & t->process->silo->affinity;
	if (t->on_queue) { /* one where it may run now perhaps idles */
		sched_remove(t);
		sched_ready(t);
	} else if (t->run == THREAD_RUNNING && !(t->cpus >> t->cpu->index & 1)) {
		sched_kick(t->cpu);
	}
}

static void thread_follow_silo(struct thread *t, bool runs)
{
	thread_cpus_set(t);
	if (t->run == THREAD_NEW)
		return;
	if (runs) {
		t->suspended &= ~SUSPENDED_SILO;
		thread_unsuspended(t);
		if (t->run == THREAD_RUNNING && !(t->cpus >> t->cpu->index & 1))
			sched_kick(t->cpu);
		return;
	}
	t->suspended |= SUSPENDED_SILO;
	sched_remove(t);
	if (t->run == THREAD_RUNNING)
		sched_kick(t->cpu);
}

void sched_silo_changed(struct silo *s)
{
	bool runs = silo_runs(s);

	list_for_each (p, &s->processes, struct process, silo_node)
		list_for_each (t, &p->threads, struct thread, process_node)
			if (t->run != THREAD_DEAD)
				thread_follow_silo(t, runs);
}
