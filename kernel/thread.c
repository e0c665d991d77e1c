/* SPDX-License-Identifier: ISC */
/*
 * thread.c: birth, waiting, waking, suspension, end of threads. What else others do
 * to one that lives (interrupt, look into it, step) is thread_control.c's.
 *
 * A thread that waits has one record: `run`, its list node, its timer. Whoever
 * wakes it takes it out of the list first. A thread that is killed while another
 * CPU runs it is marked `dying` and ends when that CPU enters the kernel.
 */
#include "log.h"
#include "channel.h"
#include "device.h"
#include "memory.h"
#include "queue.h"
#include "silo.h"
#include "syscall.h"

static int message_page_make(struct thread *t, uint64_t addr)
{
	uint32_t flags = PROT_R | PROT_W | MAP_DROP | (addr ? MAP_AT : 0);
	struct vmo *v;
	int err = vmo_make(t->process->account, VMO_WIRED, PAGE_SIZE, &v);

	if (err)
		return err;
	t->msg_vmo = v; /* thread_destroy gives it back, whatever fails from here on */
	t->msg_addr = addr;
	err = aspace_map_vmo(t->aspace, v, 0, PAGE_SIZE, flags, NULL, &t->msg_addr);
	if (!err)
		t->msg = phys_to_virt(vmo_frame(v, 0));
	return err;
}

static bool args_valid(const struct thread_args *a)
{
	return a->entry < USER_HI && a->sp <= USER_HI && a->fs < USER_HI && a->gs < USER_HI &&
	       page_aligned(a->msg) && a->msg < USER_HI && a->block < USER_HI &&
	       (a->block & 7) == 0 && !a->reserved;
}

int thread_make(struct process *p, struct aspace *as, const struct thread_args *a,
		struct thread **out)
{
	struct account *account = p->account;
	uint64_t limit = p->silo->limits[LIMIT_PROCESS_THREADS];
	struct thread *t;
	int err;

	if (!args_valid(a))
		return -EINVAL;
	if (limit && p->thread_count >= limit)
		return -EDQUOT;
	err = account_charge(account, RES_THREADS, 1);
	if (err)
		return err;
	t = kmem_alloc(account, sizeof(*t));
	if (!t) {
		account_uncharge(account, RES_THREADS, 1);
		return -ENOMEM;
	}
	object_init(&t->object, OBJ_THREAD, account);
	t->process = p;
	t->aspace = as;
	object_get(&p->object);
	object_get(&as->object);
	list_init(&t->node);
	list_init(&t->process_node);
	list_init(&t->call_node);
	t->timer.fire = thread_timeout;
	t->block = a->block;
	t->own_band = t->band = p->silo->band;
	t->payer = p->silo;
	t->affinity = UINT64_MAX;
	t->cpus = p->silo->affinity;
	err = message_page_make(t, a->msg);
	if (!err && a->block &&
	    aspace_write(as, a->block + offsetof(struct thread_block, msg), &t->msg_addr,
			 sizeof(t->msg_addr)) < 0)
		err = -EFAULT;
	if (!err)
		err = arch_thread_init(t, a);
	if (err) {
		thread_set_run(t, THREAD_DEAD); /* never counted in the process */
		thread_unmake(t);
		return err;
	}
	list_add_tail(&p->threads, &t->process_node);
	p->thread_count++;
	if (!p->main_thread)
		p->main_thread = t->object.id;
	*out = t;
	return 0;
}

void thread_unmake(struct thread *t)
{
	if (t->msg)
		aspace_unmap_range(t->aspace, t->msg_addr, PAGE_SIZE);
	object_put(&t->object);
}

void thread_destroy(struct object *o)
{
	struct thread *t = thread_of(o);

	if (t->run == THREAD_NEW) { /* made, never started, last handle gone */
		thread_set_run(t, THREAD_DEAD);
		process_thread_gone(t);
	}
	assert(t->run == THREAD_DEAD);
	arch_thread_free(t);
	if (t->msg_vmo)
		object_put(vmo_object(t->msg_vmo));
	if (t->charge)
		account_put(t->charge);
	account_uncharge(t->object.account, RES_THREADS, 1);
	object_put(&t->aspace->object);
	object_put(&t->process->object);
	kmem_free(t, sizeof(*t));
}

