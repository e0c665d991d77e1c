/* SPDX-License-Identifier: ISC */
/*
 * console.h: one terminal on a serial line.
 *
 * The main thread serves /dev/cons, /dev/consctl and /dev/consintr and owns everything here but the
 * pump (pump.h), whose two threads make the blocking calls to the driver.
 *
 * What was typed and not read, and written and not sent, lies in memory that outlives consoled
 * (struct console_memory). After a restart it is looked at when somebody reads again: until then
 * nobody has said whether it is raw. Only ^C counts at once.
 *
 * Invariant: a reader of /dev/cons waits only while `ready` is empty and no end of file is due, a
 * writer only while the pipe `to` is full.
 */
#pragma once
#include "9p/tree.h"
#include "serve/bytes.h"
#include "serve/serve.h"
#include "serve/waiters.h"
#include "serve/pump.h"

#define LINE_SIZE  1024u /* of a line in cooked mode */
#define READY_SIZE 4096u
#define KEY_INTR   3

#define CONSOLE_MAGIC	0x534e4f43u /* "CONS" */
#define CONSOLE_VERSION 1u

/* Who may lie: a predecessor that was broken wrote it. */
struct console_memory {
	uint32_t magic, version;
	struct pump pump;
	struct bytes ready; /* what readers get */
	uint8_t ready_ring[READY_SIZE];
	uint8_t line[LINE_SIZE]; /* being typed, in cooked mode */
	uint32_t line_len;
	uint32_t ends; /* of file, typed on an empty line */
	bool introff;  /* ^C is an ordinary byte */
};

struct console {
	struct serve *serve;
	struct p9_tree tree;
	struct serve_watch from_watch, to_watch, drain_watch;
	struct console_memory *m;
	bool asleep;  /* nobody has read since a restart */
	uint32_t raw; /* openers that said rawon */
	struct waiters readers, writers, drainers;
	uint32_t drain_goal; /* of the last drainer: pump.drained has to reach it */
	struct p9_log interrupts;
	uint64_t dropped; /* bytes typed when nobody read */
};

/* ---- line.c: the line discipline
 * ----------------------------------------------------------------- */
/* Go on with what a predecessor left, or begin anew. -ENOMEM. */
P9_MUST int console_init(struct console *c);
/* One byte was typed. */
void console_typed(struct console *c, uint8_t byte);
/* Give readers what is ready. */
void console_feed(struct console *c);
/* Raw mode begins or ends: what was typed so far becomes readable. */
void console_raw(struct console *c, bool raw);
/* Text for the screen: line ends become CR LF. Bytes of text that were taken. */
uint32_t console_show(struct console *c, const uint8_t *text, uint32_t len);

/* ---- tree.c
 * --------------------------------------------------------------------------------------- */
extern const struct p9_file console_tree;
/* Watch the pump's pipes. */
P9_MUST int console_watch(struct console *c);
/* Take what writers have, as far as there is room. */
void console_drain(struct console *c);
/* Look at what was typed. */
void console_input(struct console *c);
