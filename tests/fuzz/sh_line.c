/* SPDX-License-Identifier: ISC */
/*
 * sh_line.c: any bytes as keys for the shell's line editor, and every line that comes out of it
 * (and the bytes themselves) as commands for its parser.
 */
#include <assert.h>
#include <string.h>
#include "cmd/sh/edit.h"
#include "cmd/sh/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	(void)text;
	assert(len);
}

static size_t complete(void *ctx, const char *line, size_t pos, char *buf, size_t size)
{
	(void)ctx;
	assert(pos <= strlen(line) && size > 4);
	memcpy(buf, "done", 4);
	return pos & 4;
}

static void parse_all(const char *text)
{
	static struct parse_command c;
	struct parse p;
	int r;

	parse_begin(&p, text);
	while ((r = parse_next(&p, &c, -1)) > 0) {
		assert(c.argc > 0 && c.argc < PARSE_WORDS && !c.argv[c.argc]);
		for (int i = 0; i < c.argc; i++)
			assert(c.argv[i] >= c.text && strlen(c.argv[i]) < PARSE_TEXT);
		assert(p.at >= text && p.at <= text + strlen(text));
	}
	assert(!r || p.error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct edit e;
	char text[4096];
	size_t len = size < sizeof(text) - 1 ? size : sizeof(text) - 1;

	memset(&e, 0, sizeof(e));
	e.show = show;
	e.complete = complete;
	edit_begin(&e, "$ ");
	for (size_t i = 0; i < size; i++) {
		enum edit_result r = edit_key(&e, data[i]);

		assert(e.pos <= e.len && e.len < EDIT_LINE_MAX);
		if (r == EDIT_LINE)
			parse_all(e.line);
		if (r != EDIT_MORE)
			edit_begin(&e, "$ ");
	}
	memcpy(text, data, len);
	text[len] = '\0';
	parse_all(text);
	return 0;
}
