/* SPDX-License-Identifier: ISC */
/*
 * queue.c: event queues: timers, signals, watched memory, processes, and that no event is lost.
 */
#include <string.h>
#include "core.h"

static struct event await(handle_t queue)
{
	struct event event = {0};

	CHECK_EQ(sys_queue_wait(queue, &event, 1, core_soon()), 1);
	return event;
}

static void nothing_comes(handle_t queue)
{
	struct event event;

	REFUSED(sys_queue_wait(queue, &event, 1, time_in(2 * NS_PER_MS)), ETIMEDOUT);
	REFUSED(sys_queue_wait(queue, &event, 1, DEADLINE_NOW), EAGAIN);
}

static void refused(void)
{
	handle_t queue = TAKE(sys_queue_create()), signal = TAKE(sys_signal_create(0));
	handle_t deaf = TAKE(sys_handle_dup(signal, RIGHT_READ | RIGHT_WRITE));
	handle_t waiter = TAKE(sys_handle_dup(queue, RIGHT_WAIT));
	struct event event;

	nothing_comes(queue);
	REFUSED(sys_queue_add(queue, deaf, EVENT_SIGNAL, 1, 0, 1), EACCES);
	REFUSED(sys_queue_add(waiter, signal, EVENT_SIGNAL, 1, 0, 1), EACCES);
	REFUSED(sys_queue_add(queue, signal, EVENT_IRQ, 1, 0, 1), EINVAL);
	REFUSED(sys_queue_add(queue, signal, EVENT_KINDS, 1, 0, 1), EINVAL);
	REFUSED(sys_queue_add(queue, signal, EVENT_SIGNAL, 1, 1u << 9, 1), EINVAL);
	REFUSED(sys_queue_remove(queue, 123456), ENOENT);
	REFUSED(sys_queue_timer(queue, 123456, 1, time_in(1), 0), ENOENT);
	REFUSED(sys_queue_timer(queue, 0, 1, time_in(1), 9999), EINVAL);
	REFUSED(sys_queue_wait(queue, (void *)16, 1, time_in(NS_PER_MS)), EFAULT);
	REFUSED(sys_queue_wait(waiter, &event, 1, DEADLINE_NOW), EAGAIN);
	REFUSED(sys_queue_memory(queue, 16, 1), EFAULT);
	core_close(waiter);
	core_close(deaf);
	core_close(signal);
	core_close(queue);
}

static void timer_once(void)
{
	handle_t queue = TAKE(sys_queue_create());
	uint64_t when = time_in(3 * NS_PER_MS);
	int64_t id = sys_queue_timer(queue, 0, 31, when, 0);
	struct event e;

	CHECK(id > 0);
	e = await(queue);
	CHECK(time_now() >= when);
	CHECK_EQ(e.kind, EVENT_TIMER);
	CHECK_EQ(e.key, 31);
	CHECK_EQ(e.count, 1);
	nothing_comes(queue);
	CHECK_EQ(sys_queue_timer(queue, (uint64_t)id, 32, time_in(NS_PER_MS), 0), id);
	CHECK_EQ(await(queue).key, 32);
	CHECK_EQ(sys_queue_timer(queue, (uint64_t)id, 32, time_in(NS_PER_MS), 0), id);
	CHECK_EQ(sys_queue_timer(queue, (uint64_t)id, 32, DEADLINE_NEVER, 0), id); /* stop */
	nothing_comes(queue);
	OK(sys_queue_remove(queue, (uint64_t)id));
	core_close(queue);
}

static void timer_period(void)
{
	handle_t queue = TAKE(sys_queue_create());
	uint64_t total = 0, began = time_now();
	int64_t id = sys_queue_timer(queue, 0, 1, time_in(NS_PER_MS), NS_PER_MS);

	CHECK(id > 0);
	while (total < 10)
		total += await(queue).count;
	CHECK(time_now() - began >= 10 * NS_PER_MS - NS_PER_MS / 2);
	OK(sys_thread_sleep(time_in(20 * NS_PER_MS)));
	CHECK(await(queue).count >= 10); /* repeats add up in one event */
	OK(sys_queue_remove(queue, (uint64_t)id));
	nothing_comes(queue);
	core_close(queue);
}

