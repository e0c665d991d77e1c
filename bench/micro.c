/* SPDX-License-Identifier: ISC */
/*
 * micro.c: what the kernel's operations cost, in instructions, on the bare kernel.
 *
 * Meaningful only under counted instructions on one CPU (docs/testing.md, Measuring): the
 * difference of two rdtsc is then the instructions between them. Prints `bench NAME minimum median
 * maximum` for each; the cost of reading the clock is taken off. Both ends of a call have 32
 * mappings and take identities, the server waits at a queue, and each measured way ends in user
 * code. Nothing is measured across an idle CPU: someone is always ready.
 *
 * Uses the frame of tests/core: each figure is one of its tests, each partner one of its roles.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/core/core.h"

#define ROUNDS	 400
#define WARM	 20 /* rounds not counted */
#define MAPPINGS 32
#define USER_ID	 1000
#define PAGES(n) ((uint64_t)(n)*PAGE_SIZE)

/* Memory that partners share: samples, and a time to hand over. */
struct shared {
	uint64_t samples[ROUNDS];
	volatile uint64_t start;
	volatile uint32_t count;
};

static uint64_t samples[ROUNDS];
static uint64_t clock_cost;

/* rdtsc with nothing moved across it. */
static inline uint64_t now(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* each: subtracted from every sample beside the clock; per: operations in one sample. */
static void report(const char *name, uint64_t *s, unsigned n, uint64_t each, uint64_t per)
{
	qsort(s, n, sizeof(*s), compare);
	for (unsigned i = 0; i < n; i++)
		s[i] = s[i] > clock_cost + each ? (s[i] - clock_cost - each) / per : 0;
	log_print("bench %s %llu %llu %llu", name, (unsigned long long)s[0],
		  (unsigned long long)s[n / 2], (unsigned long long)s[n - 1]);
}

/* Run `what` between two clock readings, ROUNDS times. */
#define MEASURE(name, each, per, before, what, after)                                              \
	do {                                                                                       \
		for (int round = -WARM; round < ROUNDS; round++) {                                 \
			uint64_t began, ended;                                                     \
			before;                                                                    \
			began = now();                                                             \
			what;                                                                      \
			ended = now();                                                             \
			after;                                                                     \
			if (round >= 0)                                                            \
				samples[round] = ended - began;                                    \
		}                                                                                  \
		report(name, samples, ROUNDS, each, per);                                          \
	} while (0)

static void clock_reading(void)
{
	clock_cost = 0;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t began = now();

		samples[i] = now() - began;
	}
	qsort(samples, ROUNDS, sizeof(*samples), compare);
	clock_cost = samples[0];
}

/* ---- calls ----------------------------------------------------------------------------------- */

static void many_mappings(void)
{
	for (int i = 0; i < MAPPINGS; i++)
		*(volatile char *)core_map(PAGE_SIZE, PROT_R | PROT_W, NULL) = 1;
}

enum server_word { SERVER_ECHO, SERVER_READ, SERVER_STOP };

/* Answers at once. Which of the three it does is in the label of the tag, so words are free. */
static int role_server(void)
{
	static uint8_t buffer[PAGE_SIZE];
	handle_t channel = boot_handle("channel"), queue = TAKE(sys_queue_create());
	struct ipc_msg m = {0};
	handle_t reply = REPLY_NONE;

	many_mappings();
	buffer[0] = 1;
	TAKE(sys_queue_add(queue, channel, EVENT_MESSAGE, 1, 0, 0));
	for (;;) {
		if (ipc_reply_wait(queue, &m, DEADLINE_NEVER, reply) != IPC_MESSAGE)
			return 1;
		reply = REPLY_CURRENT;
		if (m.tag >> 32 == SERVER_ECHO)
			continue;
		if (m.tag >> 32 == SERVER_STOP)
			break;
		if (sys_reply_read(REPLY_CURRENT, 0, buffer, sizeof(buffer)) != sizeof(buffer))
			return 2;
	}
	return ipc_reply(REPLY_CURRENT, &m) < 0 ? 3 : 0;
}

