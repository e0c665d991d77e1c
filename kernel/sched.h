/* SPDX-License-Identifier: ISC */
/*
 * sched.h: who runs. Bands; in a band, fair shares by silo; in a silo, in turn.
 */
#pragma once
#include "cpu.h"
#include "info.h"
#include "thread.h"

#define SLICE_NS       5000000ull
#define SHARES_DEFAULT 1024u
#define SHARE_SHIFT    20

/* Per silo and band, inside struct silo. */
struct sched_entity {
	struct list node;    /* band's list of silos with ready threads, by virtual time */
	struct list threads; /* ready threads of this silo, in turn */
	uint64_t vtime;
	bool linked;
};

void sched_ready(struct thread *t); /* put into a run queue; kicks a CPU */
/* A thread whose wait is over and whose registers are set: thread_wake with K_DONE. */
static inline void thread_woken(struct thread *t)
{
	timer_disarm(&t->timer);
	thread_set_run(t, THREAD_READY);
	sched_ready(t);
}
void sched_remove(struct thread *t); /* take out of its run queue */
void sched_pick(void);		     /* choose cpu->cur (or NULL) and arm the timer */
/* The same in the usual case after an interrupt: whom it woke, of a higher band, goes on here, and
 * who ran waits alone in its band. False: nothing has changed. */
must_check bool sched_preempt(struct cpu *c);
void sched_charge(struct cpu *c); /* bring the payer's time up to date */
/* Direct switch to a thread that waits: no run queue, no new slice; `payer` stays in charge. */
static inline void sched_switch(struct cpu *c, struct thread *to)
{
	thread_set_run(to, THREAD_RUNNING);
	to->cpu = c;
	c->cur = to;
}
/* May `to` start on this CPU at once? */
static inline bool sched_can_switch(const struct cpu *c, const struct thread *to)
{
	return likely(!to->suspended && (to->cpus >> c->index & 1) && !c->resched &&
		      to->payer == c->payer);
}
void sched_soon(struct cpu *c); /* enter the kernel again within 100 us, and pick again */
/* Before leaving: this CPU's one-shot covers timers and slice. */
static inline void sched_timer_check(struct cpu *c)
{
	uint64_t first = timer_first;

	if (c->slice_end < first)
		first = c->slice_end;
	if (unlikely(first < c->timer_armed)) {
		c->timer_armed = first;
		arch_timer_set(first);
	}
}
void thread_band_set(struct thread *t, enum band b);
void thread_cpus_set(struct thread *t);		    /* its affinity or its silo's has changed */
uint64_t thread_cycles(const struct thread *t);	    /* charged, and since the last charge */
void sched_shares(struct silo *s, uint32_t shares); /* not 0 */
void sched_tick(struct cpu *c, uint64_t now);
void sched_kick(struct cpu *c);
void sched_silo_changed(struct silo *s); /* paused, resumed, throttled, unthrottled */
