/* SPDX-License-Identifier: ISC */
/* Restart budgets and pauses (servers/sipd/restart.h), by hand-made time. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "servers/sipd/restart.h"

#define MS 1000000ull
#define S  1000000000ull

static const struct silo_restart_policy policy = {
	.when = SILO_ON_CRASH, .budget = 4, .window_s = 60, .backoff_max_ms = 300};

static void first_at_once_then_doubling_to_the_ceiling(void **state)
{
	const uint64_t pauses[] = {0, 100 * MS, 200 * MS, 300 * MS};
	struct restart_record record = {0};
	uint64_t now = 5 * S, when;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(restart_decide(&policy, &record, true, now, &when), RESTART_AT);
		assert_int_equal(when - now, pauses[i]);
		now = when + MS;
	}
	assert_int_equal(record.total, 4);
}

static void budget_ends_and_rests(void **state)
{
	struct restart_record record = {0};
	uint64_t when = 0, now = S;

	(void)state;
	for (unsigned i = 0; i < policy.budget; i++) {
		assert_int_equal(restart_left(&policy, &record, now), policy.budget - i);
		assert_int_equal(restart_decide(&policy, &record, true, now, &when), RESTART_AT);
	}
	assert_int_equal(restart_left(&policy, &record, now), 0);
	assert_int_equal(restart_decide(&policy, &record, true, now, &when), RESTART_REST);
	assert_int_equal(when, now + RESTART_REST_NS);
	assert_int_equal(record.total, policy.budget);
	restart_forgive(&record);
	assert_int_equal(restart_left(&policy, &record, now), policy.budget);
	assert_int_equal(restart_decide(&policy, &record, true, now, &when), RESTART_AT);
	assert_int_equal(when, now);
}

static void window_passes_and_begins_anew(void **state)
{
	struct restart_record record = {0};
	uint64_t when, now = S;

	(void)state;
	for (unsigned i = 0; i < policy.budget; i++)
		assert_int_equal(restart_decide(&policy, &record, true, now, &when), RESTART_AT);
	now += 60 * S;
	assert_int_equal(restart_left(&policy, &record, now), policy.budget);
	assert_int_equal(restart_decide(&policy, &record, true, now, &when), RESTART_AT);
	assert_int_equal(when, now);
	/* One ns before its end it still holds. */
	now += 60 * S - 1;
	assert_int_equal(restart_left(&policy, &record, now), policy.budget - 1);
}

static void policies(void **state)
{
	struct silo_restart_policy p = policy;
	struct restart_record record = {0};
	uint64_t when;

	(void)state;
	assert_int_equal(restart_decide(&p, &record, false, S, &when), RESTART_NO);
	p.when = SILO_ALWAYS;
	assert_int_equal(restart_decide(&p, &record, false, S, &when), RESTART_AT);
	p.when = SILO_NEVER;
	assert_int_equal(restart_decide(&p, &record, true, S, &when), RESTART_NO);
	assert_int_equal(record.total, 1);
}

/* A budget of none rests at once; times at the end of the world do not wrap; many restarts do not
 * shift out of the number. */
static void edges(void **state)
{
	struct silo_restart_policy p = {
		.when = SILO_ALWAYS, .budget = 0, .window_s = 1, .backoff_max_ms = UINT32_MAX};
	struct restart_record record = {0};
	uint64_t when;

	(void)state;
	assert_int_equal(restart_decide(&p, &record, true, UINT64_MAX - 1, &when), RESTART_REST);
	assert_int_equal(when, UINT64_MAX);
	p.budget = UINT32_MAX;
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(restart_decide(&p, &record, true, S, &when), RESTART_AT);
	assert_int_equal(when, S + UINT32_MAX * MS);
	/* A clock that went back is a new window. */
	assert_int_equal(restart_decide(&p, &record, true, S / 2, &when), RESTART_AT);
	assert_int_equal(when, S / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_at_once_then_doubling_to_the_ceiling),
		cmocka_unit_test(budget_ends_and_rests),
		cmocka_unit_test(window_passes_and_begins_anew),
		cmocka_unit_test(policies),
		cmocka_unit_test(edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
