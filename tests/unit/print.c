/* SPDX-License-Identifier: ISC */
/*
 * The kernel's formatted output against the host's, for all that it knows; and what it does at
 * the end of a buffer, with words that it does not know, and with the boot options.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <limits.h>
#include <cmocka.h>
#include "kernel/log.h"

noreturn void panic(const char *fmt, ...)
{
	(void)fmt;
	__builtin_trap();
}

/* Ours and the host's text and length are the same. */
#define SAME(...)                                                                                  \
	do {                                                                                       \
		char ours[200], theirs[200];                                                       \
		int n = ksnprintf(ours, sizeof(ours), __VA_ARGS__);                                \
		int m = snprintf(theirs, sizeof(theirs), __VA_ARGS__);                             \
		assert_string_equal(ours, theirs);                                                 \
		assert_int_equal(n, m);                                                            \
	} while (0)

static void as_the_host(void **state)
{
	(void)state;
	SAME("plain, 100%%");
	SAME("%s|%10s|%-10s|%.3s|%.*s", "abc", "abc", "abc", "abcdef", 2, "abcdef");
	SAME("%c%5c%-5c|", 'a', 'b', 'c');
	SAME("%d %i %d %d", 0, -1, INT_MIN, INT_MAX);
	SAME("%ld %ld %lu", LONG_MIN, LONG_MAX, ULONG_MAX);
	SAME("%lld %llu %llx", LLONG_MIN, ULLONG_MAX, ULLONG_MAX);
	SAME("%u %x %X %08x %8x|%-8x|", 42u, 0xabcu, 0xabcu, 0xabcu, 0xabcu, 0xabcu);
	SAME("%05d %05d %-5d| %*d", 42, -42, 42, 7, 42);
	SAME("%016lx %zu %zx", 0x1234567890abcdeful, (size_t)17, (size_t)255);
	SAME("%p", (void *)0x1234);
}

static void end_of_buffer(void **state)
{
	char small[4] = "zzz";

	(void)state;
	assert_int_equal(ksnprintf(small, sizeof(small), "%s", "abcdef"), 6);
	assert_string_equal(small, "abc");
	assert_int_equal(ksnprintf(small, 1, "%d", 12345), 5);
	assert_string_equal(small, "");
	small[0] = 'q';
	assert_int_equal(ksnprintf(small, 0, "%d", 12345), 5);
	assert_int_equal(small[0], 'q');
}

static int unchecked(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	n = kvsnprintf(buf, size, fmt, ap);
#pragma GCC diagnostic pop
	va_end(ap);
	return n;
}

static void unknown_words(void **state)
{
	char text[64];

	(void)state;
	unchecked(text, sizeof(text), "a %q b");
	assert_string_equal(text, "a %q b");
	unchecked(text, sizeof(text), "a %-08l");
	assert_string_equal(text, "a %-08l");
	unchecked(text, sizeof(text), "end %");
	assert_string_equal(text, "end %");
	unchecked(text, sizeof(text), "%s", (char *)NULL);
	assert_string_equal(text, "(null)");
}

static void options(void **state)
{
	const char *line = "  mode=full log=silo:debug xlog=a log=all:warn log log=";
	size_t len;
	const char *v = option_next(line, "log", &len);

	(void)state;
	assert_non_null(v);
	assert_int_equal(len, 10);
	assert_memory_equal(v, "silo:debug", 10);
	v = option_next(v + len, "log", &len);
	assert_non_null(v);
	assert_memory_equal(v, "all:warn", 8);
	v = option_next(v + len, "log", &len);
	assert_non_null(v);
	assert_int_equal(len, 0);
	assert_null(option_next(v + len, "log", &len));
	assert_null(option_next("", "log", &len));
	assert_null(option_next("   ", "log", &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_host),
		cmocka_unit_test(end_of_buffer),
		cmocka_unit_test(unknown_words),
		cmocka_unit_test(options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
