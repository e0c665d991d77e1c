/* SPDX-License-Identifier: ISC */
/*
 * hostile.c: what a program does that wants to break the kernel: objects that die under those who
 * use them. Each test is one way in that once was open; with memory=poison the kernel stumbles
 * over what it has freed.
 */
#include <stdlib.h>
#include <string.h>
#include "core.h"

/* ---- threads --------------------------------------------------------------------------------- */

/* The message page is wanted where something is mapped already. */
static void message_page_taken(void)
{
	struct thread_args args = {.entry = 0x400000, .sp = 0x400000};
	uint64_t threads = core_usage(core_silo, RES_THREADS);

	args.msg = (uint64_t)core_map(PAGE_SIZE, PROT_R | PROT_W, NULL);
	for (int i = 0; i < 10; i++)
		REFUSED(sys_thread_create(core_process, &args), EEXIST);
	CHECK_EQ(core_usage(core_silo, RES_THREADS), threads);
	core_unmap((void *)args.msg, PAGE_SIZE);
}

/* ---- channels -------------------------------------------------------------------------------- */

static struct {
	struct core_native native;
	handle_t channel;
	int64_t result;
} waiting;

static void wait_at_channel(uint64_t arg)
{
	struct ipc_msg m;

	(void)arg;
	waiting.result = ipc_wait(waiting.channel, &m, DEADLINE_NEVER);
}

/* The last receive handle goes while a thread waits at the channel. */
static void channel_closed_under_receiver(void)
{
	waiting.channel = TAKE(sys_channel_create());
	core_native_start(&waiting.native, wait_at_channel, 0);
	core_until(waiting.native.thread, THREAD_RECEIVE);
	core_close(waiting.channel);
	core_native_join(&waiting.native);
	CHECK_EQ(waiting.result, -EPIPE);
}

/* ---- callers --------------------------------------------------------------------------------- */

struct caller {
	struct core_native native;
	handle_t sender;
	uint64_t deadline;
	uint64_t word;
	int64_t result;
};

static void call_run(uint64_t arg)
{
	struct caller *c = (struct caller *)arg;
	struct ipc_msg m = {.w = {c->word}};

	c->result = ipc_call(c->sender, &m, c->deadline);
	c->word = m.w[0];
}

static void call_start(struct caller *c, handle_t sender, uint64_t word, uint64_t deadline)
{
	c->sender = sender;
	c->word = word;
	c->deadline = deadline;
	c->result = 1;
	core_native_start(&c->native, call_run, (uint64_t)c);
}

static handle_t sender_make(handle_t channel, uint64_t badge)
{
	return TAKE(sys_channel_sender(channel, badge, CORE_SENDER, REPLY_NONE));
}

static struct caller one, two;

/* A kept request is answered while another is in hand: that one is given up, and nothing points
 * from its client to this thread any more. */
static void kept_answered_with_one_in_hand(void)
{
	handle_t channel = TAKE(sys_channel_create()), sender = sender_make(channel, 1), kept;
	struct ipc_msg m;

	call_start(&one, sender, 1, DEADLINE_NEVER);
	CHECK_EQ(ipc_wait(channel, &m, core_soon()), IPC_MESSAGE);
	kept = TAKE(sys_reply_save());
	call_start(&two, sender, 2, DEADLINE_NEVER);
	CHECK_EQ(ipc_wait(channel, &m, core_soon()), IPC_MESSAGE);
	CHECK_EQ(m.w[0], 2);
	m.w[0] = 11;
	CHECK_EQ(ipc_reply_wait(channel, &m, time_in(NS_PER_MS), kept), -ETIMEDOUT);
	core_native_join(&one.native);
	OK(one.result);
	CHECK_EQ(one.word, 11);
	core_native_join(&two.native);
	CHECK_EQ(two.result, -ECANCELED);
	REFUSED(ipc_reply(REPLY_CURRENT, &m), EINVAL);
	core_close(sender);
	core_close(channel);
}

static struct {
	struct core_native native;
	handle_t channel;
	int64_t got;
} leaver;

static void receive_and_exit(uint64_t arg)
{
	struct ipc_msg m;

	(void)arg;
	leaver.got = ipc_wait(leaver.channel, &m, core_soon());
}

