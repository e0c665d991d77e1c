/* SPDX-License-Identifier: ISC */
/*
 * process.h: processes: handles, identity, life and death.
 *
 * States: PROCESS_NEW (no thread started) - RUNNING - CORPSE (all threads ended,
 * handles closed but for kept ones, memory and registers readable) - GONE
 * (reaped). process_set_state is the only writer. A corpse is reaped by
 * process_reap, or when its last handle goes.
 */
#pragma once
#include "handle.h"
#include "thread.h"

struct process {
	struct object object;
	uint8_t state;	 /* enum process_state */
	bool capability; /* capability mode */
	bool is_main;
	bool homebound; /* inherited what may not leave the silo: it is attached to no other */
	bool ending;	/* process_end was called */
	bool clearing;	/* its table is being cleared, in slices */
	uint64_t pid;
	struct silo *silo;     /* counted */
	struct aspace *aspace; /* of new threads; counted */
	struct handle_table table;
	struct list threads;   /* thread.process_node */
	uint32_t thread_count; /* alive */
	struct list silo_node;
	struct list watches;	  /* watch.source_node, EVENT_PROCESS */
	struct watch *handler;	  /* the watch for PROCESS_EV_FAULT */
	struct identity identity; /* ready to copy; badge and rights filled per message */
	uint64_t upcall, fault_entry, shim_lo, shim_hi;
	uint32_t pledges, next_pledges;
	int32_t code;
	struct fault_record crash;
	struct thread *last;   /* counted; registers of the crash, in a corpse */
	uint64_t main_thread;  /* object number of the first thread */
	uint64_t cpu_ns;       /* of ended threads */
	struct list work_node; /* processes whose table is being cleared */
	uint32_t clear_cursor;
	struct cap *faults;  /* the sender by which its faults are sent: fault_call.c */
	struct list orphans; /* calls that its threads had in hand; thread.call_node */
	char name[NAME_MAX_LEN];
	struct account *account; /* counted; bears what it makes, and its limit of memory */
};

static inline struct process *process_of(struct object *o)
{
	return container_of(o, struct process, object);
}
/* Its account is the address space's, which then hangs below the silo, or a new one when another
 * process has that. One reference to the caller. -EINVAL, -EDQUOT, -ENOMEM. */
must_check int process_make(struct silo *s, struct aspace *as, const struct process_args *a,
			    struct process **out);
void process_limit_memory(struct process *p); /* take over the limit of its silo */
void process_set_state(struct process *p, enum process_state to); /* a move that there is */
/* End all threads and turn it into a corpse. `reason` FAULT_NONE: an exit with `code`. */
void process_end(struct process *p, int32_t code, const struct fault_record *crash);
void process_threads_end(struct process *p, const struct thread *but); /* NULL: all */
void process_thread_gone(struct thread *t); /* the last one ends the process */
void corpse_release(struct process *p);	    /* drop a corpse's memory, registers and kept handles */
bool faults_sent(const struct process *p);  /* by a sender that lives: fault_call.c */
void process_event(struct process *p, uint32_t what, uint64_t data);
/* One slice of clearing tables of dead processes; true: more to do. Called before leaving. */
bool process_cleanup_slice(void);
void process_identity_update(struct process *p); /* after silo, mode or pledges changed */
void process_info_fill(struct process *p, struct process_info *info);

/* What a number stands for in a process's table, whatever capability mode says; NULL: nothing. */
must_check static inline struct cap *cap_named(const struct process *p, handle_t h)
{
	uint32_t index = h & (HANDLE_SLOTS_MAX - 1);
	const struct handle_slot *s;

	if (unlikely(index >= p->table.slots))
		return NULL;
	s = &p->table.chunk[index / SLOTS_PER_CHUNK][index % SLOTS_PER_CHUNK];
	return likely(s->gen == h >> HANDLE_SLOT_BITS) ? s->cap : NULL;
}

/* Find a handle of the calling thread's process: right type, all of `rights`, capability mode
 * obeyed. 0, -EBADF, -EINVAL (type), -EACCES (rights), -EPERM (capability mode). OBJ_NONE: any. */
must_check static inline int cap_find(const struct thread *cur, handle_t h, enum object_type type,
				      uint32_t rights, struct cap **out)
{
	const struct process *p = cur->process;
	struct cap *c = cap_named(p, h);

	if (unlikely(!c))
		return -EBADF;
	if (unlikely(type != OBJ_NONE && c->object->type != type))
		return -EINVAL;
	if (unlikely((c->rights & rights) != rights))
		return -EACCES;
	if (unlikely(p->capability && !(c->rights & RIGHT_INSIDE)))
		return -EPERM;
	*out = c;
	return 0;
}

/* The same for the object alone. */
must_check static inline int object_find(const struct thread *cur, handle_t h,
					 enum object_type type, uint32_t rights,
					 struct object **out)
{
	struct cap *c;
	int err = cap_find(cur, h, type, rights, &c);

	if (likely(!err))
		*out = c->object;
	return err;
}

must_check static inline int thread_find(const struct thread *cur, handle_t h, uint32_t rights,
					 struct thread **out)
{
	struct object *o;
	int err = object_find(cur, h, OBJ_THREAD, rights, &o);

	if (likely(!err))
		*out = thread_of(o);
	return err;
}
