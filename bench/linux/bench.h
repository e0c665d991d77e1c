/* SPDX-License-Identifier: ISC */
/*
 * What the parts of the Linux measuring program share.
 *
 * The program is the one process of a Linux that boots in the same QEMU as Bulkhead. Under counted
 * instructions (-icount shift=0) the difference of two rdtsc is the number of guest instructions
 * between them. Each operation is sampled one at a time, the cost of reading the clock is
 * subtracted, and a line is printed:
 *
 *	bench NAME minimum median maximum        instructions
 *	wall NAME nanoseconds bytes              without counted instructions
 *
 * Nothing here goes on after an error: a measurement of a failing call would be a lie.
 */
#ifndef BENCH_LINUX_BENCH_H
#define BENCH_LINUX_BENCH_H

#include <stddef.h>
#include <stdint.h>

enum { SAMPLES_MAX = 4000 };

static inline uint64_t clock_read(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

/* The samples of one operation. One set at a time: begin, add each, end prints the line. */
void samples_begin(const char *name);
void samples_add(uint64_t start, uint64_t end);
void samples_end(void);

/* Measures what reading the clock costs; before the first samples_begin. */
void samples_calibrate(void);

/* Says what failed, with errno's text, and turns the machine off. */
__attribute__((noreturn)) void bench_fail(const char *what);
/* The value of a call that must not be negative. */
long bench_check(long result, const char *what);

/* Times `statement` `count` times as the operation `name`. */
#define MEASURE(name, count, statement)                                                            \
	do {                                                                                       \
		samples_begin(name);                                                               \
		for (int measure_i = 0; measure_i < (count); measure_i++) {                        \
			uint64_t measure_start = clock_read();                                     \
			statement;                                                                 \
			samples_add(measure_start, clock_read());                                  \
		}                                                                                  \
		samples_end();                                                                     \
	} while (0)

void bench_calls(void);
void bench_memory(void);
void bench_processes(const char *self);
/* Both need an ext4 file system on a disk; `folder` is where it is mounted. */
void bench_files(const char *folder);
void bench_disk(const char *folder);

#endif