/* A thread ends with a request in hand, and its process goes on: the client does not wait. */
static void server_thread_exits(void)
{
	handle_t sender;

	leaver.channel = TAKE(sys_channel_create());
	sender = sender_make(leaver.channel, 1);
	core_native_start(&leaver.native, receive_and_exit, 0);
	core_until(leaver.native.thread, THREAD_RECEIVE);
	call_start(&one, sender, 1, time_in(3 * NS_PER_S));
	core_native_join(&leaver.native);
	core_native_join(&one.native);
	CHECK_EQ(one.result, -ECANCELED);
	core_close(sender);
	core_close(leaver.channel);
}

static int role_take_and_wait(void)
{
	handle_t channel = boot_handle("channel");
	struct ipc_msg m;

	CHECK_EQ(ipc_wait(channel, &m, core_soon()), IPC_MESSAGE);
	return sys_thread_sleep(core_soon()) < 0 ? 1 : 2;
}

#define SPRAYED 64
static struct {
	struct core_native native;
	volatile bool go;
	handle_t made[SPRAYED];
} spray;

/* Takes the place of every channel that is freed meanwhile. */
static void spray_channels(uint64_t arg)
{
	(void)arg;
	while (!spray.go)
		;
	for (unsigned i = 0; i < SPRAYED; i++)
		spray.made[i] = (handle_t)sys_channel_create();
}

/* The server dies with a request in hand, its channel with it, and nobody else holds the channel:
 * the client's handle was closed while it waited. The server's many handles take several slices to
 * close: meanwhile the memory of the channel is somebody else's. */
static void channel_gone_before_answer(void)
{
	handle_t channel = TAKE(sys_channel_create()), signal = TAKE(sys_signal_create(0));
	handle_t sender = sender_make(channel, 1);
	struct spawn_handle give = {"channel", channel, RIGHTS_SAME, 0, 0};
	struct spawned s;

	core_spawn(&s, "take_and_wait", NULL, HANDLE_NONE, &give, 1);
	core_close(channel);
	for (unsigned i = 0; i < 600; i++)
		CHECK(sys_process_give(s.process, signal, RIGHTS_SAME, 0) > 0);
	call_start(&one, sender, 1, DEADLINE_NEVER);
	core_until(s.thread, THREAD_SLEEP);
	core_close(sender);
	spray.go = false;
	core_native_start(&spray.native, spray_channels, 0);
	spray.go = true;
	OK(sys_process_kill(s.process, 1));
	core_native_join(&one.native);
	core_native_join(&spray.native);
	CHECK_EQ(one.result, -EPIPE);
	for (unsigned i = 0; i < SPRAYED; i++)
		core_close(spray.made[i]);
	core_close(signal);
	spawn_discard(&s);
}

/* ---- who pays -------------------------------------------------------------------------------- */

#define SILO_ID 1500

static struct {
	struct core_native native;
	handle_t channel, next; /* next: who is asked before the answer; none: work until told */
	volatile bool taken, stop;
	int64_t asked;
} middle, last;

/* Take one request, work or ask on, answer. */
static void serve_one(uint64_t arg)
{
	typeof(middle) *s = (void *)arg;
	struct ipc_msg m;

	if (ipc_wait(s->channel, &m, core_soon()) != IPC_MESSAGE)
		return;
	s->taken = true;
	if (s->next)
		s->asked = ipc_call(s->next, &m, DEADLINE_NEVER);
	while (!s->next && !s->stop)
		sys_thread_yield();
	s->asked = ipc_reply(REPLY_CURRENT, &m);
}

static void await(volatile bool *flag)
{
	uint64_t deadline = core_soon();

	while (!*flag && time_now() < deadline)
		OK(sys_thread_sleep(time_in(100 * NS_PER_US)));
	CHECK(*flag);
}

static int role_call(void)
{
	struct ipc_msg m = {0};

	return ipc_call(boot_handle("sender"), &m, DEADLINE_NEVER) < 0 ? 1 : 2;
}

/* A program asks a server, which asks another: both work on the program's silo's time. Then the
 * silo is ended and gone, while the second still works. */
