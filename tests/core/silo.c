/* SPDX-License-Identifier: ISC */
/*
 * silo.c: silos: states, modes, limits that hold, CPU shares, and that everything comes back.
 */
#include <stdlib.h>
#include <string.h>
#include "core.h"

#define USER_ID 1000

static uint32_t state(handle_t silo)
{
	struct silo_info info;

	OK(sys_silo_info(silo, &info));
	return info.state;
}

static int64_t make(handle_t parent, uint32_t id, uint32_t mode)
{
	struct silo_args args = {.id = id, .mode = mode};

	return sys_silo_create(parent, &args);
}

/* Limits of CPUs that make no sense. */
static void cpu_refused(enum limit_key key, uint64_t value, uint64_t quota)
{
	struct silo_args args = {.id = 50};

	args.limits[LIMIT_CPU_QUOTA_US] = quota;
	args.limits[LIMIT_CPU_PERIOD_US] = quota ? 10000 : 0;
	args.limits[key] = value;
	REFUSED(sys_silo_create(core_silo, &args), EINVAL);
}

static void create_refused(void)
{
	handle_t user = TAKE(make(core_silo, USER_ID, MODE_LOOKUP));
	struct silo_args args = {.id = 50};

	REFUSED(make(core_silo, USER_ID, 0), EEXIST);
	REFUSED(make(core_silo, 1, 0), EEXIST);
	REFUSED(make(core_silo, 0, 0), EINVAL);
	REFUSED(make(core_silo, 1001, MODE_SPAWN), EPERM); /* control bits in the user tier */
	REFUSED(make(core_silo, 1001, MODE_IO), EPERM);	   /* hardware bits */
	REFUSED(make(user, 1001, MODE_LOOKUP | MODE_BIND), EPERM);
	REFUSED(make(user, 50, 0), EPERM); /* a tier above its parent's */
	args.limits[LIMIT_MEMORY] = 1 << 20;
	args.limits[LIMIT_MEM_MIN] = 2 << 20;
	REFUSED(sys_silo_create(core_silo, &args), EINVAL);
	args = (struct silo_args){.id = 50};
	args.limits[LIMIT_CPU_QUOTA_US] = 1000;
	REFUSED(sys_silo_create(core_silo, &args), EINVAL);
	cpu_refused(LIMIT_CPU_SHARES, (1u << 20) + 1, 0);
	cpu_refused(LIMIT_CPU_PERIOD_US, 999, 500);
	cpu_refused(LIMIT_CPU_PERIOD_US, 1000001, 500);
	cpu_refused(LIMIT_CPU_QUOTA_US, 99, 99);
	cpu_refused(LIMIT_CPU_QUOTA_US, 10000ull * core_cpus() + 1, 99);
	cpu_refused(LIMIT_AFFINITY, 1ull << 63, 0);
	args = (struct silo_args){.id = 50, .reserved = 1};
	REFUSED(sys_silo_create(core_silo, &args), EINVAL);
	args = (struct silo_args){.id = 50};
	args.limits[LIMIT_MEM_MIN] = args.limits[LIMIT_MEMORY] = 1ull << 50;
	REFUSED(sys_silo_create(core_silo, &args), EDQUOT);
	args = (struct silo_args){.id = 50, .xcr0 = 1}; /* not even SSE */
	REFUSED(sys_silo_create(core_silo, &args), EINVAL);
	args.xcr0 = 3 | 1 << 9; /* a component that nobody has */
	REFUSED(sys_silo_create(core_silo, &args), EPERM);
	REFUSED(sys_silo_create(core_silo, (void *)16), EFAULT);
	OK(sys_silo_control(user, SILO_OP_DESTROY, 0));
	REFUSED(make(user, 1001, 0), EINVAL);
	REFUSED(sys_silo_limit(user, LIMIT_THREADS, 5), EINVAL);
	core_close(user);
}

static void depth(void)
{
	handle_t chain[10];
	unsigned n = 0;
	int64_t next = 0;

	chain[0] = core_silo;
	for (n = 1; n < 10; n++) {
		next = make(chain[n - 1], 100 + n, 0);
		if (next < 0)
			break;
		chain[n] = (handle_t)next;
	}
	REFUSED(next, EMLINK);
	CHECK(n == 8 || n == 9);
	while (--n) {
		OK(sys_silo_control(chain[n], SILO_OP_DESTROY, 0));
		core_close(chain[n]);
	}
}