static void signal_word(void)
{
	handle_t signal = TAKE(sys_signal_create(0xf0));
	handle_t reader = TAKE(sys_handle_dup(signal, RIGHT_READ));

	CHECK_EQ(sys_signal_get(signal), 0xf0);
	CHECK_EQ(sys_signal_set(signal, 0xf0, 0x0f), 0xf0);
	CHECK_EQ(sys_signal_set(signal, 0x1, 0x1), 0x0f); /* clear, then set */
	CHECK_EQ(sys_signal_get(reader), 0x0f);
	REFUSED(sys_signal_set(reader, 0, 1), EACCES);
	core_close(reader);
	core_close(signal);
}

/* ---- several who wait ------------------------------------------------------------------------ */

static handle_t shared_queue;
static int64_t second_got;

/* Exits with the number of events that it got before the queue was closed. */
static int role_slow_waiter(void)
{
	struct event e;
	int64_t n = sys_queue_wait(boot_handle("queue"), &e, 1, DEADLINE_NEVER);

	return n == -EPIPE || n == -EBADF ? 0 : (int)n;
}

static void wait_for_two(uint64_t arg)
{
	struct event e[2];

	(void)arg;
	second_got = sys_queue_wait(shared_queue, e, 2, core_soon());
}

/* A waiter of a lower band is told first, and leaves the event in the queue until it runs;
 * meanwhile the same signal is set again, and who waits behind it takes both events: the watch that
 * is to be raised next has ended before its turn. (On several CPUs the first may be quicker.) */
static void oneshots_end_each_other(void)
{
	static struct core_native second;
	handle_t signal = TAKE(sys_signal_create(0)), silo = core_silo_make(1500, 0, NULL);
	struct spawn_handle give = {"queue", HANDLE_NONE, RIGHTS_SAME, 0, 0};
	struct process_info info;
	struct spawned first;

	give.handle = shared_queue = TAKE(sys_queue_create());
	core_spawn(&first, "slow_waiter", NULL, silo, &give, 1);
	core_until(first.thread, THREAD_QUEUE);
	core_native_start(&second, wait_for_two, 0);
	core_until(second.thread, THREAD_QUEUE);
	CHECK(sys_queue_add(shared_queue, signal, EVENT_SIGNAL, 1, WATCH_ONESHOT, 1) > 0);
	CHECK(sys_queue_add(shared_queue, signal, EVENT_SIGNAL, 2, WATCH_ONESHOT, 2) > 0);
	CHECK_EQ(sys_signal_set(signal, 0, 2), 0);
	CHECK_EQ(sys_signal_set(signal, 0, 1), 2);
	core_native_join(&second);
	OK(sys_handle_revoke(shared_queue)); /* the other process's */
	core_close(shared_queue);
	CHECK(core_wait(&first, &info));
	CHECK_EQ(info.code + second_got, 2);
	core_silo_end(silo);
	core_close(signal);
}

static void level_edge_oneshot(void)
{
	handle_t queue = TAKE(sys_queue_create()), signal = TAKE(sys_signal_create(0));
	int64_t level = sys_queue_add(queue, signal, EVENT_SIGNAL, 1, 0, 0x1);
	int64_t edge;
	struct event e;

	CHECK(level > 0);
	CHECK(sys_signal_set(signal, 0, 2) >= 0); /* not in the mask */
	nothing_comes(queue);
	CHECK(sys_signal_set(signal, 0, 1) >= 0);
	for (int i = 0; i < 3; i++) { /* as long as it holds */
		e = await(queue);
		CHECK_EQ(e.key, 1);
		CHECK_EQ(e.data0 & 1, 1);
	}
	CHECK(sys_signal_set(signal, 1, 0) >= 0);
	nothing_comes(queue);
	OK(sys_queue_remove(queue, (uint64_t)level));

	edge = sys_queue_add(queue, signal, EVENT_SIGNAL, 2, WATCH_EDGE, 0x1);
	CHECK(edge > 0);
	CHECK(sys_signal_set(signal, 0, 1) >= 0);
	CHECK_EQ(await(queue).key, 2);
	nothing_comes(queue);
	CHECK(sys_signal_set(signal, 1, 0) >= 0);
	CHECK(sys_signal_set(signal, 0, 1) >= 0);
	CHECK_EQ(await(queue).key, 2);
	OK(sys_queue_remove(queue, (uint64_t)edge));

	CHECK(sys_signal_set(signal, 1, 0) >= 0);
	CHECK(sys_queue_add(queue, signal, EVENT_SIGNAL, 3, WATCH_ONESHOT, 0x1) > 0);
	CHECK(sys_signal_set(signal, 0, 1) >= 0);
	CHECK_EQ(await(queue).key, 3);
	nothing_comes(queue);
	core_close(signal);
	core_close(queue);
}