static void loan_outlives_silo(void)
{
	handle_t silo = core_silo_make(SILO_ID, 0, NULL), sender;
	struct spawn_handle give = {"sender", HANDLE_NONE, RIGHTS_SAME, 0, 0};
	struct spawned s;

	middle.channel = TAKE(sys_channel_create());
	last.channel = TAKE(sys_channel_create());
	give.handle = sender = sender_make(middle.channel, 1);
	middle.next = sender_make(last.channel, 1);
	middle.taken = last.taken = last.stop = false;
	core_native_start(&middle.native, serve_one, (uint64_t)&middle);
	core_native_start(&last.native, serve_one, (uint64_t)&last);
	core_spawn(&s, "call", NULL, silo, &give, 1);
	await(&last.taken);
	OK(sys_silo_control(silo, SILO_OP_KILL, 0));
	spawn_discard(&s);
	core_silo_end(silo);
	for (int i = 0; i < 50; i++)
		OK(sys_thread_sleep(time_in(100 * NS_PER_US)));
	last.stop = true;
	core_native_join(&last.native);
	core_native_join(&middle.native);
	OK(last.asked);
	OK(middle.asked);
	core_close(middle.next);
	core_close(sender);
	core_close(middle.channel);
	core_close(last.channel);
}
static handle_t silo_when_free(uint32_t id)
{
	uint64_t deadline = core_soon();
	struct silo_args args = {.id = id};
	int64_t silo;

	while ((silo = sys_silo_create(core_silo, &args)) == -EEXIST && time_now() < deadline)
		OK(sys_thread_sleep(time_in(100 * NS_PER_US)));
	return TAKE(silo);
}

/* Nobody holds a silo or its only process: when that ends the silo goes, in the same entry to the
 * kernel in which it still pays. */
static void silo_goes_with_its_last_thread(void)
{
	struct spawned s;
	handle_t silo;

	for (int i = 0; i < 20; i++) {
		silo = silo_when_free(SILO_ID);
		OK(sys_silo_control(silo, SILO_OP_LOAD, 0));
		OK(sys_silo_control(silo, SILO_OP_READY, 0));
		OK(sys_silo_control(silo, SILO_OP_START, 0));
		core_spawn(&s, "end", NULL, silo, NULL, 0);
		core_close(s.thread);
		core_close(s.process);
		core_close(silo);
	}
	core_close(silo_when_free(SILO_ID));
}

static int role_end(void)
{
	OK(sys_thread_sleep(time_in(2 * NS_PER_MS)));
	sys_process_exit(0);
}
/* ---- the calling thread ends ----------------------------------------------------------------- */

static handle_t violation_channel;

static void judge_own_process(uint64_t arg)
{
	struct ipc_msg m;

	(void)arg;
	if (ipc_wait(violation_channel, &m, core_soon()) == IPC_MESSAGE)
		CHECK(sys_reply_violation(REPLY_CURRENT, PLEDGE_INET) < 0); /* ends us too */
}

/* A server thread and its client are of one process, which the server judges; nobody has a handle
 * of the server thread, and it is not the last one. */
static int role_judge(void)
{
	static struct core_native judge;
	handle_t sender;

	violation_channel = TAKE(sys_channel_create());
	sender = sender_make(violation_channel, 1);
	OK(sys_process_pledge(PLEDGES_ALL & ~PLEDGE_INET, PLEDGES_ALL));
	core_native_start(&judge, judge_own_process, 0);
	core_close(judge.thread);
	call_start(&one, sender, 1, DEADLINE_NEVER);
	return sys_thread_sleep(core_soon()) < 0 ? 1 : 2;
}

static void violation_of_own_process(void)
{
	for (int i = 0; i < 4; i++) {
		struct spawned s;

		core_spawn(&s, "judge", NULL, HANDLE_NONE, NULL, 0);
		core_expect(&s, -EPERM);
	}
}
/* ---- ends that race (several CPUs) ----------------------------------------------------------- */

static struct {
	struct core_native native;
	handle_t silo;
	volatile bool done;
} killer;

/* It may never come back. */
static void pause_and_kill(uint64_t arg)
{
	(void)arg;
	OK(sys_silo_control(killer.silo, SILO_OP_PAUSE, 0));
	OK(sys_silo_control(killer.silo, SILO_OP_KILL, 0));
	killer.done = true;
}

