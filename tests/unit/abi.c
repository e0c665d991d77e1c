/* SPDX-License-Identifier: ISC */
/*
 * The interface against its records: golden text and pages have not drifted from abi/, and the
 * error numbers are those of this host's Linux. Runs at the top of the tree.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include "abi/bootstrap.h"
#include "abi/types.h"
#include "error_text.h"
#include "sys_table.h"
#include "syscall_numbers.h"

#define SAME(name, number, text) _Static_assert(name == number, #name);
ABI_ERRORS(SAME)

static void golden_is_current(void **state)
{
	(void)state;
	assert_int_equal(system("/usr/bin/python3 -B tools/abigen.py --check"), 0);
}

/* The check can fail: a changed golden text is noticed. */
static void drift_is_noticed(void **state)
{
	(void)state;
	assert_int_not_equal(system("/usr/bin/python3 -B tools/abigen.py --check "
				    "--golden abi/errors.abi 2>/dev/null"),
			     0);
}

static const struct {
	uint32_t number;
	const char *name, *kinds;
} calls[] = {
#define ROW(number, name, kinds) {number, #name, kinds},
	SYS_TABLE(ROW)
#undef ROW
};

static void numbers_are_in_the_table(void **state)
{
	size_t n = sizeof(calls) / sizeof(calls[0]);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_true(calls[i].number >= SYSCALL_BASE);
		assert_true(calls[i].number < SYSCALL_END);
		assert_true(strlen(calls[i].kinds) <= 6);
		assert_true(i == 0 || calls[i - 1].number < calls[i].number);
	}
	assert_int_equal(calls[n - 1].number + 1, SYSCALL_END);
}

/* A handle number splits into generation and slot, and no error value looks like one. */
static void handle_numbers_fit(void **state)
{
	uint64_t highest = (uint64_t)HANDLE_GEN_MAX << HANDLE_SLOT_BITS | (HANDLE_SLOTS_MAX - 1);

	(void)state;
	assert_true(highest <= UINT32_MAX);
	assert_int_not_equal(REPLY_CURRENT, REPLY_NONE);
	assert_true(USER_LO < USER_HI && USER_INFO_PAGE < USER_HI);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_is_current),
		cmocka_unit_test(drift_is_noticed),
		cmocka_unit_test(numbers_are_in_the_table),
		cmocka_unit_test(handle_numbers_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
