/* SPDX-License-Identifier: ISC */
/*
 * nine.c: what 9P costs between two processes of the whole system, in instructions: this one is the
 * client, the server is the one that is mounted at the folder (ramfs on /tmp).
 *
 *	bench-9p [FOLDER]		/tmp; prints `bench NAME minimum median maximum`
 *	bench-9p -r OPERATION [FOLDER]	does one operation for ever, for a profile from outside
 *
 * Counted is the whole way: client library, kernel, server and back. Paths have as many names as
 * those of bench/linux/files.c. Meaningful under counted instructions on one CPU only
 * (docs/testing.md, Measuring). What it makes it removes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "9p/client.h"
#include "serve/client_channel.h"
#include "serve/ns.h"
#include "serve/serve.h"
#include "sys/error.h"
#include "sys/info.h"

enum { ROUNDS = 400, WARM = 20, FILE_SIZE = 65536 };

static struct p9_file *file; /* FOLDER/data/file, FILE_SIZE bytes */
static char path[256], other[256], folder[200];
static uint64_t clock_cost, samples[ROUNDS];
static char data[FILE_SIZE];

/* ---- operations: 0, or an error ------------------------------------------------------------- */

/* No 9P: the server's loop and the kernel alone. */
static int do_ping(void)
{
	struct ipc_msg m = {.tag = MSG_LABEL(SERVE_LABEL_PING)};

	return (int)ipc_call(channel_link_handle(file->conn->link), &m, DEADLINE_NEVER);
}

static int do_getattr(void)
{
	struct p9_attr attr;

	return p9_client_getattr(file, P9_GETATTR_BASIC, &attr);
}

static int do_stat(void)
{
	struct p9_attr attr;

	return ns_stat(path, false, &attr);
}

static int do_open_close(void)
{
	struct p9_file *f;
	int err = ns_open(path, P9_O_RDONLY, 0, &f);

	return err ? err : p9_client_close(f);
}

static int do_read(uint64_t size)
{
	int64_t n = p9_client_pread(file, data, size, 0);

	return n < 0 ? (int)n : n == (int64_t)size ? 0 : -EIO;
}

static int do_pread_1(void)
{
	return do_read(1);
}

static int do_pread_4k(void)
{
	return do_read(4096);
}

static int do_pread_64k(void)
{
	return do_read(FILE_SIZE);
}

static int do_pwrite_4k(void)
{
	int64_t n = p9_client_pwrite(file, data, 4096, 0);

	return n < 0 ? (int)n : n == 4096 ? 0 : -EIO;
}

static int do_create_unlink(void)
{
	struct p9_file *f;
	int err = ns_open(other, P9_O_CREAT | P9_O_EXCL | P9_O_WRONLY, 0644, &f);

	if (err)
		return err;
	p9_client_close(f);
	return p9_client_unlink(ns_client(), other, 0);
}

static const struct operation {
	const char *name;
	int (*run)(void);
} operations[] = {
	{"ping", do_ping},
	{"getattr", do_getattr},
	{"stat", do_stat},
	{"open_close", do_open_close},
	{"pread_1", do_pread_1},
	{"pread_4k", do_pread_4k},
	{"pread_64k", do_pread_64k},
	{"pwrite_4k", do_pwrite_4k},
	{"create_unlink", do_create_unlink},
};

#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

/* ---- measuring ------------------------------------------------------------------------------ */

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

static int measure(const struct operation *op)
{
	int err = 0;

	for (int round = -WARM; round < ROUNDS && !err; round++) {
		uint64_t began = now(), ended;

		err = op->run();
		ended = now();
		if (round >= 0)
			samples[round] = ended - began - clock_cost;
	}
	if (err)
		return err;
	qsort(samples, ROUNDS, sizeof(*samples), compare);
	printf("bench 9p_%s %llu %llu %llu\n", op->name, (unsigned long long)samples[0],
	       (unsigned long long)samples[ROUNDS / 2], (unsigned long long)samples[ROUNDS - 1]);
	fflush(stdout);
	return 0;
}

static void clock_reading(void)
{
	clock_cost = UINT64_MAX;
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t began = now(), cost = now() - began;

		clock_cost = cost < clock_cost ? cost : clock_cost;
	}
}

static int measure_all(void)
{
	int err = 0;

	clock_reading();
	for (unsigned i = 0; i < OPERATIONS && !err; i++)
		err = measure(&operations[i]);
	return err;
}

static int repeat(const char *name)
{
	int err = 0;

	for (unsigned i = 0; i < OPERATIONS; i++)
		if (!strcmp(operations[i].name, name))
			while (!err)
				err = operations[i].run();
	return err ? err : -ENOENT;
}

/* ---- the files ------------------------------------------------------------------------------ */

static int files_make(void)
{
	int err = p9_client_mkdir(ns_client(), folder, 0755);

	if (err && err != -EEXIST)
		return err;
	err = ns_open(path, P9_O_CREAT | P9_O_TRUNC | P9_O_RDWR, 0644, &file);
	return err ? err : ns_write_all(file, data, sizeof(data));
}

/* What is not there has not been made. */
static void files_remove(void)
{
	p9_client_close(file);
	(void)!p9_client_unlink(ns_client(), path, 0);
	(void)!p9_client_unlink(ns_client(), folder, P9_AT_REMOVEDIR);
}

int main(int argc, char **argv)
{
	const char *operation = argc > 2 && !strcmp(argv[1], "-r") ? argv[2] : NULL;
	int used = operation ? 3 : 1;
	const char *top = argc > used ? argv[used] : "/tmp";
	int err = ns_init();

	snprintf(folder, sizeof(folder), "%s/data", top);
	snprintf(path, sizeof(path), "%s/file", folder);
	snprintf(other, sizeof(other), "%s/other", folder);
	if (!err) {
		err = files_make();
		if (!err)
			err = operation ? repeat(operation) : measure_all();
		files_remove();
	}
	if (err)
		printf("bench-9p: %s: %s\n", path, error_text(err));
	return err ? 1 : 0;
}
