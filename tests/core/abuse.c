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
	uint64_t alone = work_in(30 * NS_PER_MS), begin, now;
	struct event e;

	begin = time_in(NS_PER_MS);
	for (unsigned i = 0; i < TIMERS; i++)
		CHECK(sys_queue_timer(queue, 0, i, begin, 10000) > 0);
	OK(sys_thread_sleep(time_in(5 * NS_PER_MS)));
	CHECK(work_in(30 * NS_PER_MS) > alone / 4);
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
	return 7;
}

static void capability_mode_is_inherited(void)
{
	handle_t signal = TAKE(sys_signal_create(77));
	struct spawn_handle handles[] = {{"out", signal, RIGHT_READ, 0, 0},
					 {"silo", core_silo, RIGHTS_SAME, 0, 0}};
	struct spawned s;

	core_spawn(&s, "jailed", NULL, HANDLE_NONE, handles, 2);
	core_expect(&s, 7);
	core_close(signal);
}
const struct core_test core_tests[] = {
	{"timer_beyond_time", timer_beyond_time},
	{"timer_flood", timer_flood},
	{"capability_mode_is_inherited", capability_mode_is_inherited},
	{NULL, NULL}};

const struct core_role core_roles[] = {{"jailed", role_jailed}, {NULL, NULL}};
