/* SPDX-License-Identifier: ISC */
/*
 * cpu.h: what each CPU has, and the kernel lock.
 *
 * One lock protects the whole kernel. Who finds it free with nobody waiting takes
 * it by one instruction; all others draw tickets and are served in turn, unless
 * the CPU whose turn it is does not come: on a virtual machine it may have lost
 * its real CPU. A waiter whose patience is over then takes the lock out of turn
 * (docs/decisions/0002-lock-out-of-turn.md). A CPU that waits serves TLB
 * invalidations meanwhile, so a holder may wait for their answers.
 */
#pragma once
#include "arch.h"

struct silo;

struct cpu {
	struct cpu *self;	   /* offset 0: read through gs */
	struct thread *cur;	   /* offset 8: whom we serve; NULL: idle */
	uint64_t scratch[2];	   /* offset 16: entry code's */
	void *stack_top;	   /* offset 32 */
	struct thread *loaded;	   /* [K] whose extended state and bases this CPU holds */
	struct arch_aspace *space; /* [K] loaded page tables */
	unsigned index;
	unsigned hardware_id; /* APIC id */
	bool online;
	bool resched;	       /* [K] pick again before leaving; entry.S tests both */
	bool attention;	       /* [K] leave by kernel_leave: a timer or the slice changed */
	bool bases_off;	       /* [K] arch: the fast paths must not be taken */
	const bool zero;       /* read with the three before it */
	struct silo *payer;    /* [K] who pays for the time since `since` */
	uint64_t since;	       /* [K] TSC at the last charge */
	uint64_t slice_end;    /* [K] ns; DEADLINE_NEVER when nobody waits */
	uint64_t timer_armed;  /* [K] what arch_timer_set was told */
	uint32_t tlb_seen;     /* generation of flush requests that this CPU has served */
	struct thread *next;   /* [K] preempts cur at the next pick */
	struct thread *ended;  /* [K] ended as `cur` in this entry: its handler may still use it */
	struct arch_cpu *arch; /* descriptor tables, upcall frame: arch's own */
};

extern struct cpu cpus[CPUS_MAX];
extern unsigned cpu_count;
/* [K] Somebody left work for process_cleanup_slice or memory_cleanup_slice (cleanup.c). */
extern bool cleanup_pending;

struct kernel_lock {
	uint32_t locked;
	uint32_t waiting; /* CPUs with a ticket; and LOCK_MEASURED: nobody takes the short way */
	uint32_t next;	  /* ticket */
	uint32_t owner;	  /* [K] the ticket whose turn it is */
	uint64_t done;	  /* [K] tickets served out of turn, modulo 64 */
	uint64_t taken;	  /* [K] TSC, when LOCK_MEASURED */
	uint64_t serving; /* [K] and then: as lock_hold_where */
};
#define LOCK_MEASURED 0x10000u

extern struct kernel_lock kernel_lock;
extern uint64_t lock_hold_max, lock_hold_where; /* as in struct system_info */
extern bool lock_measured;			/* boot option lock=measure */
void lock_measure(void);
void lock_kernel_slow(void);
/* lock.c: draw a ticket, and wait with it: the two parts of lock_kernel_slow. */
uint32_t lock_ticket(void);
void lock_kernel_wait(uint32_t ticket);

/* entry.S does both in assembly. */
static inline void lock_kernel(void)
{
	if (likely(!__atomic_load_n(&kernel_lock.waiting, __ATOMIC_RELAXED) &&
		   !__atomic_exchange_n(&kernel_lock.locked, 1, __ATOMIC_ACQUIRE)))
		return;
	lock_kernel_slow();
}

static inline void unlock_kernel(void)
{
	__atomic_store_n(&kernel_lock.locked, 0, __ATOMIC_RELEASE);
}

/* System calls: arch saves the registers in cur->regs, takes the lock, calls the handler from
 * syscall_table, and leaves: at once when cur goes on and this CPU has neither `resched` nor
 * `attention` and cur neither `dying` nor `interrupted`; else by kernel_leave. A handler that
 * answers a value has changed neither rbx, rbp, r12-r15 in cur->regs, nor, without `resched`,
 * who is cur; K_DONE: registers are set up; K_RESTART: kernel_restart. `where`: for lock=measure.
 */
extern int64_t (*const syscall_table[])(struct thread *cur);
void kernel_restart(struct thread *cur);
noreturn void kernel_leave(void);
/* Faults and interrupts: registers saved, lock not held. They end in arch_leave. */
struct fault_info {
	enum fault_reason reason;
	uint64_t code, address;
	uint32_t access; /* FAULT_PAGE: PROT_R, PROT_W or PROT_X */
};
noreturn void kernel_fault(struct thread *cur, struct fault_info *f); /* *f may be changed */
/* vector 0: reschedule or timer; else a device's. cur may be NULL. */
noreturn void kernel_interrupt(unsigned vector);
