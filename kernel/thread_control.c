/* SPDX-License-Identifier: ISC */
/*
 * thread_control.c: what the holder of a thread's handle does to it: interrupt it,
 * read and write its registers, step it, say where it may run.
 *
 * Registers are read and written only of a thread that cannot run meanwhile: its
 * holder stops it first. An interrupt request meets a thread in its wait, or on its
 * way to user mode, or is kept until then.
 *
 * Birth, waiting, suspension and end are thread.c's.
 */
#include "memory.h"
#include "process.h"
#include "silo.h"
#include "syscall.h"

/* ---- interrupted --------------------------------------------------------- */

static bool waits_interruptibly(const struct thread *t)
{
	return ((t->run == THREAD_CALLING || t->run == THREAD_REPLY) && !t->fault_call) ||
	       t->run == THREAD_RECEIVE || t->run == THREAD_QUEUE || t->run == THREAD_FUTEX ||
	       t->run == THREAD_SLEEP;
}

/* Enter the fault entry now, or leave the request for the next return to user mode. */
bool thread_interrupt_deliver(struct thread *t)
{
	struct process *p = t->process;
	uint64_t rip = REGS_IP(&t->regs);
	struct fault_info f = {FAULT_INTERRUPT, t->interrupt_arg, 0, 0};

	if (!p->fault_entry || !t->block || (rip >= p->shim_lo && rip < p->shim_hi))
		return false;
	if (!upcall_enter(t, &f))
		return false;
	t->interrupted = false;
	return true;
}

/* End an interruptible wait with EINTR. */
void thread_interrupt_wait(struct thread *t)
{
	if (!waits_interruptibly(t))
		return;
	thread_unwait(t);
	thread_wake(t, -EINTR);
	t->interrupted = t->process->fault_entry != 0;
}

int64_t sys_thread_interrupt(struct thread *cur, handle_t thread, uint64_t arg)
{
	struct thread *t;
	int err = thread_find(cur, thread, RIGHT_MANAGE, &t);

	if (err)
		return err;
	if (t->run == THREAD_DEAD || t->run == THREAD_NEW)
		return -ESRCH;
	t->interrupt_arg = arg;
	t->interrupted = true;
	if (waits_interruptibly(t))
		thread_interrupt_wait(t);
	else if (t->run == THREAD_RUNNING)
		sched_kick(t->cpu);
	return 0;
}

/* ---- looked into --------------------------------------------------------- */

static int stopped_thread(struct thread *cur, handle_t thread, bool dead_too, struct thread **out)
{
	int err = thread_find(cur, thread, RIGHT_MANAGE, out);

	if (err)
		return err;
	switch ((enum thread_run)(*out)->run) {
	case THREAD_RUNNING: return -EBUSY;
	case THREAD_NEW:
	case THREAD_FAULTED: return 0;
	case THREAD_DEAD: return dead_too ? 0 : -ESRCH;
	case THREAD_READY:
	case THREAD_CALLING:
	case THREAD_REPLY:
	case THREAD_RECEIVE:
	case THREAD_QUEUE:
	case THREAD_FUTEX:
	case THREAD_PAGER:
	case THREAD_SLEEP: return (*out)->suspended ? 0 : -EBUSY;
	}
	return -EBUSY;
}

int64_t sys_thread_state_get(struct thread *cur, handle_t thread, uint32_t what, uaddr_t out,
			     uint64_t len)
{
	struct thread_regs regs;
	struct thread *t;
	int64_t err = stopped_thread(cur, thread, true, &t);

	if (err)
		return err;
	if (what == THREAD_REGS) {
		if (len < sizeof(regs))
			return -EINVAL;
		arch_regs_get(t, &regs);
		err = copy_out(cur, out, &regs, sizeof(regs));
		return err ? err : (int64_t)sizeof(regs);
	}
	if (what != THREAD_FPU || len < arch_fpu_size() || !t->arch.fpu)
		return -EINVAL;
	err = copy_out(cur, out, t->arch.fpu, arch_fpu_size());
	return err ? err : (int64_t)arch_fpu_size();
}

int64_t sys_thread_state_set(struct thread *cur, handle_t thread, uint32_t what, uaddr_t in,
			     uint64_t len)
{
	static uint8_t image[PAGE_SIZE]; /* [K] */
	struct thread_regs regs;
	struct thread *t;
	int64_t err = stopped_thread(cur, thread, false, &t);

	if (err)
		return err;
	if (what == THREAD_REGS) {
		if (len != sizeof(regs))
			return -EINVAL;
		err = copy_in(cur, &regs, in, sizeof(regs));
		if (err)
			return err;
		memory_call_drop(t);
		return arch_regs_set(t, &regs);
	}
	if (what != THREAD_FPU || len != arch_fpu_size())
		return -EINVAL;
	err = copy_in(cur, image, in, len);
	return err ? err : arch_fpu_set(t, image, len);
}

int64_t sys_thread_step(struct thread *cur, handle_t thread)
{
	struct thread *t;
	int err = stopped_thread(cur, thread, false, &t);

	if (err)
		return err;
	if (t->run != THREAD_FAULTED && t->run != THREAD_READY)
		return -EBUSY;
	err = (int)sys_thread_resume(cur, thread);
	if (err)
		return err;
	arch_single_step(t, true);
	t->stepping = true;
	return 0;
}

int64_t sys_thread_info(struct thread *cur, handle_t thread, uaddr_t out)
{
	struct thread_info info = {0};
	struct thread *t;
	int64_t err = thread_find(cur, thread, RIGHT_READ, &t);

	if (err)
		return err;
	info.id = t->object.id;
	info.run = t->run;
	info.suspended = t->suspended & ~SUSPENDED_SILO;
	info.fault = t->fault.reason;
	info.cpu = t->cpu ? t->cpu->index : 0;
	info.fault_code = t->fault.code;
	info.fault_address = t->fault.address;
	info.fault_rip = t->fault.rip;
	info.cpu_ns = cycles_to_ns(thread_cycles(t));
	return copy_out(cur, out, &info, sizeof(info));
}

int64_t sys_thread_affinity(struct thread *cur, handle_t thread, uint64_t mask)
{
	struct thread *t;
	uint64_t all = cpu_count == 64 ? UINT64_MAX : (1ull << cpu_count) - 1;
	int err = thread_find(cur, thread, RIGHT_MANAGE, &t);

	if (err)
		return err;
	if (!(mask & t->process->silo->affinity & all))
		return -EINVAL;
	t->affinity = mask;
	thread_cpus_set(t);
	return 0;
}
