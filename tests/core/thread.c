/* SPDX-License-Identifier: ISC */
/*
 * thread.c: threads: stopping, stepping, registers, faults, futexes, sleeping.
 */
#include <stdlib.h>
#include <string.h>
#include "core.h"

static struct core_native one, two;

static void sleep_until(uint64_t arg)
{
	int64_t result = sys_thread_sleep(time_in(arg));

	CHECK(result == 0 || result == -EINTR);
}

static uint32_t counter, stop;

static void count(uint64_t arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		__atomic_add_fetch(&counter, 1, __ATOMIC_RELAXED);
}

static void create_refused(void)
{
	struct thread_args args = {.entry = USER_HI};

	REFUSED(sys_thread_create(core_process, &args), EINVAL);
	args = (struct thread_args){.entry = 0x400000, .fs = 1ull << 63};
	REFUSED(sys_thread_create(core_process, &args), EINVAL);
	args = (struct thread_args){.entry = 0x400000, .msg = 123};
	REFUSED(sys_thread_create(core_process, &args), EINVAL);
	REFUSED(sys_thread_create(core_process, (void *)16), EFAULT);
	REFUSED(sys_thread_create(core_aspace, &args), EINVAL);
	REFUSED(sys_thread_start(core_thread), EBUSY);
}

/* A thread that could not be made leaves nothing behind. */
static void create_undone(void)
{
	uint64_t at = (uint64_t)core_map(PAGE_SIZE, PROT_R, NULL);
	struct thread_args args = {.entry = 0x400000, .msg = at, .block = 8};
	struct mapping_info info;

	core_unmap((void *)at, PAGE_SIZE);
	REFUSED(sys_thread_create(core_process, &args), EFAULT);
	REFUSED(sys_thread_create(core_process, &args),
		EFAULT); /* its message page's place is free */
	if (!sys_aspace_query(core_aspace, at, &info))
		CHECK(info.addr > at);
}

static void sleep_and_interrupt(void)
{
	uint64_t before = time_now();

	OK(sys_thread_sleep(time_in(2 * NS_PER_MS)));
	CHECK(time_now() - before >= 2 * NS_PER_MS);
	OK(sys_thread_sleep(0)); /* past */
	core_native_start(&one, sleep_until, CORE_PATIENCE);
	core_until(one.thread, THREAD_SLEEP);
	before = time_now();
	OK(sys_thread_interrupt(one.thread, 0));
	core_native_join(&one);
	CHECK(time_now() - before < CORE_PATIENCE);
}

static void suspend_resume(void)
{
	struct thread_regs regs;
	uint32_t seen;

	counter = stop = 0;
	core_native_start(&one, count, 0);
	while (__atomic_load_n(&counter, __ATOMIC_RELAXED) < 100)
		OK(sys_thread_yield());
	REFUSED(sys_thread_resume(one.thread), EINVAL);
	OK(sys_thread_suspend(one.thread));
	OK(sys_thread_suspend(one.thread));
	seen = __atomic_load_n(&counter, __ATOMIC_RELAXED);
	OK(sys_thread_sleep(time_in(2 * NS_PER_MS)));
	CHECK_EQ(__atomic_load_n(&counter, __ATOMIC_RELAXED), seen);
	CHECK_EQ(sys_thread_state_get(one.thread, THREAD_REGS, &regs, sizeof(regs)), sizeof(regs));
	CHECK_EQ(regs.gs, (uint64_t)&one.block);
	OK(sys_thread_resume(one.thread)); /* counted: still stopped */
	OK(sys_thread_sleep(time_in(NS_PER_MS)));
	CHECK_EQ(__atomic_load_n(&counter, __ATOMIC_RELAXED), seen);
	OK(sys_thread_resume(one.thread));
	while (__atomic_load_n(&counter, __ATOMIC_RELAXED) == seen)
		OK(sys_thread_yield());
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	core_native_join(&one);
}

/* The registers of a new thread decide where it begins. */
static uint64_t taken;

static void take_arg(uint64_t arg)
{
	taken = arg;
}

static void set_registers(void)
{
	struct thread_regs regs;

	core_native_make(&one, take_arg, 1);
	CHECK_EQ(sys_thread_state_get(one.thread, THREAD_REGS, &regs, sizeof(regs)), sizeof(regs));
	CHECK_EQ(regs.rdi, (uint64_t)&one);
	REFUSED(sys_thread_state_set(one.thread, THREAD_REGS, &regs, sizeof(regs) - 8), EINVAL);
	regs.rip = USER_HI + 4096;
	REFUSED(sys_thread_state_set(one.thread, THREAD_REGS, &regs, sizeof(regs)), EINVAL);
	REFUSED(sys_thread_state_set(one.thread, 99, &regs, sizeof(regs)), EINVAL);
	CHECK_EQ(sys_thread_state_get(one.thread, THREAD_REGS, &regs, sizeof(regs)), sizeof(regs));
	one.arg = 5; /* through memory; and flags that must not get through */
	regs.rflags |= 3u << 12 | 1u << 9 | 1u << 17;
	OK(sys_thread_state_set(one.thread, THREAD_REGS, &regs, sizeof(regs)));
	OK(sys_thread_start(one.thread));
	core_native_join(&one);
	CHECK_EQ(taken, 5);
}