static void states(void)
{
	handle_t silo = TAKE(make(core_silo, USER_ID, 0));

	CHECK_EQ(state(silo), SILO_CREATED);
	REFUSED(sys_silo_control(silo, SILO_OP_START, 0), EINVAL);
	REFUSED(sys_silo_control(silo, SILO_OP_PAUSE, 0), EINVAL);
	REFUSED(sys_silo_control(silo, 99, 0), EINVAL);
	OK(sys_silo_control(silo, SILO_OP_LOAD, 0));
	CHECK_EQ(state(silo), SILO_LOADING);
	OK(sys_silo_control(silo, SILO_OP_READY, 0));
	CHECK_EQ(state(silo), SILO_READY);
	OK(sys_silo_control(silo, SILO_OP_START, 0));
	CHECK_EQ(state(silo), SILO_RUNNING);
	OK(sys_silo_control(silo, SILO_OP_PAUSE, 0));
	CHECK_EQ(state(silo), SILO_PAUSED);
	OK(sys_silo_control(silo, SILO_OP_RESUME, 0));
	CHECK_EQ(state(silo), SILO_RUNNING);
	core_silo_end(silo);
	silo = TAKE(make(core_silo, USER_ID, 0)); /* the id is free again */
	OK(sys_silo_control(silo, SILO_OP_DESTROY, 0));
	core_close(silo);
}

static int role_wait(void)
{
	return sys_thread_sleep(time_in(CORE_PATIENCE)) < 0 ? 1 : 2;
}

static int role_crash(void)
{
	__asm__ volatile("ud2");
	return 0;
}

static int role_exit(void)
{
	return atoi(core_argument);
}

static void main_process(void)
{
	handle_t queue = TAKE(sys_queue_create());
	handle_t silo = core_silo_make(USER_ID, 0, NULL);
	struct silo_info info;
	struct event e;
	struct spawned s;

	CHECK(sys_queue_add(queue, silo, EVENT_SILO, 4, WATCH_EDGE, 0) > 0);
	core_spawn(&s, "crash", NULL, silo, NULL, 0);
	do {
		CHECK_EQ(sys_queue_wait(queue, &e, 1, core_soon()), 1);
		CHECK_EQ(e.kind, EVENT_SILO);
	} while (e.data0 != SILO_CRASHED);
	CHECK_EQ(e.data1 >> 32, FAULT_OPCODE);
	OK(sys_silo_info(silo, &info));
	CHECK_EQ(info.state, SILO_CRASHED);
	CHECK_EQ(info.main_reason, FAULT_OPCODE);
	CHECK_EQ(info.usage[RES_PROCESSES], 1); /* the corpse */
	spawn_discard(&s);
	OK(sys_silo_control(silo, SILO_OP_RESET, 0)); /* once more */
	OK(sys_silo_control(silo, SILO_OP_LOAD, 0));
	OK(sys_silo_control(silo, SILO_OP_READY, 0));
	OK(sys_silo_control(silo, SILO_OP_START, 0));
	core_spawn(&s, "exit", "5", silo, NULL, 0);
	core_expect(&s, 5);
	CHECK(state(silo) == SILO_STOPPED);
	core_silo_end(silo);
	core_close(queue);
}

static void pause_stops(void)
{
	handle_t silo = core_silo_make(USER_ID, 0, NULL);
	uint64_t deadline = core_soon();
	struct process_info before, after;
	struct spawned s;

	core_spawn(&s, "spin", NULL, silo, NULL, 0);
	OK(sys_thread_sleep(time_in(5 * NS_PER_MS)));
	OK(sys_silo_control(silo, SILO_OP_PAUSE, 0));
	core_until(s.thread, THREAD_READY); /* its CPU has noticed */
	OK(sys_process_info(s.process, &before));
	OK(sys_thread_sleep(time_in(5 * NS_PER_MS)));
	OK(sys_process_info(s.process, &after));
	CHECK_EQ(after.cpu_ns, before.cpu_ns);
	OK(sys_silo_control(silo, SILO_OP_RESUME, 0));
	do {
		OK(sys_thread_sleep(time_in(NS_PER_MS)));
		OK(sys_process_info(s.process, &after));
	} while (after.cpu_ns == before.cpu_ns && time_now() < deadline);
	CHECK(after.cpu_ns > before.cpu_ns);
	REFUSED(sys_silo_control(silo, SILO_OP_DESTROY, 0), EINVAL);
	spawn_discard(&s);
	core_silo_end(silo);
}

