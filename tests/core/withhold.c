/* SPDX-License-Identifier: ISC */
/*
 * withhold.c: what a silo may leave its programs of the processor: the time stamp counter, the
 * instructions for FS and GS bases, parts of the extended state. Programs of such silos run all the
 * same, whatever they share a CPU with, and others notice nothing.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <time.h>
#include "core.h"

#define USER_ID	   1000
#define XCR0_AVX   7u
#define XCR0_LEAST 3u
#define ROUNDS	   300

static handle_t silo_make(uint32_t id, uint32_t flags, uint64_t xcr0)
{
	struct silo_args args = {.id = id, .flags = flags, .xcr0 = xcr0};
	handle_t silo = TAKE(sys_silo_create(core_silo, &args));

	for (uint32_t op = SILO_OP_LOAD; op <= SILO_OP_START; op++)
		OK(sys_silo_control(silo, op, 0));
	return silo;
}

/* ---- the instructions ------------------------------------------------------------------------ */

static uint64_t fs_read(void)
{
	uint64_t fs;

	__asm__ volatile("rdfsbase %0" : "=r"(fs));
	return fs;
}

static void fs_write(uint64_t fs)
{
	__asm__ volatile("wrfsbase %0" : : "r"(fs));
}

static void rdtscp(void)
{
	__asm__ volatile("rdtscp" : : : "eax", "ecx", "edx");
}

static void avx(void)
{
	__asm__ volatile("vpxor %%ymm0, %%ymm0, %%ymm0" : : : "xmm0");
}

/* What libc's own thread pointer is; %fs:0 holds the base. */
static uint64_t thread_pointer(void)
{
	uint64_t self;

	__asm__ volatile("movq %%fs:0, %0" : "=r"(self));
	return self;
}

/* Does one of the forbidden things, by the first letter of the argument. */
static int role_do(void)
{
	switch (core_argument[0]) {
	case 't': (void)tsc_read(); break;
	case 'p': rdtscp(); break;
	case 'r': (void)fs_read(); break;
	case 'w': fs_write(thread_pointer()); break;
	case 'a': avx(); break;
	}
	return 7;
}

/* Run role_do in a silo; FAULT_NONE: it must come to its end. */
static void must(handle_t silo, const char *what, enum fault_reason reason)
{
	struct process_info info;
	struct spawned s;

	core_spawn(&s, "do", what, silo, NULL, 0);
	CHECK(core_wait(&s, &info));
	CHECK_EQ(info.reason, reason);
	CHECK_EQ(info.code, reason == FAULT_NONE ? 7 : -1);
}

/* A silo lives with one main process: this one only waits. */
static void chief(struct spawned *s, handle_t silo)
{
	core_spawn(s, "wait", NULL, silo, NULL, 0);
}

static void withheld(void)
{
	handle_t plain = silo_make(USER_ID, 0, 0), no_tsc = silo_make(USER_ID + 1, SILO_NO_TSC, 0);
	handle_t no_bases = silo_make(USER_ID + 2, SILO_NO_FSGSBASE, 0);
	handle_t least = silo_make(USER_ID + 3, SILO_NO_TSC | SILO_NO_FSGSBASE, XCR0_LEAST);
	static const struct {
		const char *what;
		enum fault_reason plain, no_tsc, no_bases, least;
	} table[] = {
		{"t", FAULT_NONE, FAULT_PROTECTION, FAULT_NONE, FAULT_PROTECTION},
		{"p", FAULT_NONE, FAULT_PROTECTION, FAULT_NONE, FAULT_PROTECTION},
		{"r", FAULT_NONE, FAULT_NONE, FAULT_OPCODE, FAULT_OPCODE},
		{"w", FAULT_NONE, FAULT_NONE, FAULT_OPCODE, FAULT_OPCODE},
		{"a", FAULT_NONE, FAULT_NONE, FAULT_NONE, FAULT_OPCODE},
		{"-", FAULT_NONE, FAULT_NONE, FAULT_NONE, FAULT_NONE},
	};
	struct spawned c[4];

	chief(&c[0], plain);
	chief(&c[1], no_tsc);
	chief(&c[2], no_bases);
	chief(&c[3], least);
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bool avx_there = info_page()->xcr0 & 4;

		if (table[i].what[0] == 'a' && !avx_there)
			continue;
		must(plain, table[i].what, table[i].plain);
		must(no_tsc, table[i].what, table[i].no_tsc);
		must(no_bases, table[i].what, table[i].no_bases);
		must(least, table[i].what, table[i].least);
	}
	for (unsigned i = 0; i < 4; i++)
		spawn_discard(&c[i]);
	core_silo_end(plain);
	core_silo_end(no_tsc);
	core_silo_end(no_bases);
	core_silo_end(least);
}

