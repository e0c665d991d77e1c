/* SPDX-License-Identifier: ISC */
/*
 * line.c: the line discipline: from keys to what readers get.
 *
 * Cooked (the default): what is typed is shown, a line is readable when it ends; backspace, ^W and
 * ^U edit it, ^D ends the file on an empty line and hands over an unfinished one. Raw: every byte
 * at once, nothing shown; who wants more (the shell's editor) does it himself.
 *
 * ^C is an event in both modes, for whoever reads /dev/consintr; it drops what was typed and not
 * read. In raw mode a reader who waits gets the byte as well.
 */
#include <errno.h>
#include <string.h>
#include "servers/consoled/console.h"

#define KEY_EOF	 4
#define KEY_BS	 8
#define KEY_KILL 21
#define KEY_WORD 23
#define KEY_DEL	 127

static bool memory_sane(struct console_memory *m)
{
	bool ready = bytes_adopt(&m->ready, m->ready_ring, READY_SIZE);

	return m->magic == CONSOLE_MAGIC && m->version == CONSOLE_VERSION && ready &&
	       pump_adopt(&m->pump) && m->line_len <= LINE_SIZE;
}

int console_init(struct console *c)
{
	struct console_memory *m = serve_state(sizeof(*m));

	if (!m)
		return -ENOMEM;
	c->m = m;
	c->asleep = memory_sane(m);
	if (c->asleep)
		return 0;
	memset(m, 0, sizeof(*m));
	(void)bytes_adopt(&m->ready, m->ready_ring, READY_SIZE);
	m->version = CONSOLE_VERSION;
	__atomic_store_n(&m->magic, CONSOLE_MAGIC, __ATOMIC_RELEASE);
	return 0;
}

uint32_t console_show(struct console *c, const uint8_t *text, uint32_t len)
{
	static const uint8_t crlf[] = {'\r', '\n'};
	uint32_t done = 0, run;

	while (done < len) {
		for (run = 0; done + run < len && text[done + run] != '\n'; run++)
			;
		if (run) {
			uint32_t put = pipe_put(&c->m->pump.to, text + done, run);

			done += put;
			if (put < run)
				break;
		}
		if (done < len) {
			if (pipe_room(&c->m->pump.to) < 2)
				break;
			pipe_put(&c->m->pump.to, crlf, 2);
			done++;
		}
	}
	if (done)
		pipe_ring_filled(&c->m->pump.to);
	return done;
}

/* An echo that finds no room is lost: the screen is behind anyway. */
static void echo(struct console *c, const char *text, uint32_t len)
{
	console_show(c, (const uint8_t *)text, len);
}

void console_feed(struct console *c)
{
	struct p9_request *req;
	const uint8_t *at;
	uint32_t n;

	while ((bytes_used(&c->m->ready) || c->m->ends) && (req = waiters_take(&c->readers))) {
		n = bytes_piece(&c->m->ready, &at, req->t.read.count);
		if (!n)
			c->m->ends--;
		bytes_drop(&c->m->ready, n);
		p9_respond_data(req, at, n);
	}
}

static void ready_put(struct console *c, uint8_t byte)
{
	if (!bytes_put(&c->m->ready, byte))
		c->dropped++;
}

/* The line, as it stands, becomes readable. */
static void line_end(struct console *c)
{
	for (uint32_t i = 0; i < c->m->line_len; i++)
		ready_put(c, c->m->line[i]);
	c->m->line_len = 0;
	console_feed(c);
}

static void erase(struct console *c)
{
	if (!c->m->line_len)
		return;
	/* A character of UTF-8 is one place on the screen. */
	while (c->m->line_len > 1 && (c->m->line[c->m->line_len - 1] & 0xc0) == 0x80)
		c->m->line_len--;
	c->m->line_len--;
	echo(c, "\b \b", 3);
}

static void erase_word(struct console *c)
{
	while (c->m->line_len && c->m->line[c->m->line_len - 1] == ' ')
		erase(c);
	while (c->m->line_len && c->m->line[c->m->line_len - 1] != ' ')
		erase(c);
}

static void interrupted(struct console *c)
{
	static const char text[] = "interrupt\n";

	c->m->line_len = 0;
	bytes_drop(&c->m->ready, bytes_used(&c->m->ready));
	p9_log_append(&c->interrupts, text, sizeof(text) - 1);
	if (!c->raw)
		echo(c, "^C\n", 3);
	else if (c->readers.first)
		ready_put(c, KEY_INTR);
	console_feed(c);
}

static void typed_cooked(struct console *c, uint8_t byte)
{
	char shown = (char)byte;

	switch (byte) {
	case KEY_BS:
	case KEY_DEL: erase(c); return;
	case KEY_WORD: erase_word(c); return;
	case KEY_KILL:
		while (c->m->line_len)
			erase(c);
		return;
	case KEY_EOF:
		if (!c->m->line_len)
			c->m->ends++;
		line_end(c);
		return;
	case '\r': byte = '\n'; break;
	default:
		if (byte < 0x20 && byte != '\t' && byte != '\n')
			return;
	}
	if (c->m->line_len == LINE_SIZE) {
		echo(c, "\a", 1);
		return;
	}
	c->m->line[c->m->line_len++] = byte;
	if (byte == '\n') {
		echo(c, "\n", 1);
		line_end(c);
	} else {
		echo(c, &shown, 1);
	}
}

void console_typed(struct console *c, uint8_t byte)
{
	if (byte == KEY_INTR && !c->m->introff) {
		interrupted(c);
	} else if (c->raw) {
		ready_put(c, byte);
	} else {
		typed_cooked(c, byte);
	}
}

void console_raw(struct console *c, bool raw)
{
	c->raw += raw ? 1u : -1u;
	line_end(c);
}
