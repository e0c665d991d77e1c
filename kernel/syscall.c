/* SPDX-License-Identifier: ISC */
/*
 * syscall.c: the ways into the portable kernel and the one way out.
 *
 * Every entry takes the kernel lock; kernel_leave is the only exit: it finishes
 * deferred work, chooses who runs, and hands over to arch_leave, which drops the
 * lock.
 */
#include "aspace.h"
#include "channel.h"
#include "device.h"
#include "log.h"
#include "process.h"
#include "queue.h"
#include "silo.h"
#include "syscall.h"

#include "dispatch.h" /* generated */

/* Run the call again. A thread that was parked with K_RESTART is rewound when it is woken. */
void kernel_restart(struct thread *cur)
{
	if (this_cpu()->cur == cur)
		arch_restart_syscall(cur);
}

uint64_t stat_faults, stat_interrupts;
uint64_t lock_hold_max, lock_hold_where;
bool lock_measured;

static void hold_begin(void)
{
	const struct thread *cur = this_cpu()->cur;

	kernel_lock.taken = arch_cycles();
	if (cur)
		kernel_lock.serving = REGS_NUMBER(&cur->regs);
}

void lock_kernel_slow(void)
{
	lock_kernel_wait(lock_ticket());
	if (unlikely(lock_measured))
		hold_begin();
}

/* For good, before other CPUs run. */
void lock_measure(void)
{
	lock_measured = true;
	kernel_lock.waiting |= LOCK_MEASURED;
}

/* What is being served is no system call. */
static inline void hold_is(uint64_t where)
{
	if (unlikely(lock_measured))
		kernel_lock.serving = where;
}

static void hold_measure(void)
{
	struct kernel_lock *l = &kernel_lock;
	uint64_t held = arch_cycles() - l->taken;

	if (held > lock_hold_max) {
		lock_hold_max = held;
		lock_hold_where = l->serving;
	}
}

/* A dying or interrupted thread does not simply go on. */
static void current_check(struct thread *cur)
{
	if (cur->dying)
		thread_end(cur);
	else if (cur->interrupted)
		(void)thread_interrupt_deliver(cur); /* inside the shim: tried again later */
}

/* A thread that began to wait although it was to end, or an interrupt request was pending: it does
 * not wait. */
struct thread *parked_flagged;

static void parked_check(void)
{
	struct thread *t = parked_flagged;

	parked_flagged = NULL;
	if (t->dying)
		thread_end(t);
	else
		thread_interrupt_wait(t);
}

static void cleanup(void)
{
	if (memory_waiter) /* only where something is to be cleaned up: memory_awaited */
		memory_retry();
	cleanup_pending = false;
	if (process_cleanup_slice())
		cleanup_pending = true;
	if (memory_cleanup_slice())
		cleanup_pending = true;
	thread_ended_put(this_cpu(), NULL); /* thread_end has set cleanup_pending */
}

/* cur is chosen and may go on: time, and out. */
static inline __attribute__((always_inline)) noreturn void leave(struct cpu *c)
{
	sched_timer_check(c);
	c->attention = false;
	if (unlikely(lock_measured)) {
		hold_measure();
		c->attention = true;
	}
	arch_leave();
}

noreturn void kernel_leave(void)
{
	struct cpu *c = this_cpu();

	if (c->resched || !c->cur) {
		if (unlikely(cleanup_pending))
			cleanup();
		sched_pick();
	}
	if (unlikely(parked_flagged)) {
		parked_check();
		kernel_leave();
	}
	if (likely(c->cur) && unlikely(thread_flagged(c->cur))) {
		current_check(c->cur);
		if (!c->cur)
			kernel_leave();
	}
	/* The next slice of work at the next entry; and nobody would kick a CPU that seems to come
	 * back anyway. */
	if (unlikely(cleanup_pending | c->resched)) {
		thread_ended_put(c, NULL);
		sched_soon(c);
	}
	leave(c);
}

int64_t sys_null(struct thread *cur)
{
	(void)cur;
	return 0;
}

/* ---- faults -------------------------------------------------------------------------- */

