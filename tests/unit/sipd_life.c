/* SPDX-License-Identifier: ISC */
/* The life of a silo (servers/sipd/life.h): the ordinary ways, and every event in every state. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include "servers/sipd/life.h"

#define S 1000000000ull

static const struct silo_restart_policy policy = {
	.when = SILO_ON_CRASH, .budget = 2, .window_s = 60, .backoff_max_ms = 1000};

static enum life_action step(struct life *life, enum life_event event, uint64_t now)
{
	enum life_action action;

	assert_int_equal(life_step(life, &policy, event, now, &action), 0);
	return action;
}

static void refused(struct life *life, enum life_event event, uint64_t now, int err)
{
	struct life before = *life;
	enum life_action action;

	assert_int_equal(life_step(life, &policy, event, now, &action), err);
	assert_memory_equal(&before, life, sizeof(before));
}

static void start(struct life *life, uint64_t now)
{
	assert_int_equal(step(life, LIFE_START, now), LIFE_DO_CHECK);
	assert_int_equal(step(life, LIFE_NEEDS_MET, now), LIFE_DO_LOAD);
	assert_int_equal(step(life, LIFE_LOADED, now), LIFE_DO_NOTHING);
	assert_int_equal(life->state, LIFE_RUNNING);
}

static void start_and_stop(void **state)
{
	struct life life;

	(void)state;
	life_init(&life);
	start(&life, S);
	refused(&life, LIFE_START, S, -EEXIST);
	assert_int_equal(step(&life, LIFE_STOP, S), LIFE_DO_ASK);
	assert_int_equal(life.when, S + LIFE_GRACE_NS);
	refused(&life, LIFE_STOP, S, -EBUSY);
	refused(&life, LIFE_START, S, -EBUSY);
	/* The grace passes: it is ended. */
	assert_int_equal(step(&life, LIFE_TIME, S), LIFE_DO_NOTHING);
	assert_int_equal(step(&life, LIFE_TIME, S + LIFE_GRACE_NS), LIFE_DO_KILL);
	assert_int_equal(step(&life, LIFE_FAILED, 4 * S), LIFE_DO_RELEASE);
	assert_int_equal(life.state, LIFE_STOPPED);
	refused(&life, LIFE_STOP, 4 * S, -EINVAL);
	start(&life, 5 * S);
}

static void crash_restarts_then_rests(void **state)
{
	struct life life;

	(void)state;
	life_init(&life);
	start(&life, S);
	assert_int_equal(step(&life, LIFE_FAULTED, S), LIFE_DO_CHECK);
	assert_int_equal(step(&life, LIFE_NEEDS_MET, S), LIFE_DO_LOAD);
	/* It cannot even be loaded: that counts, too. */
	assert_int_equal(step(&life, LIFE_LOAD_FAILED, S), LIFE_DO_NOTHING);
	assert_int_equal(life.state, LIFE_BACKOFF);
	assert_int_equal(life.when, S + RESTART_FIRST_NS);
	assert_int_equal(step(&life, LIFE_TIME, life.when), LIFE_DO_CHECK);
	assert_int_equal(step(&life, LIFE_NEEDS_MET, 2 * S), LIFE_DO_LOAD);
	assert_int_equal(step(&life, LIFE_LOADED, 2 * S), LIFE_DO_NOTHING);
	assert_int_equal(step(&life, LIFE_FAULTED, 2 * S), LIFE_DO_RELEASE);
	assert_int_equal(life.state, LIFE_EXHAUSTED);
	assert_string_equal(life_state_name(life.state), "crashed");
	assert_int_equal(life.record.total, 2);
	/* After the rest once more, with a fresh window. */
	assert_int_equal(step(&life, LIFE_TIME, life.when), LIFE_DO_CHECK);
	assert_int_equal(life.record.total, 3);
	assert_int_equal(life.record.used, 0);
}

static void exit_is_not_a_crash(void **state)
{
	struct life life;

	(void)state;
	life_init(&life);
	start(&life, S);
	assert_int_equal(step(&life, LIFE_EXITED, S), LIFE_DO_RELEASE);
	assert_int_equal(life.state, LIFE_STOPPED);
}

static void hang_is_a_crash(void **state)
{
	struct life life;

	(void)state;
	life_init(&life);
	start(&life, S);
	assert_int_equal(step(&life, LIFE_HUNG, S), LIFE_DO_KILL);
	/* The kill does not help at once: once more. */
	assert_int_equal(step(&life, LIFE_TIME, life.when), LIFE_DO_KILL);
	assert_int_equal(step(&life, LIFE_EXITED, 4 * S), LIFE_DO_CHECK);
	assert_false(life.hung);
	assert_int_equal(life.record.used, 1);
}

