/* SPDX-License-Identifier: ISC */
/*
 * silo.c: silos as the kernel enforces them: the state machine, the tree, the
 * end of a silo with its main process. The calls are in sys_silo.c; docs:
 * docs/objects/silo.md.
 *
 * silo_set_state is the only writer of `state`. A silo ends when its main
 * process does, or one of a strict silo crashes, or by KILL: its processes are
 * ended (`ending`), and the state follows when the last of them is a corpse:
 * crashed or stopped, or zombie while DMA memory of it is in quarantine.
 *
 * The root silo, in which the kernel starts the first process, never changes
 * its state. Silos below one that ends are not touched.
 */
#include "silo.h"
#include "arch.h"
#include "log.h"
#include "memory.h"
#include "process.h"
#include "queue.h"

#define SHARES_MAX    (1u << 20)
#define QUOTA_MIN_US  100u
#define PERIOD_MIN_US 1000u
#define PERIOD_MAX_US 1000000u

struct silo *root_silo;

#define TO(state) (1u << (state))
#define ENDED	  (TO(SILO_STOPPED) | TO(SILO_CRASHED) | TO(SILO_ZOMBIE))

/* From each state: where to. */
static const uint16_t moves[SILO_STATES] = {
	[SILO_CREATED] = TO(SILO_LOADING) | TO(SILO_DESTROYED),
	[SILO_LOADING] = TO(SILO_READY) | ENDED,
	[SILO_READY] = TO(SILO_RUNNING) | ENDED,
	[SILO_RUNNING] = TO(SILO_PAUSED) | TO(SILO_STOPPING) | ENDED,
	[SILO_PAUSED] = TO(SILO_RUNNING) | ENDED,
	[SILO_STOPPING] = ENDED,
	[SILO_STOPPED] = TO(SILO_CREATED) | TO(SILO_ZOMBIE) | TO(SILO_DESTROYED),
	[SILO_CRASHED] = TO(SILO_CREATED) | TO(SILO_ZOMBIE) | TO(SILO_DESTROYED),
	[SILO_ZOMBIE] = TO(SILO_STOPPED) | TO(SILO_CRASHED),
	[SILO_DESTROYED] = 0,
};

static const char *const state_names[SILO_STATES] = {"created", "loading",  "ready",   "running",
						     "paused",	"stopping", "stopped", "crashed",
						     "zombie",	"destroyed"};

struct silo *silo_of(struct object *o)
{
	return container_of(o, struct silo, object);
}

int silo_set_state(struct silo *s, enum silo_state to)
{
	bool ran = silo_runs(s);

	if (!(moves[s->state] & TO(to)))
		return -EINVAL;
	klog(LOG_SILO, LOG_DEBUG, "silo %u: %s, was %s", s->id, state_names[to],
	     state_names[s->state]);
	s->state = (uint8_t)to;
	if (ran != silo_runs(s))
		sched_silo_changed(s);
	watch_list_raise(&s->watches, EVENT_SILO, UINT64_MAX, to,
			 (uint64_t)s->crash.reason << 32 | (uint32_t)s->code);
	return 0;
}

int silo_takes(struct silo *s)
{
	if (s->ending)
		return -EINVAL;
	return s->state == SILO_LOADING || s->state == SILO_READY || s->state == SILO_RUNNING
		       ? 0
		       : -EINVAL;
}

bool silo_ended(const struct silo *s)
{
	return TO(s->state) & ENDED;
}

/* ---- the tree ------------------------------------------------------------------ */

struct silo *silo_next(const struct silo *top, struct silo *s)
{
	if (!list_empty(&s->children))
		return list_first(&s->children, struct silo, child_node);
	while (s != top) {
		struct silo *parent = s->parent;

		if (s->child_node.next != &parent->children)
			return container_of(s->child_node.next, struct silo, child_node);
		s = parent;
	}
	return NULL;
}

struct silo *silo_by_id(uint32_t id)
{
	struct silo *s = root_silo;