static void fpu_state(void)
{
	static uint8_t area[8192];
	int64_t len;

	core_native_start(&one, sleep_until, CORE_PATIENCE);
	core_until(one.thread, THREAD_SLEEP);
	OK(sys_thread_suspend(one.thread));
	len = sys_thread_state_get(one.thread, THREAD_FPU, area, sizeof(area));
	CHECK(len >= 512);
	OK(sys_thread_state_set(one.thread, THREAD_FPU, area, (uint64_t)len));
	memset(area + 24, 0xff, 4); /* MXCSR with reserved bits: must not fault the kernel */
	CHECK(sys_thread_state_set(one.thread, THREAD_FPU, area, (uint64_t)len) <= 0);
	OK(sys_thread_resume(one.thread));
	OK(sys_thread_interrupt(one.thread, 0));
	core_native_join(&one);
}

/* ---- stepping and faults, with this process as the handler of another ------------------------ */

static int role_fault(void)
{
	uint32_t value;

	__asm__ volatile("movl (%%rcx), %%eax" : "=a"(value) : "c"(0x66000000) : "memory");
	return (int)value; /* what the handler says was there */
}

static void await_fault(handle_t queue, const struct spawned *s, struct thread_info *info)
{
	struct event event;

	CHECK_EQ(sys_queue_wait(queue, &event, 1, core_soon()), 1);
	CHECK_EQ(event.kind, EVENT_PROCESS);
	CHECK(event.data0 & PROCESS_EV_FAULT);
	OK(sys_thread_info(s->thread, info));
	CHECK_EQ(info->run, THREAD_FAULTED);
}

static void fault_handler(void)
{
	handle_t queue = TAKE(sys_queue_create()), second;
	struct thread_info info;
	struct thread_regs regs;
	struct spawned s;

	OK(core_prepare(&s, "fault", NULL, HANDLE_NONE, NULL, 0));
	TAKE(sys_queue_add(queue, s.process, EVENT_PROCESS, 1, 0, PROCESS_EV_FAULT));
	second = TAKE(sys_queue_create());
	REFUSED(sys_queue_add(second, s.process, EVENT_PROCESS, 1, 0, PROCESS_EV_FAULT), EBUSY);
	OK(sys_thread_start(s.thread));
	await_fault(queue, &s, &info);
	CHECK_EQ(info.fault, FAULT_PAGE);
	CHECK_EQ(info.fault_address, 0x66000000);
	CHECK_EQ(sys_thread_state_get(s.thread, THREAD_REGS, &regs, sizeof(regs)), sizeof(regs));
	CHECK_EQ(regs.rip, info.fault_rip);
	CHECK_EQ(regs.rcx, 0x66000000);
	regs.rip += 2; /* over the load, with a value of our own */
	regs.rax = 12;
	OK(sys_thread_state_set(s.thread, THREAD_REGS, &regs, sizeof(regs)));
	OK(sys_thread_resume(s.thread));
	core_expect(&s, 12);
	core_close(second);
	core_close(queue);
}

static void single_step(void)
{
	handle_t queue = TAKE(sys_queue_create());
	struct thread_regs before, after;
	struct thread_info info;
	struct spawned s;

	OK(core_prepare(&s, "fault", NULL, HANDLE_NONE, NULL, 0));
	TAKE(sys_queue_add(queue, s.process, EVENT_PROCESS, 1, 0, PROCESS_EV_FAULT));
	OK(sys_thread_suspend(s.thread));
	OK(sys_thread_start(s.thread));
	CHECK_EQ(sys_thread_state_get(s.thread, THREAD_REGS, &before, sizeof(before)),
		 sizeof(before));
	for (int i = 0; i < 5; i++) {
		OK(sys_thread_step(s.thread));
		await_fault(queue, &s, &info);
		CHECK_EQ(info.fault, FAULT_STEP);
		CHECK_EQ(sys_thread_state_get(s.thread, THREAD_REGS, &after, sizeof(after)),
			 sizeof(after));
		CHECK(after.rip != before.rip);
		before = after;
	}
	spawn_discard(&s);
	core_close(queue);
}

