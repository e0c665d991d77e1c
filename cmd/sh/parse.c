/* SPDX-License-Identifier: ISC */
/* parse.c: see parse.h. Commands are read one by one, so that $? is the status of the one before.
 */
#include <stdio.h>
#include <string.h>
#include "cmd/sh/parse.h"

struct words {
	struct parse *p;
	struct parse_command *c;
	size_t used; /* of c->text */
	int status;
};

void parse_begin(struct parse *p, const char *line)
{
	*p = (struct parse){.at = line, .first = true};
}

static int fail(struct parse *p, const char *error)
{
	p->error = error;
	return -1;
}

static void blanks_skip(struct parse *p)
{
	while (*p->at == ' ' || *p->at == '\t' || *p->at == '\r')
		p->at++;
	if (*p->at == '#')
		p->at += strcspn(p->at, "\n");
}

static bool put(struct words *w, char c)
{
	if (w->used == PARSE_TEXT - 1)
		return false;
	w->c->text[w->used++] = c;
	return true;
}

static bool put_status(struct words *w)
{
	char number[16];
	bool ok = true;

	snprintf(number, sizeof(number), "%d", w->status);
	for (const char *d = number; *d; d++)
		ok = ok && put(w, *d);
	w->p->at += 2;
	return ok;
}

static bool starts_status(const char *at)
{
	return at[0] == '$' && at[1] == '?';
}

static int quoted(struct words *w, char quote)
{
	struct parse *p = w->p;

	for (p->at++; *p->at != quote;) {
		bool ok;

		if (!*p->at)
			return fail(p, "a quote does not end");
		if (quote == '"' && starts_status(p->at)) {
			ok = put_status(w);
		} else {
			if (quote == '"' && *p->at == '\\' && p->at[1] && strchr("\"\\$", p->at[1]))
				p->at++;
			ok = put(w, *p->at++);
		}
		if (!ok)
			return fail(p, "a command is too long");
	}
	p->at++;
	return 0;
}

static bool ends_word(char c)
{
	return !c || strchr(" \t\r\n;&|>", c);
}

/* One word to c->text; *out points to it. */
static int word(struct words *w, char **out)
{
	struct parse *p = w->p;
	bool ok = true;

	*out = w->c->text + w->used;
	while (!ends_word(*p->at) && ok) {
		if (*p->at == '\'' || *p->at == '"') {
			if (quoted(w, *p->at))
				return -1;
		} else if (starts_status(p->at)) {
			ok = put_status(w);
		} else {
			if (*p->at == '\\' && p->at[1])
				p->at++;
			ok = put(w, *p->at++);
		}
	}
	return ok && put(w, '\0') ? 0 : fail(p, "a command is too long");
}

static int target(struct words *w)
{
	struct parse_command *c = w->c;
	struct parse *p = w->p;

	if (c->target)
		return fail(p, "more than one >");
	c->append = p->at[1] == '>';
	p->at += c->append ? 2 : 1;
	blanks_skip(p);
	if (ends_word(*p->at))
		return fail(p, "a file name is missing behind >");
	return word(w, &c->target);
}

/* Words up to the end of the command. */
static int command(struct words *w)
{
	struct parse_command *c = w->c;
	struct parse *p = w->p;

	for (;;) {
		blanks_skip(p);
		if (*p->at == '>') {
			if (target(w))
				return -1;
		} else if (ends_word(*p->at)) {
			break;
		} else if (c->argc == PARSE_WORDS - 1) {
			return fail(p, "too many words");
		} else if (word(w, &c->argv[c->argc++])) {
			return -1;
		}
	}
	c->argv[c->argc] = NULL;
	if (!c->argc && c->target)
		return fail(p, "a command is missing before >");
	return 0;
}

/* Up to the next command; *join says when it runs. 1: it begins at p->at; 0: the end; -1. */
static int joint(struct parse *p, enum parse_join *join)
{
	for (*join = PARSE_ALWAYS;;) {
		blanks_skip(p);
		if (!*p->at)
			return *join == PARSE_ALWAYS ? 0 : fail(p, "a command is missing");
		if (*p->at == '\n' || (*p->at == ';' && *join == PARSE_ALWAYS)) {
			p->first = *join == PARSE_ALWAYS;
			p->lines += *p->at == '\n';
			p->at++;
		} else if (strchr(";&|", *p->at)) {
			if (*p->at != ';' && p->at[1] != *p->at)
				return fail(p, "single & and | are not known here");
			if (p->first || *join != PARSE_ALWAYS)
				return fail(p, "a command is missing");
			*join = *p->at == '&' ? PARSE_AND : PARSE_OR;
			p->at += 2;
		} else {
			return 1;
		}
	}
}

int parse_next(struct parse *p, struct parse_command *c, int status)
{
	struct words w = {.p = p, .c = c, .status = status};
	int r;

	c->argc = 0;
	c->target = NULL;
	c->append = false;
	r = joint(p, &c->join);
	if (r <= 0)
		return r;
	p->first = false;
	return command(&w) ? -1 : 1;
}

int parse_line(struct parse *p, struct parse_command *c, int status)
{
	struct parse rest = *p;
	int r = parse_next(&rest, c, status);
	unsigned line = rest.lines;

	if (r > 0 && (line != p->lines || p->first)) {
		while (r > 0 && rest.lines == line)
			r = parse_next(&rest, c, status);
		if (r < 0 && rest.lines == line) {
			*p = rest;
			return r;
		}
	}
	return parse_next(p, c, status);
}
