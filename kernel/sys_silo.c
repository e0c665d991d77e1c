/* SPDX-License-Identifier: ISC */
/*
 * sys_silo.c: the calls on silos: who may, with what, and what silo.c then does.
 *
 * Besides the rights of the handle the mode of the caller's own silo is a gate
 * for what it does to others (docs/modes.md): SPAWN to make and fill them, STOP
 * to pause, stop, end and destroy them, LIST to look at them.
 */
#include "arch.h"
#include "log.h"
#include "memory.h"
#include "process.h"
#include "silo.h"
#include "syscall.h"

#define SILO_FLAGS	(SILO_STRICT | SILO_NO_TSC | SILO_NO_FSGSBASE)
#define MODE_ALL	0777u
#define MODE_PRIVILEGED 0770u /* control and hardware digits: not for the user tier */
#define USER_TIER	1000u
#define SYSTEM_TIER	10u
#define SILO_RIGHTS                                                                                \
	(RIGHT_READ | RIGHT_WRITE | RIGHT_GRANT | RIGHT_REVOKE | RIGHT_WAIT | RIGHT_MANAGE |       \
	 RIGHT_INSIDE)
#define INFOS_MAX	16
#define CORPSES_AT_ONCE 4

static int silo_find(struct thread *cur, handle_t h, uint32_t rights, struct silo **out)
{
	struct object *o;
	int err = object_find(cur, h, OBJ_SILO, rights, &o);

	if (!err)
		*out = silo_of(o);
	return err;
}

static bool may(const struct thread *cur, const struct silo *target, uint32_t bit)
{
	return silo_may(cur->process->silo, target, bit);
}

/* ---- making -------------------------------------------------------------------- */

static unsigned tier_of(uint32_t id)
{
	if (id >= USER_TIER)
		return 2;
	return id >= SYSTEM_TIER ? 1 : 0;
}

/* Components of extended state: x87 and SSE always; AVX-512's three stand or fall together. */
static bool xcr0_valid(uint64_t xcr0)
{
	const uint64_t avx = 1u << 2, avx512 = 7u << 5;

	if (!xcr0)
		return true;
	if ((xcr0 & 3) != 3)
		return false;
	return !(xcr0 & avx512) || ((xcr0 & avx512) == avx512 && (xcr0 & avx));
}

static int decode_args(const struct silo_args *a)
{
	if (!a->id || (a->mode & ~MODE_ALL) || (a->flags & ~SILO_FLAGS) || a->reserved)
		return -EINVAL;
	if (!xcr0_valid(a->xcr0))
		return -EINVAL;
	return silo_limits_check(a->limits);
}

/* What a child may be below this parent. */
static int child_allowed(const struct silo *parent, const struct silo_args *a)
{
	if (parent->state == SILO_DESTROYED)
		return -EINVAL;
	if ((a->mode & ~parent->mode) || tier_of(a->id) < tier_of(parent->id))
		return -EPERM;
	if (tier_of(a->id) == 2 && (a->mode & MODE_PRIVILEGED))
		return -EPERM;
	if (a->xcr0 & ~parent->xcr0)
		return -EPERM;
	for (unsigned key = 0; key < LIMIT_KEYS; key++) {
		int err = silo_cpu_allowed(parent, a->limits, key);

		if (err)
			return err;
	}
	if (silo_by_id(a->id))
		return -EEXIST;
	return parent->depth + 1 > SILO_DEPTH_MAX ? -EMLINK : 0;
}

int64_t sys_silo_create(struct thread *cur, handle_t parent, uaddr_t args)
{
	struct silo_args a;
	struct cap *c;
	struct silo *s;
	handle_t h;
	int64_t err = cap_find(cur, parent, OBJ_SILO, RIGHT_MANAGE, &c);

	if (!err)
		err = copy_in(cur, &a, args, sizeof(a));
	if (err)
		return err;
	if (!(cur->process->silo->mode & MODE_SPAWN))
		return -EPERM;
	err = decode_args(&a);
	if (!err)
		err = child_allowed(silo_of(c->object), &a);
	if (!err)
		err = silo_make(silo_of(c->object), &a, &s);
	if (err)
		return err;
	err = handle_install(&cur->process->table, &s->object, SILO_RIGHTS, c, &h);
	object_put(&s->object); /* the handle holds it; without one it goes */
	return err ? err : (int64_t)h;
}

