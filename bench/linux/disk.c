/* SPDX-License-Identifier: ISC */
/*
 * Reading from a disk, in wall time and without counted instructions: the file `big` from end to
 * end right after the boot, when nothing of it is cached, then parts of it that are.
 */
#include "bench/linux/bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 131072, CACHED = 16 << 20, ROUNDS = 20000 };

static char data[CHUNK];

static uint64_t wall_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void wall_print(const char *name, uint64_t start, uint64_t bytes)
{
	printf("wall %s %llu %llu\n", name, (unsigned long long)(wall_now() - start),
	       (unsigned long long)bytes);
	fflush(stdout);
}

static void wall_cached(int fd, const char *name, size_t size)
{
	uint64_t start = wall_now();

	for (int i = 0; i < ROUNDS; i++)
		if (pread(fd, data, size, (off_t)i * size % CACHED) != (ssize_t)size)
			bench_fail("pread");
	wall_print(name, start, (uint64_t)ROUNDS * size);
}

void bench_disk(const char *folder)
{
	char path[256];
	uint64_t start, total = 0;
	long n;
	int fd;

	snprintf(path, sizeof(path), "%s/big", folder);
	fd = bench_check(open(path, O_RDONLY), "open big");
	start = wall_now();
	while ((n = bench_check(read(fd, data, CHUNK), "read")) > 0)
		total += n;
	wall_print("read_cold", start, total);
	wall_cached(fd, "pread_4k", 4096);
	wall_cached(fd, "pread_64k", 65536);
	close(fd);
}
