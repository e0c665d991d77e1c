/* SPDX-License-Identifier: ISC */
/*
 * time.c: clocks and sleeping. Time comes from the information page, without a system call; the
 * commonest case, clock_gettime(CLOCK_MONOTONIC), is served by entry.S and does not come here.
 * Process and thread CPU clocks are not served.
 */
#include "shim/state.h"
#include "sys/info.h"

#define TIMER_ABSTIME 1

struct linux_timespec {
	int64_t sec, nsec;
};

enum linux_clock {
	CLOCK_REALTIME = 0,
	CLOCK_MONOTONIC = 1,
	CLOCK_MONOTONIC_RAW = 4,
	CLOCK_REALTIME_COARSE = 5,
	CLOCK_MONOTONIC_COARSE = 6,
	CLOCK_BOOTTIME = 7,
};

/* 1: counts wall time, 0: time since boot, -EINVAL: not served. */
static int clock_is_wall(uint64_t clock)
{
	switch ((uint32_t)clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE: return 1;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME: return 0;
	}
	return -EINVAL;
}

static int64_t store_time(uint64_t to, uint64_t ns)
{
	struct linux_timespec time = {(int64_t)(ns / NS_PER_S), (int64_t)(ns % NS_PER_S)};

	return shim_copy((void *)to, &time, sizeof(time));
}

int64_t shim_clock_gettime(uint64_t clock, uint64_t to)
{
	int wall = clock_is_wall(clock);

	if (wall < 0)
		return wall;
	return store_time(to, wall ? time_wall() : time_now());
}

int64_t shim_clock_getres(uint64_t clock, uint64_t to)
{
	int wall = clock_is_wall(clock);

	if (wall < 0)
		return wall;
	return to ? store_time(to, 1) : 0;
}

int64_t shim_gettimeofday(uint64_t to)
{
	uint64_t ns = time_wall();
	struct linux_timespec time = {(int64_t)(ns / NS_PER_S),
				      (int64_t)(ns % NS_PER_S / NS_PER_US)};

	return to ? shim_copy((void *)to, &time, sizeof(time)) : 0;
}

/* The program's timespec as a deadline; one that lies too far ahead is none. */
int64_t shim_deadline(uint64_t timespec, bool absolute, bool wall, uint64_t *deadline)
{
	struct linux_timespec time;
	uint64_t ns, offset;
	int64_t result = shim_copy(&time, (const void *)timespec, sizeof(time));

	if (result < 0)
		return result;
	if (time.sec < 0 || time.nsec < 0 || time.nsec >= (int64_t)NS_PER_S)
		return -EINVAL;
	if (__builtin_mul_overflow((uint64_t)time.sec, NS_PER_S, &ns) ||
	    __builtin_add_overflow(ns, (uint64_t)time.nsec, &ns)) {
		*deadline = DEADLINE_NEVER;
		return 0;
	}
	if (!absolute) {
		*deadline = time_in(ns);
		return 0;
	}
	offset = wall ? time_wall() - time_now() : 0;
	*deadline = ns > offset ? ns - offset : 1; /* 1: past, and not DEADLINE_NOW */
	return 0;
}

int64_t shim_clock_nanosleep(uint64_t clock, uint64_t flags, uint64_t request, uint64_t remain)
{
	int wall = clock_is_wall(clock);
	bool absolute = flags & TIMER_ABSTIME;
	uint64_t deadline, now;
	int64_t result;

	if (wall < 0)
		return wall;
	result = shim_deadline(request, absolute, wall, &deadline);
	if (result < 0)
		return result;
	result = sys_thread_sleep(deadline);
	if (result != -EINTR || absolute || !remain)
		return result;
	now = time_now();
	if (store_time(remain, deadline > now ? deadline - now : 0) < 0)
		return -EFAULT;
	return -EINTR;
}
