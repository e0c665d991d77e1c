/* SPDX-License-Identifier: ISC */
/*
 * Samples of one operation at a time, and how they are summed up.
 * A sample below the cost of the clock would be a fault of this file, hence the abort.
 */
#include "bench/linux/bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

static uint64_t samples[SAMPLES_MAX];
static int sample_count;
static const char *sample_name;
static uint64_t clock_cost;

void bench_fail(const char *what)
{
	printf("bench-error %s: %s\n", what, strerror(errno));
	fflush(stdout);
	if (getpid() == 1)
		reboot(RB_POWER_OFF);
	exit(1);
}

long bench_check(long result, const char *what)
{
	if (result < 0)
		bench_fail(what);
	return result;
}

void samples_begin(const char *name)
{
	sample_name = name;
	sample_count = 0;
}

void samples_add(uint64_t start, uint64_t end)
{
	if (sample_count == SAMPLES_MAX || end - start < clock_cost)
		abort();
	samples[sample_count++] = end - start - clock_cost;
}

static int sample_compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

void samples_end(void)
{
	if (!sample_count)
		abort();
	qsort(samples, sample_count, sizeof(samples[0]), sample_compare);
	printf("bench %s %llu %llu %llu\n", sample_name, (unsigned long long)samples[0],
	       (unsigned long long)samples[sample_count / 2],
	       (unsigned long long)samples[sample_count - 1]);
	fflush(stdout);
}

void samples_calibrate(void)
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 1000; i++) {
		uint64_t start = clock_read();
		uint64_t cost = clock_read() - start;

		if (cost < least)
			least = cost;
	}
	clock_cost = least;
	printf("bench clock_read %llu %llu %llu\n", (unsigned long long)least,
	       (unsigned long long)least, (unsigned long long)least);
}