/* ---- waiting ------------------------------------------------------------- */

void thread_park(struct thread *cur, enum thread_run why, uint64_t deadline)
{
	thread_set_run(cur, why);
	this_cpu()->cur = NULL;
	if (unlikely(thread_flagged(cur)))
		parked_flagged = cur;
	if (deadline != DEADLINE_NEVER || cur->timer.armed)
		timer_arm(&cur->timer, deadline);
}

void thread_wake(struct thread *t, int64_t result)
{
	if (result > K_RESTART)
		REGS_RESULT(&t->regs) = (uint64_t)result;
	else if (result == K_RESTART)
		arch_restart_syscall(t);
	thread_set_run(t, THREAD_READY);
	timer_disarm(&t->timer);
	sched_ready(t);
}

void thread_unwait(struct thread *t)
{
	timer_disarm(&t->timer);
	switch ((enum thread_run)t->run) {
	case THREAD_CALLING:
	case THREAD_REPLY: call_leave(t); break;
	case THREAD_PAGER: pager_wait_cancel(t); break;
	case THREAD_RECEIVE:
	case THREAD_QUEUE:
	case THREAD_FUTEX: list_del(&t->node); break;
	case THREAD_READY: sched_remove(t); break;
	case THREAD_SLEEP: /* in no list */
	case THREAD_NEW:
	case THREAD_RUNNING:
	case THREAD_FAULTED:
	case THREAD_DEAD: break;
	}
}

/*
 * When does t's wait end? Calls and receives leave their timer in the heap when they switch to
 * another thread at once, so it may belong to an earlier one; the deadline of the wait in hand is
 * in the registers. All other waits arm and disarm exactly (thread_park).
 */
static uint64_t wait_deadline(const struct thread *t, const struct timer *tm)
{
	switch ((enum thread_run)t->run) {
	case THREAD_CALLING:
	case THREAD_REPLY: return t->fault_call ? DEADLINE_NEVER : REGS_DEADLINE(&t->regs);
	case THREAD_QUEUE:
		if (!t->wants_registers)
			return tm->deadline;
		return REGS_DEADLINE(&t->regs);
	case THREAD_RECEIVE: return REGS_DEADLINE(&t->regs);
	case THREAD_FUTEX:
	case THREAD_SLEEP:
	case THREAD_PAGER: return tm->deadline;
	case THREAD_NEW:
	case THREAD_READY:
	case THREAD_RUNNING:
	case THREAD_FAULTED:
	case THREAD_DEAD: break;
	}
	return DEADLINE_NEVER;
}

void thread_timeout(struct timer *tm)
{
	struct thread *t = container_of(tm, struct thread, timer);
	enum thread_run was = t->run;
	uint64_t deadline = wait_deadline(t, tm);

	if (deadline > tm->deadline) {
		timer_arm(tm, deadline);
		return;
	}
	thread_unwait(t);
	if (was == THREAD_PAGER) {
		t->pager_error = -ETIMEDOUT;
		thread_wake(t, K_RESTART);
		return;
	}
	thread_wake(t, was == THREAD_SLEEP ? 0 : -ETIMEDOUT);
}

/* ---- suspended ----------------------------------------------------------- */

/* Nobody served a suspended receiver; what came meanwhile is given to it now. */
void thread_unsuspended(struct thread *t)
{
	if (t->suspended)
		return;
	if (t->run == THREAD_READY)
		sched_ready(t);
	else if (t->run == THREAD_QUEUE)
		queue_poke(queue_of(t->source));
	else if (t->run == THREAD_RECEIVE && channel_pending(channel_of(t->source)))
		channel_notify(channel_of(t->source));
}

