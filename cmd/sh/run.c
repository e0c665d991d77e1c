/* SPDX-License-Identifier: ISC */
/*
 * run.c: run a program in a silo of its own: cloned from type USR, configured by its ctl file,
 * started, watched until it has ended, destroyed. ^C ends the silo. With -i the console is its
 * descriptors 0, 1 and 2; else it reads the end of a file, and what it writes comes by `output`. -m
 * gives it another limit of memory than its type has.
 *
 * The silo belongs to the opener of the clone file, which stays open as long.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cmd/sh/sh.h"

#define CLONE SIP "/servers/clone"

struct job {
	struct p9_file *clone;
	char folder[64];
	const char *name;
	const char *memory; /* limit, or NULL: its type's */
	bool terminal;
};

bool program_find(const char *word, char path[SH_PATH_MAX])
{
	struct p9_attr attr;

	if (strchr(word, '/'))
		snprintf(path, SH_PATH_MAX, "%.1000s", word);
	else if (!path_join(path, "/boot/bin", word))
		return false;
	return !ns_stat(path, false, &attr) && (attr.mode & P9_S_IFMT) == P9_S_IFREG;
}

/* A new silo: its folder. */
static int job_make(struct job *j)
{
	char text[4096];
	int64_t n;
	int err = ns_open(CLONE, P9_O_RDWR, 0, &j->clone);
	size_t at;

	if (err)
		return err;
	n = p9_client_pwrite(j->clone, "USR", 3, 0);
	if (n >= 0)
		n = p9_client_pread(j->clone, text, sizeof(text) - 1, 0);
	if (n < 0)
		return (int)n;
	text[n] = '\0';
	at = strcspn(text, "0123456789");
	if (!text[at])
		return -EPROTO;
	snprintf(j->folder, sizeof(j->folder), SIP "/servers/srv%.*s",
		 (int)strspn(text + at, "0123456789"), text + at);
	return 0;
}

/* One line to ctl. A word of the program's goes in quotes, doubled inside. */
static int job_tell(const struct job *j, const char *word, const char *value)
{
	char line[4096], path[80];
	size_t at = strlen(word);

	snprintf(path, sizeof(path), "%s/ctl", j->folder);
	if (!value)
		return ns_command(path, word);
	if (at + strlen(value) * 2 + 4 > sizeof(line))
		return -E2BIG;
	memcpy(line, word, at);
	line[at++] = ' ';
	line[at++] = '\'';
	for (; *value; value++) {
		if (*value == '\'')
			line[at++] = '\'';
		line[at++] = *value;
	}
	line[at++] = '\'';
	line[at] = '\0';
	return ns_command(path, line);
}

static int job_value(const struct job *j, const char *key, char *buf, size_t size)
{
	char path[80], text[8192];
	int64_t n;

	snprintf(path, sizeof(path), "%s/status", j->folder);
	n = ns_load_text(path, text, sizeof(text));
	if (n < 0)
		return (int)n;
	return value_find(text, key, buf, size) ? 0 : -ENOENT;
}

static int job_refused(const struct job *j, const char *what, int err)
{
	char why[512];

	if (command_refused(err) && !job_value(j, "error", why, sizeof(why)) && strcmp(why, "-"))
		return complain("%s: %s", what, why);
	return complain_error(what, err);
}

static int job_start(const struct job *j, const char *path, int argc, char **argv)
{
	int err = job_tell(j, "module", path);

	if (err)
		return job_refused(j, path, err);
	for (int i = 1; i < argc && !err; i++)
		err = job_tell(j, "arg", argv[i]);
	if (err)
		return job_refused(j, "arg", err);
	if (j->memory)
		err = job_tell(j, "limit memory", j->memory);
	if (err)
		return job_refused(j, j->memory, err);
	if (j->terminal)
		err = job_tell(j, "console", "/dev/cons");
	if (!err)
		err = job_tell(j, "start", NULL);
	return err ? job_refused(j, path, err) : 0;
}