bool upcall_enter(struct thread *t, const struct fault_info *f)
{
	struct process *p = t->process;
	uint64_t head = offsetof(struct thread_block, msg);
	struct thread_block *b = aspace_reach(t->aspace, t->block, head), copy;
	bool direct = b;
	uint32_t busy;

	if (unlikely(!direct)) {
		b = &copy;
		if (aspace_read(t->aspace, t->block, b, head) != (int64_t)head)
			return false;
	}
	busy = __atomic_load_n(&b->busy, __ATOMIC_RELAXED); /* once: it is the program's */
	if (busy) {
		uint32_t idle = 0;

		/* THREAD_BLOCK_PASS: the handler wants this fault reported as it is, once. */
		if (busy == THREAD_BLOCK_PASS)
			(void)!aspace_write(t->aspace, t->block, &idle, sizeof(idle));
		return false;
	}
	b->busy = 1;
	b->reason = f->reason;
	b->code = f->code;
	b->address = f->address;
	regs_save_user(&t->regs, &b->rip, &b->rflags, &b->rsp);
	if (unlikely(!direct) && aspace_write(t->aspace, t->block, b, head) != (int64_t)head)
		return false;
	regs_enter_user(&t->regs, p->fault_entry);
	memory_call_drop(t);
	return true;
}

/* A fault that memory could not serve: own upcall, a call, the watching handler, or the end. */
static void fault_report(struct thread *cur, struct fault_info *f)
{
	struct process *p = cur->process;

	if (f->reason == FAULT_PAGE && REGS_IP(&cur->regs) == 0 && !p->upcall)
		f->reason = FAULT_SYSCALL;
	if (cur->stepping && f->reason == FAULT_STEP) {
		cur->stepping = false;
		arch_single_step(cur, false);
	} else if (p->fault_entry && cur->block) {
		if (upcall_enter(cur, f))
			return;
	}
	if (p->faults && fault_call(cur, f))
		return;
	if (!p->handler) {
		thread_crash(cur, f->reason, f->code, f->address);
		return;
	}
	cur->fault = (struct fault_record){f->reason, f->code, f->address, REGS_IP(&cur->regs)};
	thread_park(cur, THREAD_FAULTED, DEADLINE_NEVER);
	watch_raise(p->handler, PROCESS_EV_FAULT, cur->object.id);
}

noreturn void kernel_fault(struct thread *cur, struct fault_info *f)
{
	int64_t result = -EFAULT;

	lock_kernel();
	hold_is(f->reason);
	stat_faults++;
	if (unlikely(cur->dying))
		kernel_leave();
	if (f->reason == FAULT_PAGE)
		result = aspace_fault(cur->aspace, cur, f->address, f->access, &f->reason);
	if (result == -EFAULT)
		fault_report(cur, f);
	kernel_leave();
}

/* ---- interrupts ------------------------------------------------------------------------ */

noreturn void kernel_interrupt(unsigned vector)
{
	struct cpu *c = this_cpu();

	lock_kernel();
	hold_is(vector);
	stat_interrupts++;
	if (vector) {
		irq_raise(vector);
		if (!cleanup_pending && sched_preempt(c) && !thread_flagged(c->cur))
			leave(c);
	} else {
		sched_tick(c, arch_now());
	}
	kernel_leave();
}

int64_t sys_upcall_return(struct thread *cur, uaddr_t regs)
{
	struct thread_block *block;
	struct thread_regs r;
	uint32_t idle = 0;
	int64_t err = copy_in(cur, &r, regs, sizeof(r));

	if (err)
		return err;
	err = arch_regs_set(cur, &r);
	if (err)
		return err;
	if (!cur->block)
		return K_DONE;
	block = aspace_reach(cur->aspace, cur->block, sizeof(*block));
	if (likely(block))
		block->busy = idle;
	else if (aspace_write(cur->aspace, cur->block, &idle, sizeof(idle)) != sizeof(idle))
		thread_crash(cur, FAULT_PAGE, 0, cur->block);
	return K_DONE;
}