int64_t sys_thread_suspend(struct thread *cur, handle_t thread)
{
	struct thread *t;
	int err = thread_find(cur, thread, RIGHT_MANAGE, &t);

	if (err)
		return err;
	if (t->run == THREAD_DEAD)
		return -ESRCH;
	if (cur->suspending != t->object.id) {
		if ((t->suspended & ~SUSPENDED_SILO) == 0xffff)
			return -EDQUOT;
		t->suspended++;
		cur->suspending = t->object.id;
		sched_remove(t);
	}
	if (t == cur) {
		cur->suspending = 0;
		REGS_RESULT(&cur->regs) = 0;
		this_cpu()->resched = true;
		return K_DONE;
	}
	if (t->run == THREAD_RUNNING) {
		sched_kick(t->cpu);
		return K_RESTART;
	}
	cur->suspending = 0;
	return 0;
}

int64_t sys_thread_resume(struct thread *cur, handle_t thread)
{
	struct thread *t;
	int err = thread_find(cur, thread, RIGHT_MANAGE, &t);

	if (err)
		return err;
	if (t->run == THREAD_FAULTED) {
		t->fault.reason = FAULT_NONE;
		thread_wake(t, K_DONE);
		return 0;
	}
	if (!(t->suspended & ~SUSPENDED_SILO))
		return -EINVAL;
	t->suspended--;
	thread_unsuspended(t);
	return 0;
}

/* ---- the end ------------------------------------------------------------- */

void thread_ended_put(struct cpu *c, struct thread *next)
{
	struct thread *t = c->ended;

	c->ended = next;
	if (t)
		object_put(&t->object);
}

void thread_end(struct thread *t)
{
	struct cpu *c = t->cpu;
	bool started = t->run != THREAD_NEW, current = t->run == THREAD_RUNNING;

	if (t->run == THREAD_DEAD)
		return;
	if (current && c != this_cpu()) {
		t->dying = true; /* that CPU finishes it: thread_end again in kernel_leave */
		sched_kick(c);
		return;
	}
	thread_unwait(t);
	if (current) {
		c->cur = NULL;
		c->resched = true; /* whatever its call answers */
	}
	thread_set_run(t, THREAD_DEAD);
	if (parked_flagged == t)
		parked_flagged = NULL;
	cleanup_pending = true; /* a call of it may be unfinished: work.c */
	if (t->client)
		request_drop(t);
	process_thread_gone(t);
	dma_call_drop(t);
	if (current)
		thread_ended_put(c, t);
	else if (started)
		object_put(&t->object); /* a started thread holds itself */
}

void thread_crash(struct thread *t, uint32_t reason, uint64_t code, uint64_t address)
{
	struct process *p = t->process;

	t->fault = (struct fault_record){reason, code, address, REGS_IP(&t->regs)};
	klog(LOG_USER, LOG_ERROR, "pid %lu %s: %s at %lx, address %lx, code %lx", p->pid, p->name,
	     fault_name(reason), t->fault.rip, address, code);
	if (!p->last) {
		p->last = t;
		object_get(&t->object);
	}
	process_end(p, -1, &t->fault);
}

const char *fault_name(uint32_t reason)
{
	static const char *const names[FAULT_REASONS] = {
		[FAULT_NONE] = "no fault",
		[FAULT_PAGE] = "page fault",
		[FAULT_PAGER] = "pager failed",
		[FAULT_MEMORY] = "out of memory",
		[FAULT_PROTECTION] = "general protection",
		[FAULT_OPCODE] = "invalid opcode",
		[FAULT_DIVIDE] = "divide error",
		[FAULT_FLOAT] = "floating-point error",
		[FAULT_STACK] = "stack fault",
		[FAULT_ALIGNMENT] = "alignment",
		[FAULT_BREAKPOINT] = "breakpoint",
		[FAULT_STEP] = "single step",
		[FAULT_OVERFLOW] = "overflow",
		[FAULT_SYSCALL] = "foreign system call",
		[FAULT_DOUBLE] = "fault in the fault handler",
		[FAULT_MACHINE] = "machine check",
		[FAULT_INTERRUPT] = "interrupt",
	};
	return reason < FAULT_REASONS ? names[reason] : "unknown fault";
}

