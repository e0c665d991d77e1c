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

const struct core_test core_tests[] = {
	{"message_page_taken", message_page_taken},
	{"channel_closed_under_receiver", channel_closed_under_receiver},
	{NULL, NULL}};

const struct core_role core_roles[] = {{NULL, NULL}};
