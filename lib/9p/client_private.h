/* SPDX-License-Identifier: ISC */
/*
 * client_private.h: what the client's files know of each other. Private to lib/9p.
 */
#pragma once
#include "9p/client.h"

static inline void p9_client_lock(struct p9_client *c)
{
	if (c->lock)
		c->lock(c->lock_arg);
}

static inline void p9_client_unlock(struct p9_client *c)
{
	if (c->unlock)
		c->unlock(c->lock_arg);
}

static inline uint64_t p9_deadline(const struct p9_client *c, uint64_t timeout_ns)
{
	return timeout_ns && c->now ? c->now() + timeout_ns : UINT64_MAX;
}

/* conn.c */
/* A session mounted at prefix (len bytes, no slash at the end). The link is used up, also on
 * failure. NULL: no memory. */
struct p9_conn *p9_conn_new(struct p9_link *link, const char *prefix, uint32_t len);
void p9_conn_put(struct p9_client *c, struct p9_conn *conn);
P9_MUST int p9_fid_take(struct p9_client *c, struct p9_conn *conn, uint32_t *fid);
void p9_fid_give(struct p9_client *c, struct p9_conn *conn, uint32_t fid);
/* The message that was to make fid has failed with err, or made none (0): give back the number.
 * After -ETIMEDOUT it is never used again, since the fid may come into being at any time. */
void p9_fid_unmade(struct p9_client *c, struct p9_conn *conn, uint32_t fid, int err);
/* The server behind conn was restarted while it was of this generation. */
void p9_conn_restarted(struct p9_client *c, struct p9_conn *conn, uint32_t generation);
/* One message; notes a dead session. */
P9_MUST int p9_conn_call(struct p9_client *c, struct p9_conn *conn, struct p9_tmsg *t,
			 struct p9_rmsg *r, struct p9_rpc *rpc);
/* Clunk and give back the number. */
void p9_conn_clunk(struct p9_client *c, struct p9_conn *conn, uint32_t fid);
/* The mount, or the root, that answers for path; with a reference. */
struct p9_conn *p9_mount_find(struct p9_client *c, const char *path, uint32_t len);
/* Take a dead mount out of the cache. */
void p9_mount_drop(struct p9_client *c, struct p9_conn *conn);
/* Connect to what a connector handle, which came from `from`, leads to, and mount it. */
P9_MUST int p9_mount_connect(struct p9_client *c, struct p9_conn *from, uint32_t handle,
			     const char *prefix, uint32_t len, uint64_t deadline);

/*
 * What Rresolve says, by Tresolve or by Twalk. *text (P9_PATH_MAX bytes) receives the target of a
 * link. Repeated after -ERESTART.
 */
struct p9_resolved {
	uint32_t kind, consumed;
	struct p9_attr *attr; /* where they go */
	uint32_t text_len;
	uint32_t handle;
};
P9_MUST int p9_conn_resolve(struct p9_client *c, struct p9_conn *conn, struct p9_tmsg *t,
			    struct p9_resolved *out, char *text, uint64_t deadline);
/* bywalk.c: the same for servers without Tresolve. */
P9_MUST int p9_resolve_by_walk(struct p9_client *c, struct p9_conn *conn, struct p9_tmsg *t,
			       struct p9_resolved *out, char *text, uint64_t deadline);

/* path.c */
/* A path on its way. cur[0..known) is absolute and free of links and dots ("" is the root),
 * cur[known..end) is being asked for, rest is still to do. */
struct p9_lookup {
	struct p9_client *c;
	uint32_t flags, oflags; /* of Tresolve */
	struct p9_conn *conn;	/* result: who answered, with a reference */
	uint32_t fid;		/* result, unless P9_RESOLVE_STAT */
	uint32_t generation;
	struct p9_attr attr; /* result */
	uint32_t known, end, rest_at, rest_len;
	uint32_t turns;
	bool want_dir;
	bool remounted;
	uint64_t deadline;
	char cur[P9_FULL_MAX];
	char rest[P9_FULL_MAX];
};
/* On success cur[0..end) is the whole path. On -ENOENT for the last name alone, too. */
P9_MUST int p9_lookup_run(struct p9_lookup *l, struct p9_client *c, const char *path,
			  uint32_t flags, uint32_t oflags);
/* Split off the last name: *dir_len bytes of path lead to its directory (0: the working
 * directory, path "/" has none). -EINVAL for none, "." and "..". */
P9_MUST int p9_path_split(const char *path, uint32_t *dir_len, struct p9_str *name);

/* file.c */
/* Memory for a file whose path has path_len bytes, path_room filled in, or NULL. One that was given
 * back lies ready in the client. */
struct p9_file *p9_file_alloc(struct p9_client *c, uint32_t path_len);
void p9_file_dealloc(struct p9_client *c, struct p9_file *f);
/* Takes over conn's reference and fid, also on failure. */
P9_MUST int p9_file_new(struct p9_client *c, struct p9_conn *conn, uint32_t fid,
			uint32_t generation, const char *path, uint32_t path_len,
			struct p9_file **out);
static inline uint64_t p9_file_deadline(const struct p9_file *f)
{
	return f->timeout_ns ? p9_deadline(f->client, f->timeout_ns) : UINT64_MAX;
}
/* One message about f (t->fid is filled in), and f2 if not NULL (*fid2 is). harmless: may be done
 * twice. rpc->deadline 0: the file's. */
P9_MUST int p9_file_call(struct p9_file *f, struct p9_file *f2, uint32_t *fid2, struct p9_tmsg *t,
			 struct p9_rmsg *r, struct p9_rpc *rpc, bool harmless);

/* pages.c */
#define P9_PAGES_LARGE 1024u /* bytes of a read that counts */
void p9_pages_init(struct p9_file *f);
/* A read of a file whose pages.state is not REST. Bytes read; 0: by a message, with *deadline if
 * that is not 0. */
uint32_t p9_pages_read(struct p9_file *f, void *buf, uint32_t len, uint64_t offset,
		       uint64_t *deadline);
/* A message has read so much that it counts. */
static inline void p9_pages_count(struct p9_file *f)
{
	if (f->pages.wait && !--f->pages.wait)
		f->pages.state = P9_PAGES_DUE;
}
/* Before the file is closed, or when its pages are of no use any more. */
void p9_pages_drop(struct p9_file *f);
/* The process has no room for a handle: close those of all files. False: there were none. */
bool p9_pages_drop_all(struct p9_client *c);
