/* SPDX-License-Identifier: ISC */
/*
 * process.c: the life of a process.
 *
 *   NEW ----thread_start----> RUNNING --last thread ended--> (table cleared, in slices)
 *                                                            --> CORPSE --reaped--> GONE
 * The exit event is raised on becoming a corpse: by then its handles are closed,
 * so channels, mappings and device claims that only it held are gone. Kept
 * handles stay in the corpse's table until process_take, or the reaping.
 *
 * The calls are in sys_process.c, and the change of program in exec.c.
 */
#include "process_private.h"
#include "channel.h"
#include "device.h"
#include "log.h"
#include "memory.h"
#include "queue.h"
#include "silo.h"

static uint64_t last_pid;
static struct list clearing = {&clearing, &clearing}; /* process.work_node */

#define TO(state) (1u << (state))

/* From each state: where to. What ends without ever having run is a corpse, too. */
static const uint8_t moves[] = {
	[PROCESS_NEW] = TO(PROCESS_RUNNING) | TO(PROCESS_CORPSE),
	[PROCESS_RUNNING] = TO(PROCESS_CORPSE),
	[PROCESS_CORPSE] = TO(PROCESS_GONE),
	[PROCESS_GONE] = 0,
};

void process_set_state(struct process *p, enum process_state to)
{
	assert(moves[p->state] & TO(to));
	p->state = (uint8_t)to;
}

void process_identity_update(struct process *p)
{
	struct silo *s = p->silo;

	p->identity.pid = p->pid;
	p->identity.silo = s->id;
	p->identity.mode = s->mode;
	p->identity.pledges = p->pledges;
	p->identity.rules = 0;
	p->identity.flags =
		(p->capability ? IDENTITY_CAPABILITY : 0) | (s->id < 1000 ? IDENTITY_SYSTEM : 0);
}

/* ---- arguments ----------------------------------------------------------- */

bool process_args_valid(const struct process_args *a)
{
	return a->upcall < USER_HI && a->fault < USER_HI && a->shim_lo <= a->shim_hi &&
	       a->shim_hi <= USER_HI && !(a->flags & ~PROCESS_INHERIT) &&
	       !(a->pledges & ~PLEDGES_ALL) && a->name[NAME_MAX_LEN - 1] == '\0';
}

void process_program_set(struct process *p, const struct process_args *a)
{
	p->upcall = a->upcall;
	p->fault_entry = a->fault;
	p->shim_lo = a->shim_lo;
	p->shim_hi = a->shim_hi;
	memcpy(p->name, a->name, sizeof(p->name));
	log_clean(p->name, strlen(p->name)); /* it goes into lines of the log */
}

/* ---- who pays ------------------------------------------------------------ */

/* What the silo lets each process be charged. */
static uint64_t memory_limit(const struct silo *s)
{
	uint64_t limit = s->limits[LIMIT_PROCESS_MEMORY];

	return limit ? limit : UINT64_MAX;
}

void process_limit_memory(struct process *p)
{
	p->account->limit[RES_MEMORY] = memory_limit(p->silo);
}

/* The account for a process of `s` with this address space; the caller's reference. */
static int account_take(struct silo *s, struct aspace *as, struct account **out)
{
	struct account *a = as->object.account;
	int err;

	if (a->holder) {
		*out = account_part(s->account);
		return *out ? 0 : -ENOMEM;
	}
	if (a->usage[RES_MEMORY] > memory_limit(s))
		return -ENOMEM;
	err = account_move(a, s->account);
	if (err)
		return err;
	account_get(a);
	*out = a;
	return 0;
}

void process_account_leave(struct account *a, const struct process *p)
{
	if (a->holder == p)
		a->holder = NULL;
}

/* ---- birth --------------------------------------------------------------- */

static int process_alloc(struct silo *s, struct process **out)
{
	int err = account_charge(s->account, RES_PROCESSES, 1);

	if (err)
		return err;
	*out = kmem_alloc(s->account, sizeof(**out));
	if (*out)
		return 0;
	account_uncharge(s->account, RES_PROCESSES, 1);
	return -ENOMEM;
}

int process_make(struct silo *s, struct aspace *as, const struct process_args *a,
		 struct process **out)
{
	struct process *p;
	int err = silo_takes(s);

	if (err || !process_args_valid(a))
		return -EINVAL;
	err = process_alloc(s, &p);
	if (err)
		return err;
	err = account_take(s, as, &p->account);
	if (err) {
		kmem_free(p, sizeof(*p));
		account_uncharge(s->account, RES_PROCESSES, 1);
		return err;
	}
	object_init(&p->object, OBJ_PROCESS, s->account);
	p->pid = ++last_pid;
	p->silo = s;
	object_get(&s->object);
	p->account->holder = p;
	process_limit_memory(p);
	p->aspace = as;
	object_get(&as->object);
	aspace_withhold(as, s->flags);
	handle_table_init(&p->table, p, p->account);
	list_init(&p->threads);
	list_init(&p->watches);
	list_init(&p->work_node);
	list_init(&p->orphans);
	list_add_tail(&s->processes, &p->silo_node);
	s->process_count++;
	p->pledges = p->next_pledges = a->pledges;
	process_program_set(p, a);
	process_identity_update(p);
	*out = p;
	return 0;
}