/* Below a silo nobody has more than it. */
static void inherited(void)
{
	struct silo_args args = {.id = 100, .flags = SILO_NO_TSC | SILO_NO_FSGSBASE};
	handle_t outer = TAKE(sys_silo_create(core_silo, &args)), inner;
	struct silo_info info;
	struct spawned c;

	args = (struct silo_args){.id = USER_ID};
	inner = TAKE(sys_silo_create(outer, &args));
	OK(sys_silo_info(inner, &info));
	CHECK_EQ(info.flags, SILO_NO_TSC | SILO_NO_FSGSBASE);
	for (uint32_t op = SILO_OP_LOAD; op <= SILO_OP_START; op++)
		OK(sys_silo_control(inner, op, 0));
	chief(&c, inner);
	must(inner, "t", FAULT_PROTECTION);
	must(inner, "w", FAULT_OPCODE);
	spawn_discard(&c);
	core_silo_end(inner);
	OK(sys_silo_control(outer, SILO_OP_DESTROY, 0));
	core_close(outer);
}

/* A process that was made elsewhere has no more than its new silo leaves it. */
static void attached(void)
{
	handle_t silo = silo_make(USER_ID, SILO_NO_TSC | SILO_NO_FSGSBASE, XCR0_LEAST);
	static const char *const what[] = {"t", "w", "a", "-"};
	static const enum fault_reason reason[] = {FAULT_PROTECTION, FAULT_OPCODE, FAULT_OPCODE,
						   FAULT_NONE};
	struct process_info info;
	struct spawned c, s;

	chief(&c, silo);
	for (unsigned i = 0; i < 4; i++) {
		OK(core_prepare(&s, "do", what[i], HANDLE_NONE, NULL, 0));
		OK(sys_silo_attach(silo, s.process));
		OK(sys_thread_start(s.thread));
		CHECK(core_wait(&s, &info));
		CHECK_EQ(info.reason, reason[i]);
	}
	spawn_discard(&c);
	core_silo_end(silo);
}

/* ---- programs run all the same ------------------------------------------------------------------
 */

static __thread uint64_t mine;

/* Time by the kernel, thread pointers by the kernel: libc notices nothing. */
static int role_live(void)
{
	uint32_t flags = core_argument[0] == 't' ? SILO_NO_TSC : SILO_NO_FSGSBASE;
	struct timespec a, b, pause = {0, 2000000};
	uint64_t before = time_now();

	if (info_page()->withheld != flags || !info_page()->mult != (flags == SILO_NO_TSC))
		return 1;
	mine = 5;
	for (int i = 0; i < 5; i++) { /* the CPU is idle, or somebody else's, meanwhile */
		if (clock_gettime(CLOCK_MONOTONIC, &a) || nanosleep(&pause, NULL) ||
		    clock_gettime(CLOCK_MONOTONIC, &b))
			return 2;
		if ((b.tv_sec - a.tv_sec) * 1000000000 + b.tv_nsec - a.tv_nsec < 2000000)
			return 3;
		if (mine != 5)
			return 4;
	}
	return time_now() - before < 10 * NS_PER_MS ? 5 : 0;
}

static void *count_mine(void *arg)
{
	uint64_t self = thread_pointer();

	mine = (uint64_t)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		if (mine != (uint64_t)arg + i || thread_pointer() != self)
			return NULL;
		mine++;
		sched_yield();
	}
	return arg;
}

/* Threads of one process that all lack the instructions. */
static int role_threads(void)
{
	pthread_t t[4];
	void *result;
	int bad = 0;

	for (uint64_t i = 0; i < 4; i++)
		if (pthread_create(&t[i], NULL, count_mine, (void *)(1000 * (i + 1))))
			return 1;
	for (uint64_t i = 0; i < 4; i++) {
		pthread_join(t[i], &result);
		bad |= result != (void *)(1000 * (i + 1));
	}
	return bad ? 2 : 0;
}