/* ---- life ---------------------------------------------------------------------- */

/* Reap the silo's corpses, some at a time. Those that hold handles of one another, or of
 * themselves, would not go by anybody's closing. 0: none is left; K_RESTART; -EBUSY: one is held
 * from outside. */
static int64_t corpses_reap(struct silo *s)
{
	unsigned reaped = 0;
	bool clearing = false;

	list_for_each_safe (p, &s->processes, struct process, silo_node) {
		object_get(&p->object);
		if (p->state == PROCESS_CORPSE && reaped++ < CORPSES_AT_ONCE)
			corpse_release(p);
		clearing |= p->clearing;
		object_put(&p->object); /* it may go, if it had no handles to close */
	}
	if (list_empty(&s->processes))
		return 0;
	return clearing || reaped ? K_RESTART : -EBUSY;
}

static bool destroyable(const struct silo *s)
{
	return s->state == SILO_CREATED || s->state == SILO_STOPPED || s->state == SILO_CRASHED;
}

static int64_t destroy_one(struct silo *s)
{
	int64_t err;

	if (!destroyable(s))
		return -EINVAL;
	object_get(&s->object); /* nobody else may hold one below when its last corpse goes */
	err = list_empty(&s->children) ? corpses_reap(s) : -EBUSY;
	if (!err)
		err = silo_set_state(s, SILO_DESTROYED);
	if (!err)
		silo_retire(s);
	object_put(&s->object);
	return err;
}

static int64_t control_destroy(struct silo *s, uint64_t arg)
{
	struct silo *leaf = s;
	int64_t err;

	if (!destroyable(s))
		return -EINVAL;
	while (arg && !list_empty(&leaf->children))
		leaf = list_first(&leaf->children, struct silo, child_node);
	if (leaf == s)
		return destroy_one(s);
	err = destroy_one(leaf);
	return err ? err : K_RESTART;
}

/* Ends one silo below after the other; K_RESTART until all of them have. */
static int64_t kill_below(struct thread *cur, const struct silo *s)
{
	struct silo *below = silo_below_alive(s);

	if (!below)
		return 0;
	if (!below->ending)
		silo_end(below);
	return cur->process->ending ? K_DONE : K_RESTART;
}

/* Ends all processes, and is repeated until they are corpses. The caller's own silo: at once. */
static int64_t control_kill(struct thread *cur, struct silo *s, uint64_t arg)
{
	int64_t err = arg && s != root_silo ? kill_below(cur, s) : 0;
	bool again = s->killer == cur;

	if (err)
		return err;
	s->killer = NULL;
	if (arg && silo_ended(s))
		return 0;
	if (again && (silo_ended(s) || !s->ending))
		return 0; /* ended, or started anew meanwhile: that is not ours to kill */
	if (s == root_silo || s->state == SILO_CREATED || s->state == SILO_DESTROYED ||
	    silo_ended(s))
		return -EINVAL;
	silo_end(s);
	if (cur->process->ending)
		return K_DONE;
	if (silo_ended(s))
		return 0;
	s->killer = cur;
	return K_RESTART;
}

static int control_reset(struct silo *s)
{
	int err = silo_set_state(s, SILO_CREATED);

	if (!err)
		silo_reset(s);
	return err;
}

/* Pausing or ending needs STOP; starting was decided when the silo was made. */
static bool op_stops(enum silo_op op)
{
	return op == SILO_OP_STOP || op == SILO_OP_KILL || op == SILO_OP_PAUSE ||
	       op == SILO_OP_DESTROY;
}

