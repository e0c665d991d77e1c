/* SPDX-License-Identifier: ISC */
/*
 * abuse.c: what a program does that wants more than it was given: time, the kernel lock, memory, a
 * way out of its sandbox. Each test is one way that once was open. Objects that die under those who
 * use them are in hostile.c.
 */
#include <stdlib.h>
#include <string.h>
#include "core.h"

#define SILO_ID 1500

static handle_t sender_make(handle_t channel, uint64_t badge)
{
	return TAKE(sys_channel_sender(channel, badge, CORE_SENDER, REPLY_NONE));
}

static void await(volatile bool *flag)
{
	uint64_t deadline = core_soon();

	while (!*flag && time_now() < deadline)
		OK(sys_thread_sleep(time_in(100 * NS_PER_US)));
	CHECK(*flag);
}

/* ---- time ------------------------------------------------------------------------------------ */

static uint64_t interrupts(void)
{
	struct system_info info;

	OK(sys_system_info(core_log, &info));
	return info.interrupts;
}

/* How much the calling thread gets done in some milliseconds, in turns of a loop. */
static uint64_t work_in(uint64_t ns)
{
	uint64_t end = time_in(ns), turns = 0;

	while (time_now() < end)
		turns++;
	return turns;
}

/* A timer with a period that leads beyond the end of time: it comes once. */
static void timer_beyond_time(void)
{
	static const uint64_t periods[] = {UINT64_MAX, UINT64_MAX - 1, UINT64_MAX / 2, 1ull << 62};
	handle_t queue = TAKE(sys_queue_create());
	struct event e;

	for (unsigned i = 0; i < 4; i++) {
		uint64_t before = interrupts();

		CHECK(sys_queue_timer(queue, 0, i, time_in(NS_PER_MS), periods[i]) > 0);
		CHECK_EQ(sys_queue_wait(queue, &e, 1, core_soon()), 1);
		CHECK_EQ(e.count, 1);
		CHECK_EQ(sys_queue_wait(queue, &e, 1, time_in(10 * NS_PER_MS)), -ETIMEDOUT);
		CHECK(interrupts() - before < 500);
	}
	core_close(queue);
}
/* Very many fast timers that nobody takes: the machine goes on. What is taken is counted right. */
static void timer_flood(void)
{
	enum { TIMERS = 4000 };
	handle_t queue = TAKE(sys_queue_create());
	uint64_t alone = work_in(30 * NS_PER_MS), begin, now, deadline = core_soon();
	struct event e;

	begin = time_in(NS_PER_MS);
	for (unsigned i = 0; i < TIMERS; i++)
		CHECK(sys_queue_timer(queue, 0, i, begin, 10000) > 0);
	OK(sys_thread_sleep(time_in(5 * NS_PER_MS)));
	while (work_in(30 * NS_PER_MS) <= alone / 4) /* others may have the machine's time, too */
		CHECK(time_now() < deadline);
	CHECK_EQ(sys_queue_wait(queue, &e, 1, core_soon()), 1);
	now = time_now();
	CHECK(e.count >= 3500 && e.count <= (now - begin) / 10000 + 1);
	core_close(queue);
}
/* ---- ways out of a sandbox ------------------------------------------------------------------- */