static void programs_live(void)
{
	handle_t no_tsc = silo_make(USER_ID, SILO_NO_TSC, 0);
	handle_t no_bases = silo_make(USER_ID + 1, SILO_NO_FSGSBASE, 0);
	struct spawned c[2], s;

	chief(&c[0], no_tsc);
	chief(&c[1], no_bases);
	core_spawn(&s, "live", "t", no_tsc, NULL, 0);
	core_expect(&s, 0);
	core_spawn(&s, "live", "b", no_bases, NULL, 0);
	core_expect(&s, 0);
	core_spawn(&s, "threads", NULL, no_bases, NULL, 0);
	core_expect(&s, 0);
	spawn_discard(&c[0]);
	spawn_discard(&c[1]);
	core_silo_end(no_tsc);
	core_silo_end(no_bases);
}

/* ---- beside others
 * -------------------------------------------------------------------------------- */

/* Uses all that it has, and gives the CPU away each time. */
static void *use_all(void *arg)
{
	uint64_t before = 0, self = thread_pointer();

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t now = tsc_read();

		if (now < before || fs_read() != self)
			return NULL;
		fs_write(self);
		before = now;
		sched_yield();
	}
	return arg;
}

static int role_rich(void)
{
	return use_all(&mine) ? 0 : 1;
}

static int role_poor(void)
{
	return count_mine((void *)77) ? 0 : 1;
}

/* Run in turn on one CPU: no other one could hide a wrong switch. */
static void beside_others(void)
{
	handle_t rich = silo_make(USER_ID, 0, 0);
	handle_t no_tsc = silo_make(USER_ID + 1, SILO_NO_TSC, 0);
	handle_t no_bases = silo_make(USER_ID + 2, SILO_NO_FSGSBASE, 0);
	handle_t silo[] = {rich, no_tsc, no_bases};
	struct spawned c[3], s[6];

	for (unsigned i = 0; i < 3; i++) {
		OK(sys_silo_limit(silo[i], LIMIT_AFFINITY, 1));
		chief(&c[i], silo[i]);
	}
	for (unsigned i = 0; i < 6; i++)
		core_spawn(&s[i], i % 3 ? "poor" : "rich", NULL, silo[i % 3], NULL, 0);
	for (unsigned i = 0; i < 6; i++)
		core_expect(&s[i], 0);
	must(no_tsc, "t", FAULT_PROTECTION);
	must(no_bases, "r", FAULT_OPCODE);
	for (unsigned i = 0; i < 3; i++) {
		spawn_discard(&c[i]);
		core_silo_end(silo[i]);
	}
}

/* Calls a server that uses all; the switches go directly from one to the other. At the end it does
 * the forbidden thing. */
static int role_client(void)
{
	struct ipc_msg m = {0};
	uint64_t self = thread_pointer();

	mine = 9;
	for (unsigned i = 0; i < ROUNDS; i++) {
		m.tag = 0;
		m.w[0] = i;
		if (ipc_call(boot_handle("server"), &m, core_soon()) || m.w[0] != i + 1)
			return 1;
		if (mine != 9 || thread_pointer() != self)
			return 2;
	}
	return role_do();
}

static void serve(handle_t queue)
{
	uint64_t self = thread_pointer(), before = 0;
	handle_t reply = REPLY_NONE;
	struct ipc_msg m = {0};

	for (unsigned i = 0; i < ROUNDS; i++) {
		uint64_t now;

		CHECK_EQ(ipc_reply_wait(queue, &m, core_soon(), reply), IPC_MESSAGE);
		now = tsc_read();
		CHECK(now > before && fs_read() == self);
		fs_write(self);
		before = now;
		reply = REPLY_CURRENT;
		m.tag = 0;
		m.w[0]++;
	}
	OK(ipc_reply(REPLY_CURRENT, &m));
}

static void across_calls_with(uint32_t flags, const char *what, enum fault_reason reason)
{
	uint64_t affinity = 1;
	handle_t silo = silo_make(USER_ID, flags, 0), channel = TAKE(sys_channel_create());
	handle_t queue = TAKE(sys_queue_create());
	struct spawn_handle server = {"server",
				      TAKE(sys_channel_sender(channel, 1, CORE_SENDER, REPLY_NONE)),
				      RIGHTS_SAME, 0, 0};
	struct process_info info;
	struct spawned c, s;

	CHECK(sys_queue_add(queue, channel, EVENT_MESSAGE, 1, 0, 0) >= 0);
	OK(sys_silo_limit(silo, LIMIT_AFFINITY, affinity));
	OK(sys_thread_affinity(core_thread, affinity));
	chief(&c, silo);
	core_spawn(&s, "client", what, silo, &server, 1);
	serve(queue);
	OK(sys_thread_affinity(core_thread, UINT64_MAX));
	CHECK(core_wait(&s, &info));
	CHECK_EQ(info.reason, reason);
	CHECK_EQ(info.code, reason == FAULT_NONE ? 7 : -1);
	spawn_discard(&c);
	core_close(server.handle);
	core_close(queue);
	core_close(channel);
	core_silo_end(silo);
}