static int64_t control(struct thread *cur, struct silo *s, enum silo_op op, uint64_t arg)
{
	if (s->ending && op != SILO_OP_KILL)
		return -EINVAL;
	switch (op) {
	case SILO_OP_LOAD: return silo_set_state(s, SILO_LOADING);
	case SILO_OP_READY: return silo_set_state(s, SILO_READY);
	case SILO_OP_START:
		return s->state == SILO_READY ? silo_set_state(s, SILO_RUNNING) : -EINVAL;
	case SILO_OP_PAUSE: return s == root_silo ? -EINVAL : silo_set_state(s, SILO_PAUSED);
	case SILO_OP_RESUME:
		return s->state == SILO_PAUSED ? silo_set_state(s, SILO_RUNNING) : -EINVAL;
	case SILO_OP_STOP: return s == root_silo ? -EINVAL : silo_set_state(s, SILO_STOPPING);
	case SILO_OP_KILL: return control_kill(cur, s, arg);
	case SILO_OP_RESET: return control_reset(s);
	case SILO_OP_DESTROY: return control_destroy(s, arg);
	case SILO_OPS: break;
	}
	return -EINVAL;
}

int64_t sys_silo_control(struct thread *cur, handle_t silo, uint32_t op, uint64_t arg)
{
	struct silo *s;
	int err = silo_find(cur, silo, RIGHT_MANAGE, &s);

	if (err)
		return err;
	if (op >= SILO_OPS)
		return -EINVAL;
	if (arg & ~(op == SILO_OP_KILL || op == SILO_OP_DESTROY ? SILO_BELOW : 0ull))
		return -EINVAL;
	if (op_stops(op) && !may(cur, s, MODE_STOP))
		return -EPERM;
	return control(cur, s, op, arg);
}

/* ---- limits and mode ------------------------------------------------------------- */

int64_t sys_silo_limit(struct thread *cur, handle_t silo, uint32_t key, uint64_t value)
{
	uint64_t limits[LIMIT_KEYS];
	struct silo *s;
	int err = silo_find(cur, silo, RIGHT_MANAGE, &s);

	if (err)
		return err;
	if (key >= LIMIT_KEYS || s->state == SILO_DESTROYED || s == root_silo)
		return -EINVAL;
	memcpy(limits, s->limits, sizeof(limits));
	limits[key] = value;
	err = silo_limits_check(limits);
	if (!err)
		err = silo_cpu_allowed(s->parent, limits, key);
	return err ? err : silo_limit_set(s, key, value);
}

static void mode_narrow(struct silo *s, uint32_t mode)
{
	s->mode &= mode;
	list_for_each (p, &s->processes, struct process, silo_node)
		process_identity_update(p);
	/* at most SILO_DEPTH_MAX deep; a child never has more than its parent */
	list_for_each (child, &s->children, struct silo, child_node)
		mode_narrow(child, s->mode);
}

int64_t sys_silo_pledge(struct thread *cur, handle_t silo, uint32_t mode)
{
	struct silo *s;
	int err = silo_find(cur, silo, RIGHT_MANAGE, &s);

	if (err)
		return err;
	if (mode & ~MODE_ALL)
		return -EINVAL;
	mode_narrow(s, mode);
	return 0;
}

/* ---- looking --------------------------------------------------------------------- */

/* With what CPUs have used and not yet charged. */
static uint64_t cpu_cycles(const struct silo *s)
{
	uint64_t sum = s->cpu_cycles, now = arch_cycles();

	for (unsigned i = 0; i < cpu_count; i++)
		if (cpus[i].online && cpus[i].payer == s && now > cpus[i].since)
			sum += now - cpus[i].since;
	return sum;
}

static void info_fill(struct silo_info *info, const struct silo *s)
{
	const struct account *a = s->account;

	memset(info, 0, sizeof(*info));
	info->id = s->id;
	info->state = s->state;
	info->mode = s->mode;
	info->flags = s->flags;
	info->main_reason = s->crash.reason;
	info->main_code = s->code;
	info->main_pid = s->main_pid;
	info->cpu_ns = cycles_to_ns(cpu_cycles(s));
	info->throttled_ns = s->throttled_ns + (s->held ? arch_now() - s->throttled_since : 0);
	memcpy(info->usage, a->usage, sizeof(info->usage));
	memcpy(info->peak, a->peak, sizeof(info->peak));
	memcpy(info->limits, s->limits, sizeof(info->limits));
	memcpy(info->refused, a->refused, sizeof(info->refused));
}