static void server_start(struct spawned *s, handle_t *sender)
{
	handle_t channel = TAKE(sys_channel_create());
	struct spawn_handle handles[] = {{"channel", channel, RIGHTS_SAME, 0, 0}};
	struct ipc_msg m = {0};

	*sender = TAKE(sys_channel_sender(channel, 1, CORE_SENDER, REPLY_NONE));
	core_spawn(s, "server", NULL, HANDLE_NONE, handles, 1);
	core_close(channel);
	OK(ipc_call(*sender, &m, core_soon()));
}

static void server_stop(struct spawned *s, handle_t sender)
{
	struct ipc_msg m = {.tag = MSG_LABEL(SERVER_STOP)};

	OK(ipc_call(sender, &m, core_soon()));
	core_expect(s, 0);
	core_close(sender);
}

static struct ipc_msg six_words(void)
{
	return (struct ipc_msg){.w = {1, 2, 3, 4, 5, 6}};
}

static void calls(void)
{
	struct message_page *page = message_page();
	static uint8_t data[PAGE_SIZE];
	struct spawned s;
	handle_t sender;
	int64_t result = 0;

	many_mappings();
	server_start(&s, &sender);
	MEASURE("call_reply_0", 0, 1, struct ipc_msg m = {0}, /* no words: registers are zero */
		result |= ipc_call(sender, &m, DEADLINE_NEVER), );
	MEASURE("call_reply", 0, 1, struct ipc_msg m = six_words(),
		result |= ipc_call(sender, &m, DEADLINE_NEVER), CHECK(m.w[5] == 6));
	MEASURE("call_reply_32b", 0, 1, struct ipc_msg m = {.tag = 32},
		result |= ipc_call(sender, &m, DEADLINE_NEVER), );
	page->in = (uint64_t)data;
	page->in_len = sizeof(data);
	data[0] = 1;
	MEASURE("call_reply_4k", 0, 1,
		struct ipc_msg m = {.tag = MSG_BUFFERS | MSG_LABEL(SERVER_READ)},
		result |= ipc_call(sender, &m, DEADLINE_NEVER), );
	page->handles[0] = TAKE(sys_signal_create(0));
	MEASURE("call_reply_handle", 0, 1, struct ipc_msg m = {.tag = MSG_HANDLES(1)},
		result |= ipc_call(sender, &m, DEADLINE_NEVER), );
	core_close(page->handles[0]);
	OK(result);
	server_stop(&s, sender);
}

static void small_calls(void)
{
	int64_t result = 0;
	volatile pid_t pid;

	MEASURE("null_call", 0, 1, , result |= sys_null(), );
	MEASURE("libc_call", 0, 1, , pid = getpid(), );
	CHECK(pid > 0);
	OK(result);
}

/* ---- signals --------------------------------------------------------------------------------- */

/* Waits for the signal again and again. */
static int role_waiter(void)
{
	handle_t queue = TAKE(sys_queue_create()), signal = boot_handle("signal");
	struct event event;

	TAKE(sys_queue_add(queue, signal, EVENT_SIGNAL, 1, WATCH_EDGE, 1));
	for (;;) {
		if (sys_queue_wait(queue, &event, 1, DEADLINE_NEVER) != 1)
			return 1;
		if (sys_signal_set(signal, 1, 0) < 0)
			return 2;
	}
}

/* The first process has the highest band; the waiter gets to run while we sleep. */
static void signal_lower(void)
{
	handle_t silo = core_silo_make(USER_ID, 0, NULL), signal = TAKE(sys_signal_create(0));
	struct spawn_handle handles[] = {{"signal", signal, RIGHTS_SAME, 0, 0}};
	struct spawned s;

	core_spawn(&s, "waiter", NULL, silo, handles, 1);
	core_until(s.thread, THREAD_QUEUE);
	MEASURE("signal_lower", 0, 1, OK(sys_thread_sleep(time_in(NS_PER_MS / 10))),
		(void)(sys_signal_set(signal, 0, 1) < 0), );
	spawn_discard(&s);
	core_silo_end(silo);
	core_close(signal);
}