static int role_spin(void)
{
	for (;;)
		__asm__ volatile("pause");
	return 0;
}

/* ---- limits ---------------------------------------------------------------------------------- */

/* Takes memory until it is refused; the argument is how many pages it expects at least. */
static int role_memory(void)
{
	uint64_t got = 0, wanted = strtoull(core_argument, NULL, 10);
	int64_t vmo = sys_vmo_create(PAGE_SIZE << 12, VMO_ANON), result = 0;

	if (vmo < 0)
		return 1;
	while (got < 4096 && result == 0) {
		result = sys_vmo_commit((handle_t)vmo, got * PAGE_SIZE, PAGE_SIZE);
		got += result == 0;
	}
	if (result != -ENOMEM)
		return 2;
	if (got < wanted)
		return 3;
	return sys_null() == 0 ? 0 : 4; /* and it lives on */
}

static void memory_limit(void)
{
	uint64_t limits[LIMIT_KEYS] = {[LIMIT_MEMORY] = 2 << 20}, others;
	handle_t silo = core_silo_make(USER_ID, 0, limits);
	struct silo_info info;
	struct spawned s;

	others = core_usage(core_silo, RES_MEMORY);
	core_spawn(&s, "memory", "256", silo, NULL, 0);
	core_expect(&s, 0);
	OK(sys_silo_info(silo, &info));
	CHECK(info.peak[RES_MEMORY] <= 2 << 20);
	CHECK(info.refused[RES_MEMORY] >= 1);
	CHECK_EQ(info.usage[RES_MEMORY] <= 64 << 10, 1);
	CHECK(core_usage(core_silo, RES_MEMORY) <= others + (64 << 10));
	core_silo_end(silo);
}

static int role_threads(void)
{
	struct thread_args args = {.entry = 0x400000};
	unsigned n = 0;
	int64_t result = 0;

	core_process = boot_handle("self");
	while (n < 8 && (result = sys_thread_create(core_process, &args)) >= 0)
		n++;
	return result == -EDQUOT ? (int)n : 99;
}

static void thread_limit(void)
{
	uint64_t limits[LIMIT_KEYS] = {[LIMIT_THREADS] = 4};
	handle_t silo = core_silo_make(USER_ID, 0, limits);
	struct spawned s;

	core_spawn(&s, "threads", NULL, silo, NULL, 0);
	core_expect(&s, 3); /* and its first */
	core_silo_end(silo);
}

static int role_handles(void)
{
	unsigned n = 0;
	int64_t result;

	while (n < 100 && (result = sys_handle_dup(boot_handle("log"), RIGHTS_SAME)) >= 0)
		n++;
	return result == -EDQUOT || result == -EMFILE ? (int)n : 99;
}

static void handle_limit(void)
{
	uint64_t limits[LIMIT_KEYS] = {[LIMIT_HANDLES] = 20};
	handle_t silo = core_silo_make(USER_ID, 0, limits);
	struct silo_info info;
	struct spawned s;

	core_spawn(&s, "handles", NULL, silo, NULL, 0);
	core_expect(&s, 15); /* self, thread, aspace, log, fd:1 are there */
	OK(sys_silo_info(silo, &info));
	CHECK_EQ(info.peak[RES_HANDLES], 20);
	core_silo_end(silo);
}

static void process_limit(void)
{
	uint64_t limits[LIMIT_KEYS] = {[LIMIT_PROCESSES] = 2};
	handle_t silo = core_silo_make(USER_ID, 0, limits);
	struct spawned a, b, c;

	core_spawn(&a, "wait", NULL, silo, NULL, 0);
	core_spawn(&b, "wait", NULL, silo, NULL, 0);
	REFUSED(core_prepare(&c, "wait", NULL, silo, NULL, 0), EDQUOT);
	spawn_discard(&b);
	core_spawn(&b, "wait", NULL, silo, NULL, 0);
	OK(sys_silo_limit(silo, LIMIT_PROCESSES,
			  1)); /* below what is used: it refuses what comes */
	spawn_discard(&b);
	REFUSED(core_prepare(&b, "wait", NULL, silo, NULL, 0), EDQUOT);
	REFUSED(sys_silo_limit(silo, LIMIT_KEYS, 1), EINVAL);
	spawn_discard(&a);
	core_silo_end(silo);
}