/* A program in capability mode makes a process: it is no freer than its maker, and gets nothing. */
static int role_jailed(void)
{
	struct process_args args = {.name = "child", .flags = PROCESS_INHERIT};
	handle_t out = boot_handle("out"), silo = boot_handle("silo"), aspace, child;
	handle_t in = boot_handle("in"), other = boot_handle("other");
	struct process_info info;

	OK(sys_handle_flags(out, HANDLE_INHERIT, 0));
	OK(sys_cap_enter());
	REFUSED(sys_signal_get(out), EPERM);
	aspace = TAKE(sys_aspace_create());
	child = TAKE(sys_process_create(silo, aspace, &args));
	OK(sys_process_info(child, &info));
	CHECK_EQ(info.flags & IDENTITY_CAPABILITY, IDENTITY_CAPABILITY);
	REFUSED(sys_process_give(child, silo, RIGHTS_SAME, 0), EPERM);
	REFUSED(sys_process_give(child, silo, RIGHTS_SAME, GIVE_MOVE), EPERM);
	/* Nor does what it inherits leave the silo. */
	REFUSED(sys_silo_attach(other, child), EACCES);
	REFUSED(sys_process_create(other, aspace, &args), EACCES);
	OK(sys_handle_flags(in, HANDLE_INHERIT, 0));
	OK(sys_handle_close(out));
	REFUSED(sys_process_create(other, aspace, &args), EPERM);
	return 7;
}

static void capability_mode_is_inherited(void)
{
	handle_t signal = TAKE(sys_signal_create(77)), other = core_silo_make(1077, 0, NULL);
	struct spawn_handle handles[] = {{"out", signal, RIGHT_READ, 0, 0},
					 {"in", signal, RIGHTS_SAME, 0, 0},
					 {"silo", core_silo, RIGHTS_SAME, 0, 0},
					 {"other", other, RIGHTS_SAME, 0, 0}};
	struct spawned s;

	core_spawn(&s, "jailed", NULL, HANDLE_NONE, handles, 4);
	core_expect(&s, 7);
	core_silo_end(other);
	core_close(signal);
}
/* ---- a poor client --------------------------------------------------------------------------- */

static struct {
	struct core_native native;
	handle_t channel;
	volatile bool stop;
	unsigned served; /* for the poor one */
	volatile bool begun;
} worker;

/* Each request is 300 us of work, on its client's time. */
static void serve_slowly(uint64_t arg)
{
	struct ipc_msg m;
	int64_t what = ipc_wait(worker.channel, &m, core_soon());

	(void)arg;
	while (what == IPC_MESSAGE && !worker.stop) {
		work_in(300 * NS_PER_US);
		worker.served += m.badge == 1;
		worker.begun = worker.served > 0;
		what = ipc_reply_wait(worker.channel, &m, core_soon(), REPLY_CURRENT);
	}
}

static int role_ask_for_ever(void)
{
	handle_t sender = boot_handle("sender");
	struct ipc_msg m = {0};

	int64_t result;

	do
		result = ipc_call(sender, &m, DEADLINE_NEVER);
	while (result == 0);
	return 1;
}

/* A silo with next to no CPU time asks a server that others need: what it overdraws is its debt,
 * the server is not stopped with a request in hand. */
static void poor_client(void)
{
	uint64_t limits[LIMIT_KEYS] = {0}, begin;
	unsigned calls = 0;
	struct spawn_handle give = {"sender", HANDLE_NONE, RIGHTS_SAME, 0, 0};
	struct ipc_msg m = {0};
	struct spawned s;
	handle_t silo, own;

	limits[LIMIT_CPU_QUOTA_US] = 5000;
	limits[LIMIT_CPU_PERIOD_US] = 200000;
	silo = core_silo_make(SILO_ID, 0, limits);
	worker.channel = TAKE(sys_channel_create());
	worker.stop = worker.begun = false;
	worker.served = 0;
	give.handle = sender_make(worker.channel, 1);
	own = sender_make(worker.channel, 2);
	core_native_start(&worker.native, serve_slowly, 0);
	core_spawn(&s, "ask_for_ever", NULL, silo, &give, 1);
	await(&worker.begun);
	begin = time_now();
	while (time_now() - begin < NS_PER_S) {
		OK(sys_thread_sleep(time_in(NS_PER_MS)));
		OK(ipc_call(own, &m, DEADLINE_NEVER));
		calls++;
	}
	CHECK(calls > 25);	    /* a stopped server would answer five, one a period */
	CHECK(worker.served < 600); /* it was held back itself */
	worker.stop = true;
	spawn_discard(&s);
	core_silo_end(silo);
	core_close(own);
	core_close(give.handle);
	core_close(worker.channel);
	core_native_join(&worker.native);
}
/* ---- devices --------------------------------------------------------------------------------- */