static int role_spin(void)
{
	uint64_t deadline = time_in(4 * CORE_PATIENCE);

	while (time_now() < deadline)
		__asm__ volatile("pause");
	return 0;
}

/* A silo is paused, and killed before the CPUs that run its threads have noticed. */
static void paused_and_killed(void)
{
	struct spawned s[3];

	for (int i = 0; i < 30; i++) {
		killer.silo = core_silo_make(SILO_ID, 0, NULL);
		killer.done = false;
		for (int k = 0; k < 3; k++)
			core_spawn(&s[k], "spin", NULL, killer.silo, NULL, 0);
		OK(sys_thread_sleep(time_in(2 * NS_PER_MS)));
		core_native_start(&killer.native, pause_and_kill, 0);
		await(&killer.done);
		core_native_join(&killer.native);
		for (int k = 0; k < 3; k++)
			spawn_discard(&s[k]);
		core_silo_end(killer.silo);
	}
}
static struct {
	struct core_native native;
	handle_t process;
	volatile bool stop;
	unsigned started;
} feeder;

/* New threads for a process, whatever becomes of it. */
static void feed_threads(uint64_t arg)
{
	struct thread_args args = {.entry = (uint64_t)role_spin, .sp = 0x400000};

	(void)arg;
	while (!feeder.stop) {
		int64_t thread = sys_thread_create(feeder.process, &args);

		if (thread < 0)
			continue;
		feeder.started += sys_thread_start((handle_t)thread) == 0;
		sys_handle_close((handle_t)thread);
	}
}

static void kill_it(uint64_t arg)
{
	OK(sys_process_kill((handle_t)arg, 3));
	killer.done = true;
}

/* Somebody makes threads in a process while it is killed: it must end all the same. */
static void thread_made_while_killed(void)
{
	struct process_info info;
	struct spawned s;

	for (int i = 0; i < 30; i++) {
		core_spawn(&s, "spin", NULL, HANDLE_NONE, NULL, 0);
		feeder.process = s.process;
		feeder.stop = killer.done = false;
		core_native_start(&feeder.native, feed_threads, 0);
		OK(sys_thread_sleep(time_in(NS_PER_MS)));
		core_native_start(&killer.native, kill_it, s.process);
		await(&killer.done);
		feeder.stop = true;
		core_native_join(&feeder.native);
		core_native_join(&killer.native);
		OK(sys_process_info(s.process, &info));
		CHECK_EQ(info.state, PROCESS_CORPSE);
		spawn_discard(&s);
	}
	CHECK(feeder.started);
}
/* ---- what the registers hold ----------------------------------------------------------------- */

#define TO_FIELD(reg, field) "movq %%" reg ", %c[" field "](%%rdi)\n\t"
#define MARK		     0x5ca1ab1eu
#define FIELD(name)	     [name] "i"(offsetof(struct thread_regs, name))

/* Go through upcall_return with xmm0 = value and FS = fs, sleep behind it until a time, and answer
 * what xmm0 and FS hold then. */
static uint64_t through_upcall_return(uint64_t value, uint64_t *fs, uint64_t until)
{
	struct thread_regs r = {
		.rflags = 0x202, .rax = SYS_thread_sleep, .rdi = until, .rsi = MARK, .fs = *fs};
	struct thread_regs *at = &r;
	uint64_t got = SYS_upcall_return;

	__asm__ volatile(
		"rdgsbase %%rdx\n\t" TO_FIELD("rdx", "gs") "leaq 1f(%%rip), %%rdx\n\t" TO_FIELD(
			"rdx", "rip") TO_FIELD("rsp", "rsp") TO_FIELD("rbx", "rbx")
			TO_FIELD("rbp", "rbp") TO_FIELD("r12", "r12") TO_FIELD("r13", "r13")
				TO_FIELD("r14", "r14")
					TO_FIELD("r15", "r15") "rdfsbase %%r8\n\t"
							       "movq %%r8, %%xmm1\n\t"
							       "movq %%rsi, %%xmm0\n\t"
							       "syscall\n\t"
							       "1: syscall\n\t"
							       "rdfsbase %%rdx\n\t"
							       "movq %%xmm1, %%rax\n\t"
							       "wrfsbase %%rax\n\t"
							       "movq %%xmm0, %%rax"
		: "+a"(got), "+D"(at), "+S"(value), "=&d"(*fs)
		: FIELD(gs), FIELD(rip), FIELD(rsp), FIELD(rbx), FIELD(rbp), FIELD(r12), FIELD(r13),
		  FIELD(r14), FIELD(r15)
		: "rcx", "r8", "r9", "r10", "r11", "xmm0", "xmm1", "memory", "cc");
	return got;
}

