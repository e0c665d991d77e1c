/* SPDX-License-Identifier: ISC */
/*
 * process.c: the life of a process.
 *
 *   NEW ----thread_start----> RUNNING --last thread ended--> (table cleared, in slices)
 *                                                            --> CORPSE --reaped--> GONE
 * The exit event is raised on becoming a corpse: by then its handles are closed,
 * so channels, mappings and device claims that only it held are gone. Kept
 * handles stay in the corpse's table until process_take, or the reaping.
 */
#include "process.h"
#include "channel.h"
#include "device.h"
#include "log.h"
#include "memory.h"
#include "queue.h"
#include "silo.h"
#include "syscall.h"

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

struct process *process_of(struct object *o)
{
	return container_of(o, struct process, object);
}

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

/* ---- birth ---------------------------------------------------------------------- */

static bool args_valid(const struct process_args *a)
{
	return a->upcall < USER_HI && a->fault < USER_HI && a->shim_lo <= a->shim_hi &&
	       a->shim_hi <= USER_HI && !(a->flags & ~PROCESS_INHERIT) &&
	       !(a->pledges & ~PLEDGES_ALL) && a->name[NAME_MAX_LEN - 1] == '\0';
}

static void program_set(struct process *p, const struct process_args *a)
{
	p->upcall = a->upcall;
	p->fault_entry = a->fault;
	p->shim_lo = a->shim_lo;
	p->shim_hi = a->shim_hi;
	memcpy(p->name, a->name, sizeof(p->name));
	log_clean(p->name, strlen(p->name)); /* it goes into lines of the log */
}

/* ---- who pays ------------------------------------------------------------------- */

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

static void account_leave(struct account *a, const struct process *p)
{
	if (a->holder == p)
		a->holder = NULL;
}

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

	if (err || !args_valid(a))
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
	program_set(p, a);
	process_identity_update(p);
	*out = p;
	return 0;
}