#define HPET 0xfed00000ull

/* A driver that hands its registers on, and dies. */
static int role_hand_on(void)
{
	struct message_page *page = message_page();
	handle_t device = boot_handle("device"), sender = boot_handle("sender");
	struct ipc_msg m = {.tag = MSG_HANDLES(1)};

	page->handles[0] = TAKE(sys_vmo_create_physical(device, HPET, PAGE_SIZE));
	OK(ipc_call(sender, &m, DEADLINE_NEVER));
	return 5;
}

/* Who got a device's registers from its owner has them as long as that lives, and no longer. */
static void registers_outlive_owner(void)
{
	struct device_args args = {.regs = {{HPET, PAGE_SIZE}}, .source = ~0u, .name = "hpet"};
	handle_t device = TAKE(sys_device_create(core_device, &args));
	handle_t channel = TAKE(sys_channel_create()), sender = sender_make(channel, 1), vmo;
	struct map_args map = {.flags = PROT_R | PROT_W, .len = PAGE_SIZE};
	struct spawn_handle give[] = {
		{"device", device, RIGHT_READ | RIGHT_WRITE | RIGHT_MAP | RIGHT_MANAGE, 0, 0},
		{"sender", sender, RIGHTS_SAME, 0, 0}};
	struct ipc_msg m;
	struct spawned s;
	int64_t at;

	core_spawn(&s, "hand_on", NULL, HANDLE_NONE, give, 2);
	CHECK_EQ(ipc_wait(channel, &m, core_soon()), IPC_MESSAGE);
	map.vmo = vmo = message_page()->handles[0];
	at = sys_aspace_map(core_aspace, &map);
	CHECK(at > 0);
	m.tag = 0;
	OK(ipc_reply(REPLY_CURRENT, &m));
	core_expect(&s, 5);
	REFUSED(sys_process_read(core_process, (uint64_t)at, &m, 8), EFAULT);
	REFUSED(sys_aspace_map(core_aspace, &map), EOWNERDEAD);
	core_close(vmo);
	core_close(sender);
	core_close(channel);
	core_close(device);
}
/* DMA memory of a device without ranges, cut out of the driver's. */
static int role_hide_dma(void)
{
	struct device_args args = {.source = ~0u, .dma_max = 1 << 16, .name = "hidden"};
	handle_t part = TAKE(sys_device_create(boot_handle("device"), &args));

	CHECK(sys_vmo_create_contiguous(part, PAGE_SIZE, 0) > 0);
	return 6;
}

/* A driver dies with DMA memory of a device that it cut out of its own: who resets the function
 * releases that too, and the silo can be used again. */
static void hidden_quarantine(void)
{
	struct device_args args = {.source = ~0u, .dma_max = 1 << 20, .name = "whole"};
	handle_t device = TAKE(sys_device_create(core_device, &args)), silo;
	struct spawn_handle give = {"device", device, RIGHT_READ | RIGHT_MANAGE, 0, 0};
	struct silo_args silo_args = {.id = 500, .mode = MODE_DMA};
	struct silo_info info;
	struct spawned s;

	silo = TAKE(sys_silo_create(core_silo, &silo_args));
	for (uint32_t op = SILO_OP_LOAD; op <= SILO_OP_START; op++)
		OK(sys_silo_control(silo, op, 0));
	core_spawn(&s, "hide_dma", NULL, silo, &give, 1);
	core_expect(&s, 6);
	OK(sys_silo_info(silo, &info));
	CHECK_EQ(info.state, SILO_ZOMBIE);
	OK(sys_device_quiesced(device));
	OK(sys_silo_info(silo, &info));
	CHECK_EQ(info.state, SILO_STOPPED);
	CHECK_EQ(info.usage[RES_DMA], 0);
	core_silo_end(silo);
	core_close(device);
}
/* ---- the log --------------------------------------------------------------------------------- */

