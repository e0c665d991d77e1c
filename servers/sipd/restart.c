/* SPDX-License-Identifier: ISC */
/* restart.c: budgets and pauses; see restart.h. */
#include "servers/sipd/restart.h"

#define NS_PER_SECOND 1000000000ull
#define NS_PER_MILLI  1000000ull
#define DOUBLINGS_MAX 30u

static bool window_over(const struct silo_restart_policy *policy,
			const struct restart_record *record, uint64_t now)
{
	return record->used == 0 || now < record->window_start ||
	       now - record->window_start >= policy->window_s * NS_PER_SECOND;
}

/* The pause before restart number `used` (from 0) of a window. */
static uint64_t pause_of(const struct silo_restart_policy *policy, uint32_t used)
{
	uint64_t max = policy->backoff_max_ms * NS_PER_MILLI;
	uint64_t pause;

	if (used == 0)
		return 0;
	used = used - 1 < DOUBLINGS_MAX ? used - 1 : DOUBLINGS_MAX;
	pause = RESTART_FIRST_NS << used;
	return pause < max ? pause : max;
}

static uint64_t later(uint64_t now, uint64_t pause)
{
	uint64_t when;

	return __builtin_add_overflow(now, pause, &when) ? UINT64_MAX : when;
}

enum restart_verdict restart_decide(const struct silo_restart_policy *policy,
				    struct restart_record *record, bool failed, uint64_t now,
				    uint64_t *when)
{
	if (policy->when == SILO_NEVER || (policy->when == SILO_ON_CRASH && !failed))
		return RESTART_NO;
	if (window_over(policy, record, now)) {
		record->window_start = now;
		record->used = 0;
	}
	if (record->used >= policy->budget) {
		*when = later(now, RESTART_REST_NS);
		return RESTART_REST;
	}
	*when = later(now, pause_of(policy, record->used));
	record->used++;
	record->total++;
	return RESTART_AT;
}

uint32_t restart_left(const struct silo_restart_policy *policy, const struct restart_record *record,
		      uint64_t now)
{
	if (window_over(policy, record, now))
		return policy->budget;
	return record->used < policy->budget ? policy->budget - record->used : 0;
}

void restart_forgive(struct restart_record *record)
{
	record->used = 0;
	record->window_start = 0;
}