static void nested_limit(void)
{
	uint64_t limits[LIMIT_KEYS] = {[LIMIT_PROCESSES] = 1};
	struct silo_args args = {.id = 101};
	handle_t outer, inner;
	struct spawned a, b;

	memcpy(args.limits, limits, sizeof(limits));
	args.id = 100;
	outer = TAKE(sys_silo_create(core_silo, &args));
	inner = TAKE(make(outer, 101, 0));
	for (uint32_t op = SILO_OP_LOAD; op <= SILO_OP_START; op++) {
		OK(sys_silo_control(outer, op, 0));
		OK(sys_silo_control(inner, op, 0));
	}
	core_spawn(&a, "wait", NULL, inner, NULL, 0); /* counts in the outer one too */
	CHECK_EQ(core_usage(outer, RES_PROCESSES), 1);
	REFUSED(core_prepare(&b, "wait", NULL, outer, NULL, 0), EDQUOT);
	spawn_discard(&a);
	core_silo_end(inner);
	core_silo_end(outer);
}

static void mem_min(void)
{
	struct silo_args args = {.id = USER_ID};
	struct system_info before, after;
	handle_t silo;

	args.limits[LIMIT_MEM_MIN] = 8 << 20;
	OK(sys_system_info(core_log, &before));
	silo = TAKE(sys_silo_create(core_silo, &args));
	CHECK(core_usage(core_silo, RES_MEMORY) >= 8 << 20);
	OK(sys_silo_control(silo, SILO_OP_DESTROY, 0));
	core_close(silo);
	OK(sys_system_info(core_log, &after));
	CHECK(after.memory_free + (1 << 20) > before.memory_free);
}

/* ---- modes ----------------------------------------------------------------------------------- */

static int role_modes(void)
{
	struct silo_args args = {.id = 200};
	handle_t silo = boot_handle("silo"), device = boot_handle("device");
	struct process_args process = {.name = "x"};
	int64_t aspace = sys_aspace_create();

	if (sys_silo_create(silo, &args) != -EPERM)
		return 1;
	if (sys_process_create(boot_handle("other"), (handle_t)aspace, &process) != -EPERM)
		return 2;
	if (sys_silo_control(boot_handle("other"), SILO_OP_KILL, 0) != -EPERM)
		return 3;
	if (sys_port_read(device, 0x80, 1) != -EPERM)
		return 4;
	if (sys_vmo_create_contiguous(device, PAGE_SIZE, 0) != -EPERM)
		return 5;
	if (sys_irq_create(device, IRQ_MSI, 0, 0) != -EPERM)
		return 6;
	if (sys_process_create(silo, (handle_t)aspace, &process) < 0)
		return 7; /* in its own silo: always */
	return 0;
}

static void modes(void)
{
	struct silo_args args = {.id = 60, .mode = 0777};
	struct device_args window = {
		.ports = {{0x80, 1}}, .msi = 1, .dma_max = 1 << 20, .source = ~0u};
	handle_t device = TAKE(sys_device_create(core_device, &window));
	handle_t silo = TAKE(sys_silo_create(core_silo, &args));
	handle_t other = core_silo_make(61, 0, NULL);
	struct spawn_handle handles[] = {{"silo", silo, RIGHTS_SAME, 0, 0},
					 {"other", other, RIGHTS_SAME, 0, 0},
					 {"device", device, RIGHTS_SAME, 0, 0}};
	struct silo_info info;
	struct spawned s;

	OK(sys_silo_pledge(silo, 0));
	REFUSED(sys_silo_pledge(silo, 01000), EINVAL);
	OK(sys_silo_pledge(silo, 0777)); /* nothing comes back */
	OK(sys_silo_info(silo, &info));
	CHECK_EQ(info.mode, 0);
	for (uint32_t op = SILO_OP_LOAD; op <= SILO_OP_START; op++)
		OK(sys_silo_control(silo, op, 0));
	core_spawn(&s, "modes", NULL, silo, handles, 3);
	core_expect(&s, 0);
	core_silo_end(other);
	core_silo_end(silo);
	core_close(device);
}

