/* SPDX-License-Identifier: ISC */
/*
 * worker.c: threads that may wait, so that the one that serves /dev/sip never does.
 *
 * Jobs go in by a list under one lock; results come back by another and a word that the main loop
 * watches. There are several workers because one may sit out a deadline on a hung server while the
 * others are needed to restart that server.
 *
 * Locks: `lock` guards both lists and is held for a few instructions only, never during a call.
 * Invariant: a job is in one list, or in the hands of one worker.
 */
#include "servers/sipd/sipd.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "sys/error.h"
#include "sys/info.h"
#include "sys/log.h"

#define WORKERS 3

enum job_kind { JOB_LOAD, JOB_MOUNT };

struct job {
	struct job *next;
	enum job_kind kind;
	struct silo *silo;  /* JOB_LOAD */
	handle_t connector; /* JOB_MOUNT: the job's; HANDLE_NONE: unmount */
	int result;
	char text[SILO_PATH_MAX + 1]; /* JOB_MOUNT: path; JOB_LOAD: why it failed */
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job *todo, **todo_end; /* [lock] */
	struct job *done, **done_end; /* [lock] */
	volatile uint32_t rung;	      /* counts results; watched by the main loop */
	struct serve_watch watch;
	handle_t registrar;
} work = {.lock = PTHREAD_MUTEX_INITIALIZER,
	  .more = PTHREAD_COND_INITIALIZER,
	  .todo_end = &work.todo,
	  .done_end = &work.done};

static struct job *job_wait(void)
{
	struct job *job;

	pthread_mutex_lock(&work.lock);
	while (!work.todo)
		pthread_cond_wait(&work.more, &work.lock);
	job = work.todo;
	work.todo = job->next;
	if (!work.todo)
		work.todo_end = &work.todo;
	pthread_mutex_unlock(&work.lock);
	job->next = NULL;
	return job;
}

static void job_done(struct job *job)
{
	pthread_mutex_lock(&work.lock);
	*work.done_end = job;
	work.done_end = &job->next;
	pthread_mutex_unlock(&work.lock);
	__atomic_add_fetch(&work.rung, 1, __ATOMIC_SEQ_CST);
	if (sys_futex_wake((uintptr_t)&work.rung, 1) < 0)
		log_print("sipd: the main loop cannot be woken");
}

static void job_mount(struct job *job)
{
	int err =
		place_mount_path(work.registrar, job->text, job->connector, time_in(SIPD_CALL_NS));

	if (job->connector != HANDLE_NONE)
		sys_handle_close(job->connector);
	if (err)
		log_print("sipd: %s %s: %s", job->connector ? "mounting" : "unmounting", job->text,
			  error_text(err));
	job->result = err;
}

static void *worker_main(void *arg)
{
	(void)arg;
	for (;;) {
		struct job *job = job_wait();

		switch (job->kind) {
		case JOB_LOAD: job->result = silo_launch(job->silo, job->text); break;
		case JOB_MOUNT: job_mount(job); break;
		}
		job_done(job);
	}
	return NULL;
}

/* In the main loop: take what is done. */
static void results_take(struct serve_watch *w, const struct event *e)
{
	struct job *job, *next;

	(void)w;
	(void)e;
	pthread_mutex_lock(&work.lock);
	job = work.done;
	work.done = NULL;
	work.done_end = &work.done;
	pthread_mutex_unlock(&work.lock);
	for (; job; job = next) {
		next = job->next;
		if (job->kind == JOB_LOAD)
			silo_loaded(job->silo, job->result, job->text);
		free(job);
	}
}

int workers_start(struct sipd *d)
{
	pthread_t thread;
	int err;

	work.registrar = d->registrar;
	work.watch = (struct serve_watch){.fn = results_take};
	err = serve_watch_memory(&d->serve, &work.watch, &work.rung);
	for (int i = 0; i < WORKERS && !err; i++)
		err = -pthread_create(&thread, NULL, worker_main, NULL);
	return err;
}

static struct job *job_new(enum job_kind kind)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job)
		job->kind = kind;
	return job;
}

static void job_give(struct job *job)
{
	pthread_mutex_lock(&work.lock);
	*work.todo_end = job;
	work.todo_end = &job->next;
	pthread_mutex_unlock(&work.lock);
	pthread_cond_signal(&work.more);
}

int worker_load(struct silo *s)
{
	struct job *job = job_new(JOB_LOAD);

	if (!job)
		return -ENOMEM;
	job->silo = s;
	job_give(job);
	return 0;
}

static int mount_give(const char *path, handle_t connector)
{
	struct job *job = job_new(JOB_MOUNT);

	if (!job) {
		if (connector != HANDLE_NONE)
			sys_handle_close(connector);
		return -ENOMEM;
	}
	strncpy(job->text, path, SILO_PATH_MAX);
	job->connector = connector;
	job_give(job);
	return 0;
}

static bool provides(const struct silo *s, const char *path)
{
	const struct silo_desc *desc = &s->slot->desc;

	for (uint32_t i = 0; i < desc->provide_count; i++)
		if (!strcmp(silo_text(desc, desc->provides[i]), path))
			return true;
	return false;
}

/* Another silo that runs may have taken the path over. */
static bool path_taken(const struct silo *s, const char *path)
{
	for (unsigned i = 0; i < SIPD_SILOS; i++) {
		const struct silo *other = &s->sipd->silo[i];

		if (other != s && other->slot && life_active(&other->slot->life) &&
		    provides(other, path))
			return true;
	}
	return false;
}

int worker_unmount(struct silo *s)
{
	const struct silo_desc *desc = &s->slot->desc;
	int err = 0;

	for (uint32_t i = 0; i < desc->provide_count && !err; i++) {
		const char *path = silo_text(desc, desc->provides[i]);

		if (!path_taken(s, path))
			err = mount_give(path, HANDLE_NONE);
	}
	return err;
}

int worker_mount(struct silo *s)
{
	const struct silo_desc *desc = &s->slot->desc;
	int64_t h = 0;

	for (uint32_t i = 0; i < desc->provide_count && h >= 0; i++) {
		handle_t from = desc->provide_count > 1 ? s->place.mount[i] : s->place.connector;

		if (from == HANDLE_NONE)
			return 0; /* it has no place: its next start mounts it */
		h = sys_handle_dup(from, RIGHTS_SAME);
		if (h >= 0)
			h = mount_give(silo_text(desc, desc->provides[i]), (handle_t)h);
	}
	return h < 0 ? (int)h : 0;
}
