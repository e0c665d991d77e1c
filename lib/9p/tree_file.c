/* SPDX-License-Identifier: ISC */
/*
 * tree_file.c: what synthetic files contain and what writing to them does.
 *
 * Invariant: fid->aux is a struct p9_tree_open for an open file that is no directory, else NULL;
 * the file's open and close callbacks are called once each. A command's words lie in the tree's
 * one buffer and are gone when the handler returns.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "9p/tree_private.h"

/* ---- open and clunk ---------------------------------------------------------------------- */

/* The text has become what it is: its opener pays. */
static int text_charge(struct p9_fid *fid, struct p9_tree_open *open)
{
	uint32_t more = open->text.size - open->charged; /* it never shrinks */

	if (!open->text.failed && !p9_fid_charge(fid, more)) {
		open->charged += more;
		return 0;
	}
	p9_text_free(&open->text);
	p9_fid_uncharge(fid, open->charged);
	open->charged = 0;
	return -ENOMEM;
}

static int text_make(struct p9_call *call, struct p9_tree_open *open)
{
	int err;

	open->text.len = 0;
	err = call->file->text(call, &open->text);
	if (!err)
		err = text_charge(call->fid, open);
	open->fresh = open->unread = !err;
	return err;
}

static int access_check(const struct p9_entry *file, uint32_t oflags)
{
	uint32_t access = oflags & P9_O_ACCMODE;

	if (access != P9_O_WRONLY && !file->text && !file->log && !file->read)
		return -EACCES;
	if (access != P9_O_RDONLY && !file->commands && !file->line && !file->write)
		return -EACCES;
	return 0;
}

static int content_begin(struct p9_call *call, struct p9_tree_open *open, uint32_t oflags)
{
	struct p9_log *log;

	if ((oflags & P9_O_ACCMODE) == P9_O_WRONLY)
		return 0;
	if (call->file->text && (oflags & P9_O_ACCMODE) == P9_O_RDONLY)
		return text_make(call, open);
	if (!call->file->log)
		return 0;
	log = call->file->log(call);
	if (!log)
		return -ENOENT;
	p9_log_attach(&open->reader, log);
	return 0;
}

static int file_begin(struct p9_call *call, struct p9_tree_open *open, uint32_t oflags)
{
	int err = call->file->open ? call->file->open(call, oflags) : 0;

	if (err)
		return err;
	err = content_begin(call, open, oflags);
	if (err && call->file->close)
		call->file->close(call);
	return err;
}

int p9_tree_op_open(struct p9_request *req, struct p9_fid *fid, uint32_t oflags)
{
	const struct p9_entry *file = fid->node;
	struct p9_call call = p9_tree_call(req, fid);
	struct p9_tree_open *open;
	int err = file->check ? file->check(&call) : 0;

	if (err || fid->qid.type & P9_QTDIR)
		return err;
	err = access_check(file, oflags);
	if (err)
		return err;
	err = p9_fid_charge(fid, sizeof(*open));
	if (err)
		return err;
	open = calloc(1, sizeof(*open));
	call.state = open ? &open->state : NULL;
	err = open ? file_begin(&call, open, oflags) : -ENOMEM;
	if (!err) {
		fid->aux = open;
		return 0;
	}
	p9_fid_uncharge(fid, sizeof(*open) + (open ? open->charged : 0));
	if (open)
		p9_text_free(&open->text);
	free(open);
	return err;
}

void p9_tree_op_clunk(struct p9_fid *fid)
{
	struct p9_tree_open *open = fid->aux;
	struct p9_call call;

	if (!open)
		return;
	call = p9_tree_call(NULL, fid);
	if (call.file->close)
		call.file->close(&call);
	p9_text_free(&open->text);
	free(open);
	fid->aux = NULL;
}

int p9_tree_op_flush(struct p9_request *req)
{
	struct p9_tree_open *open = req->fid ? req->fid->aux : NULL;
	struct p9_call call;

	if (!open)
		return P9_KEEP;
	call = p9_tree_call(req, req->fid);
	if (req->t.type == P9_TREAD && open->reader.log) {
		p9_log_flush(open->reader.log, req);
		return 0;
	}
	return call.file->flush ? call.file->flush(&call) : P9_KEEP;
}

