/* SPDX-License-Identifier: ISC */
/* files.c: commands that look: ls, cat, echo, stat, cd, pwd. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cmd/sh/sh.h"

#define TIME_TEXT 32

bool path_join(char out[SH_PATH_MAX], const char *dir, const char *name)
{
	size_t len = strlen(dir), more = strlen(name);

	while (len > 1 && dir[len - 1] == '/')
		len--;
	if (len + more + 2 > SH_PATH_MAX)
		return false;
	memmove(out, dir, len);
	if (len != 1 || dir[0] != '/')
		out[len++] = '/';
	memcpy(out + len, name, more + 1);
	return true;
}

/* ---- ls -------------------------------------------------------------------------------------- */

struct listing {
	char **names;
	size_t count, room;
};

/* What a name or a target of a link may hold, a terminal is not to obey. */
static void name_show(const char *name, size_t len)
{
	for (size_t run; len; name += run, len -= run) {
		for (run = 0; run < len && (uint8_t)name[run] >= 0x20 && name[run] != 0x7f; run++)
			;
		out_bytes(run ? name : "?", run ? run : 1);
		run += !run;
	}
}

static bool name_add(struct listing *l, struct p9_str name)
{
	char **names = l->names, *copy;

	if (l->count == l->room) {
		l->room = l->room ? l->room * 2 : 64;
		names = realloc(l->names, l->room * sizeof(*names));
		if (!names)
			return false;
		l->names = names;
	}
	copy = strndup(name.ptr, name.len);
	if (!copy)
		return false;
	l->names[l->count++] = copy;
	return true;
}