void process_destroy(struct object *o)
{
	struct process *p = process_of(o);

	assert(list_empty(&p->threads) && list_empty(&p->watches) && !p->faults);
	handle_table_free(&p->table);
	if (p->state != PROCESS_GONE)
		silo_process_gone(p->silo, p);
	list_del(&p->silo_node);
	object_put(&p->silo->object);
	account_uncharge(p->object.account, RES_PROCESSES, 1);
	account_put(p->account);
	kmem_free(p, sizeof(*p));
}

/* The first process of a silo is its main one. */
void silo_process_made(struct silo *s, struct process *p)
{
	if (s->main)
		return;
	s->main = p;
	s->main_pid = p->pid;
	p->is_main = true;
}

/* ---- death --------------------------------------------------------------- */

void process_event(struct process *p, uint32_t what, uint64_t data)
{
	watch_list_raise(&p->watches, EVENT_PROCESS, what, what, data);
}

static void begin_clearing(struct process *p)
{
	p->clearing = true;
	p->clear_cursor = 0;
	object_get(&p->object); /* held by the list */
	list_add_tail(&clearing, &p->work_node);
	cleanup_pending = true;
	sched_kick(this_cpu());
}

void corpse_release(struct process *p)
{
	process_set_state(p, PROCESS_GONE);
	silo_process_gone(p->silo, p);
	if (p->last) {
		object_put(&p->last->object);
		p->last = NULL;
	}
	if (p->aspace) {
		process_account_leave(p->account, p); /* the address space may become another's */
		process_account_leave(p->aspace->object.account, p);
		object_put(&p->aspace->object);
		p->aspace = NULL;
	}
	if (p->table.used)
		begin_clearing(p);
}

static void become_corpse(struct process *p)
{
	process_set_state(p, PROCESS_CORPSE);
	if (p->faults)
		cap_close(p->faults);
	orphans_answer(p);
	process_event(p, PROCESS_EV_EXIT, p->crash.reason ? p->crash.reason : (uint32_t)p->code);
	silo_process_ended(p->silo, p);
	if (p->object.handles == 0)
		corpse_release(p);
}

bool process_cleanup_slice(void)
{
	struct process *p;
	bool corpse;

	if (list_empty(&clearing))
		return false;
	p = list_first(&clearing, struct process, work_node);
	corpse = p->state != PROCESS_GONE;
	clearing_process = p;
	if (handle_table_clear(&p->table, corpse ? HANDLE_KEPT : 0, &p->clear_cursor) &&
	    device_owner_died(p)) {
		list_del(&p->work_node);
		p->clearing = false;
		if (corpse)
			become_corpse(p);
		clearing_process = NULL;
		object_put(&p->object);
	}
	clearing_process = NULL;
	return !list_empty(&clearing);
}

void process_thread_gone(struct thread *t)
{
	struct process *p = t->process;

	list_del(&t->process_node);
	p->cpu_ns += t->cpu_ns;
	p->thread_count--;
	if (list_empty(&p->threads) && (p->state == PROCESS_RUNNING || p->ending)) {
		if (!p->last && t->object.refs > 0) {
			p->last = t;
			object_get(&t->object);
		}
		p->ending = true;
		begin_clearing(p);
	}
}

/* The first one but `but` that can end here and now. */
static struct thread *thread_to_end(const struct process *p, const struct thread *but)
{
	list_for_each (t, &p->threads, struct thread, process_node)
		if (t != but && t->run != THREAD_DEAD &&
		    (t->run != THREAD_RUNNING || t->cpu == this_cpu()))
			return t;
	return NULL;
}

void process_threads_end(struct process *p, const struct thread *but)
{
	struct thread *end;

	list_for_each (t, &p->threads, struct thread, process_node) {
		if (t == but)
			continue;
		t->dying = true; /* request_drop sees that both end */
		if (t->run == THREAD_RUNNING)
			sched_kick(t->cpu); /* which ends it, if it is another */
	}
	/* With one others may go: begin anew each time. */
	while ((end = thread_to_end(p, but)))
		thread_end(end);
}

void process_end(struct process *p, int32_t code, const struct fault_record *crash)
{
	if (p->ending || p->state >= PROCESS_CORPSE)
		return;
	p->ending = true;
	p->code = code;
	if (crash)
		p->crash = *crash;
	if (list_empty(&p->threads))
		begin_clearing(p);
	else
		process_threads_end(p, NULL);
}

void process_unhandled(struct object *o)
{
	struct process *p = process_of(o);

	if (p->state == PROCESS_CORPSE)
		corpse_release(p);
	else if (p->state == PROCESS_NEW && !p->ending)
		process_end(p, 0, NULL); /* nobody can start it any more */
}
