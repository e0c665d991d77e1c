/* SPDX-License-Identifier: ISC */
/* The shell's pure parts: parsing lines, editing lines, SHA-256. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "cmd/sh/edit.h"
#include "cmd/sh/parse.h"
#include "cmd/sh/sha256.h"

/* A line as text: "[word][word]>file" a command, with its joint before it; "!" an error. */
static const char *parsed(const char *line)
{
	static struct parse_command c;
	static char out[4096];
	struct parse p;
	size_t at = 0;
	int r;

	out[0] = '\0';
	parse_begin(&p, line);
	while ((r = parse_next(&p, &c, 7)) > 0) {
		at += (size_t)sprintf(out + at, "%s",
				      c.join == PARSE_AND  ? "&"
				      : c.join == PARSE_OR ? "|"
							   : "");
		for (int i = 0; i < c.argc; i++)
			at += (size_t)sprintf(out + at, "[%s]", c.argv[i]);
		assert_null(c.argv[c.argc]);
		if (c.target)
			at += (size_t)sprintf(out + at, "%s%s", c.append ? ">>" : ">", c.target);
		at += (size_t)sprintf(out + at, " ");
	}
	if (r < 0) {
		assert_non_null(p.error);
		sprintf(out + at, "!");
	}
	return out;
}

static void test_words(void **state)
{
	(void)state;
	assert_string_equal(parsed(""), "");
	assert_string_equal(parsed(" ; ;\n# nothing\n"), "");
	assert_string_equal(parsed("ls -l  /a"), "[ls][-l][/a] ");
	assert_string_equal(parsed("a 'b c'\"d $? \\\"e\"f"), "[a][b cd 7 \"ef] ");
	assert_string_equal(parsed("a '$?' $?x \\$? ''"), "[a][$?][7x][$?][] ");
	assert_string_equal(parsed("echo a#b #c ; d"), "[echo][a#b] ");
	assert_string_equal(parsed("a 'b"), "!");
	assert_string_equal(parsed("a\\"), "[a\\] ");
}

static void test_joints(void **state)
{
	(void)state;
	assert_string_equal(parsed("a;b\nc"), "[a] [b] [c] ");
	assert_string_equal(parsed("a&&b||c;d"), "[a] &[b] |[c] [d] ");
	assert_string_equal(parsed("a &&\n b"), "[a] &[b] ");
	assert_string_equal(parsed("&& a"), "!");
	assert_string_equal(parsed("a && ; b"), "[a] !");
	assert_string_equal(parsed("a &&"), "[a] !");
	assert_string_equal(parsed("a; || b"), "[a] !");
	assert_string_equal(parsed("a & b"), "[a] !");
	assert_string_equal(parsed("a | b"), "[a] !");
	assert_string_equal(parsed("a &&& b"), "[a] !");
}

/* How many commands of a text are read before an error, by lines; -1: no error. */
static int before_error(const char *text)
{
	static struct parse_command c;
	struct parse p;
	int r, n = 0;

	parse_begin(&p, text);
	while ((r = parse_line(&p, &c, 0)) > 0)
		n++;
	assert_true(r == 0 || p.error);
	return r ? n : -1;
}

/* A line is read as a whole before its first command is run. */
static void test_lines(void **state)
{
	(void)state;
	assert_int_equal(before_error("a; b && c\n\nd; e"), -1);
	assert_int_equal(before_error("a; b | c"), 0);
	assert_int_equal(before_error("a; b; c > "), 0);
	assert_int_equal(before_error("a; b\nc; d 'e"), 2);
	assert_int_equal(before_error("a; b\n\n# c\nd &&"), 2);
	assert_int_equal(before_error("a 'x\ny'; b\nc | d"), 2);
	assert_int_equal(before_error(""), -1);
}

static void test_targets(void **state)
{
	(void)state;
	assert_string_equal(parsed("a>b"), "[a]>b ");
	assert_string_equal(parsed("a >> 'b c' d"), "[a][d]>>b c ");
	assert_string_equal(parsed("a > b > c"), "!");
	assert_string_equal(parsed("a >"), "!");
	assert_string_equal(parsed("> b"), "!");
}

static void test_limits(void **state)
{
	static char line[3 * PARSE_TEXT];

	(void)state;
	memset(line, 'x', PARSE_TEXT + 1);
	assert_string_equal(parsed(line), "!");
	for (int i = 0; i < PARSE_WORDS + 1; i++)
		memcpy(line + 2 * i, "x ", 3);
	assert_string_equal(parsed(line), "!");
}

/* ---- the editor ------------------------------------------------------------------------------ */

static char screen[65536];
static size_t screen_len;

static void show(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	if (screen_len + len < sizeof(screen)) {
		memcpy(screen + screen_len, text, len);
		screen_len += len;
	}
}

/* What the line is after these keys, ended by Enter. */
static const char *edited(struct edit *e, const char *keys)
{
	enum edit_result r = EDIT_MORE;

	edit_begin(e, "$ ");
	while (*keys && r == EDIT_MORE)
		r = edit_key(e, (uint8_t)*keys++);
	assert_true(!*keys);
	if (r == EDIT_MORE)
		r = edit_key(e, '\r');
	return r == EDIT_LINE ? e->line : r == EDIT_END ? "END" : "INTERRUPT";
}

