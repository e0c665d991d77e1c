/* SPDX-License-Identifier: ISC */
/*
 * thread.h: threads: registers, what they wait for, their one call in flight.
 *
 * A thread waits for one thing at a time; `run` says which, and `node` is its
 * place in that thing's list. Waking a thread writes its result registers and
 * makes it ready (sched.h). thread_unwait() takes it out of whatever it waits for.
 */
#pragma once
#include "aspace.h"
#include "timer.h"

struct process;
struct silo;
struct channel;
struct sender;
struct reply;
struct queue;

struct thread {
	struct object object;
	struct regs regs; /* [cur, K] valid while the thread is not in user mode */
	struct arch_thread arch;
	struct process *process;  /* [const but for exec] counted */
	struct aspace *aspace;	  /* counted */
	struct message_page *msg; /* direct map of its pinned page */
	struct vmo *msg_vmo;	  /* counted */
	uint64_t msg_addr, block; /* user addresses */

	uint8_t run;  /* [K] enum thread_run; thread_set_run */
	uint8_t band; /* [K] effective band */
	uint8_t own_band;
	bool on_queue;	  /* in a run queue */
	bool dying;	  /* ends before it reaches user mode again; entry.S tests both */
	bool interrupted; /* an interrupt request waits */
	uint64_t interrupt_arg;
	bool stepping;
	bool orphan;	     /* its call is in a process's `orphans`; call_channel counted */
	bool fault_call;     /* its call is a fault: the registers are the program's */
	uint32_t suspended;  /* count, and SUSPENDED_SILO; does not run while > 0 */
	uint64_t suspending; /* object number of whom its thread_suspend waits to see stopped */
	uint64_t affinity;   /* asked for */
	uint64_t cpus;	     /* affinity and its silo's: where it may run */
	struct cpu *cpu;     /* where it runs or ran */
	struct silo *payer;  /* [K] whose time it uses: its own silo's, or its caller's */
	struct list node;    /* run queue or waiters; else its contents mean nothing */
	struct list process_node;
	struct timer timer; /* deadline of the wait */

	/* THREAD_CALLING and THREAD_REPLY: the call */
	struct sender *call;	      /* counted while calling */
	struct channel *call_channel; /* THREAD_REPLY: whose receiver holds it */
	struct thread *server;	      /* holds the request as its current one */
	struct reply *reply;	      /* or it was saved */
	struct list call_node;	      /* channel->unanswered */
	uint64_t call_tag, call_badge;
	uint32_t call_rights;
	uint32_t call_handles[MSG_HANDLES_MAX];
	uint64_t in, in_len, out, out_len; /* buffers named by the call */

	/* as a server */
	struct thread *client; /* current request; NULL: none */
	bool client_gone;      /* current request was abandoned */

	/* THREAD_RECEIVE, THREAD_QUEUE */
	struct object *source;	     /* channel or queue it waits at */
	uint64_t events, events_max; /* queue_wait: user buffer */
	bool wants_registers;	     /* ipc_reply_wait rather than queue_wait */
	struct event *events_at;     /* queue_wait: where the kernel's map has the buffer, */
	uint64_t events_flushes;     /* while its aspace's count of flushes is this */

	/* THREAD_FUTEX */
	uint64_t key_vmo, key_offset;
	/* THREAD_PAGER: vmo.c */
	struct vmo *pager_vmo;
	uint64_t pager_page;
	uint32_t pager_access;
	bool pager_taken;
	int pager_error; /* set by pager_fail or lateness before the restart */

	/* THREAD_FAULTED, fault_call, corpses */
	struct fault_record {
		uint32_t reason;
		uint64_t code, address, rip;
	} fault;

	struct claim *claim; /* of its unfinished call of dma.c, which holds it; or NULL */

	struct account *charge; /* who pays for memory that it makes; NULL: its process; counted */

	uint64_t cpu_ns; /* TSC cycles while it was charged */
	uint64_t
		short_since; /* [K] ns: when it first waited for memory on its way back; 0: never */
};

/* Dying or interrupted, by one look. */
static inline bool thread_flagged(const struct thread *t)
{
	uint16_t both;

	_Static_assert(offsetof(struct thread, interrupted) == offsetof(struct thread, dying) + 1,
		       "side by side");
	__builtin_memcpy(&both, &t->dying, sizeof(both));
	return both != 0;
}

