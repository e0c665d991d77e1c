/* SPDX-License-Identifier: ISC */
/*
 * tree.c: the console as files.
 *
 *	cons	    read what is typed, write to the screen
 *	consctl	    rawon | rawoff | intron | introff | drain (waits until all that was written
 *		    before has left the machine). Raw mode holds while an opener that asked for
 *		    it has the file open; with the last one cooked mode returns
 *	consintr    blocks; one line "interrupt" each ^C
 *
 * Who reads takes what was typed from everybody else, so only silos of system tier open these. A
 * program of user tier is given a session whose file is open (control-tree.md, "console").
 */
#include <errno.h>
#include <string.h>
#include "servers/consoled/console.h"

static int cons_read(struct p9_call *call, uint64_t offset, uint32_t count)
{
	struct console *c = call->ctx;
	const uint8_t *at;
	uint32_t n;

	(void)offset;
	if (!count)
		return 0;
	if (c->asleep) {
		c->asleep = false;
		console_input(c);
	}
	n = bytes_piece(&c->m->ready, &at, count);
	if (!n && c->m->ends && !c->readers.first) {
		c->m->ends--;
		return 0;
	}
	if (!n || c->readers.first)
		return waiters_add(&c->readers, call->req);
	bytes_drop(&c->m->ready, n);
	return p9_respond_data(call->req, at, n);
}

static int open_gate(struct p9_call *call, uint32_t oflags)
{
	(void)oflags;
	return call->req->from.flags & IDENTITY_SYSTEM ? 0 : -EPERM;
}

/* As much of a write as there is room for, or an error. */
static int64_t write_take(struct console *c, struct p9_request *req, uint32_t count)
{
	uint8_t piece[512];
	uint32_t done = 0, shown, n;
	int err;

	while (done < count) {
		n = count - done < sizeof(piece) ? count - done : (uint32_t)sizeof(piece);
		err = p9_request_get(req, done, piece, n);
		if (err)
			return done ? (int64_t)done : err;
		shown = console_show(c, piece, n);
		done += shown;
		if (shown < n)
			break;
	}
	return done;
}

static int cons_write(struct p9_call *call, uint64_t offset, uint32_t count)
{
	struct console *c = call->ctx;
	int64_t n;

	(void)offset;
	if (!count)
		return 0;
	if (c->writers.first)
		return waiters_add(&c->writers, call->req);
	n = write_take(c, call->req, count);
	if (!n)
		return waiters_add(&c->writers, call->req);
	if (n < 0)
		return (int)n;
	p9_request_wrote(call->req, (uint32_t)n);
	return 0;
}

void console_drain(struct console *c)
{
	struct p9_request *req;
	int64_t n;

	/* Two bytes are what a line end needs: less is no room. */
	while (pipe_room(&c->m->pump.to) >= 2 && (req = waiters_take(&c->writers))) {
		n = write_take(c, req, req->t.write.data.len);
		if (n > 0)
			p9_request_wrote(req, (uint32_t)n);
		p9_respond(req, n < 0 ? (int)n : n ? 0 : -EIO);
	}
}

static void on_room(struct serve_watch *w, const struct event *e)
{
	(void)e;
	console_drain(w->arg);
}

void console_input(struct console *c)
{
	uint8_t buf[256];
	uint32_t n;

	while ((n = pipe_get(&c->m->pump.from, buf, sizeof(buf)))) {
		for (uint32_t i = 0; i < n; i++)
			console_typed(c, buf[i]);
		pipe_ring_emptied(&c->m->pump.from);
	}
	console_feed(c);
}

/* Before somebody reads: a ^C counts at once, and drops what was typed before it, as ever. */
static void interrupt_find(struct console *c)
{
	static uint8_t typed[PIPE_SIZE];
	const uint8_t *at;
	uint32_t n = pipe_peek(&c->m->pump.from, typed, sizeof(typed));

	while (!c->m->introff && (at = memchr(typed, KEY_INTR, n))) {
		pipe_drop(&c->m->pump.from, (uint32_t)(at - typed) + 1);
		pipe_ring_emptied(&c->m->pump.from);
		console_typed(c, KEY_INTR);
		n = pipe_peek(&c->m->pump.from, typed, sizeof(typed));
	}
}

static void on_input(struct serve_watch *w, const struct event *e)
{
	struct console *c = w->arg;

	(void)e;
	if (c->asleep)
		interrupt_find(c);
	else
		console_input(c);
}