static void kill_is_violent_and_stop_is_for_good(void **state)
{
	struct life life;

	(void)state;
	life_init(&life);
	start(&life, S);
	assert_int_equal(step(&life, LIFE_KILL, S), LIFE_DO_KILL);
	assert_int_equal(life.state, LIFE_RUNNING);
	assert_true(life.killed);
	assert_int_equal(step(&life, LIFE_EXITED, S), LIFE_DO_CHECK);
	assert_false(life.killed);
	assert_int_equal(life.record.used, 1);
	/* Killed while it stops: it stays down. */
	(void)step(&life, LIFE_NEEDS_MET, S);
	(void)step(&life, LIFE_LOADED, S);
	(void)step(&life, LIFE_STOP, S);
	assert_int_equal(step(&life, LIFE_KILL, S), LIFE_DO_KILL);
	assert_int_equal(step(&life, LIFE_FAILED, S), LIFE_DO_RELEASE);
	assert_int_equal(life.state, LIFE_STOPPED);
	refused(&life, LIFE_KILL, S, -EINVAL);
}

/* A kill that meets a restart ends the new process, too, or finds none; it never ends the restarts.
 */
static void killed_while_it_restarts(void **state)
{
	struct life life, before;

	(void)state;
	life_init(&life);
	start(&life, S);
	(void)step(&life, LIFE_KILL, S);
	assert_int_equal(step(&life, LIFE_FAILED, S), LIFE_DO_CHECK);
	assert_int_equal(life.state, LIFE_WAITING);
	before = life;
	assert_int_equal(step(&life, LIFE_KILL, S), LIFE_DO_NOTHING);
	assert_memory_equal(&before, &life, sizeof(before));
	(void)step(&life, LIFE_NEEDS_MET, S);
	assert_int_equal(step(&life, LIFE_KILL, S), LIFE_DO_NOTHING);
	assert_int_equal(step(&life, LIFE_LOADED, S), LIFE_DO_KILL);
	assert_int_equal(life.state, LIFE_RUNNING);
	/* The second end in its window: after a pause. */
	assert_int_equal(step(&life, LIFE_FAILED, S), LIFE_DO_NOTHING);
	assert_int_equal(life.state, LIFE_BACKOFF);
	before = life;
	assert_int_equal(step(&life, LIFE_KILL, S), LIFE_DO_NOTHING);
	assert_memory_equal(&before, &life, sizeof(before));
	assert_int_equal(step(&life, LIFE_TIME, life.when), LIFE_DO_CHECK);
	(void)step(&life, LIFE_NEEDS_MET, 2 * S);
	/* A load that fails has ended it; the kill does not hit the next process. */
	(void)step(&life, LIFE_KILL, 2 * S);
	assert_int_equal(step(&life, LIFE_LOAD_FAILED, 2 * S), LIFE_DO_RELEASE);
	assert_int_equal(life.state, LIFE_EXHAUSTED);
	assert_int_equal(step(&life, LIFE_KILL, 2 * S), LIFE_DO_NOTHING);
	assert_int_equal(step(&life, LIFE_TIME, life.when), LIFE_DO_CHECK);
	(void)step(&life, LIFE_NEEDS_MET, life.when);
	assert_int_equal(step(&life, LIFE_LOADED, 400 * S), LIFE_DO_NOTHING);
	assert_int_equal(life.state, LIFE_RUNNING);
}

/* A stop that meets a restart does end it. */
static void stopped_while_it_restarts(void **state)
{
	struct life life;

	(void)state;
	life_init(&life);
	start(&life, S);
	(void)step(&life, LIFE_FAULTED, S);
	(void)step(&life, LIFE_NEEDS_MET, S);
	(void)step(&life, LIFE_KILL, S);
	(void)step(&life, LIFE_STOP, S);
	assert_int_equal(step(&life, LIFE_LOADED, S), LIFE_DO_KILL);
	assert_int_equal(step(&life, LIFE_FAILED, S), LIFE_DO_RELEASE);
	assert_int_equal(life.state, LIFE_STOPPED);
	life.state = LIFE_BACKOFF;
	assert_int_equal(step(&life, LIFE_STOP, S), LIFE_DO_RELEASE);
	assert_int_equal(life.state, LIFE_STOPPED);
}

static void stopped_while_loading(void **state)
{
	struct life life;

	(void)state;
	life_init(&life);
	(void)step(&life, LIFE_START, S);
	(void)step(&life, LIFE_NEEDS_MET, S);
	assert_int_equal(step(&life, LIFE_STOP, S), LIFE_DO_NOTHING);
	assert_int_equal(step(&life, LIFE_LOADED, S), LIFE_DO_KILL);
	assert_int_equal(life.state, LIFE_STOPPING);
	assert_int_equal(step(&life, LIFE_FAILED, S), LIFE_DO_RELEASE);
	/* The same with a failure, and with a wish to start again. */
	(void)step(&life, LIFE_START, S);
	(void)step(&life, LIFE_NEEDS_MET, S);
	(void)step(&life, LIFE_AGAIN, S);
	assert_int_equal(step(&life, LIFE_LOAD_FAILED, S), LIFE_DO_CHECK);
	assert_int_equal(life.state, LIFE_WAITING);
	assert_false(life.again || life.doomed);
}