static struct shared *shared_map(handle_t vmo)
{
	struct map_args args = {
		.vmo = vmo, .flags = PROT_R | PROT_W | MAP_POPULATE, .len = PAGES(1)};
	int64_t at = sys_aspace_map(core_aspace, &args);

	CHECK(at > 0);
	return (struct shared *)at;
}

/* Lower band: says when it sets, and is preempted by the waiter then. */
static int role_setter(void)
{
	struct shared *shared = shared_map(boot_handle("vmo"));
	handle_t signal = boot_handle("signal");

	for (;;) {
		shared->start = now();
		if (sys_signal_set(signal, 0, 1) < 0)
			return 1;
	}
}

static void signal_higher(void)
{
	handle_t silo = core_silo_make(USER_ID, 0, NULL), signal = TAKE(sys_signal_create(0));
	handle_t vmo = TAKE(sys_vmo_create(PAGES(1), VMO_WIRED)), queue = TAKE(sys_queue_create());
	struct spawn_handle handles[] = {{"signal", signal, RIGHTS_SAME, 0, 0},
					 {"vmo", vmo, RIGHTS_SAME, 0, 0}};
	struct shared *shared = shared_map(vmo);
	struct event event;
	struct spawned s;

	TAKE(sys_queue_add(queue, signal, EVENT_SIGNAL, 1, WATCH_EDGE, 1));
	core_spawn(&s, "setter", NULL, silo, handles, 2);
	for (int round = -WARM; round < ROUNDS; round++) {
		int64_t n = sys_queue_wait(queue, &event, 1, DEADLINE_NEVER);
		uint64_t ended = now();

		CHECK_EQ(n, 1);
		if (round >= 0)
			samples[round] = ended - shared->start;
		CHECK(sys_signal_set(signal, 1, 0) >= 0);
	}
	report("signal_higher", samples, ROUNDS, 0, 1);
	spawn_discard(&s);
	core_silo_end(silo);
	core_unmap(shared, PAGES(1));
	core_close(queue);
	core_close(vmo);
	core_close(signal);
}

/* ---- yield ----------------------------------------------------------------------------------- */

static uint32_t yield_stop;

static void yield_loop(uint64_t arg)
{
	(void)arg;
	while (!__atomic_load_n(&yield_stop, __ATOMIC_RELAXED))
		sys_thread_yield();
}

static void yield_peer(void)
{
	static struct core_native peer;

	yield_stop = 0;
	core_native_start(&peer, yield_loop, 0);
	OK(sys_thread_yield());
	/* There and back: two. */
	MEASURE("yield_peer", 0, 2, , sys_thread_yield(), );
	__atomic_store_n(&yield_stop, 1, __ATOMIC_RELAXED);
	core_native_join(&peer);
}

/* ---- faults ---------------------------------------------------------------------------------- */

/*
 * Programs of a few instructions in a process of their own. They run in a copy of our address
 * space, whose samples are shared with us.
 */
static struct shared *fault_shared;
static struct thread_block fault_block __attribute__((aligned(64)));
static uint8_t fault_stack[16384] __attribute__((aligned(16)));

static void fault_loop(void)
{
	for (int round = -WARM; round < ROUNDS; round++) {
		uint64_t began = now(), ended;

		__asm__ volatile("ud2" : : : "memory", "cc");
		ended = now();
		if (round >= 0)
			fault_shared->samples[round] = ended - began;
	}
	sys_process_exit(0);
}

