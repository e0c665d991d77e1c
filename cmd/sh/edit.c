/* SPDX-License-Identifier: ISC */
/* edit.c: the machine behind edit.h. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "cmd/sh/edit.h"

#define CTRL(c) ((c)&0x1f)

static void show(struct edit *e, const char *text, size_t len)
{
	if (len)
		e->show(e->ctx, text, len);
}

static void show_text(struct edit *e, const char *text)
{
	show(e, text, strlen(text));
}

/* Does the character before it go on with this byte? */
static bool goes_on(char c)
{
	return ((uint8_t)c & 0xc0) == 0x80;
}

/* Columns of what stands in line[from .. to). */
static unsigned columns(const struct edit *e, unsigned from, unsigned to)
{
	unsigned n = 0;

	for (unsigned i = from; i < to; i++)
		n += i == from || !goes_on(e->line[i]);
	return n;
}

/* Where the character before the cursor begins, and that behind it. */
static unsigned before(const struct edit *e)
{
	unsigned pos = e->pos ? e->pos - 1 : 0;

	while (pos && e->pos - pos < 4 && goes_on(e->line[pos]))
		pos--;
	return pos;
}

static unsigned behind(const struct edit *e)
{
	unsigned pos = e->pos < e->len ? e->pos + 1 : e->pos;

	while (pos < e->len && pos - e->pos < 4 && goes_on(e->line[pos]))
		pos++;
	return pos;
}

static void cursor_left(struct edit *e, unsigned n)
{
	char move[16];

	if (!n)
		return;
	snprintf(move, sizeof(move), "\x1b[%uD", n);
	show_text(e, move);
}

/* Show the line from pos on and put the cursor back to pos. */
static void tail_show(struct edit *e)
{
	show(e, e->line + e->pos, e->len - e->pos);
	show_text(e, "\x1b[K");
	cursor_left(e, columns(e, e->pos, e->len));
}

static void move_to(struct edit *e, unsigned pos)
{
	if (pos < e->pos)
		cursor_left(e, columns(e, pos, e->pos));
	else
		show(e, e->line + e->pos, pos - e->pos);
	e->pos = pos;
}

static void insert(struct edit *e, const char *text, size_t n)
{
	if (e->len + n >= EDIT_LINE_MAX) {
		show_text(e, "\a");
		return;
	}
	memmove(e->line + e->pos + n, e->line + e->pos, e->len - e->pos);
	memcpy(e->line + e->pos, text, n);
	e->len += (unsigned)n;
	show(e, e->line + e->pos, n);
	e->pos += (unsigned)n;
	if (e->pos < e->len)
		tail_show(e);
}

/* Take out what stands between from and the cursor, or the cursor and to. */
static void cut(struct edit *e, unsigned from, unsigned to)
{
	if (from == to)
		return;
	move_to(e, from);
	memmove(e->line + from, e->line + to, e->len - to);
	e->len -= to - from;
	tail_show(e);
}

static void replace(struct edit *e, const char *text)
{
	size_t n = strlen(text);

	move_to(e, 0);
	memcpy(e->line, text, n);
	e->len = e->pos = (unsigned)n;
	show(e, e->line, n);
	show_text(e, "\x1b[K");
}

/* The line that was entered n lines ago, from 1. */
static char *history_line(struct edit *e, unsigned n)
{
	return e->history[(e->lines - n) % EDIT_HISTORY];
}

static void history_move(struct edit *e, bool back)
{
	unsigned kept = e->lines < EDIT_HISTORY ? e->lines : EDIT_HISTORY;

	if (back ? e->at == kept : e->at == 0)
		return;
	e->line[e->len] = '\0';
	if (e->at == 0)
		memcpy(e->kept, e->line, e->len + 1);
	e->at = back ? e->at + 1 : e->at - 1;
	replace(e, e->at ? history_line(e, e->at) : e->kept);
}

static void history_add(struct edit *e)
{
	if (!e->len || (e->lines && !strcmp(history_line(e, 1), e->line)))
		return;
	memcpy(e->history[e->lines % EDIT_HISTORY], e->line, e->len + 1);
	e->lines++;
}

void edit_begin(struct edit *e, const char *prompt)
{
	e->prompt = prompt;
	e->len = e->pos = e->at = e->partial_len = 0;
	e->state = EDIT_PLAIN;
	show_text(e, prompt);
}

void edit_redraw(struct edit *e)
{
	unsigned pos = e->pos;

	show_text(e, "\r\x1b[K");
	show_text(e, e->prompt);
	e->pos = 0;
	tail_show(e);
	move_to(e, pos);
}