/* The account that pays for memory that the calling thread makes. */
struct account *thread_account(const struct thread *cur);

#define SUSPENDED_SILO 0x80000000u /* its silo does not run */

static inline struct thread *thread_of(struct object *o)
{
	return container_of(o, struct thread, object);
}

/*
 * The one writer of `run`, with the moves that there are; a thread is born as NEW, which is 0:
 *
 *   NEW --started--> READY <--scheduler--> RUNNING --parks--> a wait --woken--> READY
 *
 * A call that waited goes from CALLING to REPLY when it is received. A direct switch ends a wait of
 * IPC as RUNNING. A fault that was sent as a call and is final goes on as FAULTED. Each ends once.
 *
 * Two make moves themselves, because an instruction counts there: the scheduler those between READY
 * and RUNNING (sched.c), and fastpath.S those of the plainest calls, which are the same as here.
 */
static inline void thread_set_run(struct thread *t, enum thread_run to)
{
#define RUN(state) (1u << THREAD_##state)
#define RUN_WAITS                                                                                  \
	(RUN(CALLING) | RUN(REPLY) | RUN(RECEIVE) | RUN(QUEUE) | RUN(FUTEX) | RUN(PAGER) |         \
	 RUN(SLEEP) | RUN(FAULTED))
	static const uint16_t from[] = {
		[THREAD_NEW] = 0,
		[THREAD_READY] = RUN(NEW) | RUN_WAITS,
		[THREAD_RUNNING] = RUN(REPLY) | RUN(RECEIVE) | RUN(QUEUE),
		[THREAD_CALLING] = RUN(RUNNING),
		[THREAD_REPLY] = RUN(RUNNING) | RUN(CALLING),
		[THREAD_RECEIVE] = RUN(RUNNING),
		[THREAD_QUEUE] = RUN(RUNNING),
		[THREAD_FUTEX] = RUN(RUNNING),
		[THREAD_PAGER] = RUN(RUNNING),
		[THREAD_SLEEP] = RUN(RUNNING),
		[THREAD_FAULTED] = RUN(RUNNING) | RUN(CALLING) | RUN(REPLY),
		[THREAD_DEAD] = RUN(NEW) | RUN(READY) | RUN(RUNNING) | RUN_WAITS,
	};
#undef RUN
#undef RUN_WAITS

	assert(from[to] >> t->run & 1);
	t->run = (uint8_t)to;
}

must_check int thread_make(struct process *p, struct aspace *as, const struct thread_args *a,
			   struct thread **out);
/* Undo that, of one that was never started: its message page leaves the address space, too. */
void thread_unmake(struct thread *t);
/* Park the current thread; cpu->cur becomes NULL. Deadline NEVER: no timer. */
void thread_park(struct thread *cur, enum thread_run why, uint64_t deadline);
/* Wake with a result in the result register, or with registers already set (K_DONE), or to
 * restart its call (K_RESTART). It must not be linked in any wait list any more. */
void thread_wake(struct thread *t, int64_t result);
/* Take a waiting thread out of what it waits for (abandons a call). It stays parked. */
void thread_unwait(struct thread *t);
void thread_unsuspended(struct thread *t); /* its last suspension may have ended */
void thread_end(struct thread *t); /* it will not run again; any state; not for cur in use */
/* Give back the thread that ended while it was this CPU's `cur`: the kernel is about to leave, no
 * handler of its call is at work any more. `next` takes its place. */
void thread_ended_put(struct cpu *c, struct thread *next);
void thread_timeout(struct timer *tm); /* timer callback */
void thread_crash(struct thread *t, uint32_t reason, uint64_t code, uint64_t address);

struct fault_info;
const char *fault_name(uint32_t reason);
/* Enter the fault entry with a record in the thread's block; false: none, busy, or not writable. */
must_check bool upcall_enter(struct thread *t, const struct fault_info *f);

/* thread_control.c */
/* An interrupt request meets a thread on its way to user mode; false: later. */
bool thread_interrupt_deliver(struct thread *t);
void thread_interrupt_wait(struct thread *t); /* or in its wait, which ends with EINTR */

extern struct thread *parked_flagged; /* syscall.c */
