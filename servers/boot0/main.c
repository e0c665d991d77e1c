/* SPDX-License-Identifier: ISC */
/*
 * boot0: the first process. It starts init from the boot archive with the machine's root handles,
 * and is init's keeper: when init ends, it takes the root handles back out of the corpse, with all
 * that was derived from them, and starts init again with them. After the second end, or when the
 * boot command line says mode=recovery, it only runs the recovery shell, again and again.
 *
 * It has no libc, no shim and no heap, holds no request of anybody, and parses nothing that a user
 * wrote but that one word. It waits without deadline, for the end of the one process it started.
 *
 * Invariant: at any time at most one process that it started is alive.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include "abi/bootstrap.h"
#include "cpio/cpio.h"
#include "spawn/spawn.h"
#include "sys/boot.h"
#include "servers/init/kept.h"
#include "sys/info.h"
#include "sys/sys.h"

#define INIT_PATH     "boot/init"
#define SHIM_PATH     "boot/shim"
#define RECOVERY_PATH "boot/bin/recovery"
#define INIT_STARTS   2
#define BACKOFF_MIN   NS_PER_S
#define BACKOFF_MAX   (8 * NS_PER_S)
#define LIVED_LONG    (60 * NS_PER_S) /* then the back-off starts anew */

enum root_handle { ROOT_SILO, ROOT_LOG, ROOT_CLOCK, ROOT_DEVICE, ROOT_ARCHIVE, ROOTS };

static const char *const root_names[ROOTS] = {"silo", "log", "clock", "device", "archive"};

struct boot0 {
	const struct bootstrap *block;
	handle_t log, silo, queue;
	handle_t roots[ROOTS];	    /* what the next init gets: ours, then those taken back */
	struct kept kept[KEPT_MAX]; /* what a dead init had made and kept: its successor's */
	unsigned kept_count;
	struct spawn_shim shim;
	bool has_shim;
};

void boot0_main(const struct bootstrap *block);

/* One line: what, and for an error its number. */
static void say(const struct boot0 *b, const char *what, int64_t error)
{
	char line[96] = "boot0: ";
	size_t len = strlen(line), add = strlen(what);
	char digits[24];
	int n = 0;

	memcpy(line + len, what, add);
	len += add;
	if (error) {
		uint64_t rest = error < 0 ? (uint64_t)-error : (uint64_t)error;

		memcpy(line + len, error < 0 ? " -" : " ", error < 0 ? 2 : 1);
		len += error < 0 ? 2 : 1;
		for (; rest; rest /= 10)
			digits[n++] = (char)('0' + rest % 10);
		while (n)
			line[len++] = digits[--n];
	}
	/* There is nobody to tell that the log refuses. */
	if (sys_log_write(b->log, line, len) < 0)
		return;
}

/* Is `word` one of the words of the command line? */
static bool option(const struct boot0 *b, const char *word)
{
	const char *at = (const char *)b->block->cmdline;
	size_t len = strlen(word);

	while (at && *at) {
		if (strncmp(at, word, len) == 0 && (at[len] == ' ' || at[len] == '\0'))
			return true;
		while (*at && *at != ' ')
			at++;
		while (*at == ' ')
			at++;
	}
	return false;
}

static int find(const struct boot0 *b, const char *path, struct spawn_image *image)
{
	const uint8_t *archive = (const uint8_t *)b->block->archive;
	struct cpio_entry entry;
	int result = cpio_find(archive, b->block->archive_len, path, &entry);

	if (result < 0)
		return result;
	*image = (struct spawn_image){.vmo = bootstrap_find(b->block, "archive"),
				      .offset = (uint64_t)((const uint8_t *)entry.data - archive),
				      .len = entry.size,
				      .bytes = entry.data};
	return 0;
}

static void open_shim(struct boot0 *b)
{
	struct spawn_image image, aligned;
	int result = find(b, SHIM_PATH, &image);

	/* A copy in pages of its own, so that others can map it from the handle alone. */
	if (result == 0)
		result = spawn_image_copy(&image, &aligned);
	if (result == 0)
		result = spawn_shim_open(&aligned, &b->shim);
	b->has_shim = result == 0;
	if (result < 0)
		say(b, "no " SHIM_PATH ":", result);
}

/* Start a program and watch for its end. */
static int start(struct boot0 *b, struct spawn_args *args, const char *path, struct kept *kept,
		 unsigned kept_count, struct spawned *s)
{
	int64_t result = find(b, path, &args->image);

	args->silo = b->silo;
	args->shim = b->has_shim ? &b->shim : NULL;
	args->pledges = PLEDGES_ALL;
	if (result == 0)
		result = spawn_create(args, s);
	if (result < 0)
		return (int)result;
	result = sys_queue_add(b->queue, s->process, EVENT_PROCESS, 0, WATCH_ONESHOT,
			       PROCESS_EV_EXIT);
	if (result >= 0)
		result = kept_give(s->process, kept, kept_count);
	if (result >= 0)
		result = sys_thread_start(s->thread);
	if (result < 0)
		spawn_discard(s);
	return result < 0 ? (int)result : 0;
}