/* A handler that goes on behind the ud2, with flags as they were. */
void skip_entry(void);
__asm__(".text\n"
	"skip_entry:\n"
	"	addq $2, %gs:24\n"
	"	lea -128(%rsp), %rsp\n"
	"	pushq %gs:32\n"
	"	popfq\n"
	"	lea 128(%rsp), %rsp\n"
	"	movl $0, %gs:0\n"
	"	jmp *%gs:24\n");

static void fault_process(struct spawned *s, uint64_t entry)
{
	struct process_args args = {.fault = entry, .name = "faulting"};
	struct thread_args thread = {.entry = (uint64_t)fault_loop,
				     .sp = (uint64_t)(fault_stack + sizeof(fault_stack) - 8),
				     .gs = (uint64_t)&fault_block,
				     .block = (uint64_t)&fault_block};
	handle_t aspace;

	memset(&fault_block, 0, sizeof(fault_block));
	OK(sys_aspace_inherit(core_aspace, (uint64_t)fault_shared, PAGES(1), MAP_SHARE));
	aspace = TAKE(sys_aspace_clone(core_aspace));
	s->process = TAKE(sys_process_create(core_silo, aspace, &args));
	s->thread = TAKE(sys_thread_create(s->process, &thread));
	core_close(aspace);
}

static void fault_upcall(void)
{
	struct spawned s;

	fault_shared = core_map(PAGES(1), PROT_R | PROT_W, NULL);
	fault_shared->count = 0;
	fault_process(&s, (uint64_t)skip_entry);
	OK(sys_thread_start(s.thread));
	core_expect(&s, 0);
	report("fault_upcall", fault_shared->samples, ROUNDS, 0, 1);
	core_unmap(fault_shared, PAGES(1));
}

/* The handler as a server: each fault is a call, the answer its registers. */
static void fault_handler(void)
{
	handle_t queue = TAKE(sys_queue_create()), channel = TAKE(sys_channel_create());
	handle_t sender = TAKE(sys_channel_sender(channel, 1, CORE_SENDER, REPLY_NONE));
	struct thread_regs *regs = (struct thread_regs *)message_page()->data;
	struct ipc_msg m;
	struct spawned s;
	int64_t result;

	fault_shared = core_map(PAGES(1), PROT_R | PROT_W, NULL);
	fault_shared->count = 0;
	fault_process(&s, 0);
	CHECK(sys_queue_add(queue, channel, EVENT_MESSAGE, 1, 0, 0) > 0);
	OK(sys_process_faults(s.process, sender));
	OK(sys_thread_start(s.thread));
	result = ipc_wait(queue, &m, core_soon());
	for (int round = 0; result == IPC_MESSAGE; round++) {
		regs->rip += 2;
		m.tag = round < ROUNDS + WARM - 1 ? sizeof(*regs) : 0;
		if (!m.tag)
			break;
		result = ipc_reply_wait(queue, &m, DEADLINE_NEVER, REPLY_CURRENT);
	}
	m.tag = sizeof(*regs);
	OK(ipc_reply(REPLY_CURRENT, &m));
	core_expect(&s, 0);
	report("fault_handler", fault_shared->samples, ROUNDS, 0, 1);
	core_unmap(fault_shared, PAGES(1));
	core_close(sender);
	core_close(channel);
	core_close(queue);
}