/* Stopped only by its silo it cannot be stepped, and the refusal leaves nothing behind. */
static void step_refused(void)
{
	struct silo_args args = {.id = 1000};
	handle_t silo = TAKE(sys_silo_create(core_silo, &args));
	struct process_info info;
	struct spawned s;

	OK(sys_silo_control(silo, SILO_OP_LOAD, 0));
	OK(sys_silo_control(silo, SILO_OP_READY, 0));
	core_spawn(&s, "fault", NULL, silo, NULL, 0);
	REFUSED(sys_thread_step(s.thread), EINVAL);
	OK(sys_silo_control(silo, SILO_OP_START, 0));
	CHECK(core_wait(&s, &info));
	CHECK_EQ(info.reason, FAULT_PAGE); /* its own fault, not a step's */
	core_silo_end(silo);
}

/* ---- a fault entry of one's own -------------------------------------------------------------- */

/*
 * A second process in our own address space, with its own entry for faults: its thread executes
 * ud2, the entry gets rip, skips it by upcall_return, and the thread stores what it saw.
 */
static struct thread_block fault_block __attribute__((aligned(64)));
static uint8_t fault_stack[8192] __attribute__((aligned(16)));
static volatile uint32_t fault_count, fault_reason_seen;

__attribute__((used)) static void fault_entry_c(void)
{
	struct thread_regs regs = {.rip = fault_block.rip + 2, /* ud2 */
				   .rsp = fault_block.rsp,
				   .rflags = fault_block.rflags,
				   .gs = (uint64_t)&fault_block,
				   .rbx = 0x1111};

	fault_count++;
	fault_reason_seen = fault_block.reason;
	sys_process_exit((int32_t)sys_upcall_return(&regs)); /* only when it failed */
}

/* The interrupted stack, aligned as C wants it. */
void fault_entry(void);
__asm__(".text\nfault_entry: and $-16, %rsp\n call fault_entry_c\n ud2");

static void fault_thread(void)
{
	uint64_t rbx;

	__asm__ volatile("ud2"
			 : "=b"(rbx)
			 :
			 : "memory", "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11",
			   "r12", "r13", "r14", "r15");
	sys_process_exit(rbx == 0x1111 ? (int32_t)fault_count : 8);
}

static void fault_double(void)
{
	fault_block.busy = 1; /* as if one was being handled */
	__asm__ volatile("ud2");
	sys_process_exit(7);
}

static void own_fault_entry(uint64_t entry, int32_t code, uint32_t reason)
{
	struct process_args args = {.fault = (uint64_t)fault_entry, .name = "own-entry"};
	struct thread_args thread = {.entry = entry,
				     .sp = (uint64_t)(fault_stack + 8192 - 8),
				     .gs = (uint64_t)&fault_block,
				     .block = (uint64_t)&fault_block};
	struct process_info info;
	struct spawned s;

	memset(&fault_block, 0, sizeof(fault_block));
	fault_count = 0;
	s.process = TAKE(sys_process_create(core_silo, core_aspace, &args));
	s.thread = TAKE(sys_thread_create(s.process, &thread));
	OK(sys_thread_start(s.thread));
	CHECK(core_wait(&s, &info));
	CHECK_EQ(info.reason, reason);
	CHECK_EQ(info.code, code);
}

static void fault_upcall(void)
{
	own_fault_entry((uint64_t)fault_thread, 1, FAULT_NONE);
	CHECK_EQ(fault_reason_seen, FAULT_OPCODE);
	CHECK_EQ(fault_block.busy, 0);
	own_fault_entry((uint64_t)fault_double, -1, FAULT_OPCODE);
	CHECK_EQ(fault_count, 0);
}

/* A foreign call where there is no upcall entry is a fault with its own reason. */
static void foreign_thread(void)
{
	int64_t result = 39;

	__asm__ volatile("syscall" : "+a"(result) : : "rcx", "r11", "memory");
	sys_process_exit((int32_t)result);
}

static void foreign_call(void)
{
	struct process_args args = {.name = "no-upcall"};
	struct thread_args thread = {.entry = (uint64_t)foreign_thread,
				     .sp = (uint64_t)(fault_stack + 8192 - 8)};
	struct process_info info;
	struct spawned s;

	s.process = TAKE(sys_process_create(core_silo, core_aspace, &args));
	s.thread = TAKE(sys_thread_create(s.process, &thread));
	OK(sys_thread_start(s.thread));
	CHECK(core_wait(&s, &info));
	CHECK_EQ(info.reason, FAULT_SYSCALL);
}

/* ---- futexes --------------------------------------------------------------------------------- */

static uint32_t futex;
static int64_t futex_result;

static void futex_wait(uint64_t timeout)
{
	futex_result =
		sys_futex_wait((uint64_t)&futex, 0, timeout ? time_in(timeout) : DEADLINE_NEVER);
}