/* What is cleared is cleared in all silos below, too. */
static void pledge_reaches_down(void)
{
	struct silo_args args = {.id = 60, .mode = 0777};
	handle_t silo = TAKE(sys_silo_create(core_silo, &args)), below, child;
	struct silo_info info;

	args.id = 61;
	below = TAKE(sys_silo_create(silo, &args));
	args.id = 62;
	child = TAKE(sys_silo_create(below, &args));
	OK(sys_silo_pledge(silo, 0527));
	OK(sys_silo_info(child, &info));
	CHECK_EQ(info.mode, 0527);
	REFUSED(sys_silo_create(below, &(struct silo_args){.id = 63, .mode = MODE_STOP}), EPERM);
	OK(sys_silo_control(child, SILO_OP_DESTROY, 0));
	OK(sys_silo_control(below, SILO_OP_DESTROY, 0));
	OK(sys_silo_control(silo, SILO_OP_DESTROY, 0));
	core_close(child);
	core_close(below);
	core_close(silo);
}

/* ---- CPU ------------------------------------------------------------------------------------- */

static uint64_t cpu_used(handle_t silo)
{
	struct silo_info info;

	OK(sys_silo_info(silo, &info));
	return info.cpu_ns;
}

static void shares(void)
{
	uint64_t light[LIMIT_KEYS] = {[LIMIT_CPU_SHARES] = 1024, [LIMIT_AFFINITY] = 1};
	uint64_t heavy[LIMIT_KEYS] = {[LIMIT_CPU_SHARES] = 3072, [LIMIT_AFFINITY] = 1};
	handle_t a = core_silo_make(USER_ID, 0, light), b = core_silo_make(USER_ID + 1, 0, heavy);
	uint64_t used_a, used_b, start_a, start_b, deadline = core_soon();
	struct spawned sa, sb;
	bool even;

	core_spawn(&sa, "spin", NULL, a, NULL, 0);
	core_spawn(&sb, "spin", NULL, b, NULL, 0);
	OK(sys_thread_sleep(time_in(100 * NS_PER_MS)));
	used_a = cpu_used(a);
	used_b = cpu_used(b);
	start_a = used_a;
	start_b = used_b;
	do { /* a machine that loses its own CPU now and then needs longer to even out */
		OK(sys_thread_sleep(time_in(400 * NS_PER_MS)));
		used_a = cpu_used(a) - start_a;
		used_b = cpu_used(b) - start_b;
		even = used_b > 2 * used_a && used_b < 4 * used_a; /* 3 to 1 */
	} while (!even && time_now() < deadline);
	CHECK(even);
	spawn_discard(&sa);
	spawn_discard(&sb);
	core_silo_end(a);
	core_silo_end(b);
}