static int role_ud2(void)
{
	__asm__ volatile("ud2");
	return 0;
}

/* A process's name is its maker's word; in the log it must not look like a line of the kernel's. */
static void name_in_log(void)
{
	static char text[16384];
	struct process_args args = {.name = "x\nboot: FORGED\x1b[2J"};
	struct thread_args thread = {.entry = (uint64_t)role_ud2, .sp = 0x400000};
	uint64_t cursor = 0, deadline = core_soon();
	struct process_info info;
	handle_t process, first;
	int64_t n;

	process = TAKE(sys_process_create(core_silo, core_aspace, &args));
	first = TAKE(sys_thread_create(process, &thread));
	OK(sys_thread_start(first)); /* without a shim it crashes */
	do
		OK(sys_process_info(process, &info));
	while (info.state != PROCESS_CORPSE && time_now() < deadline);
	CHECK_EQ(info.reason, FAULT_OPCODE);
	while ((n = sys_log_read(core_log, &cursor, text, sizeof(text) - 1)) > 0) {
		text[n] = 0;
		CHECK(!strstr(text, "\nboot: FORGED"));
		CHECK(!strchr(text, 0x1b));
	}
	OK(n);
	OK(sys_process_reap(process));
	core_close(first);
	core_close(process);
}
/* ---- who dies as it begins to wait ----------------------------------------------------------- */

#define SLICE_HANDLES 64u  /* that one slice of clearing a table closes */
#define DOOMED_FILL   200u /* handles: a few slices */
#define DOOMED_ROUNDS 10u

static struct {
	handle_t process, first, second; /* numbers in the table of who watches */
	handle_t watcher;		 /* and in that of who is watched */
	uint8_t stacks[3][4096] __attribute__((aligned(16)));
} doomed;

/* The fault handler of the doomed process: its queue is the last of its handles to go. */
static void doomed_watch(uint64_t arg)
{
	struct event event;
	handle_t queue;

	(void)arg;
	for (unsigned i = 0; i < DOOMED_FILL; i++)
		if (sys_signal_create(0) < 0)
			sys_process_exit(1);
	queue = (handle_t)sys_queue_create();
	if (sys_queue_add(queue, doomed.process, EVENT_PROCESS, 1, 0, PROCESS_EV_FAULT) < 0 ||
	    sys_thread_start(doomed.first) < 0 ||
	    sys_queue_wait(queue, &event, 1, core_soon()) != 1 ||
	    sys_thread_start(doomed.second) < 0 || sys_thread_interrupt(doomed.second, 0) < 0)
		sys_process_exit(2);
	sys_process_exit(0);
}

/* Each call closes a slice of the watcher's handles as it leaves; the fault comes in time for the
 * last. */
static void doomed_fault(uint64_t arg)
{
	struct process_info info = {.handles = 2 * SLICE_HANDLES + 1};

	while (arg && info.handles > 2 * SLICE_HANDLES)
		if (sys_process_info(doomed.watcher, &info) < 0)
			break;
	__asm__ volatile("ud2");
}

static handle_t doomed_thread(handle_t process, void (*run)(uint64_t arg), unsigned n)
{
	struct thread_args args = {.entry = (uint64_t)run,
				   .sp = (uint64_t)doomed.stacks[n] + sizeof(doomed.stacks[n]) - 8,
				   .arg = n};

	return TAKE(sys_thread_create(process, &args));
}

