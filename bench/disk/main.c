/* SPDX-License-Identifier: ISC */
/*
 * bench-disk: reading from a disk, in wall time: the file `big` from end to end right after the
 *boot, when nothing of it is cached, then parts of it that are; and the same through a mapping.
 *
 *	bench-disk [FOLDER]	/disk
 *	bench-disk -c [FOLDER]	counted: `bench NAME minimum median maximum`, in ticks of the time
 *stamp counter, of reads from the cache and of getattr
 *
 * Prints `wall NAME nanoseconds bytes`, as bench/linux/disk.c does for Linux: read_cold, pread_4k,
 * pread_64k. Then in the same form lines `mapped NAME ...`, which have no counterpart there: cold
 *(a second file, `big2`, if there is one; else `big` again, of which little is left in a cache that
 *is smaller), warm (its first 16 MiB, most of it to be read again) and cached (once more).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "9p/client.h"
#include "bench/disk/load.h"
#include "serve/ns.h"
#include "sys/boot.h"
#include "sys/error.h"
#include "sys/info.h"
#include "sys/sys.h"

enum { CHUNK = 131072, CACHED = 16 << 20, ROUNDS = 20000, PAGE = 4096, SAMPLES = 512 };

static char data[CHUNK];

static int fail(const char *what, int err)
{
	printf("bench-disk: %s: %s\n", what, error_text(err));
	return 1;
}

static void wall_print(const char *kind, const char *name, uint64_t start, uint64_t bytes)
{
	printf("%s %s %llu %llu\n", kind, name, (unsigned long long)(time_now() - start),
	       (unsigned long long)bytes);
	fflush(stdout);
}

static int read_cold(struct p9_file *f)
{
	uint64_t start = time_now(), total = 0;
	int64_t n;

	while ((n = p9_client_read(f, data, CHUNK)) > 0)
		total += (uint64_t)n;
	if (n < 0)
		return (int)n;
	wall_print("wall", "read_cold", start, total);
	return 0;
}

static int read_cached(struct p9_file *f, const char *name, uint64_t size)
{
	uint64_t start;

	/* The end of a large file has driven its beginning out of a small cache. */
	for (uint64_t at = 0; at < CACHED; at += CHUNK)
		if (p9_client_pread(f, data, CHUNK, at) < 0)
			return -EIO;
	start = time_now();
	for (uint64_t i = 0; i < ROUNDS; i++)
		if (p9_client_pread(f, data, size, i * size % CACHED) != (int64_t)size)
			return -EIO;
	wall_print("wall", name, start, ROUNDS * size);
	return 0;
}

/* One byte of each page. */
static int map_read(const char *path, const char *name, uint64_t most)
{
	struct map_args args = {.flags = PROT_R};
	unsigned sum = 0;
	uint64_t size, start;
	int64_t at;
	int err = ns_vmo(path, PROT_R, &args.vmo, &size);

	if (err)
		return err;
	args.len = (size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	at = sys_aspace_map(boot_handle("aspace"), &args);
	sys_handle_close(args.vmo);
	if (at < 0)
		return (int)at;
	size = size < most ? size : most;
	start = time_now();
	for (uint64_t i = 0; i < size; i += PAGE)
		sum += ((const volatile uint8_t *)at)[i];
	wall_print("mapped", name, start, size);
	printf("bytes add up to %u\n", sum);
	return (int)sys_aspace_unmap(boot_handle("aspace"), (uint64_t)at, args.len);
}

static int measure(const char *big, const char *second)
{
	struct p9_attr attr;
	struct p9_file *f;
	int err = ns_open(big, P9_O_RDONLY, 0, &f);

	if (err)
		return err;
	err = read_cold(f);
	if (!err)
		err = read_cached(f, "pread_4k", 4096);
	if (!err)
		err = read_cached(f, "pread_64k", 65536);
	p9_client_close(f);
	if (!err)
		err = map_read(ns_stat(second, false, &attr) ? big : second, "cold", UINT64_MAX);
	if (!err)
		err = map_read(big, "warm", CACHED);
	return err ? err : map_read(big, "cached", CACHED);
}

/* ---- counted ------------------------------------------------------------------------------------
 */

static uint64_t samples[SAMPLES];

static int sample_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void sample_print(const char *name)
{
	qsort(samples, SAMPLES, sizeof(samples[0]), sample_order);
	printf("bench %s %llu %llu %llu\n", name, (unsigned long long)samples[0],
	       (unsigned long long)samples[SAMPLES / 2], (unsigned long long)samples[SAMPLES - 1]);
}

static int count_reads(struct p9_file *f, const char *name, uint64_t size)
{
	for (unsigned i = 0; i < SAMPLES; i++) {
		uint64_t start = tsc_read();

		if (p9_client_pread(f, data, size, i % 16 * size) != (int64_t)size)
			return -EIO;
		samples[i] = tsc_read() - start;
	}
	sample_print(name);
	return 0;
}

static int count_getattr(struct p9_file *f)
{
	struct p9_attr attr;

	for (unsigned i = 0; i < SAMPLES; i++) {
		uint64_t start = tsc_read();
		int err = p9_client_getattr(f, P9_GETATTR_BASIC, &attr);

		if (err)
			return err;
		samples[i] = tsc_read() - start;
	}
	sample_print("disk_getattr");
	return 0;
}

static int count_stat(const char *path)
{
	struct p9_attr attr;

	for (unsigned i = 0; i < SAMPLES; i++) {
		uint64_t start = tsc_read();
		int err = ns_stat(path, false, &attr);

		if (err)
			return err;
		samples[i] = tsc_read() - start;
	}
	sample_print("disk_stat");
	return 0;
}

static int count(const char *big)
{
	struct p9_file *f;
	int err = ns_open(big, P9_O_RDONLY, 0, &f);

	if (err)
		return err;
	err = count_reads(f, "disk_pread_1", 1);
	if (!err)
		err = count_reads(f, "disk_pread_4k", 4096);
	if (!err)
		err = count_reads(f, "disk_pread_64k", 65536);
	if (!err)
		err = count_getattr(f);
	p9_client_close(f);
	return err ? err : count_stat(big);
}

int main(int argc, char **argv)
{
	bool mapped = argc == 5 && !strcmp(argv[1], "-l");
	bool load = mapped || (argc == 5 && !strcmp(argv[1], "-r"));
	bool counted = argc > 1 && !strcmp(argv[1], "-c");
	const char *folder = argc > 1 + counted ? argv[1 + counted] : "/disk";
	char big[256], second[256];
	int err = ns_init();

	snprintf(big, sizeof(big), "%s/big", folder);
	snprintf(second, sizeof(second), "%s/big2", folder);
	if (!err && load)
		return load_run(argv[2], (unsigned)atoi(argv[3]), mapped, argv[4]) ? 1 : 0;
	if (!err)
		err = counted ? count(big) : measure(big, second);
	return err ? fail(big, err) : 0;
}