static void quota(void)
{
	uint64_t limits[LIMIT_KEYS] = {[LIMIT_CPU_QUOTA_US] = 2000, [LIMIT_CPU_PERIOD_US] = 10000};
	handle_t silo = core_silo_make(USER_ID, 0, limits);
	uint64_t began, used, deadline = core_soon();
	struct silo_info info;
	struct spawned s;
	bool fifth;

	core_spawn(&s, "spin", NULL, silo, NULL, 0);
	OK(sys_thread_sleep(time_in(50 * NS_PER_MS)));
	do { /* as above */
		used = cpu_used(silo);
		began = time_now();
		OK(sys_thread_sleep(time_in(400 * NS_PER_MS)));
		used = cpu_used(silo) - used;
		began = time_now() - began;
		fifth = used > began / 10 && used < began * 3 / 10;
	} while (!fifth && time_now() < deadline);
	CHECK(fifth);
	OK(sys_silo_info(silo, &info));
	CHECK(info.throttled_ns > 0);
	spawn_discard(&s);
	core_silo_end(silo);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void attach(void)
{
	handle_t silo = core_silo_make(USER_ID, 0, NULL), created = TAKE(make(core_silo, 1001, 0));
	struct process_info info;
	struct spawned s, running;

	OK(core_prepare(&s, "wait", NULL, HANDLE_NONE, NULL, 0));
	OK(sys_silo_attach(silo, s.process));
	OK(sys_process_info(s.process, &info));
	CHECK_EQ(info.silo, USER_ID);
	CHECK_EQ(core_usage(silo, RES_PROCESSES), 1);
	core_spawn(&running, "wait", NULL, HANDLE_NONE, NULL, 0);
	core_until(running.thread, THREAD_SLEEP);
	REFUSED(sys_silo_attach(silo, running.process), EBUSY);
	REFUSED(sys_silo_attach(created, s.process), EINVAL);
	REFUSED(sys_silo_limit(core_silo, LIMIT_THREADS, 1000), EINVAL); /* the root has none */
	core_close(created);
	spawn_discard(&running);
	spawn_discard(&s);
	core_silo_end(silo);
}

static void pressure(void)
{
	uint64_t limits[LIMIT_KEYS] = {[LIMIT_MEMORY] = 2 << 20};
	handle_t silo = core_silo_make(USER_ID, 0, limits), queue = TAKE(sys_queue_create());
	struct event e;
	struct spawned s;

	CHECK(sys_queue_add(queue, silo, EVENT_PRESSURE, 3, WATCH_EDGE, 0) > 0);
	core_spawn(&s, "memory", "1", silo, NULL, 0);
	CHECK_EQ(sys_queue_wait(queue, &e, 1, core_soon()), 1);
	CHECK_EQ(e.kind, EVENT_PRESSURE);
	CHECK_EQ(e.data1, 2 << 20);
	CHECK(e.data0 <= 2 << 20);
	core_expect(&s, 0);
	core_silo_end(silo);
	core_close(queue);
}

static void strict(void)
{
	struct silo_args args = {.id = USER_ID, .flags = SILO_STRICT};
	handle_t silo = TAKE(sys_silo_create(core_silo, &args));
	struct spawned a, b;
	struct process_info info;
	uint64_t deadline = core_soon();

	for (uint32_t op = SILO_OP_LOAD; op <= SILO_OP_START; op++)
		OK(sys_silo_control(silo, op, 0));
	core_spawn(&a, "wait", NULL, silo, NULL, 0); /* main */
	core_spawn(&b, "crash", NULL, silo, NULL, 0);
	while (state(silo) != SILO_CRASHED && time_now() < deadline)
		OK(sys_thread_sleep(time_in(NS_PER_MS)));
	CHECK_EQ(state(silo), SILO_CRASHED);
	OK(sys_process_info(a.process, &info));
	CHECK_EQ(info.state, PROCESS_CORPSE);
	spawn_discard(&a);
	spawn_discard(&b);
	core_silo_end(silo);
}

static void everything_back(void)
{
	handle_t cage = TAKE(make(core_silo, 100, 0));
	struct silo_info before;

	OK(sys_silo_info(cage, &before));
	for (int round = 0; round < 3; round++) {
		struct silo_args args = {.id = USER_ID};
		handle_t silo = TAKE(sys_silo_create(cage, &args));
		struct spawned s;

		for (uint32_t op = SILO_OP_LOAD; op <= SILO_OP_START; op++)
			OK(sys_silo_control(silo, op, 0));
		core_spawn(&s, "wait", NULL, silo, NULL, 0);
		OK(sys_silo_control(silo, SILO_OP_KILL, 0));
		spawn_discard(&s);
		core_silo_end(silo);
		core_returns(cage, &before);
	}
	OK(sys_silo_control(cage, SILO_OP_DESTROY, 0));
	core_close(cage);
}

const struct core_test core_tests[] = {
	{"silo_create_refused", create_refused},
	{"depth", depth},
	{"states", states},
	{"main_process", main_process},
	{"pause_stops", pause_stops},
	{"memory_limit", memory_limit},
	{"thread_limit", thread_limit},
	{"handle_limit", handle_limit},
	{"process_limit", process_limit},
	{"nested_limit", nested_limit},
	{"mem_min", mem_min},
	{"modes", modes},
	{"pledge_reaches_down", pledge_reaches_down},
	{"shares", shares},
	{"quota", quota},
	{"attach", attach},
	{"pressure", pressure},
	{"strict", strict},
	{"everything_back", everything_back},
	{NULL, NULL},
};

const struct core_role core_roles[] = {
	{"wait", role_wait},	   {"crash", role_crash},   {"exit", role_exit},
	{"spin", role_spin},	   {"memory", role_memory}, {"threads", role_threads},
	{"handles", role_handles}, {"modes", role_modes},   {NULL, NULL}};