	while (s && s->id != id)
		s = silo_next(root_silo, s);
	return s;
}

struct silo *silo_below_alive(const struct silo *s)
{
	struct silo *below = (struct silo *)s;

	while ((below = silo_next(s, below)))
		if (below->state >= SILO_LOADING && below->state <= SILO_STOPPING)
			return below;
	return NULL;
}

static enum band band_of(uint32_t id)
{
	if (id < 10)
		return BAND_CRITICAL;
	return id < 1000 ? BAND_SYSTEM : BAND_USER;
}

static void silo_setup(struct silo *s, uint32_t id, struct account *pays, struct account *own)
{
	object_init(&s->object, OBJ_SILO, pays);
	s->id = id;
	s->band = band_of(id);
	s->account = own;
	list_init(&s->children);
	list_init(&s->child_node);
	list_init(&s->processes);
	list_init(&s->watches);
	for (unsigned b = 0; b < BANDS; b++) {
		list_init(&s->entity[b].node);
		list_init(&s->entity[b].threads);
	}
	sched_shares(s, SHARES_DEFAULT);
	s->affinity = UINT64_MAX;
}

void silo_init(void)
{
	struct silo *s = kmem_alloc(&root_account, sizeof(*s));

	assert(s);
	account_get(&root_account);
	silo_setup(s, 1, &root_account, &root_account);
	root_account.silo = 1;
	root_account.limit[RES_MEMORY] = frames_total() * PAGE_SIZE; /* what can be reserved */
	s->mode = 0777;
	s->xcr0 = arch_xcr0();
	s->state = SILO_RUNNING;
	root_silo = s;
}

int silo_make(struct silo *parent, const struct silo_args *a, struct silo **out)
{
	struct account *own = account_create(parent->account, a->id);
	struct silo *s;
	int err = 0;

	if (!own)
		return -ENOMEM;
	s = kmem_alloc(parent->account, sizeof(*s));
	if (!s) {
		account_put(own);
		return -ENOMEM;
	}
	silo_setup(s, a->id, parent->account, own);
	s->depth = parent->depth + 1;
	s->mode = a->mode;
	s->flags = a->flags | (parent->flags & (SILO_NO_TSC | SILO_NO_FSGSBASE));
	s->xcr0 = a->xcr0 ? a->xcr0 : parent->xcr0;
	s->parent = parent;
	object_get(&parent->object);
	s->quotas = parent->quotas;
	s->held = parent->held;
	s->throttled_since = s->held ? arch_now() : 0;
	list_add_tail(&parent->children, &s->child_node);
	for (unsigned k = 0; !err && k < LIMIT_KEYS; k++)
		err = silo_limit_set(s, k, a->limits[k]);
	if (err) {
		object_put(&s->object);
		return err;
	}
	*out = s;
	return 0;
}

/* Its id is free, and nothing more can be charged to it. */
static void silo_leave_tree(struct silo *s)
{
	list_del(&s->child_node);
	timer_disarm(&s->refill);
	account_close(s->account);
}

/* The last thread may have ended in this very entry to the kernel: its CPU still charges us. */
static void silo_charge_ends(const struct silo *s)
{
	for (unsigned i = 0; i < cpu_count; i++)
		if (cpus[i].payer == s)
			cpus[i].payer = NULL;
	for (unsigned b = 0; b < BANDS; b++)
		assert(!s->entity[b].linked && list_empty(&s->entity[b].threads));
}

void silo_destroy(struct object *o)
{
	struct silo *s = silo_of(o);

	assert(s != root_silo && list_empty(&s->processes) && list_empty(&s->children));
	silo_charge_ends(s);
	if (s->state != SILO_DESTROYED)
		silo_leave_tree(s);
	timer_disarm(&s->refill);
	account_put(s->account);
	object_put(&s->parent->object);
	kmem_free(s, sizeof(*s));
}

/* ---- limits -------------------------------------------------------------------- */

