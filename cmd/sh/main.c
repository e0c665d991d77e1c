/* SPDX-License-Identifier: ISC */
/*
 * main.c: the prompt, or the file /boot/autorun in its place.
 *
 * Autorun is how a machine is told from outside what to do: the shell writes \x01BEGIN\x01 (without
 * a line end, so that who waits for it need not guess whether one follows), runs the file, writes
 * \x01END status\x01, and turns the machine off. A byte \x01 that a command writes is doubled
 * (out.c), so that it cannot pass for one of these.
 */
#include <stdlib.h>
#include <string.h>
#include "cmd/sh/sh.h"
#include "sys/error.h"
#include "sys/log.h"

#define AUTORUN	    "/boot/autorun"
#define AUTORUN_MAX (1u << 20)

static struct edit editor;

static void editor_show(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	out_bytes(text, len);
}

/* "bulkhead$ ", with the working directory if it is another than the root. */
static const char *prompt_text(void)
{
	static char text[80];
	const char *cwd = ns_client()->cwd;
	size_t len = strlen(cwd);
	bool cut = len > 48;

	if (len == 1)
		return "bulkhead$ ";
	snprintf(text, sizeof(text), "bulkhead %s%s$ ", cut ? "..." : "",
		 cut ? cwd + len - 48 : cwd);
	return text;
}

/* One line from the keyboard, or NULL at the end of the file. */
static char *line_read(void)
{
	uint8_t keys[64];
	enum edit_result r = EDIT_MORE;
	static uint8_t ahead[64]; /* typed behind an Enter */
	static int64_t left;

	console_raw(true);
	edit_begin(&editor, prompt_text());
	for (;;) {
		int64_t n = left, i = 0;

		if (n)
			memcpy(keys, ahead, (size_t)n);
		left = 0;
		if (!n) {
			out_flush();
			n = console_read(keys, sizeof(keys));
		}
		for (; i < n && r == EDIT_MORE; i++)
			r = edit_key(&editor, keys[i]);
		if (r == EDIT_MORE)
			continue;
		left = n - i;
		memcpy(ahead, keys + i, (size_t)left);
		out_flush();
		return r == EDIT_END ? NULL : editor.line;
	}
}

bool sh_unattended;

static int autorun(char *text)
{
	static const char begin[] = "\x01"
				    "BEGIN\x01";
	char *off[] = {"poweroff", NULL}, end[32];

	sh_unattended = true;
	console_write(begin, sizeof(begin) - 1);
	sh_run(text);
	out_flush();
	snprintf(end, sizeof(end),
		 "\x01"
		 "END %d\x01\n",
		 sh_status);
	console_write(end, strlen(end));
	console_drain();
	return sh_command(1, off);
}

static void prompt(void)
{
	char *line;

	out_text("Bulkhead. `help` lists the commands.\n");
	while (!sh_quit) {
		line = line_read();
		console_raw(false);
		if (!line) {
			out_text("The last shell stays; `poweroff` turns the machine off.\n");
			continue;
		}
		sh_run(line);
	}
}

int main(void)
{
	char *text = NULL;
	uint64_t len;
	int err;

	err = ns_init();
	if (err) {
		log_print("sh: no namespace: %s", error_text(err));
		return STATUS_FAILED;
	}
	console_open();
	editor.show = editor_show;
	editor.complete = path_complete;
	if (!ns_load_all(AUTORUN, AUTORUN_MAX, &text, &len) && autorun(text))
		out_text("sh: the machine stays on\n");
	free(text);
	prompt();
	return sh_status;
}
