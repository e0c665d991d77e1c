/* SPDX-License-Identifier: ISC */
/*
 * exec.c: another program in the same process: its number and the handles that are
 * marked to stay remain; address space, threads and the other handles go, and the
 * pledges made for the successor hold.
 *
 * All that can fail comes first: until the table is replaced, nothing has changed.
 * The process keeps its account, whatever the new address space is charged to.
 * A limit needs no place to spare: the new thread may have the caller's, and the
 * old handles the process's. Until those have gone, usage is one above it.
 */
#include "process_private.h"
#include "memory.h"
#include "sched.h"
#include "silo.h"
#include "syscall.h"

static int successor_make(struct thread *cur, struct aspace *as, const struct thread_args *a,
			  struct thread **t)
{
	int err;

	account_uncharge(cur->object.account, RES_THREADS, 1);
	cur->process->thread_count--;
	err = thread_make(cur->process, as, a, t);
	cur->process->thread_count++;
	account_recharge(cur->object.account, RES_THREADS, 1);
	return err;
}

static int grave_make(struct process *p, struct process **grave)
{
	struct process_args none = {0};
	int err;

	account_uncharge(p->object.account, RES_PROCESSES, 1);
	err = process_make(p->silo, p->aspace, &none, grave);
	account_recharge(p->object.account, RES_PROCESSES, 1);
	return err;
}

/* The handles that do not stay go to a nameless process that is cleared like any dead one. */
static int table_replace(struct process *p)
{
	struct handle_table old;
	struct process *grave;
	int err = grave_make(p, &grave);

	if (err)
		return err;
	handle_table_init(&old, p, p->table.account);
	err = handle_table_split(&old, &p->table);
	if (err) {
		process_end(grave, 0, NULL);
		object_put(&grave->object);
		return err;
	}
	handle_table_swap(&p->table, &old);
	handle_table_swap(&grave->table, &old);
	handle_table_free(&old);
	process_end(grave, 0, NULL);
	object_put(&grave->object);
	return 0;
}

int64_t sys_process_exec(struct thread *cur, uaddr_t args)
{
	struct exec_args a;
	struct process *p = cur->process;
	struct aspace *as, *old = p->aspace;
	struct object *ao;
	struct thread *t;
	int64_t err = copy_in(cur, &a, args, sizeof(a));

	if (!err)
		err = object_find(cur, a.aspace, OBJ_ASPACE, RIGHT_MANAGE, &ao);
	if (err)
		return err;
	if (!process_args_valid(&a.process) || a.process.flags || a.reserved)
		return -EINVAL;
	if (cur->dying) /* killed on another CPU meanwhile: nobody would end the successor */
		return -ESRCH;
	as = container_of(ao, struct aspace, object);
	err = successor_make(cur, as, &a.thread, &t);
	if (err)
		return err;
	object_get(&as->object);
	err = table_replace(p);
	if (err) {
		object_put(&as->object);
		thread_unmake(t);
		return err;
	}
	if (old->object.account != p->account)
		process_account_leave(old->object.account, p);
	if (!as->object.account->holder)
		as->object.account->holder = p; /* below who made it: mostly this process */
	p->aspace = as;
	aspace_withhold(as, p->silo->flags);
	process_program_set(p, &a.process);
	p->pledges = p->next_pledges & a.process.pledges;
	process_identity_update(p);
	process_threads_end(p, t);
	object_put(&old->object);
	thread_set_run(t, THREAD_READY); /* keeps the reference that thread_make gave */
	sched_ready(t);
	process_event(p, PROCESS_EV_EXEC, p->pid);
	return K_DONE;
}
