/* SPDX-License-Identifier: ISC */
/*
 * sessions.c: which directory a narrowed session has as its root, in memory that outlives this
 * process, so that its successor can let the session go on.
 *
 * The table is this program's own: the supervisor keeps it and writes nothing. An entry whose
 * session ended while nobody served is overwritten when the table is full, oldest first.
 */
#include <errno.h>
#include <string.h>
#include "servers/fsd/fsd.h"

#define TABLE_MAGIC   0x53445346u /* "FSDS" */
#define TABLE_VERSION 1u
#define ENTRIES_MAX   4096u

struct session_entry {
	uint64_t id; /* 0: free */
	uint32_t ino;
	uint32_t type; /* qid.type */
};

struct session_table {
	uint32_t magic, version;
	uint32_t next; /* where a new entry goes */
	uint32_t reserved;
	struct session_entry entry[];
};

void sessions_init(struct fsd *f, void *memory, uint64_t size)
{
	struct session_table *t = memory;
	uint64_t room = (size - sizeof(*t)) / sizeof(t->entry[0]);

	f->sessions = t;
	f->sessions_max = room < ENTRIES_MAX ? (uint32_t)room : ENTRIES_MAX;
	if (t->magic == TABLE_MAGIC && t->version == TABLE_VERSION)
		return;
	memset(t, 0, sizeof(*t) + f->sessions_max * sizeof(t->entry[0]));
	t->version = TABLE_VERSION;
	t->magic = TABLE_MAGIC;
}

static struct session_entry *entry_find(struct fsd *f, uint64_t id)
{
	for (uint32_t i = 0; f->sessions && i < f->sessions_max; i++)
		if (f->sessions->entry[i].id == id)
			return &f->sessions->entry[i];
	return NULL;
}

int session_made(struct p9_session *s, struct p9_fid *fid)
{
	struct fsd *f = s->server->ctx;
	const struct inode *n = fid->node;
	struct session_entry *e = entry_find(f, 0);

	if (!f->sessions)
		return 0;
	if (!e)
		e = &f->sessions->entry[f->sessions->next++ % f->sessions_max];
	e->id = 0;
	e->ino = n->info.ino;
	e->type = fid->qid.type;
	e->id = s->id; /* last: an entry is whole or free */
	return 0;
}

void session_gone(struct p9_session *s)
{
	struct session_entry *e = entry_find(s->server->ctx, s->id);

	if (e)
		e->id = 0;
}

int session_restore(struct p9_session *s, struct p9_fid *fid)
{
	struct fsd *f = s->server->ctx;
	const struct session_entry *e = entry_find(f, s->id);

	if (!e || !e->ino)
		return -ESTALE;
	fid->node = inode_get(f, e->ino);
	if (!fid->node)
		return -ENOMEM;
	fid->qid = (struct p9_qid){.path = e->ino, .type = (uint8_t)e->type};
	return 0;
}
