/* SPDX-License-Identifier: ISC */
/* complete.c: Tab: the rest of a path or command name, as far as it is certain. */
#include <string.h>
#include "cmd/sh/sh.h"

struct candidate {
	const char *start; /* what was typed of the name */
	size_t len;
	char common[P9_NAME_MAX + 1]; /* what all matches share */
	unsigned count;
	bool directory; /* the only match is one */
};

static void candidate_add(struct candidate *c, const char *name, size_t len, bool directory)
{
	size_t same = 0;

	if (len < c->len || memcmp(name, c->start, c->len) || len > P9_NAME_MAX)
		return;
	if (!c->count++) {
		memcpy(c->common, name, len);
		c->common[len] = '\0';
		c->directory = directory;
		return;
	}
	while (same < len && c->common[same] == name[same])
		same++;
	c->common[same] = '\0';
}

static void directory_match(struct candidate *c, const char *dir)
{
	char entries[8192];
	struct p9_file *f;
	int64_t n;

	if (ns_open(dir, P9_O_RDONLY | P9_O_DIRECTORY, 0, &f))
		return;
	while ((n = p9_client_readdir(f, entries, sizeof(entries))) > 0) {
		for (int64_t at = 0; at < n;) {
			struct p9_dirent ent;
			int used = p9_dirent_decode(&ent, entries + at, (size_t)(n - at));

			if (used < 0)
				break;
			at += used;
			f->offset = ent.offset;
			if (ent.name.len && ent.name.ptr[0] != '.')
				candidate_add(c, ent.name.ptr, ent.name.len, ent.type == P9_DT_DIR);
		}
	}
	p9_client_close(f);
}

/* The directory part of a word of len bytes, ready to be opened. */
static bool directory_of(const char *word, size_t len, char dir[SH_PATH_MAX])
{
	if (len >= SH_PATH_MAX - 1)
		return false;
	memcpy(dir, word, len);
	dir[len] = '\0';
	if (!len)
		strcpy(dir, ".");
	return true;
}

size_t path_complete(void *ctx, const char *line, size_t pos, char *buf, size_t size)
{
	size_t from = pos, slash, len;
	struct candidate c = {.count = 0};
	char dir[SH_PATH_MAX];
	bool first;

	(void)ctx;
	while (from && !strchr(" ;&|>", line[from - 1]))
		from--;
	for (slash = pos; slash > from && line[slash - 1] != '/'; slash--)
		;
	first = strspn(line, " ") == from;
	c.start = line + slash;
	c.len = pos - slash;
	if (first && slash == from) {
		for (const struct command *k = commands; k->name; k++)
			candidate_add(&c, k->name, strlen(k->name), false);
		directory_match(&c, "/boot/bin");
	} else if (directory_of(line + from, slash - from, dir)) {
		directory_match(&c, dir);
	}
	len = strlen(c.common);
	if (!c.count || len - c.len + 2 > size)
		return 0;
	memcpy(buf, c.common + c.len, len - c.len);
	len -= c.len;
	if (c.count == 1)
		buf[len++] = c.directory ? '/' : ' ';
	return len;
}
