/* SPDX-License-Identifier: ISC */
/*
 * restart.c: how long a reader of a disk waits when the disk's driver is killed: from the order to
 * kill until the first read that its successor has completed, in nanoseconds of guest time. Under
 * counted instructions (docs/testing.md, Measuring) that is the number of instructions.
 *
 *	bench-restart DRIVER FILE	prints `bench driver_restart minimum median maximum`
 *
 * FILE is at least ROUNDS * STRIDE bytes, and each of its 64-bit words is its own offset. Every
 * round reads two pages that nobody has read: one before the kill, so that all is well then, one
 * behind it. Between rounds a restart's window passes, so that each restart is one without pause.
 *
 * An idle CPU would let guest time jump to the next timer while the host reads its disk. So a
 * thread yields all the time meanwhile: time is what instructions were executed, and whoever has
 * something to do finds the CPU free within some hundred of them.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "9p/client.h"
#include "serve/ns.h"
#include "sys/error.h"
#include "sys/info.h"
#include "sys/sys.h"

enum { ROUNDS = 8, STRIDE = 1 << 19, PIECE = 4096 };

#define WINDOW_NS (61 * NS_PER_S) /* longer than the window of the driver's description */

static uint64_t samples[ROUNDS];
static uint32_t busy; /* atomic: the CPU is not to idle */

static void *spin(void *arg)
{
	(void)arg;
	for (;;) {
		while (__atomic_load_n(&busy, __ATOMIC_ACQUIRE))
			sys_thread_yield();
		if (sys_futex_wait((uintptr_t)&busy, 0, DEADLINE_NEVER) == -EINVAL)
			return NULL;
	}
}

static int busy_set(uint32_t on)
{
	int64_t r;

	__atomic_store_n(&busy, on, __ATOMIC_RELEASE);
	r = on ? sys_futex_wake((uintptr_t)&busy, 1) : 0;
	return r < 0 ? (int)r : 0;
}

/* ---- the driver -------------------------------------------------------------------------------
 */

struct driver {
	unsigned silo;
	unsigned long pid;
	bool running;
};

/* Its line in the list of silos: id label type state pid ... */
static int driver_find(const char *label, struct driver *d)
{
	char *text, *line, *rest, name[64], state[32];
	uint64_t len;
	int err = ns_load_all("/dev/sip/status", 1 << 20, &text, &len);

	if (err)
		return err;
	err = -ENOENT;
	for (line = strtok_r(text, "\n", &rest); line && err; line = strtok_r(NULL, "\n", &rest))
		if (sscanf(line, "%u %63s %*s %31s %lu", &d->silo, name, state, &d->pid) == 4 &&
		    !strcmp(name, label)) {
			d->running = !strcmp(state, "running");
			err = 0;
		}
	free(text);
	return err;
}

/* ---- rounds -----------------------------------------------------------------------------------
 */

static int page_read(struct p9_file *file, uint64_t offset)
{
	uint64_t words[PIECE / 8];
	int64_t n = p9_client_pread(file, words, PIECE, offset);

	if (n != PIECE)
		return n < 0 ? (int)n : -EIO;
	for (unsigned i = 0; i < PIECE / 8; i++)
		if (words[i] != offset + i * 8ull)
			return -EIO;
	return 0;
}

static int round_run(struct p9_file *file, struct p9_file *ctl, uint64_t offset, uint64_t *ns)
{
	uint64_t began;
	int err = page_read(file, offset);

	if (err)
		return err;
	began = time_now();
	err = ns_write_all(ctl, "kill", 4);
	if (!err)
		err = page_read(file, offset + STRIDE / 2);
	*ns = time_now() - began;
	return err;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int rounds_run(const char *label, struct p9_file *file)
{
	struct driver before, after;
	struct p9_file *ctl;
	char path[64];
	int err = driver_find(label, &after);

	if (err)
		return err;
	snprintf(path, sizeof(path), "/dev/sip/servers/srv%u/ctl", after.silo);
	err = ns_open(path, P9_O_WRONLY, 0, &ctl);
	for (unsigned i = 0; i < ROUNDS && !err; i++) {
		before = after;
		err = busy_set(1);
		if (!err)
			err = round_run(file, ctl, (uint64_t)i * STRIDE, &samples[i]);
		if (!err)
			err = busy_set(0);
		if (!err)
			err = driver_find(label, &after);
		if (!err && (!after.running || after.pid == before.pid))
			err = -ESRCH; /* not killed, or not started again */
		if (!err)
			err = (int)sys_thread_sleep(time_in(WINDOW_NS));
	}
	return err;
}

int main(int argc, char **argv)
{
	struct p9_file *file;
	pthread_t spinner;
	int err;

	if (argc != 3)
		return 2;
	err = ns_init();
	if (!err)
		err = ns_open(argv[2], P9_O_RDONLY, 0, &file);
	if (!err)
		err = -pthread_create(&spinner, NULL, spin, NULL);
	if (!err)
		err = rounds_run(argv[1], file);
	if (err) {
		printf("bench-restart: %s, %s: %s\n", argv[1], argv[2], error_text(err));
		return 1;
	}
	qsort(samples, ROUNDS, sizeof(*samples), compare);
	printf("bench driver_restart %llu %llu %llu\n", (unsigned long long)samples[0],
	       (unsigned long long)samples[ROUNDS / 2], (unsigned long long)samples[ROUNDS - 1]);
	return 0;
}