int64_t sys_silo_info(struct thread *cur, handle_t silo, uaddr_t out)
{
	struct silo_info info;
	struct silo *s;
	int err = silo_find(cur, silo, RIGHT_READ, &s);

	if (err)
		return err;
	if (!may(cur, s, MODE_LIST))
		return -EPERM;
	info_fill(&info, s);
	return copy_out(cur, out, &info, sizeof(info));
}

int64_t sys_silo_processes(struct thread *cur, handle_t silo, uaddr_t infos, uint32_t n,
			   uint64_t after)
{
	static struct process_info batch[INFOS_MAX]; /* [K] */
	struct silo *s;
	unsigned count = 0;
	int64_t err = silo_find(cur, silo, RIGHT_READ, &s);

	if (err)
		return err;
	if (!may(cur, s, MODE_LIST))
		return -EPERM;
	if (n > INFOS_MAX)
		n = INFOS_MAX;
	/* the list is in the order of pids, but for processes that were attached */
	for (; count < n; count++) {
		struct process *next = NULL;

		list_for_each (p, &s->processes, struct process, silo_node)
			if (p->pid > after && p->state != PROCESS_GONE &&
			    (!next || p->pid < next->pid))
				next = p;
		if (!next)
			break;
		process_info_fill(next, &batch[count]);
		after = next->pid;
	}
	err = count ? copy_out(cur, infos, batch, count * sizeof(batch[0])) : 0;
	return err ? err : (int64_t)count;
}

/* ---- attaching ------------------------------------------------------------------- */

/* Charge to `to` what the process counts in its own silo; all or nothing. */
static int charge_move(struct process *p, struct silo *to)
{
	uint64_t limit = to->limits[LIMIT_PROCESS_MEMORY];
	int err = account_charge(to->account, RES_PROCESSES, 1);

	if (err)
		return err;
	if (limit && p->account->usage[RES_MEMORY] > limit)
		err = -ENOMEM;
	else
		err = account_move(p->account, to->account);
	account_uncharge(err ? to->account : p->object.account, RES_PROCESSES, 1);
	return err;
}

static void silo_leave(struct silo *s, struct process *p)
{
	list_del(&p->silo_node);
	s->process_count--;
	if (s->main == p) {
		s->main = NULL;
		s->main_pid = 0;
	}
	p->is_main = false;
}

static void commit_attach(struct silo *s, struct process *p)
{
	struct silo *old = p->silo;

	silo_leave(old, p);
	list_add_tail(&s->processes, &p->silo_node);
	s->process_count++;
	object_get(&s->object);
	p->silo = s;
	account_put(p->object.account);
	p->object.account = s->account; /* where its place among the processes counts */
	account_get(s->account);
	process_limit_memory(p);
	aspace_withhold(p->aspace, s->flags);
	list_for_each (t, &p->threads, struct thread, process_node) {
		t->own_band = t->band = s->band;
		t->payer = s;
		t->cpus = t->affinity & s->affinity;
		arch_thread_silo_changed(t);
	}
	process_identity_update(p);
	silo_process_made(s, p);
	object_put(&old->object);
}

int64_t sys_silo_attach(struct thread *cur, handle_t silo, handle_t process)
{
	struct silo *s;
	struct object *o;
	struct process *p;
	int err = silo_find(cur, silo, RIGHT_MANAGE, &s);

	if (!err)
		err = object_find(cur, process, OBJ_PROCESS, RIGHT_MANAGE, &o);
	if (err)
		return err;
	p = process_of(o);
	if (p->state != PROCESS_NEW || p->ending)
		return -EBUSY;
	if (!may(cur, s, MODE_SPAWN))
		return -EPERM;
	if (s == p->silo)
		return 0;
	if (p->homebound)
		return -EACCES;
	err = silo_takes(s);
	if (!err)
		err = charge_move(p, s);
	if (!err)
		commit_attach(s, p);
	return err;
}