/* ---- read -------------------------------------------------------------------------------- */

static int text_read(struct p9_call *call, struct p9_tree_open *open, uint64_t offset,
		     uint32_t count)
{
	int err;

	if (!open->fresh || (!offset && !open->unread)) {
		err = text_make(call, open);
		if (err)
			return err;
	}
	open->unread = false;
	if (offset >= open->text.len)
		return 0;
	if (count > open->text.len - offset)
		count = open->text.len - (uint32_t)offset;
	return p9_respond_data(call->req, open->text.ptr + offset, count);
}

int p9_tree_op_read(struct p9_request *req, struct p9_fid *fid, uint64_t offset, uint32_t count)
{
	struct p9_tree_open *open = fid->aux;
	struct p9_call call = p9_tree_call(req, fid);

	if (call.file->text)
		return text_read(&call, open, offset, count);
	if (open->reader.log)
		return p9_log_read(&open->reader, req, count);
	return call.file->read(&call, offset, count);
}

/* ---- write ------------------------------------------------------------------------------- */

int p9_tree_fail(struct p9_call *call, int err, const char *fmt, ...)
{
	char reason[P9_TREE_REASON_MAX];
	va_list args;

	if (!call->tree->complain)
		return -err;
	va_start(args, fmt);
	vsnprintf(reason, sizeof(reason), fmt, args);
	va_end(args);
	for (char *c = reason; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?'; /* it ends on somebody's terminal */
	call->tree->complain(call, reason);
	return -err;
}

static int command_run(struct p9_call *call, char *line)
{
	const struct p9_command *c = call->file->commands;
	char *argv[P9_TREE_WORDS_MAX];
	int argc = p9_words_split(line, argv, P9_TREE_WORDS_MAX);

	if (argc == -E2BIG)
		return p9_tree_fail(call, EINVAL, "too many words");
	if (argc < 0)
		return p9_tree_fail(call, EINVAL, "a quote does not end");
	if (!argc)
		return 0;
	while (c->word && strcmp(c->word, argv[0]))
		c++;
	if (!c->word)
		return p9_tree_fail(call, EINVAL, "unknown command '%.40s'", argv[0]);
	if (argc - 1 < c->min || (c->max >= 0 && argc - 1 > c->max))
		return p9_tree_fail(call, EINVAL, "usage: %s", c->usage);
	return c->run(call, argc, argv);
}

/* Each line in turn; *used counts the bytes that are done. */
static int lines_run(struct p9_call *call, char *text, uint32_t len, uint32_t *used)
{
	char *line, *end;
	int r = 0;

	for (*used = 0; *used < len && !r; *used += (uint32_t)(end - line) + 1) {
		line = text + *used;
		end = strchr(line, '\n');
		if (!end)
			end = text + len;
		*end = '\0';
		r = call->file->line ? call->file->line(call, line) : command_run(call, line);
	}
	if (*used > len)
		*used = len;
	return r;
}

static int text_write(struct p9_call *call, uint32_t count)
{
	char *text = call->tree->words;
	uint32_t used;
	int r;

	if (count > P9_TREE_WRITE_MAX)
		return -EMSGSIZE;
	r = p9_request_get(call->req, 0, text, count);
	if (r)
		return r;
	text[count] = '\0';
	if (memchr(text, '\0', count))
		return p9_tree_fail(call, EINVAL, "a NUL byte in a command");
	r = lines_run(call, text, count, &used);
	if (r >= 0)
		p9_request_wrote(call->req, used);
	return r;
}

int p9_tree_op_write(struct p9_request *req, struct p9_fid *fid, uint64_t offset, uint32_t count)
{
	struct p9_call call = p9_tree_call(req, fid);
	struct p9_tree_open *open = fid->aux;

	open->fresh = false;
	if (call.file->write)
		return call.file->write(&call, offset, count);
	return text_write(&call, count);
}