void process_destroy(struct object *o)
{
	struct process *p = process_of(o);

	assert(list_empty(&p->threads) && !p->faults);
	handle_table_free(&p->table);
	list_for_each_safe (w, &p->watches, struct watch, source_node)
		watch_end(w);
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

/* ---- death ---------------------------------------------------------------------- */

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
		account_leave(p->account, p); /* the address space may become another's */
		account_leave(p->aspace->object.account, p);
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
	device_owner_died(p);
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
	if (handle_table_clear(&p->table, corpse ? HANDLE_KEPT : 0, &p->clear_cursor)) {
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

void process_end(struct process *p, int32_t code, const struct fault_record *crash)
{
	if (p->ending || p->state >= PROCESS_CORPSE)
		return;
	p->ending = true;
	p->code = code;
	if (crash)
		p->crash = *crash;
	if (list_empty(&p->threads)) {
		begin_clearing(p);
		return;
	}
	list_for_each_safe (t, &p->threads, struct thread, process_node)
		thread_end(t);
}

void process_unhandled(struct object *o)
{
	struct process *p = process_of(o);

	if (p->state == PROCESS_CORPSE)
		corpse_release(p);
	else if (p->state == PROCESS_NEW && !p->ending)
		process_end(p, 0, NULL); /* nobody can start it any more */
}

/* ---- system calls ------------------------------------------------------------------ */

static int spawn_allowed(struct thread *cur, struct silo *s)
{
	if (s != cur->process->silo && !(cur->process->silo->mode & MODE_SPAWN))
		return -EPERM;
	return 0;
}

int64_t sys_process_create(struct thread *cur, handle_t silo, handle_t aspace, uaddr_t args)
{
	struct process_args a;
	struct object *so, *ao;
	struct process *p;
	handle_t h;
	int64_t err = object_find(cur, silo, OBJ_SILO, RIGHT_MANAGE, &so);

	if (!err)
		err = object_find(cur, aspace, OBJ_ASPACE, RIGHT_MANAGE, &ao);
	if (!err)
		err = copy_in(cur, &a, args, sizeof(a));
	if (!err)
		err = spawn_allowed(cur, silo_of(so));
	if (err)
		return err;
	if (a.pledges & ~cur->process->pledges)
		return -EPERM;
	err = process_make(silo_of(so), container_of(ao, struct aspace, object), &a, &p);
	if (err)
		return err;
	p->capability = cur->process->capability;
	process_identity_update(p);
	if (a.flags & PROCESS_INHERIT)
		err = handle_table_inherit(&p->table, &cur->process->table);
	if (!err)
		err = handle_install(&cur->process->table, &p->object, RIGHTS_ALL & ~RIGHT_WX, NULL,
				     &h);
	if (!err) {
		silo_process_made(p->silo, p);
		process_event(cur->process, PROCESS_EV_FORK, p->pid);
	} else {
		process_end(p, 0, NULL); /* clears what was inherited */
	}
	object_put(&p->object);
	return err ? err : (int64_t)h;
}

int64_t sys_process_exit(struct thread *cur, int32_t code)
{
	process_end(cur->process, code, NULL);
	return K_DONE;
}

static int process_find(struct thread *cur, handle_t h, uint32_t rights, struct process **out)
{
	struct object *o;
	int err = object_find(cur, h, OBJ_PROCESS, rights, &o);

	if (!err)
		*out = process_of(o);
	return err;
}

int64_t sys_process_kill(struct thread *cur, handle_t process, int32_t code)
{
	struct process *p;
	int err = process_find(cur, process, RIGHT_MANAGE, &p);

	if (err)
		return err;
	if (p->state >= PROCESS_CORPSE)
		return 0;
	process_end(p, code, NULL);
	if (p == cur->process)
		return K_DONE;
	return K_RESTART; /* until it is a corpse */
}

void process_info_fill(struct process *p, struct process_info *info)
{
	uint64_t cycles = p->cpu_ns;

	memset(info, 0, sizeof(*info));
	list_for_each (t, &p->threads, struct thread, process_node)
		cycles += thread_cycles(t);
	info->pid = p->pid;
	info->state = p->state;
	info->code = p->code;
	info->reason = p->crash.reason;
	info->silo = p->silo->id;
	info->threads = p->thread_count;
	info->handles = p->table.used;
	info->memory = p->aspace ? p->aspace->resident : 0;
	info->charged = p->account->usage[RES_MEMORY];
	info->cpu_ns = cycles_to_ns(cycles);
	info->fault_code = p->crash.code;
	info->fault_address = p->crash.address;
	info->fault_rip = p->crash.rip;
	info->main_thread = p->main_thread;
	info->pledges = p->pledges;
	info->flags = p->identity.flags;
	memcpy(info->name, p->name, sizeof(info->name));
}

int64_t sys_process_info(struct thread *cur, handle_t process, uaddr_t out)
{
	struct process_info info;
	struct process *p;
	int err = process_find(cur, process, RIGHT_READ, &p);

	if (err)
		return err;
	process_info_fill(p, &info);
	return copy_out(cur, out, &info, sizeof(info));
}

static int64_t other_memory(struct thread *cur, handle_t process, uint64_t addr, uaddr_t buf,
			    uint64_t len, bool write)
{
	struct process *p;
	int err = process_find(cur, process, RIGHT_MANAGE, &p);

	if (err)
		return err;
	if (len > 65536)
		return -EINVAL;
	if (!p->aspace)
		return -ESRCH;
	if (write)
		return aspace_copy(p->aspace, addr, cur->aspace, buf.a, len);
	return aspace_copy(cur->aspace, buf.a, p->aspace, addr, len);
}

int64_t sys_process_read(struct thread *cur, handle_t process, uint64_t addr, uaddr_t out,
			 uint64_t len)
{
	return other_memory(cur, process, addr, out, len, false);
}

int64_t sys_process_write(struct thread *cur, handle_t process, uint64_t addr, uaddr_t in,
			  uint64_t len)
{
	return other_memory(cur, process, addr, in, len, true);
}

int64_t sys_process_give(struct thread *cur, handle_t process, handle_t h, uint32_t rights,
			 uint32_t flags)
{
	struct process *p;
	struct cap *c, *moving;
	handle_t out;
	int err = process_find(cur, process, RIGHT_MANAGE, &p);

	if (!err)
		err = cap_find(cur, h, OBJ_NONE, RIGHT_GRANT, &c);
	if (err)
		return err;
	if (rights == RIGHTS_SAME)
		rights = c->rights;
	if ((rights & ~c->rights) || cur->process->capability)
		return -EPERM;
	if ((flags & ~(HANDLE_INHERIT | HANDLE_STAY | HANDLE_KEPT | GIVE_MOVE)) ||
	    c->object->type == OBJ_REPLY)
		return -EINVAL;
	if (p->state > PROCESS_RUNNING || p->ending)
		return -ESRCH;
	if (flags & GIVE_MOVE) {
		err = cap_revoking(c) ? -EAGAIN : handle_room(&p->table, 1);
		if (err)
			return err;
		cap_detach(c, &moving);
		moving->rights = rights;
		out = cap_attach(&p->table, moving);
	} else {
		err = handle_install(&p->table, c->object, rights, c, &out);
		if (err)
			return err;
	}
	handle_at(&p->table, out & (HANDLE_SLOTS_MAX - 1))->flags = (uint8_t)(flags & ~GIVE_MOVE);
	return out;
}

int64_t sys_process_take(struct thread *cur, handle_t process, handle_t number)
{
	struct process *p;
	struct cap *c, *moving;
	int err = process_find(cur, process, RIGHT_MANAGE, &p);

	if (err)
		return err;
	if (p->state < PROCESS_CORPSE)
		return -EBUSY;
	c = handle_at(&p->table, number & (HANDLE_SLOTS_MAX - 1));
	if (!c || p->state != PROCESS_CORPSE || handle_number(c) != number)
		return -ENOENT;
	err = handle_room(&cur->process->table, 1);
	if (err)
		return err;
	cap_detach(c, &moving);
	return cap_attach(&cur->process->table, moving);
}

int64_t sys_process_reap(struct thread *cur, handle_t process)
{
	struct process *p;
	int err = process_find(cur, process, RIGHT_MANAGE, &p);

	if (err)
		return err;
	if (p->state < PROCESS_CORPSE)
		return -EBUSY;
	if (p->state == PROCESS_CORPSE)
		corpse_release(p);
	return 0;
}

int64_t sys_process_pledge(struct thread *cur, uint32_t now, uint32_t successor)
{
	struct process *p = cur->process;

	if ((now & ~p->pledges) || (successor & ~p->next_pledges))
		return -EPERM;
	p->pledges = now;
	p->next_pledges = successor;
	process_identity_update(p);
	return 0;
}

int64_t sys_cap_enter(struct thread *cur)
{
	cur->process->capability = true;
	process_identity_update(cur->process);
	return 0;
}

int64_t sys_process_open(struct thread *cur, handle_t silo, uint64_t pid)
{
	struct object *o;
	handle_t h;
	int err = object_find(cur, silo, OBJ_SILO, RIGHT_MANAGE, &o);

	if (err)
		return err;
	list_for_each (p, &silo_of(o)->processes, struct process, silo_node) {
		if (p->pid != pid || p->state == PROCESS_GONE)
			continue;
		err = handle_install(&cur->process->table, &p->object, RIGHTS_ALL & ~RIGHT_WX, NULL,
				     &h);
		return err ? err : (int64_t)h;
	}
	return -ESRCH;
}

/* ---- exec ------------------------------------------------------------------------- */

/* The handles that do not stay go to a nameless process that is cleared like any dead one. */
static int table_replace(struct process *p)
{
	struct process_args none = {0};
	struct handle_table old;
	struct process *grave;
	int err = process_make(p->silo, p->aspace, &none, &grave);

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
	if (!args_valid(&a.process) || a.process.flags || a.reserved)
		return -EINVAL;
	as = container_of(ao, struct aspace, object);
	err = thread_make(p, as, &a.thread, &t);
	if (err)
		return err;
	object_get(&as->object);
	err = table_replace(p);
	if (err) {
		object_put(&as->object);
		object_put(&t->object); /* never started: undone by its last reference */
		return err;
	}
	if (old->object.account != p->account)
		account_leave(old->object.account, p);
	if (!as->object.account->holder)
		as->object.account->holder = p; /* below who made it: mostly this process */
	p->aspace = as;
	aspace_withhold(as, p->silo->flags);
	program_set(p, &a.process);
	p->pledges = p->next_pledges & a.process.pledges;
	process_identity_update(p);
	list_for_each_safe (other, &p->threads, struct thread, process_node)
		if (other != t)
			thread_end(other);
	object_put(&old->object);
	t->run = THREAD_READY; /* keeps the reference that thread_make gave */
	sched_ready(t);
	process_event(p, PROCESS_EV_EXEC, p->pid);
	return K_DONE;
}