static void doomed_round(void)
{
	struct process_args args = {.name = "doomed"};
	handle_t process = TAKE(sys_process_create(core_silo, core_aspace, &args));
	handle_t watcher = TAKE(sys_process_create(core_silo, core_aspace, &args)), thread;
	struct process_info info = {0};
	uint64_t deadline = core_soon();

	doomed.process = TAKE(sys_process_give(watcher, process, RIGHTS_SAME, 0));
	doomed.watcher = TAKE(sys_process_give(process, watcher, RIGHTS_SAME, 0));
	doomed.first = TAKE(sys_process_give(watcher, doomed_thread(process, doomed_fault, 0),
					     RIGHTS_SAME, GIVE_MOVE));
	doomed.second = TAKE(sys_process_give(watcher, doomed_thread(process, doomed_fault, 1),
					      RIGHTS_SAME, GIVE_MOVE));
	thread = doomed_thread(watcher, doomed_watch, 2);
	OK(sys_thread_start(thread));
	while (info.state != PROCESS_CORPSE && time_now() < deadline) {
		OK(sys_thread_sleep(time_in(NS_PER_MS)));
		OK(sys_process_info(process, &info));
	}
	CHECK_EQ(info.state, PROCESS_CORPSE);
	CHECK_EQ(info.reason, FAULT_OPCODE);
	OK(sys_process_info(watcher, &info));
	CHECK_EQ(info.code, 0);
	OK(sys_process_reap(process));
	OK(sys_process_reap(watcher));
	core_close(thread);
	core_close(watcher);
	core_close(process);
}

/* A thread with an interrupt request pending faults and waits for its process's handler; the same
 * entry to the kernel closes the handler's queue, so that the fault is final: the thread is gone
 * before the kernel has come to look at the request. A timer may come between, hence rounds. */
static void interrupted_fault(void)
{
	for (unsigned i = 0; i < DOOMED_ROUNDS; i++)
		doomed_round();
}

/* ---- who execs as it dies -------------------------------------------------------------------- */

#define EXEC_ROUNDS 60

static struct exec_args exec_again_args;
static struct thread_block exec_again_block __attribute__((aligned(64)));
static uint8_t exec_again_stack[4096] __attribute__((aligned(16)));

static void exec_again(uint64_t arg)
{
	(void)arg;
	(void)!sys_aspace_unmap(exec_again_args.aspace, exec_again_block.msg, PAGE_SIZE);
	(void)!sys_process_exec(&exec_again_args); /* refused: it is being killed */
	sys_thread_exit(0, 0);
}

static void kill_in_exec(uint64_t after)
{
	struct process_args args = {.name = "again"};
	handle_t process = TAKE(sys_process_create(core_silo, core_aspace, &args)), thread;
	struct process_info info;

	exec_again_args = (struct exec_args){
		.process = args,
		.aspace = TAKE(sys_process_give(process, core_aspace, RIGHTS_SAME, HANDLE_STAY)),
		.thread = {.entry = (uint64_t)exec_again,
			   .sp = (uint64_t)exec_again_stack + sizeof(exec_again_stack) - 8,
			   .block = (uint64_t)&exec_again_block}};
	thread = TAKE(sys_thread_create(process, &exec_again_args.thread));
	OK(sys_thread_start(thread));
	OK(sys_thread_sleep(time_in(after)));
	OK(sys_process_kill(process, 5)); /* waits until it is a corpse */
	OK(sys_process_info(process, &info));
	CHECK_EQ(info.state, PROCESS_CORPSE);
	CHECK_EQ(info.code, 5);
	OK(sys_process_reap(process));
	core_close(thread);
	core_close(process);
}

/* A process that does nothing but exec is killed from another CPU: its successor does not live on
 * in a process that has ended. */
static void killed_in_exec(void)
{
	for (unsigned i = 0; i < EXEC_ROUNDS; i++)
		kill_in_exec((300 + 20 * i) * NS_PER_US);
}
/* ---- extended state -------------------------------------------------------------------------- */

static int role_avx(void)
{
	__asm__ volatile("vzeroupper" ::: "memory");
	return 5;
}