static void absent_is_not_tried_again(void **state)
{
	struct life life;

	(void)state;
	life_init(&life);
	(void)step(&life, LIFE_START, S);
	(void)step(&life, LIFE_NEEDS_MET, S);
	assert_int_equal(step(&life, LIFE_ABSENT, S), LIFE_DO_RELEASE);
	assert_int_equal(life.state, LIFE_STOPPED);
	assert_int_equal(life.record.total, 0);
	refused(&life, LIFE_ABSENT, S, -EINVAL);
}

static void again(void **state)
{
	struct life life;

	(void)state;
	life_init(&life);
	start(&life, S);
	assert_int_equal(step(&life, LIFE_AGAIN, S), LIFE_DO_ASK);
	assert_int_equal(step(&life, LIFE_EXITED, S), LIFE_DO_CHECK);
	assert_int_equal(life.state, LIFE_WAITING);
	/* A kill only brings its end sooner. */
	life_init(&life);
	start(&life, S);
	(void)step(&life, LIFE_AGAIN, S);
	assert_int_equal(step(&life, LIFE_KILL, S), LIFE_DO_KILL);
	assert_int_equal(step(&life, LIFE_EXITED, S), LIFE_DO_CHECK);
}

static void pause_and_resume(void **state)
{
	struct life life;

	(void)state;
	life_init(&life);
	refused(&life, LIFE_SUSPEND, S, -EINVAL);
	start(&life, S);
	refused(&life, LIFE_RESUME, S, -EINVAL);
	assert_int_equal(step(&life, LIFE_SUSPEND, S), LIFE_DO_SUSPEND);
	refused(&life, LIFE_HUNG, S, -EINVAL);
	assert_int_equal(step(&life, LIFE_RESUME, S), LIFE_DO_RESUME);
	(void)step(&life, LIFE_SUSPEND, S);
	/* One that is paused cannot hear a question. */
	assert_int_equal(step(&life, LIFE_STOP, S), LIFE_DO_KILL);
}

static void destroy_only_what_is_idle(void **state)
{
	struct life life;

	(void)state;
	life_init(&life);
	start(&life, S);
	refused(&life, LIFE_DESTROY, S, -EBUSY);
	(void)step(&life, LIFE_KILL, S);
	refused(&life, LIFE_DESTROY, S, -EBUSY);
	(void)step(&life, LIFE_FAULTED, S);
	assert_int_equal(step(&life, LIFE_DESTROY, S), LIFE_DO_DESTROY);
	refused(&life, LIFE_DESTROY, S, -EINVAL);
	refused(&life, LIFE_START, S, -EINVAL);
}

/* Every event in every state: a refusal changes nothing, and what is active or idle is one of the
 * two, or loading, or destroyed. */
static void all_events_in_all_states(void **state)
{
	(void)state;
	for (int s = 0; s < LIFE_STATES; s++)
		for (int e = 0; e < LIFE_EVENTS; e++) {
			struct life life = {.state = s, .when = UINT64_MAX}, before = life;
			enum life_action action = LIFE_DO_DESTROY;
			int err = life_step(&life, &policy, e, S, &action);

			assert_true(err == 0 || err == -EINVAL || err == -EBUSY || err == -EEXIST);
			assert_true(life.state < LIFE_STATES);
			if (err) {
				assert_int_equal(action, LIFE_DO_NOTHING);
				assert_memory_equal(&before, &life, sizeof(before));
			}
			assert_int_equal(life_idle(&life) + life_active(&life) +
						 (life.state == LIFE_LOADING) +
						 (life.state == LIFE_DESTROYED),
					 1);
			assert_string_not_equal(life_state_name(life.state), "?");
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_and_stop),
		cmocka_unit_test(crash_restarts_then_rests),
		cmocka_unit_test(exit_is_not_a_crash),
		cmocka_unit_test(hang_is_a_crash),
		cmocka_unit_test(kill_is_violent_and_stop_is_for_good),
		cmocka_unit_test(killed_while_it_restarts),
		cmocka_unit_test(stopped_while_it_restarts),
		cmocka_unit_test(stopped_while_loading),
		cmocka_unit_test(absent_is_not_tried_again),
		cmocka_unit_test(again),
		cmocka_unit_test(pause_and_resume),
		cmocka_unit_test(destroy_only_what_is_idle),
		cmocka_unit_test(all_events_in_all_states),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