static void futexes(void)
{
	futex = 0;
	REFUSED(sys_futex_wait((uint64_t)&futex, 1, DEADLINE_NEVER), EAGAIN);
	REFUSED(sys_futex_wait((uint64_t)&futex, 0, time_in(NS_PER_MS)), ETIMEDOUT);
	REFUSED(sys_futex_wait(16, 0, DEADLINE_NEVER), EFAULT);
	REFUSED(sys_futex_wait((uint64_t)&futex + 1, 0, DEADLINE_NEVER), EINVAL);
	REFUSED(sys_futex_wake(16, 1), EFAULT);
	CHECK_EQ(sys_futex_wake((uint64_t)&futex, 5), 0);
	core_native_start(&one, futex_wait, 0);
	core_native_start(&two, futex_wait, 0);
	core_until(one.thread, THREAD_FUTEX);
	core_until(two.thread, THREAD_FUTEX);
	CHECK_EQ(sys_futex_wake((uint64_t)&futex, 1), 1);
	CHECK_EQ(sys_futex_wake((uint64_t)&futex, 5), 1);
	core_native_join(&one);
	core_native_join(&two);
	OK(futex_result);
	core_native_start(&one, futex_wait, 0);
	core_until(one.thread, THREAD_FUTEX);
	OK(sys_thread_interrupt(one.thread, 0));
	core_native_join(&one);
	CHECK_EQ(futex_result, -EINTR);
}

/* Two threads hand a number back and forth: no wake-up is lost. */
static uint32_t turn;

static void ping_pong(uint64_t side)
{
	for (uint32_t i = 0; i < 200; i++) {
		uint32_t now;

		while ((now = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) % 2 != side) {
			int64_t result = sys_futex_wait((uint64_t)&turn, now, core_soon());

			CHECK(result == 0 || result == -EAGAIN);
		}
		__atomic_store_n(&turn, now + 1, __ATOMIC_RELEASE);
		CHECK(sys_futex_wake((uint64_t)&turn, 1) >= 0);
	}
}

static void no_lost_wakeup(void)
{
	turn = 0;
	core_native_start(&one, ping_pong, 0);
	core_native_start(&two, ping_pong, 1);
	core_native_join(&one);
	core_native_join(&two);
	CHECK_EQ(turn, 400);
}

/* thread_exit stores zeros and wakes. */
static uint32_t clear_word, block_word;

static void exit_clearing(uint64_t arg)
{
	(void)arg;
	sys_thread_exit((uint64_t)&clear_word, (uint64_t)&block_word);
}

static void exit_clears(void)
{
	int64_t result = 0;

	clear_word = block_word = 5;
	core_native_start(&one, exit_clearing, 0);
	while (__atomic_load_n(&clear_word, __ATOMIC_ACQUIRE) && result == 0) {
		result = sys_futex_wait((uint64_t)&clear_word, 5, core_soon());
		if (result == -EAGAIN)
			result = 0;
	}
	OK(result);
	core_native_join(&one);
	CHECK_EQ(clear_word, 0);
	CHECK_EQ(block_word, 0);
}

static void affinity(void)
{
	struct thread_info info;
	uint32_t cpus = core_cpus();

	core_native_start(&one, sleep_until, CORE_PATIENCE);
	core_until(one.thread, THREAD_SLEEP);
	REFUSED(sys_thread_affinity(one.thread, 0), EINVAL);
	REFUSED(sys_thread_affinity(one.thread, 1ull << 63), EINVAL);
	OK(sys_thread_affinity(one.thread, 1ull << (cpus - 1)));
	OK(sys_thread_interrupt(one.thread, 0));
	core_until(one.thread, THREAD_DEAD);
	OK(sys_thread_info(one.thread, &info));
	CHECK_EQ(info.cpu, cpus - 1);
	core_native_join(&one);
}

static void yield(void)
{
	counter = stop = 0;
	core_native_start(&one, count, 0);
	OK(sys_thread_affinity(one.thread, 1));
	OK(sys_thread_affinity(core_thread, 1));
	while (__atomic_load_n(&counter, __ATOMIC_RELAXED) < 1000)
		OK(sys_thread_yield());
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	OK(sys_thread_affinity(core_thread, UINT64_MAX));
	core_native_join(&one);
}

const struct core_test core_tests[] = {
	{"thread_create_refused", create_refused},
	{"create_undone", create_undone},
	{"sleep_and_interrupt", sleep_and_interrupt},
	{"suspend_resume", suspend_resume},
	{"set_registers", set_registers},
	{"fpu_state", fpu_state},
	{"fault_handler", fault_handler},
	{"single_step", single_step},
	{"step_refused", step_refused},
	{"fault_upcall", fault_upcall},
	{"foreign_call", foreign_call},
	{"futexes", futexes},
	{"no_lost_wakeup", no_lost_wakeup},
	{"exit_clears", exit_clears},
	{"affinity", affinity},
	{"yield", yield},
	{NULL, NULL},
};

const struct core_role core_roles[] = {{"fault", role_fault}, {NULL, NULL}};
