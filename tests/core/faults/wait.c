/* SPDX-License-Identifier: ISC */
/*
 * wait.c: what may happen to a thread while it waits for the handler of its fault, and who comes
 * before the handler.
 */
#include "faults.h"
#include <string.h>

static struct actor one;
static struct line line;

static void load_then_sleep(struct actor_thread *t)
{
	t->got[0] = (int64_t)actor_load(HOLE);
	t->got[1] = sys_thread_sleep(DEADLINE_NEVER);
}

static void actor_run(void (*run)(struct actor_thread *), uint64_t arg)
{
	actor_make(&one, HANDLE_NONE);
	actor_thread(&one, run, arg);
	OK(sys_process_faults(one.s.process, line.sender));
	actor_start(&one);
}

/* Neither the wait in the queue nor that for the answer ends; the thread's next wait does, once. */
void interrupted(void)
{
	struct thread_regs regs;
	struct ipc_msg m;

	line_open(&line);
	actor_run(load_then_sleep, 0);
	core_until(one.s.thread, THREAD_CALLING);
	OK(sys_thread_interrupt(one.s.thread, 0));
	core_until(one.s.thread, THREAD_CALLING);
	fault_receive(line.channel, &m, &regs);
	OK(sys_thread_interrupt(one.s.thread, 0));
	core_until(one.s.thread, THREAD_REPLY);
	m.tag = 0;
	OK(ipc_reply(REPLY_CURRENT, &m)); /* again, with the request to interrupt still there */
	fault_receive(line.channel, &m, &regs);
	CHECK_EQ(regs.rip, LOAD_RIP);
	CHECK_EQ(regs.rdi, HOLE);
	fault_skip(REPLY_CURRENT, regs, 5);
	actor_exits(&one, 0);
	CHECK_EQ(one.t[0].got[0], 5);
	CHECK_EQ(one.t[0].got[1], -EINTR);
	line_close(&line);
}

/* Suspended in the queue, received and answered so: it goes on when it is resumed. */
void suspended(void)
{
	struct thread_regs regs, seen;
	struct thread_info info;
	struct ipc_msg m;

	line_open(&line);
	actor_run(actor_loads, HOLE);
	core_until(one.s.thread, THREAD_CALLING);
	OK(sys_thread_suspend(one.s.thread));
	fault_receive(line.channel, &m, &regs);
	CHECK_EQ(sys_thread_state_get(one.s.thread, THREAD_REGS, &seen, sizeof(seen)),
		 sizeof(seen));
	CHECK(memcmp(&seen, &regs, sizeof(seen)) == 0);
	fault_skip(REPLY_CURRENT, regs, 6);
	OK(sys_thread_sleep(time_in(2 * NS_PER_MS)));
	OK(sys_thread_info(one.s.thread, &info));
	CHECK_EQ(info.run, THREAD_READY);
	CHECK_EQ(info.fault, FAULT_NONE);
	CHECK_EQ(one.t[0].got[0], 0);
	OK(sys_thread_resume(one.s.thread));
	actor_exits(&one, 0);
	CHECK_EQ(one.t[0].got[0], 6);
	/* And resumed while it waits: nothing happens to the wait. */
	actor_run(actor_loads, HOLE);
	fault_receive(line.channel, &m, &regs);
	REFUSED(sys_thread_resume(one.s.thread), EINVAL);
	OK(sys_thread_suspend(one.s.thread));
	OK(sys_thread_resume(one.s.thread));
	core_until(one.s.thread, THREAD_REPLY);
	fault_skip(REPLY_CURRENT, regs, 7);
	actor_exits(&one, 0);
	CHECK_EQ(one.t[0].got[0], 7);
	line_close(&line);
}

/* What a debugger writes while the thread waits counts, too. */
void looked_into(void)
{
	struct thread_regs regs;
	struct ipc_msg m;

	line_open(&line);
	actor_run(actor_loads, HOLE);
	fault_receive(line.channel, &m, &regs);
	REFUSED(sys_thread_state_set(one.s.thread, THREAD_REGS, &regs, sizeof(regs)), EBUSY);
	REFUSED(sys_thread_step(one.s.thread), EBUSY);
	OK(sys_thread_suspend(one.s.thread));
	REFUSED(sys_thread_step(one.s.thread), EBUSY);
	regs.rdi = HOLE + 64;
	OK(sys_thread_state_set(one.s.thread, THREAD_REGS, &regs, sizeof(regs)));
	OK(sys_thread_resume(one.s.thread));
	m.tag = 0;
	OK(ipc_reply(REPLY_CURRENT, &m));
	fault_receive(line.channel, &m, &regs);
	CHECK_EQ(m.w[2], HOLE + 64);
	CHECK_EQ(regs.rdi, HOLE + 64);
	fault_skip(REPLY_CURRENT, regs, 8);
	actor_exits(&one, 0);
	CHECK_EQ(one.t[0].got[0], 8);
	line_close(&line);
}

