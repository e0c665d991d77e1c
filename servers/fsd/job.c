/* SPDX-License-Identifier: ISC */
/*
 * job.c: 9P requests and page faults that wait for the disk.
 *
 * A job stands in exactly one list: that of a page, of the mount, of those who found no room, or
 * the ready ones. It is run from its start each time; what it must remember stands in the job. One
 * that ends is out of all lists before its request is answered, since the engine may go on from
 * there to the next operation.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "servers/fsd/fsd.h"

#define JOBS_SPARE 64u

static void list_put(struct job **list, struct job *j)
{
	j->next = *list;
	j->list = list;
	*list = j;
}

static void list_take(struct fsd *f, struct job *j)
{
	struct job **at = j->list;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	if (f->ready_end == &j->next)
		f->ready_end = at;
	j->list = NULL;
}

static void ready_put(struct fsd *f, struct job *j)
{
	j->next = NULL;
	j->list = &f->ready;
	if (!f->ready)
		f->ready_end = &f->ready;
	*f->ready_end = j;
	f->ready_end = &j->next;
}

static struct job *job_alloc(struct fsd *f)
{
	struct job *j = f->free_jobs;

	if (j) {
		f->free_jobs = j->next;
		f->free_job_count--;
	} else {
		j = malloc(sizeof(*j));
	}
	return j;
}

static void job_free(struct fsd *f, struct job *j)
{
	*j->all_back = j->all_next;
	if (j->all_next)
		j->all_next->all_back = j->all_back;
	f->job_count--;
	if (f->free_job_count >= JOBS_SPARE) {
		free(j);
		return;
	}
	j->next = f->free_jobs;
	f->free_jobs = j;
	f->free_job_count++;
}

/* Have jobs_watch called by then. */
static void alarm_need(struct fsd *f, uint64_t at)
{
	if (f->state == FS_SEARCHING && at > f->search_until)
		at = f->search_until + 1;
	if (f->alarm_at && f->alarm_at <= at)
		return;
	f->alarm_at = at;
	fsd_alarm(f, at);
}

/* A copy of what stands on somebody's stack. */
static struct job *job_keep(struct fsd *f, const struct job *first)
{
	struct job *j = job_alloc(f);

	if (!j)
		return NULL;
	*j = *first;
	j->deadline = fsd_now() + JOB_NS;
	j->all_next = f->all_jobs;
	j->all_back = &f->all_jobs;
	if (f->all_jobs)
		f->all_jobs->all_back = &j->all_next;
	f->all_jobs = j;
	f->job_count++;
	alarm_need(f, j->deadline);
	f->count.waits++;
	return j;
}

static void job_wait(struct fsd *f, struct job *j)
{
	struct job **list = f->wait;

	f->wait = NULL;
	if (!list || list == &f->yielded) {
		ready_put(f, j);
		fsd_again(f);
	} else {
		list_put(list, j);
	}
}

int job_start(struct fsd *f, struct job *first)
{
	struct job *j;
	int r = first->run(f, first);

	if (r != -EAGAIN) {
		disk_kick(f);
		return r;
	}
	j = job_keep(f, first);
	disk_kick(f);
	if (!j)
		return -ENOMEM;
	j->req->aux = j;
	job_wait(f, j);
	return P9_KEEP;
}

/* It is out of its list; r is what it came to. P9_KEEP: the request is gone already. */
static void job_end(struct fsd *f, struct job *j, int r)
{
	struct p9_request *req = j->req;

	if (!req)
		j->end(f, j, r);
	job_free(f, j);
	if (!req || r == P9_KEEP)
		return;
	req->aux = NULL;
	p9_respond(req, r);
}

int job_spawn(struct fsd *f, const struct job *first)
{
	struct job *j = job_keep(f, first);
	int r;

	if (!j)
		return -ENOMEM;
	r = j->run(f, j);
	if (r == -EAGAIN)
		job_wait(f, j);
	else
		job_end(f, j, r);
	return 0;
}

int job_cancel(struct fsd *f, struct p9_request *req)
{
	struct job *j = req->aux;

	if (!j)
		return P9_KEEP;
	list_take(f, j);
	job_free(f, j);
	req->aux = NULL;
	return 0;
}

void jobs_wake(struct fsd *f, struct job **list, int error)
{
	struct job *j = *list, *next;

	*list = NULL;
	for (; j; j = next) {
		next = j->next;
		j->error = error;
		ready_put(f, j);
	}
}

void jobs_turn(struct fsd *f)
{
	for (unsigned i = 0; i < TURN_JOBS && f->ready; i++) {
		struct job *j = f->ready;
		int r;

		list_take(f, j);
		r = j->error ? j->error : j->run(f, j);
		if (r == -EAGAIN)
			job_wait(f, j);
		else
			job_end(f, j, r);
	}
}

void jobs_expire(struct fsd *f, uint64_t now)
{
	struct job *j = f->all_jobs, *next;

	for (; j; j = next) {
		next = j->all_next;
		if (j->deadline > now || j->list == &f->ready)
			continue;
		list_take(f, j);
		j->error = -EIO;
		f->count.expired++;
		ready_put(f, j);
	}
	if (f->state == FS_SEARCHING && now > f->search_until)
		jobs_wake(f, &f->mount_waiters, -ENODEV);
}

void jobs_watch(struct fsd *f)
{
	uint64_t now = fsd_now(), next = DEADLINE_NEVER;

	f->alarm_at = 0;
	jobs_expire(f, now);
	if (disk_overdue(f, now))
		disk_down(f, "its driver does not answer");
	fsd_turn(f);
	for (const struct job *j = f->all_jobs; j; j = j->all_next) {
		/* One that is late already is in the ready list, and may wait once more. */
		uint64_t at = j->deadline > now ? j->deadline : now + JOB_NS;

		next = at < next ? at : next;
	}
	if (f->job_count)
		alarm_need(f, next);
}
