/* SPDX-License-Identifier: ISC */
/*
 * kernel_lock.c: the kernel lock when a CPU does not come for its turn, and with threads for CPUs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include "kernel/cpu.h"

#define THREADS 4
#define ROUNDS	20000

static uint32_t served;

void arch_tlb_serve(void)
{
	if (++served % 64 == 0)
		sched_yield();
}

struct arch_clock arch_clock; /* it stands still: nobody finds the lock lost */

void panic(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

void lock_kernel_slow(void)
{
	lock_kernel_wait(lock_ticket());
}

static void round_trip(void)
{
	lock_kernel();
	assert_int_equal(kernel_lock.locked, 1);
	unlock_kernel();
}

/* Nothing is left of what went out of turn: the short way is open again. */
static void back_in_order(void)
{
	for (int i = 0; i < 3; i++)
		round_trip();
	assert_int_equal(kernel_lock.waiting, 0);
	assert_int_equal(kernel_lock.done, 0);
	assert_int_equal(kernel_lock.owner, kernel_lock.next);
}

/* One CPU draws a ticket and stays away, while another enters the kernel so many times. */
static void away_for(unsigned rounds)
{
	uint32_t late = lock_ticket();

	for (unsigned i = 0; i < rounds; i++)
		round_trip();
	lock_kernel_wait(late);
	unlock_kernel();
	back_in_order();
}

static void one_stays_away(void **state)
{
	(void)state;
	kernel_lock = (struct kernel_lock){0};
	for (unsigned rounds = 0; rounds < 300; rounds++)
		away_for(rounds);
}

/* Several stay away, and come back in another order. */
static void many_stay_away(void **state)
{
	uint32_t late[8];

	(void)state;
	kernel_lock = (struct kernel_lock){.next = UINT32_MAX - 100, .owner = UINT32_MAX - 100};
	for (unsigned rounds = 0; rounds < 200; rounds++) {
		for (unsigned i = 0; i < 8; i++) {
			late[i] = lock_ticket();
			for (unsigned k = 0; k < rounds % 40; k++)
				round_trip();
		}
		for (unsigned i = 0; i < 8; i++) {
			lock_kernel_wait(late[(i * 3 + rounds) % 8]);
			unlock_kernel();
		}
		back_in_order();
	}
}

static uint64_t count;

static void *enter_often(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		lock_kernel();
		count++; /* a lost one shows, and the sanitizer of threads would see it */
		unlock_kernel();
	}
	return NULL;
}

static void one_at_a_time(void **state)
{
	pthread_t thread[THREADS];

	(void)state;
	kernel_lock = (struct kernel_lock){0};
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, enter_often, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(count, THREADS * ROUNDS);
	back_in_order();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_stays_away),
		cmocka_unit_test(many_stay_away),
		cmocka_unit_test(one_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
