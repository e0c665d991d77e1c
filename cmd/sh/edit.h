/* SPDX-License-Identifier: ISC */
/*
 * edit.h: a line editor with history, as a machine: keys go in one by one, what the screen has to
 * show comes out by a callback. No I/O, no allocation. Used by the shell and the recovery shell.
 *
 * Text is UTF-8: the cursor moves by characters, and each is taken to have one column. Bytes that
 * are no UTF-8 are characters of their own.
 *
 * Keys: arrows, Home, End, Delete, Backspace; ^A ^E ^B ^F ^P ^N ^K ^U ^W ^D ^L ^C; Tab when the
 * owner completes. A screen with the usual escape sequences (ECMA-48) is assumed.
 *
 * Invariant: line[0 .. len) is what stands behind the prompt, pos <= len where the cursor is.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define EDIT_LINE_MAX 1024u /* with the NUL */
#define EDIT_HISTORY  32u

enum edit_result {
	EDIT_MORE,	/* the line goes on */
	EDIT_LINE,	/* Enter: line is complete and in the history */
	EDIT_END,	/* ^D on an empty line */
	EDIT_INTERRUPT, /* ^C: the line is given up */
};

enum edit_state { EDIT_PLAIN, EDIT_ESCAPE, EDIT_BRACKET, EDIT_NUMBER };

struct edit {
	void (*show)(void *ctx, const char *text, size_t len);
	/* Optional, for Tab: text to insert at the cursor into buf (size bytes); its length. */
	size_t (*complete)(void *ctx, const char *line, size_t pos, char *buf, size_t size);
	void *ctx;
	const char *prompt;
	char line[EDIT_LINE_MAX];
	unsigned len, pos;
	/* private */
	enum edit_state state;
	unsigned number; /* in an escape sequence */
	char last;	 /* CR LF is one Enter */
	char partial[4]; /* a character of which bytes are missing */
	unsigned partial_len, partial_want;
	char history[EDIT_HISTORY][EDIT_LINE_MAX];
	unsigned lines, at;	  /* of history: how many, and which one is shown (0: none) */
	char kept[EDIT_LINE_MAX]; /* what was typed before history was looked at */
};

/* Show the prompt and begin an empty line. */
void edit_begin(struct edit *e, const char *prompt);
/* One byte from the keyboard. */
enum edit_result edit_key(struct edit *e, uint8_t key);
/* Show prompt and line again, on a fresh line: something else was written meanwhile. */
void edit_redraw(struct edit *e);