static void many_at_once(void)
{
	handle_t queue = TAKE(sys_queue_create()), signals[8];
	struct event events[8];
	uint64_t seen = 0;
	int64_t n;

	for (unsigned i = 0; i < 8; i++) {
		signals[i] = TAKE(sys_signal_create(0));
		CHECK(sys_queue_add(queue, signals[i], EVENT_SIGNAL, i, WATCH_EDGE, 1) > 0);
		CHECK(sys_signal_set(signals[i], 0, 1) >= 0);
	}
	n = sys_queue_wait(queue, events, 5, core_soon());
	CHECK_EQ(n, 5);
	for (int64_t i = 0; i < n; i++)
		seen |= 1ull << events[i].key;
	n = sys_queue_wait(queue, events, 8, core_soon());
	CHECK_EQ(n, 3);
	for (int64_t i = 0; i < n; i++)
		seen |= 1ull << events[i].key;
	CHECK_EQ(seen, 0xff);
	for (unsigned i = 0; i < 8; i++)
		core_close(signals[i]);
	nothing_comes(queue);
	core_close(queue);
}

static uint32_t word;

static void watched_memory(void)
{
	handle_t queue = TAKE(sys_queue_create());
	int64_t id = sys_queue_memory(queue, (uint64_t)&word, 5);
	struct event e;

	CHECK(id > 0);
	nothing_comes(queue);
	CHECK_EQ(sys_futex_wake((uint64_t)&word, 1), 0);
	CHECK_EQ(sys_futex_wake((uint64_t)&word, 1), 0);
	e = await(queue);
	CHECK_EQ(e.kind, EVENT_MEMORY);
	CHECK_EQ(e.key, 5);
	CHECK_EQ(e.count, 2);
	CHECK_EQ(sys_futex_wake((uint64_t)&word + 4, 1), 0); /* another word */
	nothing_comes(queue);
	OK(sys_queue_remove(queue, (uint64_t)id));
	CHECK_EQ(sys_futex_wake((uint64_t)&word, 1), 0);
	nothing_comes(queue);
	core_close(queue);
}

/* Memory is known by object, not by address: another process rings it. */
static int role_ring(void)
{
	struct map_args args = {
		.vmo = boot_handle("vmo"), .flags = PROT_R | PROT_W, .len = PAGE_SIZE};
	int64_t at = sys_aspace_map(core_aspace, &args);

	return at > 0 && sys_futex_wake((uint64_t)at + 8, 1) >= 0 ? 0 : 1;
}

static void shared_memory(void)
{
	handle_t queue = TAKE(sys_queue_create()), vmo;
	uint8_t *at = core_map(PAGE_SIZE, PROT_R | PROT_W, &vmo);
	struct spawn_handle handles[] = {{"vmo", vmo, RIGHTS_SAME, 0, 0}};
	struct spawned s;

	CHECK(sys_queue_memory(queue, (uint64_t)at + 8, 6) > 0);
	core_spawn(&s, "ring", NULL, HANDLE_NONE, handles, 1);
	CHECK_EQ(await(queue).key, 6);
	core_expect(&s, 0);
	core_close(queue);
	core_unmap(at, PAGE_SIZE);
	core_close(vmo);
}

static int role_exit(void)
{
	return 21;
}

static void process_events(void)
{
	handle_t queue = TAKE(sys_queue_create());
	struct event e;
	struct spawned s;

	OK(core_prepare(&s, "exit", NULL, HANDLE_NONE, NULL, 0));
	CHECK(sys_queue_add(queue, s.process, EVENT_PROCESS, 8, WATCH_EDGE, PROCESS_EV_EXIT) > 0);
	OK(sys_thread_start(s.thread));
	e = await(queue);
	CHECK_EQ(e.kind, EVENT_PROCESS);
	CHECK_EQ(e.key, 8);
	CHECK_EQ(e.data0, PROCESS_EV_EXIT);
	CHECK_EQ((int32_t)e.data1, 21);
	spawn_discard(&s);
	core_close(queue);
}