static void test_editor(void **state)
{
	static struct edit e;

	(void)state;
	e.show = show;
	assert_string_equal(edited(&e, "abc"), "abc");
	assert_string_equal(edited(&e, "ac\x1b[Db"), "abc");
	assert_string_equal(edited(&e, "bc\x01"
				       "a\x05"
				       "d"),
			    "abcd");
	assert_string_equal(edited(&e, "abx\x7f"
				       "c"),
			    "abc");
	assert_string_equal(edited(&e, "one two three\x17"
				       "x"),
			    "one two x");
	assert_string_equal(edited(&e, "abc\x15"
				       "d"),
			    "d");
	assert_string_equal(edited(&e, "abc\x01\x1b[C\x0b"), "a");
	assert_string_equal(edited(&e, "abc\x1b[H\x1b[3~"), "bc");
	assert_string_equal(edited(&e, "\x04"), "END");
	assert_string_equal(edited(&e, "abc\x03"), "INTERRUPT");
	assert_string_equal(edited(&e, "\x7f\x1b[D\x17\x0b\x15"), "");
}

/* Characters of more bytes than one move, go and are shown as one. */
static void test_characters(void **state)
{
	static struct edit e;

	(void)state;
	e.show = show;
	assert_string_equal(edited(&e, "a\u00fc\x7f\x7f"
				       "b"),
			    "b");
	assert_string_equal(edited(&e, "\u20ac\u00fc\x02\x02x\x06y"), "x\u20acy\u00fc");
	assert_string_equal(edited(&e, "\u00fc\u20acz\x01\x04\x1b[3~"), "z");
	assert_string_equal(edited(&e, "\xc3\x03"), "INTERRUPT");
	/* What is no UTF-8 is kept as it is. */
	assert_string_equal(edited(&e, "\xff\xc3q\xa4"), "\xff\xc3q\xa4");
	assert_string_equal(edited(&e, "a\xa4\xa4\xa4\xa4\xa4\x7f\x7f\x7f\x7f"), "");
	screen_len = 0;
	edited(&e, "\u00fc\x02\u20ac");
	assert_memory_equal(screen, "$ \u00fc\x1b[1D\u20ac\u00fc\x1b[K\x1b[1D\u00fc\n", screen_len);
}

static void test_history(void **state)
{
	static struct edit e;
	char line[16];

	(void)state;
	e.show = show;
	edited(&e, "one");
	edited(&e, "two");
	edited(&e, "two");
	assert_string_equal(edited(&e, "\x1b[A\x1b[A"), "one");
	assert_string_equal(edited(&e, "x\x1b[A\x1b[B"
				       "y"),
			    "xy");
	for (unsigned i = 0; i < 2 * EDIT_HISTORY; i++) {
		snprintf(line, sizeof(line), "line %u", i);
		edited(&e, line);
	}
	edit_begin(&e, "");
	for (unsigned i = 0; i < 3 * EDIT_HISTORY; i++)
		for (const char *k = "\x1b[A"; *k; k++)
			edit_key(&e, (uint8_t)*k);
	assert_int_equal(edit_key(&e, '\n'), EDIT_LINE);
	snprintf(line, sizeof(line), "line %u", EDIT_HISTORY);
	assert_string_equal(e.line, line);
}

static void test_full_line(void **state)
{
	static struct edit e;

	(void)state;
	e.show = show;
	edit_begin(&e, "");
	for (unsigned i = 0; i < 2 * EDIT_LINE_MAX; i++)
		assert_int_equal(edit_key(&e, 'x'), EDIT_MORE);
	assert_int_equal(edit_key(&e, '\n'), EDIT_LINE);
	assert_int_equal(strlen(e.line), EDIT_LINE_MAX - 1);
}

/* ---- SHA-256: the standard's examples -----------------------------------------------------------
 */

static void sum_check(const char *text, size_t times, const char *want)
{
	uint8_t digest[SHA256_SIZE];
	char hex[2 * SHA256_SIZE + 1];
	struct sha256 s;

	sha256_begin(&s);
	while (times--)
		sha256_add(&s, text, strlen(text));
	sha256_end(&s, digest);
	for (unsigned i = 0; i < SHA256_SIZE; i++)
		sprintf(hex + 2 * i, "%02x", digest[i]);
	assert_string_equal(hex, want);
}

static void test_sha256(void **state)
{
	(void)state;
	sum_check("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sum_check("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sum_check("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	sum_check("a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),	  cmocka_unit_test(test_joints),
		cmocka_unit_test(test_lines),	  cmocka_unit_test(test_characters),
		cmocka_unit_test(test_targets),	  cmocka_unit_test(test_limits),
		cmocka_unit_test(test_editor),	  cmocka_unit_test(test_history),
		cmocka_unit_test(test_full_line), cmocka_unit_test(test_sha256),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