static void word_cut(struct edit *e)
{
	unsigned from = e->pos;

	while (from && e->line[from - 1] == ' ')
		from--;
	while (from && e->line[from - 1] != ' ')
		from--;
	cut(e, from, e->pos);
}

static void complete(struct edit *e)
{
	char text[EDIT_LINE_MAX];
	size_t n;

	if (!e->complete)
		return;
	e->line[e->len] = '\0';
	n = e->complete(e->ctx, e->line, e->pos, text, sizeof(text));
	if (n)
		insert(e, text, n);
	else
		show_text(e, "\a");
}

/* The end of an escape sequence. */
static void sequence(struct edit *e, uint8_t key)
{
	switch (key) {
	case 'A': history_move(e, true); break;
	case 'B': history_move(e, false); break;
	case 'C': move_to(e, behind(e)); break;
	case 'D': move_to(e, before(e)); break;
	case 'H': move_to(e, 0); break;
	case 'F': move_to(e, e->len); break;
	case '~':
		if (e->number == 1 || e->number == 7)
			move_to(e, 0);
		else if (e->number == 4 || e->number == 8)
			move_to(e, e->len);
		else if (e->number == 3 && e->pos < e->len)
			cut(e, e->pos, behind(e));
		break;
	default: break; /* a key that means nothing here */
	}
}

static enum edit_result escape(struct edit *e, uint8_t key)
{
	if (e->state == EDIT_ESCAPE) {
		e->state = key == '[' || key == 'O' ? EDIT_BRACKET : EDIT_PLAIN;
		e->number = 0;
		return EDIT_MORE;
	}
	if (key >= '0' && key <= '9') {
		e->state = EDIT_NUMBER;
		e->number = e->number * 10 % 1000 + key - '0';
		return EDIT_MORE;
	}
	if (key == ';')
		return EDIT_MORE;
	e->state = EDIT_PLAIN;
	sequence(e, key);
	return EDIT_MORE;
}

static enum edit_result enter(struct edit *e)
{
	move_to(e, e->len);
	e->line[e->len] = '\0';
	show_text(e, "\n");
	history_add(e);
	return EDIT_LINE;
}

static enum edit_result control(struct edit *e, uint8_t key)
{
	switch (key) {
	case '\r':
	case '\n': return enter(e);
	case 0x1b: e->state = EDIT_ESCAPE; break;
	case CTRL('A'): move_to(e, 0); break;
	case CTRL('E'): move_to(e, e->len); break;
	case CTRL('B'): move_to(e, before(e)); break;
	case CTRL('F'): move_to(e, behind(e)); break;
	case CTRL('P'): history_move(e, true); break;
	case CTRL('N'): history_move(e, false); break;
	case CTRL('K'): cut(e, e->pos, e->len); break;
	case CTRL('U'): cut(e, 0, e->pos); break;
	case CTRL('W'): word_cut(e); break;
	case '\b':
	case 0x7f: cut(e, before(e), e->pos); break;
	case '\t': complete(e); break;
	case CTRL('L'):
		show_text(e, "\x1b[H\x1b[2J");
		edit_redraw(e);
		break;
	case CTRL('D'):
		if (!e->len) {
			show_text(e, "\n");
			return EDIT_END;
		}
		cut(e, e->pos, behind(e));
		break;
	case CTRL('C'):
		show_text(e, "^C\n");
		e->line[0] = '\0';
		e->len = e->pos = 0;
		return EDIT_INTERRUPT;
	default: break;
	}
	return EDIT_MORE;
}

/* A character goes in as a whole, so that what stands behind the cursor is shown right. */
static void text_key(struct edit *e, uint8_t key)
{
	char c = (char)key;

	if (e->partial_len && !goes_on(c)) {
		insert(e, e->partial, e->partial_len);
		e->partial_len = 0;
	}
	if (!e->partial_len)
		e->partial_want = key >= 0xf0 ? 4 : key >= 0xe0 ? 3 : key >= 0xc0 ? 2 : 1;
	e->partial[e->partial_len++] = c;
	if (e->partial_len < e->partial_want)
		return;
	insert(e, e->partial, e->partial_len);
	e->partial_len = 0;
}

enum edit_result edit_key(struct edit *e, uint8_t key)
{
	char c = (char)key, last = e->last;

	e->last = c;
	if (c == '\n' && last == '\r')
		return EDIT_MORE;
	if (e->state != EDIT_PLAIN)
		return escape(e, key);
	if (key >= 0x20 && key != 0x7f) {
		text_key(e, key);
		return EDIT_MORE;
	}
	if (e->partial_len)
		insert(e, e->partial, e->partial_len);
	e->partial_len = 0;
	return control(e, key);
}