/* The way out of a fault handler loads the general registers and the bases; the other registers
 * stay as they are, also when another thread runs soon after. */
static void upcall_return_keeps_vectors(void)
{
	for (uint64_t i = 0; i < 10; i++) {
		uint64_t fs = 0x7000 + i, until = time_in(i % 2 * NS_PER_MS);

		OK(sys_thread_sleep(time_in(100 * NS_PER_US))); /* what is saved is of now */
		CHECK_EQ(through_upcall_return(0x1234567800 + i, &fs, until), 0x1234567800 + i);
		CHECK_EQ(fs, 0x7000 + i);
	}
}
/* ---- what will not go ------------------------------------------------------------------------ */

/* Keeps itself beyond its death: its own handle, kept in its own table. */
static int role_keep_self(void)
{
	handle_t self = boot_handle("self");

	CHECK(sys_process_give(self, self, RIGHTS_SAME, HANDLE_KEPT) > 0);
	CHECK(sys_process_give(self, boot_handle("aspace"), RIGHTS_SAME, HANDLE_KEPT) > 0);
	return 1;
}

static uint32_t silo_state(handle_t silo)
{
	struct silo_info info;

	OK(sys_silo_info(silo, &info));
	return info.state;
}

/* A corpse that holds itself does not keep its silo, nor its memory. */
static void corpse_holds_itself(void)
{
	handle_t silo = core_silo_make(SILO_ID, 0, NULL);
	uint64_t deadline = core_soon();
	struct process_info info;
	struct spawned s;

	core_spawn(&s, "keep_self", NULL, silo, NULL, 0);
	while (silo_state(silo) != SILO_STOPPED && time_now() < deadline)
		OK(sys_thread_sleep(time_in(NS_PER_MS)));
	core_close(s.thread);
	REFUSED(sys_silo_control(silo, SILO_OP_DESTROY, 0), EBUSY); /* we hold it */
	OK(sys_process_info(s.process, &info));
	CHECK_EQ(info.state, PROCESS_GONE);
	core_close(s.process);
	OK(sys_silo_control(silo, SILO_OP_DESTROY, 0));
	core_close(silo);
}
static struct {
	struct core_native native;
	handle_t sender;
	volatile bool go;
	int64_t result;
} busy;

static void call_when_told(uint64_t arg)
{
	struct ipc_msg m = {0};

	(void)arg;
	while (!busy.go)
		sys_thread_yield();
	busy.result = ipc_call(busy.sender, &m, DEADLINE_NEVER);
}

/* An interrupt request that could not be delivered yet ends the next wait, also one for a server
 * that takes the call at once. */
static void interrupted_before_call(void)
{
	handle_t channel = TAKE(sys_channel_create());
	struct ipc_msg m;

	busy.sender = sender_make(channel, 1);
	busy.go = false;
	core_native_make(&busy.native, call_when_told, 0);
	busy.native.block.busy = 1; /* its handler is at work: nothing is delivered */
	OK(sys_thread_start(busy.native.thread));
	OK(sys_thread_sleep(time_in(NS_PER_MS)));
	OK(sys_thread_interrupt(busy.native.thread, 1));
	busy.go = true;
	CHECK_EQ(ipc_wait(channel, &m, core_soon()), IPC_MESSAGE);
	core_native_join(&busy.native);
	CHECK_EQ(busy.result, -EINTR);
	OK(ipc_reply(REPLY_CURRENT, &m)); /* nobody hears it */
	core_close(busy.sender);
	core_close(channel);
}
static struct {
	struct core_native native;
	handle_t queue;
	int64_t got;
} listener;

