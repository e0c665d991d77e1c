/* SPDX-License-Identifier: ISC */
/*
 * job.c: calls that may wait, made by workers.
 *
 * Invariant: a job belongs to the main thread before job_start and after it stands in `finished`,
 * to a worker in between. A job whose request was flushed goes on, since a call in another thread
 * cannot be taken back; its result is dropped. It keeps a worker until the server answers.
 */
#include <errno.h>
#include <stdlib.h>
#include "servers/exportd/export.h"
#include "sys/log.h"

#define JOBS_MAX 128u

static struct job *all[JOBS_MAX]; /* for finding the one of a request */

struct job *job_new(struct p9_request *req, struct node *node, int *err)
{
	struct job *j;
	unsigned slot = 0;

	while (slot < JOBS_MAX && all[slot])
		slot++;
	*err = -EAGAIN;
	if (slot == JOBS_MAX)
		return NULL;
	j = calloc(1, sizeof(*j));
	*err = -ENOMEM;
	if (!j)
		return NULL;
	*err = 0;
	all[slot] = j;
	export.jobs++;
	j->req = req;
	j->node = node;
	j->done = done_plain;
	if (node)
		node->refs++;
	return j;
}

void job_free(struct job *j)
{
	for (unsigned i = 0; i < JOBS_MAX; i++)
		if (all[i] == j)
			all[i] = NULL;
	export.jobs--;
	if (j->node)
		node_put(j->node);
	free(j->data);
	free(j);
}

int job_start(struct job *j)
{
	struct job **at = &export.waiting;

	pthread_mutex_lock(&export.lock);
	while (*at)
		at = &(*at)->next;
	*at = j;
	pthread_cond_signal(&export.wake);
	pthread_mutex_unlock(&export.lock);
	return P9_KEEP;
}

void job_orphan(const struct p9_request *req)
{
	for (unsigned i = 0; i < JOBS_MAX; i++)
		if (all[i] && all[i]->req == req)
			all[i]->req = NULL;
}

/* The first waiting job whose node is free; the lock is held. */
static struct job *job_take(void)
{
	struct job **at = &export.waiting, *j;

	while (*at && (*at)->node && (*at)->node->busy)
		at = &(*at)->next;
	j = *at;
	if (!j)
		return NULL;
	*at = j->next;
	j->next = NULL;
	if (j->node)
		j->node->busy = true;
	return j;
}

static void *worker_main(void *arg)
{
	struct job *j;

	(void)arg;
	pthread_mutex_lock(&export.lock);
	for (;;) {
		j = job_take();
		if (!j) {
			pthread_cond_wait(&export.wake, &export.lock);
			continue;
		}
		pthread_mutex_unlock(&export.lock);
		j->err = j->work(j);
		pthread_mutex_lock(&export.lock);
		if (j->node)
			j->node->busy = false;
		j->next = export.finished;
		export.finished = j;
		pthread_cond_broadcast(&export.wake); /* who waits for the node */
		atomic_fetch_add(&export.rung, 1);
		if (sys_futex_wake((uintptr_t) & export.rung, 1) < 0)
			log_print("exportd: a wake failed");
	}
	return NULL;
}

void jobs_finish(void)
{
	struct job *j, *next;

	pthread_mutex_lock(&export.lock);
	j = export.finished;
	export.finished = NULL;
	pthread_mutex_unlock(&export.lock);
	for (; j; j = next) {
		next = j->next;
		if (j->req)
			j->done(j, j->err);
		if (!j->file) {
			job_free(j);
			continue;
		}
		j->req = NULL; /* the file is nobody's; closing it may wait, too */
		j->work = file_close;
		job_start(j);
	}
}

int jobs_start(void)
{
	pthread_t thread;
	int err = 0;

	pthread_mutex_init(&export.lock, NULL);
	pthread_cond_init(&export.wake, NULL);
	for (unsigned i = 0; i < EXPORT_WORKERS && !err; i++)
		err = -pthread_create(&thread, NULL, worker_main, NULL);
	return err;
}