/* A step's end is a fault like others, but goes past the process's own entry. */
void stepped(void)
{
	struct thread_regs regs;
	struct ipc_msg m;

	line_open(&line);
	actor_run(actor_loads, HOLE);
	fault_receive(line.channel, &m, &regs);
	OK(sys_thread_suspend(one.s.thread));
	fault_skip(REPLY_CURRENT, regs, 9);
	OK(sys_thread_step(one.s.thread));
	fault_receive(line.channel, &m, &regs);
	CHECK_EQ(m.w[0], FAULT_STEP);
	CHECK(regs.rip < LOAD_RIP || regs.rip > LOAD_RIP + LOAD_LEN); /* it has returned */
	CHECK_EQ(regs.rax, 9);
	m.tag = 0;
	OK(ipc_reply(REPLY_CURRENT, &m));
	actor_exits(&one, 0);
	CHECK_EQ(one.t[0].got[0], 9);
	line_close(&line);
}

/* ---- timers ---------------------------------------------------------------------------------- */

/* A call whose deadline lies ahead leaves its timer behind when it is answered. */
static void call_then_load(struct actor_thread *t)
{
	struct ipc_msg m = {0};

	t->got[1] = ipc_call((handle_t)t->arg[0], &m, t->arg[1]);
	t->got[0] = (int64_t)actor_load(HOLE);
}

static void old_timer_fires(bool received)
{
	struct thread_regs regs;
	struct ipc_msg m;

	actor_make(&one, HANDLE_NONE);
	actor_thread(&one, call_then_load, actor_give(&one, line.sender, 0));
	one.t[0].arg[1] = time_in(300 * NS_PER_MS);
	OK(sys_process_faults(one.s.process, line.sender));
	actor_start(&one);
	CHECK_EQ(ipc_wait(line.channel, &m, core_soon()), IPC_MESSAGE);
	m.tag = 0;
	OK(ipc_reply(REPLY_CURRENT, &m));
	if (received)
		fault_receive(line.channel, &m, &regs);
	core_until(one.s.thread, received ? THREAD_REPLY : THREAD_CALLING);
	OK(sys_thread_sleep(one.t[0].arg[1] + NS_PER_MS));
	core_until(one.s.thread, received ? THREAD_REPLY : THREAD_CALLING);
	if (!received)
		fault_receive(line.channel, &m, &regs);
	CHECK_EQ(regs.rip, LOAD_RIP);
	fault_skip(REPLY_CURRENT, regs, 10);
	actor_exits(&one, 0);
	OK(one.t[0].got[1]);
	CHECK_EQ(one.t[0].got[0], 10);
}

void old_timer(void)
{
	line_open(&line);
	old_timer_fires(true);
	old_timer_fires(false);
	line_close(&line);
}

/* ---- the process's own entry comes first ----------------------------------------------------- */

/* The entry counts, and lets the instruction run again, with a word that says to whom its fault is
 * reported then. */
static uint64_t entered;

__attribute__((used)) static void entry_c(void)
{
	struct actor_thread *t = &one.t[0];
	struct thread_regs regs = {.rip = t->block.rip,
				   .rsp = t->block.rsp,
				   .rflags = t->block.rflags,
				   .gs = (uint64_t)&t->block,
				   .rdi = HOLE};

	entered++;
	if (t->arg[1]) {
		regs.rip += LOAD_LEN;
		regs.rax = 11;
		t->got[1] = sys_upcall_return(&regs);
	}
	t->block.busy = THREAD_BLOCK_PASS;
	__asm__ volatile("movq %0, %%rsp\n jmp *%1" : : "r"(regs.rsp), "r"(regs.rip), "D"(HOLE));
	__builtin_unreachable();
}

void entry(void);
__asm__(".text\nentry: and $-16, %rsp\n call entry_c\n ud2");

static void load_and_exit(struct actor_thread *t)
{
	(void)t;
	sys_process_exit((int32_t)actor_load(HOLE));
}

static void entry_start(bool takes)
{
	struct process_args args = {.fault = (uint64_t)entry, .name = "own-entry"};

	memset(&one, 0, sizeof(one));
	entered = 0;
	one.s.process = TAKE(sys_process_create(core_silo, core_aspace, &args));
	actor_thread(&one, load_and_exit, 0);
	one.t[0].arg[1] = takes;
	OK(sys_process_faults(one.s.process, line.sender));
	actor_start(&one);
}