static bool cpu_limits_valid(const uint64_t limits[LIMIT_KEYS])
{
	uint64_t quota = limits[LIMIT_CPU_QUOTA_US], period = limits[LIMIT_CPU_PERIOD_US];
	uint64_t all = cpu_count >= 64 ? UINT64_MAX : (1ull << cpu_count) - 1;

	if (limits[LIMIT_CPU_SHARES] > SHARES_MAX)
		return false;
	if (period && (period < PERIOD_MIN_US || period > PERIOD_MAX_US))
		return false;
	if (quota && (!period || quota < QUOTA_MIN_US || quota > period * cpu_count))
		return false;
	return !limits[LIMIT_AFFINITY] || (limits[LIMIT_AFFINITY] & all);
}

int silo_limits_check(const uint64_t limits[LIMIT_KEYS])
{
	uint64_t memory = limits[LIMIT_MEMORY];

	if (memory && limits[LIMIT_MEM_MIN] > memory)
		return -EINVAL;
	return cpu_limits_valid(limits) ? 0 : -EINVAL;
}

/* A quota of `q` us in each `p` is no more of a CPU than `limits` of somebody else's. */
static bool quota_within(uint64_t q, uint64_t p, const uint64_t limits[LIMIT_KEYS])
{
	return q * limits[LIMIT_CPU_PERIOD_US] <= limits[LIMIT_CPU_QUOTA_US] * p;
}

static bool quota_allowed(const struct silo *parent, uint64_t quota, uint64_t period)
{
	for (; quota && parent; parent = parent->parent)
		if (parent->quota_cycles && !quota_within(quota, period, parent->limits))
			return false;
	return true;
}

int silo_cpu_allowed(const struct silo *parent, const uint64_t limits[LIMIT_KEYS],
		     enum limit_key key)
{
	uint64_t affinity = limits[LIMIT_AFFINITY];

	if (key == LIMIT_CPU_SHARES && parent != root_silo &&
	    limits[LIMIT_CPU_SHARES] > parent->shares)
		return -EPERM;
	if ((key == LIMIT_CPU_QUOTA_US || key == LIMIT_CPU_PERIOD_US) &&
	    !quota_allowed(parent, limits[LIMIT_CPU_QUOTA_US], limits[LIMIT_CPU_PERIOD_US]))
		return -EPERM;
	if (key == LIMIT_AFFINITY && affinity && !(affinity & parent->affinity))
		return -EINVAL;
	return 0;
}

/* What it was given, within what its parent has. The root silo bounds nobody. */
static void cpu_narrow_one(struct silo *s)
{
	const struct silo *parent = s->parent;
	uint64_t own = s->limits[LIMIT_AFFINITY], before = s->affinity;
	uint64_t shares = s->limits[LIMIT_CPU_SHARES];

	shares = shares ? shares : SHARES_DEFAULT;
	if (parent != root_silo && shares > parent->shares)
		shares = parent->shares;
	sched_shares(s, (uint32_t)shares);
	s->affinity = (own ? own : UINT64_MAX) & parent->affinity;
	if (s->affinity != before)
		sched_silo_changed(s);
}

/* The limits of CPUs of a silo have changed: those below have no more than it. */
static void cpu_narrow(struct silo *top)
{
	for (struct silo *s = top; s; s = silo_next(top, s))
		cpu_narrow_one(s);
}

static void quota_changed(struct silo *top)
{
	bool had = top->quota_cycles;

	top->period_ns = top->limits[LIMIT_CPU_PERIOD_US] * 1000;
	top->quota_cycles = ns_to_cycles(top->limits[LIMIT_CPU_QUOTA_US] * 1000);
	if (had == (top->quota_cycles != 0))
		return;
	for (struct silo *s = top; s; s = silo_next(top, s))
		s->quotas = (uint8_t)(had ? s->quotas - 1 : s->quotas + 1);
}