/* Print its output until it has ended. ^C once kills it; what it wrote before still comes. */
static int job_output(const struct job *j)
{
	static char buf[16384];
	bool killed = false;
	struct p9_file *f;
	char path[80];
	int64_t n;
	int err;

	snprintf(path, sizeof(path), "%s/output", j->folder);
	err = ns_open(path, P9_O_RDONLY, 0, &f);
	if (err)
		return complain_error(path, err);
	f->timeout_ns = 0;
	do {
		n = p9_client_read(f, buf, sizeof(buf));
		if (n > 0) {
			out_bytes(buf, (size_t)n);
			out_flush();
		}
		if (interrupted() && !killed) {
			killed = true;
			err = job_tell(j, "kill", NULL);
		}
	} while (n > 0 || (n == -EINTR && !err));
	p9_client_close(f);
	return n < 0 && n != -EINTR ? complain_error(path, n) : 0;
}

static bool has_ended(const char *state)
{
	return !strcmp(state, "stopped") || !strcmp(state, "crashed");
}

/* Until its silo has ended, which the events tell. ^C once kills it. */
static int job_wait(const struct job *j)
{
	char value[512], line[256];
	struct p9_file *events;
	bool killed = interrupted();
	int err = ns_open(SIP "/events", P9_O_RDONLY, 0, &events);

	if (err)
		return complain_error(SIP "/events", err);
	events->timeout_ns = 0;
	while (!(err = job_value(j, "state", value, sizeof(value))) && !has_ended(value)) {
		int64_t n = p9_client_read(events, line, sizeof(line));

		if (n <= 0 && n != -EINTR)
			break;
		if (interrupted() && !killed) {
			killed = true;
			if (job_tell(j, "kill", NULL))
				break;
		}
	}
	p9_client_close(events);
	return err ? complain_error(j->folder, err) : 0;
}

/* How it ended: its exit code, or a message and STATUS_CRASHED or STATUS_NOT_RUN. */
static int job_status(const struct job *j)
{
	char value[512], why[512];
	int err;

	if (!job_value(j, "crash", value, sizeof(value)) && strcmp(value, "-")) {
		complain("%s crashed: %s", j->name, value);
		return STATUS_CRASHED;
	}
	err = job_value(j, "exit", value, sizeof(value));
	if (!err && !strcmp(value, "-") && !interrupted()) {
		err = job_value(j, "error", why, sizeof(why));
		complain("%s: %s", j->name, err ? "it did not start" : why);
		return STATUS_NOT_RUN;
	}
	return err ? complain_error(j->folder, err) : (int)strtol(value, NULL, 10) & 255;
}

/* From its silo's making to its end: the status. */
static int job_run(struct job *j, const char *path, int argc, char **argv)
{
	int status, err;

	out_flush();
	err = job_make(j);
	if (err) {
		if (j->clone)
			p9_client_close(j->clone);
		return complain_error(CLONE, err);
	}
	status = job_start(j, path, argc, argv);
	if (!status && !j->terminal)
		status = job_output(j);
	if (!status)
		status = job_wait(j);
	if (!status)
		status = job_status(j);
	err = job_tell(j, "destroy", NULL);
	if (err)
		job_refused(j, "destroy", err);
	p9_client_close(j->clone);
	return interrupted() ? STATUS_INTERRUPTED : status;
}

int program_run(const char *path, int argc, char **argv)
{
	struct job j = {.name = argv[0]};

	return job_run(&j, path, argc, argv);
}

int cmd_run(int argc, char **argv)
{
	struct job j = {0};
	char path[SH_PATH_MAX];
	int at = 1;

	for (; at < argc && argv[at][0] == '-'; at++) {
		if (!strcmp(argv[at], "-i"))
			j.terminal = true;
		else if (!strcmp(argv[at], "-m") && at + 1 < argc)
			j.memory = argv[++at];
		else
			return complain_usage();
	}
	if (at >= argc)
		return complain_usage();
	if (!program_find(argv[at], path)) {
		complain("%s: no such program; `ls /boot/bin`", argv[at]);
		return STATUS_UNKNOWN;
	}
	j.name = argv[at];
	return job_run(&j, path, argc - at, argv + at);
}
