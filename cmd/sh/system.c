/* SPDX-License-Identifier: ISC */
/* system.c: commands about the machine: mounts, ns, ps, top, dmesg, time, sleep, power. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cmd/sh/sh.h"
#include "sys/boot.h"
#include "sys/info.h"
#include "sys/sys.h"

#define TEXT_MAX   (1u << 20)
#define TOP_SILOS  128u
#define TOP_LINES  20u
#define TOP_PERIOD (2 * NS_PER_S)

static int file_show(const char *path)
{
	char *text;
	uint64_t len;
	int err = ns_load_all(path, TEXT_MAX, &text, &len);

	if (err)
		return complain_error(path, err);
	out_bytes(text, len);
	free(text);
	return 0;
}

int cmd_mounts(int argc, char **argv)
{
	(void)argv;
	return argc > 1 ? complain_usage() : file_show("/mounts");
}

/* Names below path, indented; mount points are shown, not entered. */
static int tree_show(const char *path, unsigned depth)
{
	char entries[8192], full[SH_PATH_MAX], name[P9_NAME_MAX + 1];
	struct p9_file *f;
	int64_t n;
	int err = ns_open(path, P9_O_RDONLY | P9_O_DIRECTORY, 0, &f);

	if (err)
		return complain_error(path, err);
	while ((n = p9_client_readdir(f, entries, sizeof(entries))) > 0 && !interrupted()) {
		for (int64_t at = 0; at < n;) {
			struct p9_dirent ent;
			int used = p9_dirent_decode(&ent, entries + at, (size_t)(n - at));

			if (used < 0)
				break;
			at += used;
			f->offset = ent.offset;
			snprintf(name, sizeof(name), "%.*s", (int)ent.name.len, ent.name.ptr);
			if (!strcmp(name, ".") || !strcmp(name, ".."))
				continue;
			out_printf("%*s%s%s\n", (int)depth * 4, "", name,
				   ent.qid.type & P9_QTMOUNT ? " (mount)"
				   : ent.type == P9_DT_DIR   ? "/"
							     : "");
			if (ent.type == P9_DT_DIR && !(ent.qid.type & P9_QTMOUNT) && depth < 2 &&
			    path_join(full, path, name))
				tree_show(full, depth + 1);
		}
	}
	p9_client_close(f);
	return n < 0 ? complain_error(path, n) : 0;
}

int cmd_ns(int argc, char **argv)
{
	return argc > 2 ? complain_usage() : tree_show(argc == 2 ? argv[1] : "/", 0);
}

int cmd_ps(int argc, char **argv)
{
	(void)argv;
	return argc > 1 ? complain_usage() : file_show(SIP "/status");
}

/* ---- top ------------------------------------------------------------------------------------- */

struct used {
	char dir[16], name[32];
	uint64_t cpu, before; /* ns */
	char memory[32];
};

bool value_find(const char *text, const char *key, char *buf, size_t size)
{
	size_t len = strlen(key);

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		if (strncmp(text, key, len) || text[len] != ' ')
			continue;
		snprintf(buf, size, "%.*s", (int)strcspn(text + len + 1, "\n"), text + len + 1);
		return true;
	}
	return false;
}

/* What one silo has used so far. */
static void used_read(struct used *u)
{
	char path[64], text[8192], value[64];

	snprintf(path, sizeof(path), SIP "/servers/%s/status", u->dir);
	u->before = u->cpu;
	if (ns_load_text(path, text, sizeof(text)) < 0)
		return;
	if (value_find(text, "cpu_ns", value, sizeof(value)))
		u->cpu = strtoull(value, NULL, 10);
	if (value_find(text, "memory", value, sizeof(value)))
		snprintf(u->memory, sizeof(u->memory), "%.*s", (int)strcspn(value, " "), value);
	if (value_find(text, "label", value, sizeof(value)) ||
	    value_find(text, "name", value, sizeof(value)))
		snprintf(u->name, sizeof(u->name), "%.31s", value);
}

/* All silos; those that were there keep what was read before. */
static int used_list(struct used *list, unsigned *count)
{
	char entries[8192];
	struct p9_file *f;
	unsigned found = 0;
	int64_t n;
	int err = ns_open(SIP "/servers", P9_O_RDONLY | P9_O_DIRECTORY, 0, &f);

	if (err)
		return err;
	while ((n = p9_client_readdir(f, entries, sizeof(entries))) > 0) {
		for (int64_t at = 0; at < n;) {
			struct p9_dirent ent;
			int used = p9_dirent_decode(&ent, entries + at, (size_t)(n - at));
			char dir[16];

			if (used < 0)
				break;
			at += used;
			f->offset = ent.offset;
			snprintf(dir, sizeof(dir), "%.*s", (int)ent.name.len, ent.name.ptr);
			if (strncmp(dir, "srv", 3) || found == TOP_SILOS)
				continue;
			if (found >= *count || strcmp(list[found].dir, dir)) {
				memset(&list[found], 0, sizeof(list[0]));
				strcpy(list[found].dir, dir);
			}
			used_read(&list[found++]);
		}
	}
	p9_client_close(f);
	*count = found;
	return n < 0 ? (int)n : 0;
}