/* ---- system calls -------------------------------------------------------- */

int64_t sys_thread_create(struct thread *cur, handle_t process, uaddr_t args)
{
	struct thread_args a;
	struct object *o;
	struct thread *t;
	handle_t h;
	int64_t err = object_find(cur, process, OBJ_PROCESS, RIGHT_MANAGE, &o);

	if (err)
		return err;
	err = copy_in(cur, &a, args, sizeof(a));
	if (err)
		return err;
	if (process_of(o)->state > PROCESS_RUNNING || process_of(o)->ending)
		return -ESRCH;
	err = thread_make(process_of(o), process_of(o)->aspace, &a, &t);
	if (err)
		return err;
	err = handle_install(&cur->process->table, &t->object, RIGHTS_ALL & ~RIGHT_WX, NULL, &h);
	if (err) {
		thread_unmake(t);
		return err;
	}
	object_put(&t->object);
	return (int64_t)h;
}

int64_t sys_thread_start(struct thread *cur, handle_t thread)
{
	struct thread *t;
	int err = thread_find(cur, thread, RIGHT_MANAGE, &t);

	if (err)
		return err;
	if (t->run != THREAD_NEW || t->process->state > PROCESS_RUNNING || t->process->ending)
		return -EBUSY;
	if (silo_takes(t->process->silo))
		return -EINVAL;
	object_get(&t->object); /* a started thread holds itself */
	if (t->process->state == PROCESS_NEW)
		process_set_state(t->process, PROCESS_RUNNING);
	thread_set_run(t, THREAD_READY);
	if (!silo_runs(t->process->silo))
		t->suspended |= SUSPENDED_SILO;
	sched_ready(t);
	return 0;
}

int64_t sys_thread_exit(struct thread *cur, uint64_t clear, uint64_t block)
{
	uint32_t zero = 0;
	uint64_t vmo, offset;
	int64_t woken;

	if (clear && aspace_write(cur->aspace, clear, &zero, sizeof(zero)) == sizeof(zero) &&
	    aspace_key(cur->aspace, clear, &vmo, &offset) == 0)
		futex_ring(vmo, offset, 1, &woken);
	if (block && aspace_write(cur->aspace, block, &zero, sizeof(zero)) < 0)
		klog(LOG_USER, LOG_WARN, "pid %lu: thread block cannot be released",
		     cur->process->pid);
	thread_end(cur);
	return K_DONE;
}

int64_t sys_thread_yield(struct thread *cur)
{
	(void)cur;
	this_cpu()->resched = true;
	return 0;
}

struct account *thread_account(const struct thread *cur)
{
	return cur->charge ? cur->charge : cur->process->account;
}

/* The account that a handle for thread_charge stands for. */
static int charge_find(struct thread *cur, handle_t h, struct account **out)
{
	struct object *o;
	int err = object_find(cur, h, OBJ_NONE, RIGHT_MANAGE, &o);

	if (err)
		return err;
	if (o->type == OBJ_ASPACE) {
		*out = o->account;
		return 0;
	}
	if (o->type != OBJ_SILO || silo_of(o)->state == SILO_DESTROYED)
		return -EINVAL;
	*out = silo_of(o)->account;
	return 0;
}

int64_t sys_thread_charge(struct thread *cur, handle_t payer)
{
	struct account *a = NULL;
	int err = payer ? charge_find(cur, payer, &a) : 0;

	if (err)
		return err;
	if (a)
		account_get(a);
	if (cur->charge)
		account_put(cur->charge);
	cur->charge = a;
	return 0;
}

int64_t sys_thread_sleep(struct thread *cur, uint64_t deadline)
{
	if (deadline <= arch_now())
		return 0;
	thread_park(cur, THREAD_SLEEP, deadline);
	return K_DONE;
}
