/* SPDX-License-Identifier: ISC */
/*
 * info.h: time, and what else the information page says, without a system call. The kernel maps
 * that page read-only at USER_INFO_PAGE in every address space. Works without libc.
 *
 * In a silo without the time stamp counter (SILO_NO_TSC) time costs a system call.
 */
#pragma once
#include "sys/sys.h"

static inline const volatile struct info_page *info_page(void)
{
	return (const volatile struct info_page *)USER_INFO_PAGE;
}

static inline uint64_t tsc_read(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

/* Nanoseconds since boot; what deadlines are measured in. */
static inline uint64_t time_now(void)
{
	const volatile struct info_page *info = info_page();

	if (!info->mult)
		return (uint64_t)sys_clock_read();
	return (uint64_t)(((unsigned __int128)(tsc_read() - info->tsc_base) * info->mult) >>
			  info->shift);
}

/* The deadline that lies ns nanoseconds ahead. */
static inline uint64_t time_in(uint64_t ns)
{
	uint64_t deadline;

	if (__builtin_add_overflow(time_now(), ns, &deadline))
		return DEADLINE_NEVER;
	return deadline;
}

#define NS_PER_US 1000ull
#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

/* Nanoseconds since 1970, by the offset that the clock's keeper set (none: time since boot). */
static inline uint64_t time_wall(void)
{
	const volatile struct info_page *info = info_page();
	uint32_t seq;
	uint64_t offset;

	do {
		seq = info->seq;
		__asm__ volatile("" ::: "memory");
		offset = info->wall_offset;
		__asm__ volatile("" ::: "memory");
	} while ((seq & 1) || seq != info->seq);
	return time_now() + offset;
}