/* Closing the queue ends its waits. */
static handle_t closing;
static int64_t closing_result;

static void wait_there(uint64_t arg)
{
	struct event event;

	closing_result = sys_queue_wait(closing, &event, 1, time_in(arg));
}

static void closed_under_waiter(void)
{
	static struct core_native thread;

	closing = TAKE(sys_queue_create());
	core_native_start(&thread, wait_there, CORE_PATIENCE);
	core_until(thread.thread, THREAD_QUEUE);
	core_close(closing);
	core_native_join(&thread);
	CHECK(closing_result < 0 && closing_result != -ETIMEDOUT);
}

/* Rings from several CPUs: the counts add up. */
static handle_t race_queue;
static uint64_t race_total;

static void ring_often(uint64_t arg)
{
	(void)arg;
	for (int i = 0; i < 1000; i++)
		CHECK(sys_futex_wake((uint64_t)&word, 1) >= 0);
}

static void no_event_lost(void)
{
	static struct core_native ringers[3];
	uint64_t deadline = core_soon();
	int64_t id;

	race_queue = TAKE(sys_queue_create());
	race_total = 0;
	id = sys_queue_memory(race_queue, (uint64_t)&word, 5);
	CHECK(id > 0);
	for (int i = 0; i < 3; i++)
		core_native_start(&ringers[i], ring_often, 0);
	while (race_total < 3000 && time_now() < deadline) {
		struct event e = await(race_queue);

		race_total += e.count;
	}
	CHECK_EQ(race_total, 3000);
	for (int i = 0; i < 3; i++)
		core_native_join(&ringers[i]);
	nothing_comes(race_queue);
	core_close(race_queue);
}

/* A watch ends with the revocation of the handle that it was made through, not with its end. */
static void revoke_ends_watches(void)
{
	handle_t queue = TAKE(sys_queue_create()), signal = TAKE(sys_signal_create(0));
	handle_t channel = TAKE(sys_channel_create()), through, receiver;

	through = TAKE(sys_handle_dup(signal, RIGHTS_SAME));
	CHECK(sys_queue_add(queue, through, EVENT_SIGNAL, 1, 0, 1) > 0);
	core_close(through);
	OK(sys_signal_set(signal, 0, 1));
	CHECK_EQ(await(queue).key, 1);
	OK(sys_handle_revoke(signal)); /* it hangs from there now */
	nothing_comes(queue);
	through = TAKE(sys_handle_dup(signal, RIGHTS_SAME));
	CHECK(sys_queue_add(queue, signal, EVENT_SIGNAL, 2, 0, 1) > 0);
	CHECK(sys_queue_add(queue, through, EVENT_SIGNAL, 3, 0, 1) > 0);
	OK(sys_handle_revoke(through));
	CHECK_EQ(await(queue).key, 2);
	CHECK_EQ(await(queue).key, 2);
	OK(sys_handle_revoke(signal));
	nothing_comes(queue);
	receiver = TAKE(sys_handle_dup(channel, RIGHTS_SAME));
	CHECK(sys_queue_add(queue, receiver, EVENT_MESSAGE, 4, 0, 0) > 0);
	REFUSED(sys_queue_add(queue, channel, EVENT_MESSAGE, 5, 0, 0), EBUSY);
	OK(sys_handle_revoke(channel));
	CHECK(sys_queue_add(queue, channel, EVENT_MESSAGE, 5, 0, 0) > 0);
	core_close(channel);
	core_close(signal);
	core_close(queue);
}

const struct core_test core_tests[] = {
	{"queue_refused", refused},
	{"timer_once", timer_once},
	{"timer_period", timer_period},
	{"signal_word", signal_word},
	{"level_edge_oneshot", level_edge_oneshot},
	{"oneshots_end_each_other", oneshots_end_each_other},
	{"many_at_once", many_at_once},
	{"watched_memory", watched_memory},
	{"shared_memory", shared_memory},
	{"process_events", process_events},
	{"closed_under_waiter", closed_under_waiter},
	{"no_event_lost", no_event_lost},
	{"revoke_ends_watches", revoke_ends_watches},
	{NULL, NULL},
};

const struct core_role core_roles[] = {
	{"ring", role_ring}, {"exit", role_exit}, {"slow_waiter", role_slow_waiter}, {NULL, NULL}};
