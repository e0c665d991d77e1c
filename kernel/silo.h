/* SPDX-License-Identifier: ISC */
/*
 * silo.h: silos: the compartment as the kernel enforces it: state, mode, account,
 * CPU share. Names, restart budgets and modules are user space's.
 *
 * silo_set_state is the only function that changes `state`; its table of allowed
 * moves is the state machine of docs/objects/silo.md.
 */
#pragma once
#include "account.h"
#include "object.h"
#include "sched.h"

#define SILO_DEPTH_MAX 8

struct process;

struct silo {
	struct object object;
	uint32_t id;
	uint8_t state; /* enum silo_state */
	uint8_t depth;
	uint8_t band; /* by id */
	uint32_t mode, flags;
	struct silo *parent; /* counted */
	struct list children, child_node;
	struct account *account; /* its own, for what it holds; counted */
	struct list processes;	 /* process.silo_node */
	uint32_t process_count;	 /* not GONE */
	struct process *main;	 /* not counted; cleared when it ends */
	uint64_t main_pid;
	struct fault_record crash;
	int32_t code;
	struct list watches; /* EVENT_SILO */
	uint64_t limits[LIMIT_KEYS];
	uint64_t xcr0;
	/* scheduling */
	struct sched_entity entity[BANDS];
	uint32_t shares;
	uint64_t share_cost; /* virtual time of 1 << SHARE_SHIFT cycles (sched_shares) */
	uint64_t quota_cycles, period_ns; /* 0: no quota */
	uint64_t period_start, used_cycles;
	bool throttled; /* its quota is used up */
	/* From it up to the root: silos with a quota; throttled ones, for its threads to wait for.
	 */
	uint8_t quotas, held;
	struct timer refill;
	uint64_t cpu_cycles, throttled_ns, throttled_since;
	uint64_t affinity;	     /* its own within its parent's */
	uint64_t quarantined;	     /* DMA bytes that keep it a zombie */
	bool ending;		     /* its processes are being ended; the state follows */
	const struct thread *killer; /* its KILL is being repeated; compared, never followed */
};

extern struct silo *root_silo;
void silo_init(void); /* makes the root silo, id 1, all rights */
struct silo *silo_of(struct object *o);
static inline struct list *silo_watches(struct object *o)
{
	return &silo_of(o)->watches;
}
/* A living silo (not destroyed) with this id, or NULL. */
struct silo *silo_by_id(uint32_t id);
/* A silo below that may have processes, or NULL. */
struct silo *silo_below_alive(const struct silo *s);
/* A new silo, checked by the caller; one reference to the caller. -ENOMEM, -EDQUOT. */
must_check int silo_make(struct silo *parent, const struct silo_args *a, struct silo **out);
/* Move it; -EINVAL when the table knows no such move. Raises EVENT_SILO. */
must_check int silo_set_state(struct silo *s, enum silo_state to);
/* Begin to end all its processes; its state follows when the last one is a corpse. */
void silo_end(struct silo *s);
bool silo_ended(const struct silo *s); /* stopped, crashed or zombie */
void silo_reset(struct silo *s);       /* forget the life that ended, for RESET */
void silo_retire(struct silo *s);      /* out of the tree, account closed: for DESTROY */
/* May a process be made or start to run in it now? 0 or -EINVAL. */
must_check int silo_takes(struct silo *s);
/* Apply limits[key], already checked, to account and scheduler. -EDQUOT for a reserve. */
must_check int silo_limit_set(struct silo *s, enum limit_key key, uint64_t value);
/* Do these limits contradict each other or the machine? 0 or -EINVAL. */
must_check int silo_limits_check(const uint64_t limits[LIMIT_KEYS]);
/* May a silo below `parent` be given limits[key]? -EPERM: more of the CPUs than that has; -EINVAL:
 * no CPU that it has. */
must_check int silo_cpu_allowed(const struct silo *parent, const uint64_t limits[LIMIT_KEYS],
				enum limit_key key);
/* The silo that follows `s` when the tree from `top` down is walked; NULL: that was the last. */
struct silo *silo_next(const struct silo *top, struct silo *s);
void silo_process_made(struct silo *s, struct process *p);  /* process.c: the first is main */
void silo_process_ended(struct silo *s, struct process *p); /* p is a corpse now */
void silo_process_gone(struct silo *s, struct process *p);  /* p holds no memory any more */
/* Threads of other states are kept off the run queues. */
static inline bool silo_runs(const struct silo *s)
{
	return s->state == SILO_RUNNING || s->state == SILO_STOPPING;
}
/* May a process of `own` do to `target` what a mode bit allows? Its own silo: always. */
static inline bool silo_may(const struct silo *own, const struct silo *target, uint32_t bit)
{
	return own == target || (own->mode & bit);
}
void silo_quarantine(struct silo *s, int64_t bytes); /* dma.c: + begins, - ends */