/* A process that is made in one silo and attached to another has what that one allows. */
static void attached_without_avx(void)
{
	struct silo_args args = {.id = SILO_ID, .xcr0 = 3};
	static uint8_t area[PAGE_SIZE] __attribute__((aligned(64)));
	struct process_info info;
	struct spawned s;
	handle_t silo;
	int64_t len;

	if (!(info_page()->xcr0 & 4))
		core_skip("the processor has no AVX");
	for (int i = 0; i < 2; i++) {
		silo = TAKE(sys_silo_create(core_silo, &args));
		OK(sys_silo_control(silo, SILO_OP_LOAD, 0));
		OK(core_prepare(&s, "avx", NULL, core_silo, NULL, 0));
		if (i) { /* with a state that the silo withholds */
			len = sys_thread_state_get(s.thread, THREAD_FPU, area, sizeof(area));
			CHECK(len > 576);
			area[512] = 7; /* which components: x87, SSE, AVX */
			OK(sys_thread_state_set(s.thread, THREAD_FPU, area, (uint64_t)len));
		}
		OK(sys_silo_attach(silo, s.process));
		OK(sys_silo_control(silo, SILO_OP_READY, 0));
		OK(sys_silo_control(silo, SILO_OP_START, 0));
		OK(sys_thread_start(s.thread));
		CHECK(core_wait(&s, &info));
		CHECK_EQ(info.reason, FAULT_OPCODE);
		core_silo_end(silo);
	}
}
/* ---- where it runs --------------------------------------------------------------------------- */

#define TICKS_AT 0x3000000000ull

static volatile uint64_t *ticks_map(handle_t vmo)
{
	struct map_args args = {
		.vmo = vmo, .flags = PROT_R | PROT_W | MAP_AT, .addr = TICKS_AT, .len = PAGE_SIZE};

	CHECK_EQ(sys_aspace_map(core_aspace, &args), TICKS_AT);
	return (uint64_t *)TICKS_AT;
}

static int role_tick(void)
{
	volatile uint64_t *ticks = ticks_map(boot_handle("ticks"));

	for (;;)
		++*ticks;
	return 0;
}

/* Without a system call: this CPU stays ours. */
static bool ticks_move(volatile uint64_t *ticks, uint64_t ns)
{
	uint64_t end = time_in(ns), before = *ticks;

	while (*ticks == before && time_now() < end)
		;
	return *ticks != before;
}

/* A thread that waits for a CPU which a higher band keeps is sent to one that idles. */
static void sent_to_idle_cpu(void)
{
	struct spawn_handle give = {"ticks", HANDLE_NONE, RIGHTS_SAME, 0, 0};
	uint64_t deadline = core_soon();
	volatile uint64_t *ticks;
	struct spawned s;
	handle_t silo;

	if (core_cpus() < 2)
		core_skip("one CPU");
	silo = core_silo_make(SILO_ID, 0, NULL);
	give.handle = TAKE(sys_vmo_create(PAGE_SIZE, VMO_ANON));
	ticks = ticks_map(give.handle);
	core_spawn(&s, "tick", NULL, silo, &give, 1);
	while (!*ticks && time_now() < deadline)
		OK(sys_thread_sleep(time_in(NS_PER_MS)));
	OK(sys_thread_affinity(core_thread, 1));
	for (int i = 0; i < 2; i++) {
		OK(sys_thread_affinity(s.thread, 1));
		while (ticks_move(ticks, 20 * NS_PER_MS)) /* until its CPU has seen it */
			CHECK(time_now() < deadline);
		if (i)
			OK(sys_silo_limit(silo, LIMIT_AFFINITY, 1));
		OK(sys_thread_affinity(s.thread, i ? 3 : 2));
		if (i)
			OK(sys_silo_limit(silo, LIMIT_AFFINITY, 2));
		CHECK(ticks_move(ticks, 3 * NS_PER_S));
	}
	OK(sys_thread_affinity(core_thread, UINT64_MAX));
	spawn_discard(&s);
	core_silo_end(silo);
	core_unmap((void *)TICKS_AT, PAGE_SIZE);
	core_close(give.handle);
}
/* ---- what is left behind --------------------------------------------------------------------- */