/* Until the process is a corpse; says how it ended. */
static void await(const struct boot0 *b, const struct spawned *s)
{
	struct process_info info;
	struct event event;
	int64_t n = sys_queue_wait(b->queue, &event, 1, DEADLINE_NEVER);

	if (n < 0)
		say(b, "queue_wait:", n);
	if (sys_process_info(s->process, &info) < 0)
		return;
	if (info.reason != FAULT_NONE)
		say(b, "it crashed, reason", info.reason);
	else
		say(b, "it ended, code", info.code);
}

/* Get the root handles back for the next one, and what init had kept of its own. A root that
 * cannot be taken stays as it was: ours. */
static void take_back(struct boot0 *b, const struct spawned *s, const struct spawn_handle *given)
{
	int64_t taken;

	for (int i = 0; i < ROOTS; i++) {
		taken = sys_process_take(s->process, given[i].given);

		if (taken >= 0)
			b->roots[i] = (handle_t)taken;
		else
			say(b, "a root handle was lost:", taken);
	}
	taken = kept_take(bootstrap_find(b->block, "self"), s->process, b->kept, KEPT_MAX);
	if (taken >= 0)
		b->kept_count = (unsigned)taken;
	else
		say(b, "init's servers were lost:", taken);
}

static void run_init(struct boot0 *b)
{
	struct spawn_handle handles[ROOTS + 4];
	struct spawn_args args = {.name = "init",
				  .handles = handles,
				  .handle_count = ROOTS,
				  .archive = bootstrap_find(b->block, "archive"),
				  .archive_len = b->block->archive_len,
				  .cmdline = (const char *)b->block->cmdline};
	struct spawned s;
	int result;

	for (int i = 0; i < ROOTS; i++)
		handles[i] = (struct spawn_handle){root_names[i], b->roots[i], RIGHTS_SAME,
						   HANDLE_KEPT, 0};
	if (b->has_shim)
		handles[args.handle_count++] =
			(struct spawn_handle){"shim", b->shim.vmo, RIGHTS_SAME, 0, 0};
	handles[args.handle_count++] = (struct spawn_handle){"fd:1", b->log, RIGHT_WRITE, 0, 0};
	handles[args.handle_count++] = (struct spawn_handle){"fd:2", b->log, RIGHT_WRITE, 0, 0};
	result = start(b, &args, INIT_PATH, b->kept, b->kept_count, &s);
	b->kept_count = 0;
	if (result < 0) {
		say(b, "cannot start " INIT_PATH ":", result);
		return;
	}
	say(b, "init runs", 0);
	await(b, &s);
	take_back(b, &s, handles);
	spawn_discard(&s);
}

static int run_recovery(struct boot0 *b)
{
	struct spawn_handle handles[] = {
		{"log", b->log, RIGHTS_SAME, 0, 0},
		{"silo", b->silo, RIGHTS_SAME, 0, 0},
		{"fd:1", b->log, RIGHT_WRITE, 0, 0},
		{"fd:2", b->log, RIGHT_WRITE, 0, 0},
	};
	struct spawn_args args = {.name = "recovery", .handles = handles, .handle_count = 4};
	struct spawned s;
	int result = start(b, &args, RECOVERY_PATH, NULL, 0, &s);

	if (result < 0)
		return result;
	say(b, "the recovery shell runs", 0);
	await(b, &s);
	spawn_discard(&s);
	return 0;
}

_Noreturn static void recover(struct boot0 *b)
{
	uint64_t backoff = BACKOFF_MIN;
	int told = 0;

	for (;;) {
		uint64_t began = time_now();
		int result = run_recovery(b);

		if (result < 0 && result != told)
			say(b, "cannot start " RECOVERY_PATH ":", result);
		told = result;
		if (time_now() - began > LIVED_LONG)
			backoff = BACKOFF_MIN;
		if (sys_thread_sleep(time_in(backoff)) < 0)
			say(b, "woken early", 0);
		backoff = backoff * 2 < BACKOFF_MAX ? backoff * 2 : BACKOFF_MAX;
	}
}

void boot0_main(const struct bootstrap *block)
{
	static struct boot0 boot;
	struct boot0 *b = &boot;
	int64_t queue = sys_queue_create();

	b->block = block;
	for (int i = 0; i < ROOTS; i++)
		b->roots[i] = bootstrap_find(block, root_names[i]);
	b->log = b->roots[ROOT_LOG];
	b->silo = b->roots[ROOT_SILO];
	b->queue = (handle_t)queue;
	if (queue < 0) {
		say(b, "no queue:", queue);
		sys_process_exit(1);
	}
	open_shim(b);
	if (option(b, "mode=recovery")) {
		say(b, "recovery was asked for", 0);
		recover(b);
	}
	for (int i = 0; i < INIT_STARTS; i++)
		run_init(b);
	say(b, "init is given up", 0);
	recover(b);
}
