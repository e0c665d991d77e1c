/* SPDX-License-Identifier: ISC */
/* change.c: commands that change files: mkdir, rm, mv, ln, cp. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cmd/sh/sh.h"

int cmd_mkdir(int argc, char **argv)
{
	int status = 0;

	if (argc < 2)
		return complain_usage();
	for (int i = 1; i < argc; i++) {
		int err = p9_client_mkdir(ns_client(), argv[i], 0755);

		if (err)
			status = complain_error(argv[i], err);
	}
	return status;
}

static int tree_remove(char path[SH_PATH_MAX]);

/* The first name in a directory, to name; "": it is empty. */
static int name_first(const char *path, char name[P9_NAME_MAX + 1])
{
	static char entries[4096];
	struct p9_dirent ent;
	struct p9_file *f;
	int64_t n, at = 0;
	int err = ns_open(path, P9_O_RDONLY | P9_O_DIRECTORY, 0, &f);

	if (err)
		return err;
	n = p9_client_readdir(f, entries, sizeof(entries));
	p9_client_close(f);
	for (*name = '\0'; at < n && !*name;) {
		int used = p9_dirent_decode(&ent, entries + at, (size_t)(n - at));

		if (used < 0)
			return used;
		at += used;
		if (!p9_str_equal(ent.name, ".") && !p9_str_equal(ent.name, ".."))
			snprintf(name, P9_NAME_MAX + 1, "%.*s", (int)ent.name.len, ent.name.ptr);
	}
	return n < 0 ? (int)n : 0;
}

/* Empty a directory: its first name again and again, until there is none. */
static int directory_empty(char path[SH_PATH_MAX])
{
	static char name[P9_NAME_MAX + 1]; /* not needed any more when another is looked for */
	size_t len = strlen(path);
	int status = 0;

	while (!status && !interrupted()) {
		int err = name_first(path, name);

		if (err)
			return complain_error(path, err);
		if (!*name)
			return 0;
		if (!path_join(path, path, name))
			return complain_error(name, -ENAMETOOLONG);
		status = tree_remove(path);
		path[len] = '\0';
	}
	return status ? status : STATUS_INTERRUPTED;
}

/* What is removed, as deep as a path can name it; the path is the same afterwards. */
static int tree_remove(char path[SH_PATH_MAX])
{
	struct p9_attr attr;
	bool directory;
	int err = ns_stat(path, true, &attr);

	if (err)
		return complain_error(path, err);
	directory = (attr.mode & P9_S_IFMT) == P9_S_IFDIR;
	if (directory) {
		err = directory_empty(path);
		if (err)
			return err;
	}
	err = p9_client_unlink(ns_client(), path, directory ? P9_AT_REMOVEDIR : 0);
	return err ? complain_error(path, err) : 0;
}

static int deep_remove(const char *path)
{
	static char copy[SH_PATH_MAX];

	if (strlen(path) >= sizeof(copy))
		return complain_error(path, -ENAMETOOLONG);
	strcpy(copy, path);
	return tree_remove(copy);
}

int cmd_rm(int argc, char **argv)
{
	bool deep = argc > 1 && !strcmp(argv[1], "-r");
	int status = 0, at = deep ? 2 : 1;

	if (at >= argc || argv[at][0] == '-')
		return complain_usage();
	for (; at < argc && !interrupted(); at++) {
		int err = deep ? 0 : p9_client_unlink(ns_client(), argv[at], 0);

		if (deep)
			status |= deep_remove(argv[at]);
		else if (err == -EISDIR)
			status = complain("%s: a directory (`rm -r` removes it and all below)",
					  argv[at]);
		else if (err)
			status = complain_error(argv[at], err);
	}
	return status;
}

/* Into a directory means: under the same name in it. */
static bool target_path(char out[SH_PATH_MAX], const char *from, const char *to)
{
	const char *name = strrchr(from, '/');
	struct p9_attr attr;

	name = name ? name + 1 : from;
	if (!ns_stat(to, false, &attr) && (attr.mode & P9_S_IFMT) == P9_S_IFDIR && *name)
		return path_join(out, to, name);
	if (strlen(to) >= SH_PATH_MAX)
		return false;
	strcpy(out, to);
	return true;
}

int cmd_mv(int argc, char **argv)
{
	char to[SH_PATH_MAX];
	int err;

	if (argc != 3)
		return complain_usage();
	if (!target_path(to, argv[1], argv[2]))
		return complain_error(argv[2], -ENAMETOOLONG);
	err = p9_client_rename(ns_client(), argv[1], to);
	return err ? complain_error(argv[1], err) : 0;
}

int cmd_ln(int argc, char **argv)
{
	bool symbolic = argc > 1 && !strcmp(argv[1], "-s");
	int at = symbolic ? 2 : 1, err;

	if (argc - at != 2)
		return complain_usage();
	if (symbolic)
		err = p9_client_symlink(ns_client(), argv[at], argv[at + 1]);
	else
		err = p9_client_link(ns_client(), argv[at], argv[at + 1]);
	return err ? complain_error(argv[at + 1], err) : 0;
}

/* *reading: what failed is reading. */
static int64_t contents_copy(struct p9_file *from, struct p9_file *to, bool *reading)
{
	static char buf[65536];
	int64_t n, err = 0;

	while (!err && !interrupted() && (n = p9_client_read(from, buf, sizeof(buf)))) {
		*reading = n < 0;
		err = n < 0 ? n : ns_write_all(to, buf, (uint64_t)n);
	}
	return interrupted() ? -EINTR : err;
}

/* Making room in it would empty what is to be copied. */
static bool same_file(const struct p9_file *from, const char *path)
{
	struct p9_file *to;
	bool same;

	if (p9_client_walk(ns_client(), path, false, &to))
		return false;
	same = to->conn == from->conn && to->qid.path == from->qid.path;
	p9_client_close(to);
	return same;
}

static int copy_to(struct p9_file *from, const char *source, const char *path)
{
	bool reading = false;
	struct p9_file *to;
	int64_t err;

	if (same_file(from, path))
		return complain("%s and %s are the same file", source, path);
	err = ns_open(path, P9_O_WRONLY | P9_O_CREAT | P9_O_TRUNC, 0644, &to);
	if (err)
		return complain_error(path, err);
	err = contents_copy(from, to, &reading);
	p9_client_close(to);
	return err ? complain_error(reading ? source : path, err) : 0;
}

int cmd_cp(int argc, char **argv)
{
	struct p9_file *from;
	char path[SH_PATH_MAX];
	int status, err;

	if (argc != 3)
		return complain_usage();
	err = ns_open(argv[1], P9_O_RDONLY, 0, &from);
	if (err)
		return complain_error(argv[1], err);
	status = target_path(path, argv[1], argv[2]) ? copy_to(from, argv[1], path)
						     : complain_error(argv[2], -ENAMETOOLONG);
	p9_client_close(from);
	return status;
}