static void sleep_long(uint64_t arg)
{
	(void)arg;
	(void)!sys_thread_sleep(time_in(4 * CORE_PATIENCE));
	sys_thread_exit(0, 0);
}

/* Makes a silo with a process that runs, holds its own silo, and is known to nobody else. */
static int role_leave_behind(void)
{
	static uint8_t stack[8192] __attribute__((aligned(16)));
	struct thread_args thread = {.entry = (uint64_t)sleep_long,
				     .sp = (uint64_t)stack + sizeof(stack) - 8};
	struct process_args args = {.name = "left"};
	struct silo_args below = {.id = SILO_ID + 1};
	handle_t silo = TAKE(sys_silo_create(boot_handle("silo"), &below)), process;

	for (uint32_t op = SILO_OP_LOAD; op <= SILO_OP_START; op++)
		OK(sys_silo_control(silo, op, 0));
	process = TAKE(sys_process_create(silo, core_aspace, &args));
	CHECK(sys_process_give(process, silo, RIGHTS_SAME, 0) > 0);
	if (core_argument[0] == 'k') /* and its corpse is known to itself */
		CHECK(sys_process_give(process, process, RIGHTS_SAME, HANDLE_KEPT) > 0);
	OK(sys_thread_start(TAKE(sys_thread_create(process, &thread))));
	return 3;
}

/* Who ends a silo can end what it has made below, also what nobody has a handle of. */
static void left_behind(const char *how)
{
	struct silo_args args = {.id = 500, .mode = MODE_SPAWN}, again = {.id = SILO_ID + 1};
	struct spawn_handle give = {"silo", HANDLE_NONE, RIGHTS_SAME, 0, 0};
	handle_t silo = TAKE(sys_silo_create(core_silo, &args));
	struct spawned s;

	for (uint32_t op = SILO_OP_LOAD; op <= SILO_OP_START; op++)
		OK(sys_silo_control(silo, op, 0));
	give.handle = silo;
	core_spawn(&s, "leave_behind", how, silo, &give, 1);
	core_expect(&s, 3);
	REFUSED(sys_silo_control(silo, SILO_OP_DESTROY, 0), EBUSY);
	REFUSED(sys_silo_create(core_silo, &again), EEXIST);
	OK(sys_silo_control(silo, SILO_OP_KILL, SILO_BELOW));
	OK(sys_silo_control(silo, SILO_OP_DESTROY, SILO_BELOW));
	core_close(silo);
	silo = TAKE(sys_silo_create(core_silo, &again));
	OK(sys_silo_control(silo, SILO_OP_DESTROY, 0));
	core_close(silo);
}
static void silo_left_behind(void)
{
	left_behind("");
	left_behind("kept");
}
const struct core_test core_tests[] = {
	{"timer_beyond_time", timer_beyond_time},
	{"timer_flood", timer_flood},
	{"capability_mode_is_inherited", capability_mode_is_inherited},
	{"poor_client", poor_client},
	{"registers_outlive_owner", registers_outlive_owner},
	{"hidden_quarantine", hidden_quarantine},
	{"name_in_log", name_in_log},
	{"interrupted_fault", interrupted_fault},
	{"killed_in_exec", killed_in_exec},
	{"attached_without_avx", attached_without_avx},
	{"sent_to_idle_cpu", sent_to_idle_cpu},
	{"silo_left_behind", silo_left_behind},
	{NULL, NULL}};

const struct core_role core_roles[] = {{"jailed", role_jailed},
				       {"ask_for_ever", role_ask_for_ever},
				       {"hand_on", role_hand_on},
				       {"hide_dma", role_hide_dma},
				       {"ud2", role_ud2},
				       {"avx", role_avx},
				       {"tick", role_tick},
				       {"leave_behind", role_leave_behind},
				       {NULL, NULL}};
