/* SPDX-License-Identifier: ISC */
/*
 * sh.h: the shell: a prompt, a few commands of its own, everything else by files. Private to
 * cmd/sh.
 *
 * What a command can do is what the shell's namespace lets it do; there is no other authority here.
 * Two threads: the main one, and one that waits for ^C and interrupts the call in which the main
 * one waits (console.c).
 *
 * Commands return a status: 0 done, 1 failed, 2 used wrongly, 130 interrupted; run gives that of
 * the program, 126 if it could not be started. Messages go to the console and say what was tried
 * and what went wrong.
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "9p/client.h"
#include "cmd/sh/edit.h"
#include "cmd/sh/parse.h"
#include "serve/ns.h"

#define STATUS_FAILED	   1
#define STATUS_USAGE	   2
#define STATUS_NOT_RUN	   126
#define STATUS_UNKNOWN	   127
#define STATUS_CRASHED	   128
#define STATUS_INTERRUPTED 130
#define SH_PATH_MAX	   1024u
#define SIP		   "/dev/sip"

extern bool sh_unattended; /* running /boot/autorun: nobody types */

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *usage; /* words behind the name, "" for none */
	const char *help;  /* one line */
};
extern const struct command commands[]; /* ends with a NULL name */

/* ---- console.c --------------------------------------------------------------------------------
 */
/* Open the terminal, however long it takes, and start the ^C thread. */
void console_open(void);
/* What was typed: at least one byte. Opens the terminal again when its server was replaced. */
int64_t console_read(void *buf, uint32_t len);
void console_write(const void *text, size_t len);
/* Keys one by one, without echo; or lines. */
void console_raw(bool raw);
/* All that was written has left the machine (bounded wait). */
void console_drain(void);
/* While a command runs ^C interrupts its calls; at the prompt it is a key. */
void interrupts_on(bool on);
/* ^C came since the command began. */
bool interrupted(void);

/* ---- out.c
 * --------------------------------------------------------------------------------------- */
/* What commands print: to the console, or to the file of >. Buffered. */
void out_bytes(const void *bytes, size_t len);
void out_text(const char *text);
void out_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int out_flush(void);
/* Send what commands print to a file from now on, until out_restore, which says if it all got
 * there. */
int out_redirect(const char *path, bool append);
int out_restore(void);
/* A message, behind the command's name, to the console. Returns STATUS_FAILED. */
int complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* "COMMAND: WHAT: why", with what to try. STATUS_FAILED, or STATUS_INTERRUPTED for -EINTR. */
int complain_error(const char *what, int64_t err);
/* How it is used. STATUS_USAGE. */
int complain_usage(void);
/* The command whose messages these are. */
extern const struct command *current;

/* ---- exec.c
 * --------------------------------------------------------------------------------------- */
/* Run a line or several. The status of the last command. */
int sh_run(const char *text);
int sh_command(int argc, char **argv);
extern int sh_status;
extern bool sh_quit;

/* ---- table.c, complete.c, run.c
 * --------------------------------------------------------------------- */
const struct command *command_find(const char *name);
size_t path_complete(void *ctx, const char *line, size_t pos, char *buf, size_t size);
/* The program's path if word names one: itself if it has a '/', else in /boot/bin. */
bool program_find(const char *word, char path[SH_PATH_MAX]);
/* Run it in a silo of its own, as its type has it; its status. */
int program_run(const char *path, int argc, char **argv);
/* Value of `key` in text of "key value" lines, to buf. False: it is not there. */
bool value_find(const char *text, const char *key, char *buf, size_t size);
/* Does the silo's status say why a command to it had this error? */
bool command_refused(int err);
/* dir/name with one slash; out may be dir. False: too long. */
bool path_join(char out[SH_PATH_MAX], const char *dir, const char *name);

#define COMMAND(name) int cmd_##name(int argc, char **argv)
COMMAND(help);
COMMAND(ls);
COMMAND(cat);
COMMAND(echo);
COMMAND(stat);
COMMAND(cd);
COMMAND(pwd);
COMMAND(mkdir);
COMMAND(rm);
COMMAND(mv);
COMMAND(ln);
COMMAND(cp);
COMMAND(sha256sum);
COMMAND(hexdump);
COMMAND(mounts);
COMMAND(ns);
COMMAND(ps);
COMMAND(top);
COMMAND(dmesg);
COMMAND(time);
COMMAND(sleep);
COMMAND(poweroff);
COMMAND(reboot);
COMMAND(exit);
COMMAND(silo);
COMMAND(run);
COMMAND(true);
COMMAND(false);