static void listen_once(uint64_t arg)
{
	struct event e;

	(void)arg;
	listener.got = sys_queue_wait(listener.queue, &e, 1, core_soon());
}

/* A watch that has something to say at once, to somebody who waits, and is over with that. */
static void watch_over_at_once(void)
{
	handle_t signal = TAKE(sys_signal_create(1));
	int64_t id;

	listener.queue = TAKE(sys_queue_create());
	for (int i = 0; i < 4; i++) {
		core_native_start(&listener.native, listen_once, 0);
		core_until(listener.native.thread, THREAD_QUEUE);
		id = sys_queue_add(listener.queue, signal, EVENT_SIGNAL, 1, WATCH_ONESHOT, 1);
		CHECK_EQ(id, i + 1);
		core_native_join(&listener.native);
		CHECK_EQ(listener.got, 1);
		REFUSED(sys_queue_remove(listener.queue, (uint64_t)id), ENOENT);
	}
	core_close(signal);
	core_close(listener.queue);
}
/* The watch that makes a fault handler is for as long as it lives: if it ended with its first
 * event, the fault would be final, and end those who are just being told of it. */
static void oneshot_handler(void)
{
	handle_t queue = TAKE(sys_queue_create());
	uint32_t events = PROCESS_EV_FAULT | PROCESS_EV_EXIT;

	REFUSED(sys_queue_add(queue, core_process, EVENT_PROCESS, 1, WATCH_ONESHOT, events),
		EINVAL);
	CHECK(sys_queue_add(queue, core_process, EVENT_PROCESS, 1, WATCH_ONESHOT, PROCESS_EV_EXIT) >
	      0);
	core_close(queue);
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* A slot whose generations are used up is not used again, also not in a table that is made in the
 * image of this one: an old number never names a new object. */
static void retired_slot(void)
{
	struct process_args args = {.name = "heir", .flags = PROCESS_INHERIT};
	handle_t first = TAKE(sys_signal_create(0)), last = first, process, given;
	uint32_t slot = first & (HANDLE_SLOTS_MAX - 1);

	while (last >> HANDLE_SLOT_BITS < HANDLE_GEN_MAX) {
		core_close(last);
		last = TAKE(sys_signal_create(0));
		CHECK_EQ(last & (HANDLE_SLOTS_MAX - 1), slot);
	}
	core_close(last);
	first = TAKE(sys_signal_create(0));
	CHECK((first & (HANDLE_SLOTS_MAX - 1)) != slot);
	process = TAKE(sys_process_create(core_silo, core_aspace, &args));
	for (unsigned i = 0; i < 300; i++) {
		given = TAKE(sys_process_give(process, first, RIGHTS_SAME, 0));
		CHECK(given != last);
	}
	core_close(process);
	core_close(first);
}
const struct core_test core_tests[] = {
	{"message_page_taken", message_page_taken},
	{"channel_closed_under_receiver", channel_closed_under_receiver},
	{"kept_answered_with_one_in_hand", kept_answered_with_one_in_hand},
	{"server_thread_exits", server_thread_exits},
	{"channel_gone_before_answer", channel_gone_before_answer},
	{"loan_outlives_silo", loan_outlives_silo},
	{"silo_goes_with_its_last_thread", silo_goes_with_its_last_thread},
	{"violation_of_own_process", violation_of_own_process},
	{"paused_and_killed", paused_and_killed},
	{"thread_made_while_killed", thread_made_while_killed},
	{"upcall_return_keeps_vectors", upcall_return_keeps_vectors},
	{"corpse_holds_itself", corpse_holds_itself},
	{"interrupted_before_call", interrupted_before_call},
	{"watch_over_at_once", watch_over_at_once},
	{"oneshot_handler", oneshot_handler},
	{"retired_slot", retired_slot},
	{NULL, NULL}};

const struct core_role core_roles[] = {{"take_and_wait", role_take_and_wait},
				       {"call", role_call},
				       {"end", role_end},
				       {"judge", role_judge},
				       {"spin", role_spin},
				       {"keep_self", role_keep_self},
				       {NULL, NULL}};
