/* SPDX-License-Identifier: ISC */
/*
 * spawn.c: the order of things, and undoing them. A process that was made but could not be
 * finished is killed and reaped, which gives back the handles that were put into it.
 */
#include <string.h>
#include "spawn/priv.h"

static int map_shim(struct spawn_job *job)
{
	const struct spawn_shim *shim = job->args->shim;
	uint64_t offset = job->pool_used;
	int result = spawn_map(job, shim->vmo, SPAWN_SHIM, shim->text_offset, shim->text_len,
			       PROT_R | PROT_X);

	job->pool_used += shim->data_len;
	return result < 0 ? result
			  : spawn_map(job, job->pool, SPAWN_SHIM + shim->data, offset,
				      shim->data_len, PROT_R | PROT_W);
}

/* The stack with an inaccessible page below: the guard's mapping shows any page of the pool. */
static int map_stack(struct spawn_job *job)
{
	uint64_t bottom = SPAWN_STACK_TOP - job->stack_len;
	int result = spawn_map(job, job->pool, bottom - PAGE_SIZE, 0, PAGE_SIZE, 0);

	job->stack_offset = job->pool_used;
	job->pool_used += job->stack_len;
	return result < 0 ? result
			  : spawn_map(job, job->pool, bottom, job->stack_offset, job->stack_len,
				      PROT_R | PROT_W);
}

static int map_archive(struct spawn_job *job)
{
	struct map_args args = {.vmo = job->args->archive,
				.flags = PROT_R,
				.len = spawn_pages(job->args->archive_len)};
	int64_t result = sys_aspace_map(job->aspace, &args);

	if (result < 0)
		return (int)result;
	job->archive = (uint64_t)result;
	return 0;
}

static int map_all(struct spawn_job *job)
{
	int64_t result = sys_aspace_create();

	if (result < 0)
		return (int)result;
	job->aspace = (handle_t)result;
	result = sys_thread_charge(job->aspace); /* what fills it is the process's to be */
	if (result < 0)
		return (int)result;
	job->pool_len = spawn_pool_need(job);
	result = sys_vmo_create(job->pool_len, VMO_ANON);
	if (result < 0)
		return (int)result;
	job->pool = (handle_t)result;
	result = spawn_map_image(job);
	if (result == 0 && job->args->shim)
		result = map_shim(job);
	if (result == 0)
		result = map_stack(job);
	if (result == 0 && job->args->archive)
		result = map_archive(job);
	return (int)result;
}

static int make_process(struct spawn_job *job)
{
	const struct spawn_args *a = job->args;
	struct process_args args = {.flags = a->flags, .pledges = a->pledges};
	size_t len = strlen(a->name);
	int64_t result;

	if (a->shim) {
		args.upcall = SPAWN_SHIM + a->shim->header.upcall;
		args.fault = SPAWN_SHIM + a->shim->header.fault;
		args.shim_lo = SPAWN_SHIM;
		args.shim_hi = SPAWN_SHIM + a->shim->header.text_len;
	}
	memcpy(args.name, a->name, len < NAME_MAX_LEN ? len : NAME_MAX_LEN - 1);
	result = sys_process_create(a->silo, job->aspace, &args);
	if (result < 0)
		return (int)result;
	job->process = (handle_t)result;
	return 0;
}

static int make_thread(struct spawn_job *job)
{
	const struct spawn_shim *shim = job->args->shim;
	struct thread_args args = {.entry = job->plan.entry, .sp = SPAWN_STACK_TOP - job->total};
	int64_t result;

	if (shim) {
		args.entry = SPAWN_SHIM + shim->header.start;
		args.gs = args.block = SPAWN_SHIM + shim->header.block;
	}
	result = sys_thread_create(job->process, &args);
	if (result < 0)
		return (int)result;
	job->thread = (handle_t)result;
	return 0;
}

static int give(struct spawn_job *job, handle_t handle, uint32_t rights, uint32_t flags,
		handle_t *given)
{
	int64_t result = sys_process_give(job->process, handle, rights, flags);

	if (result < 0)
		return (int)result;
	*given = (handle_t)result;
	return 0;
}

static int give_all(struct spawn_job *job)
{
	const handle_t own[] = {job->process, job->thread, job->aspace};
	const struct spawn_args *args = job->args;
	int result = 0;

	for (int i = 0; i < 3 && result == 0; i++)
		result = give(job, own[i], RIGHTS_SAME, 0, &job->names[i]);
	for (uint32_t i = 0; i < args->handle_count && result == 0; i++) {
		struct spawn_handle *h = &args->handles[i];

		result = give(job, h->handle, h->rights, h->flags, &h->given);
	}
	return result;
}

static int finish(struct spawn_job *job)
{
	uint64_t offset = job->stack_offset + job->stack_len - job->total;
	int result = make_thread(job);

	if (result == 0)
		result = give_all(job);
	if (result == 0)
		result = spawn_block(job);
	if (result < 0)
		return result;
	return (int)sys_vmo_write(job->pool, offset, job->buffer, job->total);
}

static void close_handle(handle_t handle)
{
	if (handle != HANDLE_NONE)
		sys_handle_close(handle);
}

/* -EBUSY and the like cannot happen to a process that never ran; there is nothing else to try. */
static void end_process(handle_t process)
{
	if (sys_process_kill(process, 0) == 0 && sys_process_reap(process) < 0)
		return;
}

void spawn_discard(struct spawned *s)
{
	end_process(s->process);
	close_handle(s->thread);
	close_handle(s->process);
	s->process = s->thread = HANDLE_NONE;
}

int spawn_create(const struct spawn_args *args, struct spawned *out)
{
	struct spawn_job job;
	int result;

	memset(&job, 0, offsetof(struct spawn_job, buffer));
	job.args = args;
	job.stack_len = spawn_pages(args->stack ? args->stack : SPAWN_STACK);
	if (args->stack > SPAWN_STACK_MAX || args->handle_count > BOOTSTRAP_NAMES)
		return -EINVAL;
	result = spawn_measure(&job);
	if (result == 0)
		result = spawn_plan(&job);
	if (result == 0) /* so that the address space need not move to the silo afterwards */
		result = (int)sys_thread_charge(args->silo);
	if (result == 0)
		result = map_all(&job);
	if (result == 0)
		result = make_process(&job);
	if (result == 0)
		result = finish(&job);
	if (sys_thread_charge(HANDLE_NONE))
		result = -EINVAL; /* cannot be: the own silo is always allowed */
	close_handle(job.pool);
	close_handle(job.aspace);
	if (result < 0) {
		if (job.process)
			end_process(job.process);
		close_handle(job.thread);
		close_handle(job.process);
		return result;
	}
	*out = (struct spawned){job.process, job.thread};
	return 0;
}

int spawn_run(const struct spawn_args *args, struct spawned *out)
{
	int result = spawn_create(args, out);

	if (result < 0)
		return result;
	result = (int)sys_thread_start(out->thread);
	if (result < 0)
		spawn_discard(out);
	return result < 0 ? result : 0;
}
