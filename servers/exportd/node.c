/* SPDX-License-Identifier: ISC */
/*
 * node.c: names of exported files, and what must never be reached.
 *
 * A qid's path is that of the file's server, mixed with a number for the mount it is in, since
 * two servers may use the same. So the numbers are unique as far as 64 bits of a hash are.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "servers/exportd/export.h"

struct node *node_new(const char *path, uint64_t place)
{
	size_t len = strlen(path) + 1;
	struct node *n = malloc(sizeof(*n) + len);

	if (!n)
		return NULL;
	*n = (struct node){.refs = 1, .place = place};
	memcpy(n->path, path, len);
	return n;
}

int file_close(struct job *j)
{
	struct p9_file *f = j->file;

	j->file = NULL;
	return p9_client_close(f);
}

/* Closing is a call, too. Without memory for a job it is made here. */
void node_put(struct node *n)
{
	struct job *j;
	int err;

	if (--n->refs)
		return;
	if (n->file) {
		j = job_new(NULL, NULL, &err);
		if (j) {
			j->file = n->file;
			j->work = file_close;
			job_start(j);
		} else {
			p9_client_close(n->file);
		}
	}
	free(n);
}

int path_child(char out[P9_FULL_MAX], const char *dir, struct p9_str name)
{
	size_t len = strlen(dir);

	if (p9_str_equal(name, "..")) {
		while (len > 1 && dir[len - 1] != '/')
			len--;
		len -= len > 1;
		memcpy(out, dir, len);
		out[len] = '\0';
		return 0;
	}
	if (len + name.len + 2 > P9_FULL_MAX)
		return -ENAMETOOLONG;
	memcpy(out, dir, len);
	if (len > 1)
		out[len++] = '/';
	memcpy(out + len, name.ptr, name.len);
	out[len + name.len] = '\0';
	return 0;
}

bool path_allowed(const char *path)
{
	static const char *const never[] = {"/dev/mem",	      "/dev/io",   "/dev/irq",
					    "/dev/dma",	      "/dev/cons", "/dev/uart0/data",
					    "/dev/uart1/data"};
	char full[2 * P9_FULL_MAX];

	snprintf(full, sizeof(full), "%s%s", strcmp(export.folder, "/") ? export.folder : "", path);
	for (unsigned i = 0; i < sizeof(never) / sizeof(never[0]); i++) {
		size_t len = strlen(never[i]);

		if (!strncmp(full, never[i], len) && (!full[len] || full[len] == '/'))
			return false;
	}
	return true;
}

static uint64_t place_of(const struct p9_file *f)
{
	uint64_t h = 14695981039346656037u; /* FNV-1a */

	for (uint32_t i = 0; i < f->conn->prefix_len; i++)
		h = (h ^ (uint8_t)f->path[i]) * 1099511628211u;
	return h;
}

struct p9_qid node_qid(struct p9_qid qid, uint64_t place)
{
	qid.path ^= place;
	qid.type &= (uint8_t)~P9_QTMOUNT;
	return qid;
}

int path_look(struct job *j, const char *path)
{
	struct p9_file *f;
	int err = p9_client_walk(&export.client, path, true, &f);

	if (err)
		return err;
	j->place = place_of(f);
	err = path_allowed(f->path) ? p9_client_getattr(f, P9_GETATTR_BASIC, &j->attr) : -EACCES;
	p9_client_close(f);
	j->attr.qid = node_qid(j->attr.qid, j->place);
	return err;
}