static int by_use(const void *a, const void *b)
{
	const struct used *x = a, *y = b;
	uint64_t dx = x->cpu - x->before, dy = y->cpu - y->before;

	return dx < dy ? 1 : dx > dy ? -1 : 0;
}

static void top_show(const struct used *list, unsigned count, uint64_t period)
{
	static struct used sorted[TOP_SILOS];

	memcpy(sorted, list, count * sizeof(list[0]));
	qsort(sorted, count, sizeof(sorted[0]), by_use);
	out_printf("\x1b[H\x1b[2J%-8s %-24s %7s %12s %14s\n", "SILO", "LABEL", "CPU%", "CPU ms",
		   "MEMORY");
	for (unsigned i = 0; i < count && i < TOP_LINES; i++) {
		const struct used *u = &sorted[i];
		uint64_t tenths = period ? (u->cpu - u->before) * 1000 / period : 0;

		out_printf("%-8s %-24s %5llu.%llu %12llu %14s\n", u->dir + 3, u->name,
			   (unsigned long long)(tenths / 10), (unsigned long long)(tenths % 10),
			   (unsigned long long)(u->cpu / NS_PER_MS), u->memory);
	}
	out_flush();
}

int cmd_top(int argc, char **argv)
{
	static struct used list[TOP_SILOS];
	long rounds = argc == 3 ? strtol(argv[2], NULL, 10) : sh_unattended ? 1 : -1;
	unsigned count = 0;
	uint64_t last = 0, now;
	int err = 0;

	if (argc != 1 && (argc != 3 || strcmp(argv[1], "-n") || rounds < 1))
		return complain_usage();
	while (!err && !interrupted() && rounds--) {
		now = time_now();
		err = used_list(list, &count);
		if (!err)
			top_show(list, count, last ? now - last : 0);
		last = now;
		if (rounds && !err && sys_thread_sleep(now + TOP_PERIOD) < 0)
			break;
	}
	return err ? complain_error(SIP "/servers", err) : 0;
}

/* ---- the rest ----------------------------------------------------------------------------------
 */

int cmd_dmesg(int argc, char **argv)
{
	handle_t log = boot_handle("log");
	uint64_t cursor = 0;
	char text[4096];
	int64_t n;

	(void)argv;
	if (argc > 1)
		return complain_usage();
	if (log == HANDLE_NONE)
		return complain("this shell was given no log handle");
	while ((n = sys_log_read(log, &cursor, text, sizeof(text))) > 0 && !interrupted())
		out_bytes(text, (size_t)n);
	if (n == -EACCES)
		return complain(
			"this shell may only write to the log; the recovery shell has dmesg");
	return n < 0 ? complain_error("log", n) : 0;
}

int cmd_time(int argc, char **argv)
{
	uint64_t from = time_now(), ns;
	int status;

	if (argc < 2)
		return complain_usage();
	status = sh_command(argc - 1, argv + 1);
	ns = time_now() - from;
	out_flush();
	complain("%llu.%06llu s", (unsigned long long)(ns / NS_PER_S),
		 (unsigned long long)(ns % NS_PER_S / 1000));
	return status;
}

int cmd_sleep(int argc, char **argv)
{
	char *end;
	double seconds = argc == 2 ? strtod(argv[1], &end) : -1;
	int64_t err;

	if (argc != 2 || *end || !(seconds >= 0 && seconds < 1e9))
		return complain_usage();
	err = sys_thread_sleep(time_in((uint64_t)(seconds * 1e9)));
	return err < 0 ? STATUS_INTERRUPTED : 0;
}

static int power(int argc, const char *word)
{
	int err;

	if (argc > 1)
		return complain_usage();
	out_flush();
	console_drain();
	err = ns_command("/dev/power", word);
	return err ? complain_error("/dev/power", err) : 0;
}

int cmd_poweroff(int argc, char **argv)
{
	(void)argv;
	return power(argc, "poweroff");
}

int cmd_reboot(int argc, char **argv)
{
	(void)argv;
	return power(argc, "reboot");
}

int cmd_exit(int argc, char **argv)
{
	if (argc > 2)
		return complain_usage();
	sh_quit = true;
	return argc == 2 ? (int)strtol(argv[1], NULL, 10) & 255 : sh_status;
}

int cmd_true(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

int cmd_false(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return STATUS_FAILED;
}