int silo_limit_set(struct silo *s, enum limit_key key, uint64_t value)
{
	int err;

	switch (key) {
	case LIMIT_MEMORY:
	case LIMIT_PROCESSES:
	case LIMIT_THREADS:
	case LIMIT_HANDLES:
	case LIMIT_MESSAGES:
	case LIMIT_DMA:
		/* the first keys are the resources, in their order */
		s->account->limit[key] = value ? value : UINT64_MAX;
		break;
	case LIMIT_MEM_MIN:
		err = account_reserve(s->account, value);
		if (err)
			return err;
		break;
	case LIMIT_CPU_SHARES:
	case LIMIT_CPU_QUOTA_US:
	case LIMIT_CPU_PERIOD_US:
	case LIMIT_AFFINITY:
	case LIMIT_PROCESS_MEMORY: /* below, when stored */
	case LIMIT_PROCESS_THREADS:
	case LIMIT_PROCESS_HANDLES:
	case LIMIT_KEYS: break;
	}
	s->limits[key] = value;
	if (key == LIMIT_PROCESS_MEMORY)
		list_for_each (p, &s->processes, struct process, silo_node)
			process_limit_memory(p);
	if (key == LIMIT_CPU_QUOTA_US || key == LIMIT_CPU_PERIOD_US)
		quota_changed(s);
	if (key == LIMIT_AFFINITY || key == LIMIT_CPU_SHARES)
		cpu_narrow(s);
	return 0;
}
_Static_assert((int)LIMIT_MEMORY == RES_MEMORY && (int)LIMIT_PROCESSES == RES_PROCESSES &&
		       (int)LIMIT_THREADS == RES_THREADS && (int)LIMIT_HANDLES == RES_HANDLES &&
		       (int)LIMIT_MESSAGES == RES_MESSAGES && (int)LIMIT_DMA == RES_DMA,
	       "limits of resources come first, in their order");

/* ---- the end -------------------------------------------------------------------- */

static bool process_lives(const struct process *p)
{
	return p->state == PROCESS_NEW || p->state == PROCESS_RUNNING;
}

static struct process *living_process(struct silo *s, bool not_yet_ending)
{
	list_for_each (p, &s->processes, struct process, silo_node)
		if (process_lives(p) && !(not_yet_ending && p->ending))
			return p;
	return NULL;
}

static enum silo_state state_of_end(const struct silo *s)
{
	if (s->quarantined)
		return SILO_ZOMBIE;
	return s->crash.reason != FAULT_NONE ? SILO_CRASHED : SILO_STOPPED;
}

static void silo_move(struct silo *s, enum silo_state to)
{
	int err = silo_set_state(s, to);

	assert(!err);
}

static void finish_if_ended(struct silo *s)
{
	if (!s->ending || living_process(s, false))
		return;
	s->ending = false;
	silo_move(s, state_of_end(s));
}

void silo_end(struct silo *s)
{
	struct process *p;

	assert(s != root_silo);
	s->ending = true;
	while ((p = living_process(s, true)))
		process_end(p, -1, NULL);
	finish_if_ended(s);
}

void silo_process_ended(struct silo *s, struct process *p)
{
	bool is_main = p == s->main;
	bool fatal = is_main || ((s->flags & SILO_STRICT) && p->crash.reason != FAULT_NONE);

	if (s == root_silo || silo_ended(s) || s->state == SILO_DESTROYED)
		return;
	if (fatal && !s->ending) {
		s->crash = p->crash;
		s->code = p->code;
		silo_end(s);
		return;
	}
	finish_if_ended(s);
}

void silo_process_gone(struct silo *s, struct process *p)
{
	assert(s->process_count > 0);
	s->process_count--;
	if (s->main == p)
		s->main = NULL;
}

void silo_quarantine(struct silo *s, int64_t bytes)
{
	s->quarantined += (uint64_t)bytes;
	if (silo_ended(s) && state_of_end(s) != s->state)
		silo_move(s, state_of_end(s));
}

void silo_reset(struct silo *s)
{
	s->crash = (struct fault_record){0};
	s->code = 0;
	s->main = NULL;
	s->main_pid = 0;
}

void silo_retire(struct silo *s)
{
	silo_leave_tree(s);
}