static int64_t listing_read(struct p9_file *f, struct listing *l)
{
	char entries[16384];
	int64_t n;

	while ((n = p9_client_readdir(f, entries, sizeof(entries))) > 0) {
		for (int64_t at = 0; at < n;) {
			struct p9_dirent ent;
			int used = p9_dirent_decode(&ent, entries + at, (size_t)(n - at));

			if (used < 0)
				return used;
			at += used;
			f->offset = ent.offset;
			if (p9_str_equal(ent.name, ".") || p9_str_equal(ent.name, ".."))
				continue;
			if (!name_add(l, ent.name))
				return -ENOMEM;
		}
	}
	return n;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void mode_text(uint32_t mode, char text[11])
{
	static const struct {
		uint32_t type;
		char letter;
	} types[] = {{P9_S_IFDIR, 'd'}, {P9_S_IFLNK, 'l'}, {P9_S_IFCHR, 'c'},
		     {P9_S_IFBLK, 'b'}, {P9_S_IFIFO, 'p'}, {P9_S_IFSOCK, 's'}};

	strcpy(text, "-rwxrwxrwx");
	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if ((mode & P9_S_IFMT) == types[i].type)
			text[0] = types[i].letter;
	for (unsigned i = 0; i < 9; i++)
		if (!(mode & 0400u >> i))
			text[1 + i] = '-';
}

/* Days since 1970 to a date. Spec: the proleptic Gregorian calendar; valid from 1970 on. */
static void time_text(uint64_t sec, char text[TIME_TEXT])
{
	uint64_t days = sec / 86400 + 719468, era = days / 146097, day = days % 146097;
	uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	uint64_t rest = day - (365 * year + year / 4 - year / 100), shifted = (5 * rest + 2) / 153;
	unsigned month = (unsigned)(shifted < 10 ? shifted + 3 : shifted - 9);

	snprintf(text, TIME_TEXT, "%04u-%02u-%02u %02u:%02u",
		 (unsigned)(year + era * 400 + (month <= 2)) % 10000, month,
		 (unsigned)(rest - (153 * shifted + 2) / 5 + 1) % 100, (unsigned)(sec / 3600 % 24),
		 (unsigned)(sec / 60 % 60));
}

static void line_long(const char *path, const char *name)
{
	struct p9_attr attr;
	char mode[11], when[TIME_TEXT], target[P9_FULL_MAX];
	int n;
	int err = ns_stat(path, true, &attr);

	if (err) {
		out_printf("?????????? %3s %10s %16s %s (error %d)\n", "", "", "", name, -err);
		return;
	}
	mode_text(attr.mode, mode);
	time_text(attr.mtime_sec, when);
	out_printf("%s %3llu %10llu %s ", mode, (unsigned long long)attr.nlink,
		   (unsigned long long)attr.size, when);
	name_show(name, strlen(name));
	if ((attr.mode & P9_S_IFMT) == P9_S_IFLNK) {
		n = p9_client_readlink(ns_client(), path, target, sizeof(target));
		if (n > 0) {
			out_text(" -> ");
			name_show(target, (size_t)n);
		}
	}
	out_text("\n");
}

static int directory_list(const char *path, bool details)
{
	struct listing l = {.names = NULL};
	char full[SH_PATH_MAX];
	struct p9_file *f;
	int64_t err;

	err = ns_open(path, P9_O_RDONLY | P9_O_DIRECTORY, 0, &f);
	if (err)
		return complain_error(path, err);
	err = listing_read(f, &l);
	p9_client_close(f);
	qsort(l.names, l.count, sizeof(l.names[0]), by_name);
	for (size_t i = 0; i < l.count; i++) {
		if (details && path_join(full, path, l.names[i]) && !interrupted()) {
			line_long(full, l.names[i]);
		} else {
			name_show(l.names[i], strlen(l.names[i]));
			out_text("\n");
		}
		free(l.names[i]);
	}
	free(l.names);
	return err < 0 ? complain_error(path, err) : 0;
}

static int path_list(const char *path, bool details, bool title)
{
	struct p9_attr attr;
	int err = ns_stat(path, false, &attr);

	if (err)
		err = ns_stat(path, true, &attr); /* a link that leads nowhere is there itself */
	if (err)
		return complain_error(path, err);
	if ((attr.mode & P9_S_IFMT) == P9_S_IFDIR) {
		if (title)
			out_printf("%s:\n", path);
		return directory_list(path, details);
	}
	if (details)
		line_long(path, path);
	else
		out_printf("%s\n", path);
	return 0;
}

int cmd_ls(int argc, char **argv)
{
	bool details = argc > 1 && !strcmp(argv[1], "-l");
	int at = details ? 2 : 1, status = 0;

	if (at < argc && argv[at][0] == '-')
		return complain_usage();
	if (at == argc)
		return path_list(".", details, false);
	for (bool several = argc - at > 1; at < argc && !interrupted(); at++)
		status |= path_list(argv[at], details, several);
	return status;
}

/* ---- cat ---------------------------------------------------------------------------------------
 */

static int file_print(const char *path)
{
	static char buf[32768];
	struct p9_file *f;
	int64_t n;
	int err = ns_open(path, P9_O_RDONLY, 0, &f);

	if (err)
		return complain_error(path, err);
	f->timeout_ns = 0; /* it may be one that waits for events */
	while ((n = p9_client_read(f, buf, sizeof(buf))) > 0 && !interrupted()) {
		out_bytes(buf, (size_t)n);
		if ((err = out_flush()))
			break;
	}
	p9_client_close(f);
	if (n < 0 && n != -EINTR)
		return complain_error(path, n);
	return err ? STATUS_FAILED : interrupted() ? STATUS_INTERRUPTED : 0;
}

int cmd_cat(int argc, char **argv)
{
	int status = 0;

	if (argc < 2)
		return complain_usage();
	for (int i = 1; i < argc && !interrupted(); i++)
		status |= file_print(argv[i]);
	return status;
}

int cmd_echo(int argc, char **argv)
{
	bool newline = argc < 2 || strcmp(argv[1], "-n");

	for (int i = newline ? 1 : 2; i < argc; i++) {
		out_text(argv[i]);
		if (i + 1 < argc)
			out_text(" ");
	}
	if (newline)
		out_text("\n");
	return 0;
}

/* ---- stat, cd, pwd
 * -------------------------------------------------------------------------------- */

static int file_stat(const char *path)
{
	struct p9_attr a;
	char mode[11], when[TIME_TEXT], real[P9_FULL_MAX];
	int err = ns_stat(path, true, &a);

	if (err)
		return complain_error(path, err);
	mode_text(a.mode, mode);
	time_text(a.mtime_sec, when);
	out_printf("path %s\nmode %s %06o\nsize %llu\n", path, mode, a.mode,
		   (unsigned long long)a.size);
	out_printf("links %llu\nuid %u\ngid %u\nqid %llx.%u.%02x\nmodified %s\n",
		   (unsigned long long)a.nlink, a.uid, a.gid, (unsigned long long)a.qid.path,
		   a.qid.version, a.qid.type, when);
	if (!p9_client_realpath(ns_client(), path, real))
		out_printf("real %s\n", real);
	return 0;
}

int cmd_stat(int argc, char **argv)
{
	int status = 0;

	if (argc < 2)
		return complain_usage();
	for (int i = 1; i < argc; i++)
		status |= file_stat(argv[i]);
	return status;
}

int cmd_cd(int argc, char **argv)
{
	int err;

	if (argc > 2)
		return complain_usage();
	err = p9_client_chdir(ns_client(), argc == 2 ? argv[1] : "/");
	return err ? complain_error(argv[1], err) : 0;
}

int cmd_pwd(int argc, char **argv)
{
	char path[P9_FULL_MAX];
	int err;

	(void)argv;
	if (argc > 1)
		return complain_usage();
	err = p9_client_realpath(ns_client(), ".", path);
	if (err)
		return complain_error(".", err);
	out_printf("%s\n", path);
	return 0;
}