void upcall_first(void)
{
	struct thread_regs regs;
	struct ipc_msg m;

	line_open(&line);
	entry_start(true);
	actor_exits(&one, 11);
	CHECK_EQ(entered, 1);
	REFUSED(ipc_wait(line.channel, &m, DEADLINE_NOW), EAGAIN);
	entry_start(false);
	fault_receive(line.channel, &m, &regs);
	CHECK_EQ(entered, 1);
	CHECK_EQ(regs.rip, LOAD_RIP);
	fault_skip(REPLY_CURRENT, regs, 12);
	actor_exits(&one, 12);
	line_close(&line);
}

/* ---- another program ------------------------------------------------------------------------- */

static uint8_t exec_stack[8192] __attribute__((aligned(16)));
static struct thread_block exec_block;

static void exec_main(uint64_t arg)
{
	(void)arg;
	sys_process_exit((int32_t)actor_load(HOLE + 64));
}

/* arg: our address space */
static void run_exec(struct actor_thread *t)
{
	struct exec_args args = {.process = {.name = "successor"},
				 .thread = {.entry = (uint64_t)exec_main,
					    .sp = (uint64_t)(exec_stack + sizeof(exec_stack)) - 8,
					    .gs = (uint64_t)&exec_block,
					    .block = (uint64_t)&exec_block},
				 .aspace = (handle_t)t->arg[0]};

	t->got[0] = sys_process_exec(&args);
}

/* The successor's fault comes, and it ends with the value that it is given; the thread that made
 * the exec has not come back. */
static void successor_ends(unsigned thread, int32_t code)
{
	struct thread_regs regs;
	struct ipc_msg m;

	fault_receive(line.channel, &m, &regs);
	CHECK_EQ(m.w[2], HOLE + 64);
	fault_skip(REPLY_CURRENT, regs, (uint64_t)code);
	actor_exits(&one, code);
	CHECK_EQ(one.t[thread].got[0], 0);
	core_unmap((void *)exec_block.msg, PAGE_SIZE);
	line_close(&line);
}

/* The process stays, and with it who handles its faults; a thread that waits is abandoned. */
void exec_keeps(void)
{
	handle_t reply;
	struct ipc_msg m;
	struct event e;

	memset(&exec_block, 0, sizeof(exec_block));
	line_open(&line);
	actor_make(&one, HANDLE_NONE);
	actor_thread(&one, actor_loads, HOLE);
	actor_thread(&one, run_exec, actor_give(&one, core_aspace, 0));
	OK(sys_process_faults(one.s.process, line.sender));
	OK(sys_thread_start(one.t[0].thread));
	fault_receive(line.channel, &m, NULL);
	reply = TAKE(sys_reply_save());
	OK(sys_thread_start(one.t[1].thread));
	e = event_receive(line.channel);
	CHECK_EQ(e.kind, EVENT_ABANDONED);
	core_close(reply);
	successor_ends(1, 13);
}

/* arg: channel */
static void receive_then_sleep(struct actor_thread *t)
{
	struct ipc_msg m;

	t->got[0] = ipc_wait((handle_t)t->arg[0], &m, DEADLINE_NEVER);
	t->got[1] = sys_thread_sleep(DEADLINE_NEVER);
}

/* The program goes, and with it the thread that faulted and the one that was to answer: that fault
 * is nobody's any more, and not the successor's end. */
void exec_over_own_handler(void)
{
	memset(&exec_block, 0, sizeof(exec_block));
	line_open(&line);
	actor_make(&one, HANDLE_NONE);
	actor_thread(&one, receive_then_sleep, actor_give(&one, line.channel, 0));
	actor_thread(&one, actor_loads, HOLE);
	actor_thread(&one, run_exec, actor_give(&one, core_aspace, 0));
	OK(sys_process_faults(one.s.process, line.sender));
	OK(sys_thread_start(one.t[0].thread));
	OK(sys_thread_start(one.t[1].thread));
	core_until(one.t[0].thread, THREAD_SLEEP);
	OK(sys_thread_start(one.t[2].thread));
	successor_ends(2, 14);
}

/* arg: our address space, a channel */
static void run_receive_and_exec(struct actor_thread *t)
{
	struct ipc_msg m;

	t->got[1] = ipc_wait((handle_t)t->arg[1], &m, DEADLINE_NEVER);
	run_exec(t);
}

/* The same by a thread that has the fault of another one in hand, which ends with it: that is no
 * decision on the fault, and no end of the process. */
void exec_in_hand(void)
{
	struct actor_thread *t;

	memset(&exec_block, 0, sizeof(exec_block));
	line_open(&line);
	actor_make(&one, HANDLE_NONE);
	t = actor_thread(&one, run_receive_and_exec, actor_give(&one, core_aspace, 0));
	t->arg[1] = actor_give(&one, line.channel, 0);
	actor_thread(&one, actor_loads, HOLE);
	OK(sys_process_faults(one.s.process, line.sender));
	actor_start(&one);
	core_until(one.t[1].thread, THREAD_DEAD);
	successor_ends(0, 13);
}