static void on_drained(struct serve_watch *w, const struct event *e)
{
	struct console *c = w->arg;
	struct p9_request *req;

	(void)e;
	if ((int32_t)(atomic_load(&c->m->pump.drained) - c->drain_goal) < 0)
		return;
	while ((req = waiters_take(&c->drainers)))
		p9_respond(req, 0);
}

int console_watch(struct console *c)
{
	int err;

	c->from_watch = (struct serve_watch){.fn = on_input, .arg = c};
	c->to_watch = (struct serve_watch){.fn = on_room, .arg = c};
	c->drain_watch = (struct serve_watch){.fn = on_drained, .arg = c};
	err = serve_watch_memory(c->serve, &c->drain_watch, &c->m->pump.drained);
	if (err)
		return err;
	err = serve_watch_memory(c->serve, &c->from_watch, &c->m->pump.from.filled);
	return err ? err : serve_watch_memory(c->serve, &c->to_watch, &c->m->pump.to.emptied);
}

static int cons_flush(struct p9_call *call)
{
	struct console *c = call->ctx;

	if (!waiters_remove(&c->readers, call->req))
		waiters_remove(&c->writers, call->req);
	return 0;
}

static int cons_attr(struct p9_call *call, struct p9_attr *attr)
{
	(void)call;
	attr->qid.type |= P9_QTAPPEND;
	return 0;
}

/* The opener's state is whether it holds raw mode. */
static void raw_set(struct p9_call *call, bool raw)
{
	if (raw == (*call->state != NULL))
		return;
	*call->state = raw ? call->ctx : NULL;
	console_raw(call->ctx, raw);
}

static int ctl_rawon(struct p9_call *call, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	raw_set(call, true);
	return 0;
}

static int ctl_rawoff(struct p9_call *call, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	raw_set(call, false);
	return 0;
}

static int ctl_intron(struct p9_call *call, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	((struct console *)call->ctx)->m->introff = false;
	return 0;
}

static int ctl_introff(struct p9_call *call, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	((struct console *)call->ctx)->m->introff = true;
	return 0;
}

/* Waiters of one drain share it with those who came before and are not done. */
static int ctl_drain(struct p9_call *call, int argc, char **argv)
{
	struct console *c = call->ctx;

	(void)argc;
	(void)argv;
	waiters_add(&c->drainers, call->req);
	c->drain_goal = pump_drain(&c->m->pump);
	return P9_KEEP;
}

static int ctl_forget(struct p9_call *call)
{
	struct console *c = call->ctx;

	waiters_remove(&c->drainers, call->req);
	return 0;
}

static void ctl_close(struct p9_call *call)
{
	raw_set(call, false);
}

static int ctl_text(struct p9_call *call, struct p9_text *out)
{
	struct console *c = call->ctx;

	p9_text_printf(out, "%s\n%s\n", c->raw ? "rawon" : "rawoff",
		       c->m->introff ? "introff" : "intron");
	p9_text_printf(out, "device %s\nreopened %llu\ndropped %llu\n", c->m->pump.device,
		       (unsigned long long)atomic_load(&c->m->pump.reopened),
		       (unsigned long long)c->dropped);
	return 0;
}

static struct p9_log *intr_log(struct p9_call *call)
{
	return &((struct console *)call->ctx)->interrupts;
}

static const struct p9_command ctl_commands[] = {
	{.word = "rawon", .run = ctl_rawon, .usage = "rawon"},
	{.word = "rawoff", .run = ctl_rawoff, .usage = "rawoff"},
	{.word = "intron", .run = ctl_intron, .usage = "intron"},
	{.word = "introff", .run = ctl_introff, .usage = "introff"},
	{.word = "drain", .run = ctl_drain, .usage = "drain"},
	{.word = NULL},
};

static const struct p9_file files[] = {
	{.name = "cons",
	 .mode = P9_S_IFREG | 0666,
	 .open = open_gate,
	 .read = cons_read,
	 .write = cons_write,
	 .flush = cons_flush,
	 .attr = cons_attr},
	{.name = "consctl",
	 .mode = P9_S_IFREG | 0666,
	 .open = open_gate,
	 .text = ctl_text,
	 .commands = ctl_commands,
	 .flush = ctl_forget,
	 .close = ctl_close},
	{.name = "consintr", .mode = P9_S_IFREG | 0444, .open = open_gate, .log = intr_log},
	{.name = NULL},
};

const struct p9_file console_tree = {.name = "/", .mode = P9_S_IFDIR | 0555, .children = files};
