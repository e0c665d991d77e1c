/* SPDX-License-Identifier: ISC */
/*
 * health.c: does a server answer? A thread for each silo with a heartbeat calls its connector with
 * the ping of lib/serve, once in heartbeat_ms and with as much patience. A server that sleeps
 * answers; one that hangs does not, and after HUNG_PINGS in a row the main loop is told.
 *
 * A pinger has its own dup of the connector and shares only atomic words with the main thread; it
 * is freed by whichever of the two lets go last. Invariant: the pinger of a silo belongs to its
 * present process; it is stopped before the next one starts, so an old verdict hits nobody.
 *
 * Who may lie: the server, in the three words of its answer; they are only shown.
 */
#include "servers/sipd/sipd.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include "sys/info.h"
#include "sys/log.h"

#define HUNG_PINGS   2u
#define PINGER_STACK 65536

struct pinger {
	uint32_t refs; /* atomic: main thread and pinger */
	uint32_t stop; /* atomic, futex: 1: end */
	handle_t connector;
	uint64_t period;		  /* ns */
	uint32_t missed;		  /* atomic: in a row */
	uint32_t hung;			  /* atomic: tell the main loop */
	uint64_t answers, served, errors; /* atomic */
};

static volatile uint32_t alarm_word; /* rung when a pinger found its server hung */
static struct serve_watch alarm_watch;

static void pinger_put(struct pinger *p)
{
	if (__atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL))
		return;
	sys_handle_close(p->connector);
	free(p);
}

static void ping(struct pinger *p)
{
	struct ipc_msg m = {.tag = MSG_LABEL(SERVE_LABEL_PING)};
	int64_t err = ipc_call(p->connector, &m, time_in(p->period));

	if (err == 0) {
		__atomic_store_n(&p->served, m.w[0], __ATOMIC_RELAXED);
		__atomic_store_n(&p->errors, m.w[1], __ATOMIC_RELAXED);
		__atomic_add_fetch(&p->answers, 1, __ATOMIC_RELAXED);
		__atomic_store_n(&p->missed, 0, __ATOMIC_RELEASE);
		return;
	}
	if (err != -ETIMEDOUT)
		return; /* it died: that is seen elsewhere */
	if (__atomic_add_fetch(&p->missed, 1, __ATOMIC_ACQ_REL) < HUNG_PINGS)
		return;
	__atomic_store_n(&p->hung, 1, __ATOMIC_RELEASE);
	__atomic_add_fetch(&alarm_word, 1, __ATOMIC_SEQ_CST);
	if (sys_futex_wake((uintptr_t)&alarm_word, 1) < 0)
		log_print("sipd: the alarm cannot be rung");
}

static void *pinger_main(void *arg)
{
	struct pinger *p = arg;
	uint64_t next = time_now();

	while (!__atomic_load_n(&p->stop, __ATOMIC_ACQUIRE)) {
		int64_t err;

		ping(p);
		next += p->period;
		if (next < time_now())
			next = time_in(p->period);
		err = sys_futex_wait((uintptr_t)&p->stop, 0, next);
		if (err == -EFAULT || err == -EINVAL)
			break;
	}
	pinger_put(p);
	return NULL;
}

static int pinger_run(struct pinger *p)
{
	pthread_attr_t attr;
	pthread_t thread;
	int err = pthread_attr_init(&attr);

	if (err)
		return -err;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, PINGER_STACK);
	err = pthread_create(&thread, &attr, pinger_main, p);
	pthread_attr_destroy(&attr);
	return -err;
}

void health_begin(struct silo *s)
{
	uint32_t ms = s->slot->desc.heartbeat_ms;
	struct pinger *p;
	int64_t copy;

	if (!ms || s->pinger || s->place.connector == HANDLE_NONE)
		return;
	copy = sys_handle_dup(s->place.connector, RIGHTS_SAME);
	p = copy < 0 ? NULL : calloc(1, sizeof(*p));
	if (!p) {
		log_print("sipd: %s has no heartbeat", s->slot->desc.name);
		if (copy >= 0)
			sys_handle_close((handle_t)copy);
		return;
	}
	*p = (struct pinger){
		.refs = 2, .connector = (handle_t)copy, .period = ms * (uint64_t)NS_PER_MS};
	if (pinger_run(p)) {
		log_print("sipd: %s has no heartbeat", s->slot->desc.name);
		pinger_put(p);
		pinger_put(p);
		return;
	}
	s->pinger = p;
}

/* Its last figures stay with the silo. */
static void figures_take(struct silo *s)
{
	s->requests = __atomic_load_n(&s->pinger->served, __ATOMIC_RELAXED);
	s->errors = __atomic_load_n(&s->pinger->errors, __ATOMIC_RELAXED);
}

void health_end(struct silo *s)
{
	struct pinger *p = s->pinger;

	if (!p)
		return;
	figures_take(s);
	s->pinger = NULL;
	__atomic_store_n(&p->stop, 1, __ATOMIC_RELEASE);
	if (sys_futex_wake((uintptr_t)&p->stop, 1) < 0)
		log_print("sipd: a pinger sleeps on");
	pinger_put(p);
}

static void alarm_take(struct serve_watch *w, const struct event *e)
{
	struct sipd *d = w->arg;

	(void)e;
	for (unsigned i = 0; i < SIPD_SILOS; i++) {
		struct silo *s = &d->silo[i];

		if (!s->slot || !s->pinger ||
		    !__atomic_exchange_n(&s->pinger->hung, 0, __ATOMIC_ACQ_REL))
			continue;
		log_print("sipd: %s does not answer; it is ended", s->slot->desc.name);
		if (silo_happen(s, LIFE_HUNG))
			log_print("sipd: %s was no longer running", s->slot->desc.name);
	}
}

int health_init(struct sipd *d)
{
	alarm_watch = (struct serve_watch){.fn = alarm_take, .arg = d};
	return serve_watch_memory(&d->serve, &alarm_watch, &alarm_word);
}

const char *health_word(struct silo *s)
{
	uint32_t missed;

	if (s->slot->life.state == LIFE_LOADING || s->slot->life.state == LIFE_WAITING)
		return "starting";
	if (s->slot->life.state == LIFE_BACKOFF || s->slot->life.state == LIFE_EXHAUSTED)
		return "failing";
	if (s->slot->life.state != LIFE_RUNNING)
		return s->slot->life.state == LIFE_PAUSED ? "unknown" : "stopped";
	if (!s->pinger)
		return "unknown";
	figures_take(s);
	missed = __atomic_load_n(&s->pinger->missed, __ATOMIC_ACQUIRE);
	if (missed)
		return missed < HUNG_PINGS ? "degraded" : "failing";
	return __atomic_load_n(&s->pinger->answers, __ATOMIC_RELAXED) ? "healthy" : "starting";
}
