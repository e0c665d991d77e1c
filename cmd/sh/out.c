/* SPDX-License-Identifier: ISC */
/* out.c: what commands print, buffered, to the console or to a file; and messages. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cmd/sh/sh.h"
#include "sys/error.h"

static char buffer[8192];
static size_t fill;
static struct p9_file *file; /* of >; NULL: the console */
static int failed;	     /* the first error of writing to file */

const struct command *current;

/* To the console. Who reads it from outside tells our marks by their single \x01 (main.c). */
static void screen(const char *text, size_t len)
{
	const char *at;

	while (sh_unattended && (at = memchr(text, '\x01', len))) {
		console_write(text, (size_t)(at - text) + 1);
		console_write(at, 1);
		len -= (size_t)(at - text) + 1;
		text = at + 1;
	}
	console_write(text, len);
}

int out_flush(void)
{
	size_t len = fill;

	fill = 0;
	if (!file)
		screen(buffer, len);
	else if (!failed && len)
		failed = ns_write_all(file, buffer, len);
	return failed;
}

void out_bytes(const void *bytes, size_t len)
{
	const char *at = bytes;

	while (len) {
		size_t n = sizeof(buffer) - fill < len ? sizeof(buffer) - fill : len;

		memcpy(buffer + fill, at, n);
		fill += n;
		at += n;
		len -= n;
		if (fill == sizeof(buffer))
			out_flush();
	}
}

void out_text(const char *text)
{
	out_bytes(text, strlen(text));
}

void out_printf(const char *fmt, ...)
{
	char text[2048];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (len > 0)
		out_bytes(text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

int out_redirect(const char *path, bool append)
{
	uint32_t flags = P9_O_WRONLY | P9_O_CREAT | (append ? P9_O_APPEND : P9_O_TRUNC);
	struct p9_attr attr;
	int err;

	out_flush();
	/* A device or control file is written to as it is. */
	err = ns_open(path, flags, 0644, &file);
	if (err == -EROFS || err == -EPERM || err == -EOPNOTSUPP || err == -EINVAL) {
		int again = ns_open(path, P9_O_WRONLY, 0, &file);

		/* That it is not there is no news: it could not be made. */
		if (again != -ENOENT)
			err = again;
	}
	if (err)
		file = NULL;
	failed = 0;
	if (!err && append && !p9_client_getattr(file, P9_GETATTR_SIZE, &attr))
		file->offset = attr.size;
	return err;
}

int out_restore(void)
{
	int err = out_flush();

	failed = 0;
	if (file)
		p9_client_close(file);
	file = NULL;
	return err;
}

static void message(const char *text)
{
	struct p9_file *target = file;

	/* Behind what was printed so far, where that goes to the console too. */
	if (!target)
		out_flush();
	screen(text, strlen(text));
}

int complain(const char *fmt, ...)
{
	char text[1024];
	va_list args;
	int len = 0;

	if (current)
		len = snprintf(text, sizeof(text), "%s: ", current->name);
	va_start(args, fmt);
	vsnprintf(text + len, sizeof(text) - (size_t)len - 1, fmt, args);
	va_end(args);
	strcat(text, "\n");
	message(text);
	return STATUS_FAILED;
}

/* What somebody can do about it. */
static const char *advice(int err)
{
	switch (err) {
	case -EPIPE: return " (its server is gone: `silo list`)";
	case -ERESTART: return " (its server is being restarted: try again)";
	case -ETIMEDOUT: return " (its server does not answer: `silo list`)";
	case -EROFS: return " (try /tmp)";
	case -EISDIR: return " (`ls` lists it)";
	case -EXDEV: return " (`cp`, then `rm`)";
	case -ENOTEMPTY: return " (`rm -r`)";
	default: return "";
	}
}

int complain_error(const char *what, int64_t err)
{
	if (err == -EINTR) {
		complain("%s: interrupted", what);
		return STATUS_INTERRUPTED;
	}
	return complain("%s: %s%s", what, error_text((int)err), advice((int)err));
}

int complain_usage(void)
{
	complain("use it as: %s%s%s", current->name, *current->usage ? " " : "", current->usage);
	return STATUS_USAGE;
}