static void across_calls(void)
{
	across_calls_with(0, "t", FAULT_NONE);
	across_calls_with(SILO_NO_TSC, "t", FAULT_PROTECTION);
	across_calls_with(SILO_NO_TSC, "r", FAULT_NONE);
	across_calls_with(SILO_NO_FSGSBASE, "r", FAULT_OPCODE);
	across_calls_with(SILO_NO_FSGSBASE, "t", FAULT_NONE);
	across_calls_with(SILO_NO_FSGSBASE | SILO_NO_TSC, "t", FAULT_PROTECTION);
}

/* ---- from outside
 * --------------------------------------------------------------------------------- */

/* Counts as long as its thread pointer is as it was. */
static int role_steady(void)
{
	uint64_t self = thread_pointer();

	if (sys_signal_set(boot_handle("ready"), 0, 1) < 0)
		return 1;
	for (uint64_t i = 0; thread_pointer() == self; i++)
		mine = i;
	return 3;
}

/* Registers are read and set from outside as of any other; the FS base too, which the program
 * cannot set itself. */
static void bases_from_outside(void)
{
	handle_t silo = silo_make(USER_ID, SILO_NO_FSGSBASE, 0), queue = TAKE(sys_queue_create());
	struct spawn_handle ready = {"ready", TAKE(sys_signal_create(0)), RIGHTS_SAME, 0, 0};
	static uint8_t image[PAGE_SIZE];
	struct thread_regs regs;
	struct event e;
	struct spawned s;
	uint64_t block[1], old;
	int64_t len;

	CHECK(sys_queue_add(queue, ready.handle, EVENT_SIGNAL, 1, WATCH_EDGE, 1) > 0);
	core_spawn(&s, "steady", NULL, silo, &ready, 1);
	CHECK_EQ(sys_queue_wait(queue, &e, 1, core_soon()), 1);
	OK(sys_thread_suspend(s.thread));
	CHECK_EQ(sys_thread_state_get(s.thread, THREAD_REGS, &regs, sizeof(regs)), sizeof(regs));
	old = regs.fs;
	CHECK_EQ(sys_process_read(s.process, old, block, sizeof(block)), sizeof(block));
	CHECK_EQ(block[0], old); /* libc's self pointer */
	/* bits of the control register pass for no component of the extended state */
	len = sys_thread_state_get(s.thread, THREAD_FPU, image, sizeof(image));
	CHECK(len > 520);
	OK(sys_thread_state_set(s.thread, THREAD_FPU, image, (uint64_t)len));
	image[512 + 6] |= 1; /* bit 48 of xstate_bv */
	REFUSED(sys_thread_state_set(s.thread, THREAD_FPU, image, (uint64_t)len), EINVAL);
	/* another base: one word of its stack that holds something else */
	regs.fs = regs.rsp & ~7ull;
	OK(sys_thread_state_set(s.thread, THREAD_REGS, &regs, sizeof(regs)));
	OK(sys_thread_resume(s.thread));
	core_until(s.thread, THREAD_DEAD); /* it noticed; its libc has no way to exit without FS */
	spawn_discard(&s);
	core_close(ready.handle);
	core_close(queue);
	core_silo_end(silo);
}

static int role_wait(void)
{
	return sys_thread_sleep(time_in(CORE_PATIENCE)) < 0 ? 1 : 2;
}

const struct core_test core_tests[] = {
	{"withheld", withheld},
	{"withheld_inherited", inherited},
	{"withheld_attached", attached},
	{"withheld_programs_live", programs_live},
	{"withheld_beside_others", beside_others},
	{"withheld_across_calls", across_calls},
	{"bases_from_outside", bases_from_outside},
	{NULL, NULL},
};

const struct core_role core_roles[] = {
	{"wait", role_wait},	   {"do", role_do},	    {"live", role_live},
	{"threads", role_threads}, {"rich", role_rich},	    {"poor", role_poor},
	{"client", role_client},   {"steady", role_steady}, {NULL, NULL}};