/* By events: four calls for each fault. */
static void fault_handler_events(void)
{
	handle_t queue = TAKE(sys_queue_create());
	struct thread_regs regs;
	struct event event;
	struct spawned s;

	fault_shared = core_map(PAGES(1), PROT_R | PROT_W, NULL);
	fault_shared->count = 0;
	fault_process(&s, 0);
	TAKE(sys_queue_add(queue, s.process, EVENT_PROCESS, 1, 0, PROCESS_EV_FAULT));
	OK(sys_thread_start(s.thread));
	for (int round = 0; round < ROUNDS + WARM; round++) {
		if (sys_queue_wait(queue, &event, 1, core_soon()) != 1 ||
		    sys_thread_state_get(s.thread, THREAD_REGS, &regs, sizeof(regs)) < 0)
			break;
		regs.rip += 2;
		if (sys_thread_state_set(s.thread, THREAD_REGS, &regs, sizeof(regs)) < 0 ||
		    sys_thread_resume(s.thread) < 0)
			break;
	}
	core_expect(&s, 0);
	report("fault_handler_events", fault_shared->samples, ROUNDS, 0, 1);
	core_unmap(fault_shared, PAGES(1));
	core_close(queue);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void map_page(void)
{
	handle_t vmo = TAKE(sys_vmo_create(PAGES(1), VMO_WIRED));
	uint64_t at = 0x300000000;
	struct map_args args = {.vmo = vmo,
				.flags = PROT_R | PROT_W | MAP_AT | MAP_POPULATE,
				.addr = at,
				.len = PAGES(1)};
	/* A neighbour, so that the page tables are there. */
	struct map_args near = {.vmo = vmo,
				.flags = PROT_R | MAP_AT | MAP_POPULATE,
				.addr = at + PAGES(4),
				.len = PAGES(1)};
	int64_t result = 0;

	CHECK(sys_aspace_map(core_aspace, &near) > 0);
	MEASURE("map_page", 0, 1, , result = sys_aspace_map(core_aspace, &args),
		OK(sys_aspace_unmap(core_aspace, at, PAGES(1))));
	CHECK(result > 0);
	MEASURE("unmap_page", 0, 1, CHECK(sys_aspace_map(core_aspace, &args) > 0),
		result = sys_aspace_unmap(core_aspace, at, PAGES(1)), );
	OK(result);
	OK(sys_aspace_unmap(core_aspace, at, PAGES(8)));
	core_close(vmo);
}

/* Clearing a page is 512 eight-byte stores, which count one each. */
static void anon_fault(void)
{
	volatile uint8_t *at = core_map(PAGES(ROUNDS + WARM), PROT_R | PROT_W, NULL);

	MEASURE("anon_fault", PAGE_SIZE / 8, 1, , at[PAGES(round + WARM)] = 1, );
	core_unmap((void *)at, PAGES(ROUNDS + WARM));
}

/* ---- processes ------------------------------------------------------------------------------- */

static int role_nothing(void)
{
	return 0;
}

#define PROCESS_ROUNDS 50

static void process_wait(void)
{
	handle_t queue = TAKE(sys_queue_create());

	for (int round = -3; round < PROCESS_ROUNDS; round++) {
		uint64_t began = now();
		struct event event;
		struct spawned s;

		OK(core_prepare(&s, "nothing", NULL, HANDLE_NONE, NULL, 0));
		TAKE(sys_queue_add(queue, s.process, EVENT_PROCESS, 1, WATCH_EDGE,
				   PROCESS_EV_EXIT));
		OK(sys_thread_start(s.thread));
		CHECK_EQ(sys_queue_wait(queue, &event, 1, core_soon()), 1);
		spawn_discard(&s);
		if (round >= 0)
			samples[round] = now() - began;
	}
	report("process_wait", samples, PROCESS_ROUNDS, 0, 1);
	core_close(queue);
}

const struct core_test core_tests[] = {
	{"clock_reading", clock_reading},
	{"calls", calls},
	{"small_calls", small_calls},
	{"signal_lower", signal_lower},
	{"signal_higher", signal_higher},
	{"yield_peer", yield_peer},
	{"fault_upcall", fault_upcall},
	{"fault_handler", fault_handler},
	{"fault_handler_events", fault_handler_events},
	{"map_page", map_page},
	{"anon_fault", anon_fault},
	{"process_wait", process_wait},
	{NULL, NULL},
};

const struct core_role core_roles[] = {{"server", role_server},
				       {"waiter", role_waiter},
				       {"setter", role_setter},
				       {"nothing", role_nothing},
				       {NULL, NULL}};
