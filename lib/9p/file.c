/* SPDX-License-Identifier: ISC */
/*
 * file.c: what can be done with a file once it has been found, and finding it again when its
 * server has been restarted.
 *
 * A file's fid is lost when the session's generation has moved on (some call came back with
 * -ERESTART) or when the server says that it does not know it (-EBADF: open modes are checked here
 * first, so that is the only meaning). Before the next message the file is then resolved and
 * opened again by its path, under a new number; it must still be the same file, by qid.path.
 *
 * That it is lost may be wrong: the call that brought the file may have gone to the successor while
 * another thread has yet to hear that the server was restarted. So its old number is clunked, too,
 * whatever generation it is of, before anybody gets it again.
 *
 * Invariant: a message is sent at most P9_TRIES times. Again only if it is harmless, or was refused
 * unread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "9p/client_private.h"

#define IO_CLIP	   0x40000000u
#define SPARE_ROOM 256u /* bytes of path that may lie idle */

struct p9_file *p9_file_alloc(struct p9_client *c, uint32_t path_len)
{
	struct p9_file *f = __atomic_exchange_n(&c->spare, NULL, __ATOMIC_ACQUIRE);

	if (f && f->path_room > path_len)
		return f;
	free(f);
	f = malloc(sizeof(*f) + path_len + 1);
	if (f)
		f->path_room = path_len + 1;
	return f;
}

void p9_file_dealloc(struct p9_client *c, struct p9_file *f)
{
	if (f->path_room <= SPARE_ROOM)
		f = __atomic_exchange_n(&c->spare, f, __ATOMIC_ACQ_REL);
	free(f);
}

int p9_file_new(struct p9_client *c, struct p9_conn *conn, uint32_t fid, uint32_t generation,
		const char *path, uint32_t path_len, struct p9_file **out)
{
	struct p9_file *f = p9_file_alloc(c, path_len);

	if (!f) {
		p9_conn_clunk(c, conn, fid);
		p9_conn_put(c, conn);
		return -ENOMEM;
	}
	f->client = c;
	f->conn = conn;
	f->fid = fid;
	f->generation = generation;
	f->qid = (struct p9_qid){0};
	f->oflags = 0;
	f->open = false;
	f->lost = 0;
	f->offset = 0;
	f->timeout_ns = c->timeout_ns;
	p9_pages_init(f);
	f->path_len = path_len;
	memcpy(f->path, path, path_len);
	f->path[path_len] = '\0';
	*out = f;
	return 0;
}

/* ---- finding it again -------------------------------------------------------------------- */

static bool is_passing(int err)
{
	return err == -ERESTART || err == -EINTR || err == -ETIMEDOUT || err == -EAGAIN ||
	       err == -ENOMEM || err == -EMFILE || err == -EPIPE;
}

/* On failure fid is free again. */
static int reopen_ask(struct p9_file *f, uint32_t fid, uint64_t deadline)
{
	struct p9_tmsg t = {.type = P9_TRESOLVE, .fid = 0};
	uint32_t skip = f->conn->prefix_len;
	struct p9_attr attr;
	struct p9_resolved res = {.attr = &attr};
	char text[P9_PATH_MAX];
	int err;

	skip += skip < f->path_len ? 1 : 0;
	t.resolve.newfid = fid;
	t.resolve.flags = P9_RESOLVE_NOFOLLOW | (f->open ? P9_RESOLVE_OPEN : 0);
	t.resolve.oflags = f->oflags & ~(P9_O_CREAT | P9_O_EXCL | P9_O_TRUNC);
	t.resolve.path = (struct p9_str){f->path + skip, f->path_len - skip};
	err = p9_conn_resolve(f->client, f->conn, &t, &res, text, deadline);
	if (err) {
		p9_fid_unmade(f->client, f->conn, fid, err);
		return err;
	}
	if (res.handle) /* a mount where the file was */
		f->conn->link->ops->drop(f->conn->link, res.handle);
	if (res.kind == P9_RESOLVE_DONE && attr.qid.path == f->qid.path)
		return 0;
	p9_conn_clunk(f->client, f->conn, fid);
	return -ESTALE;
}

static int file_reopen(struct p9_file *f, uint64_t deadline)
{
	struct p9_client *c = f->client;
	uint32_t fid, old = f->fid;
	int err;

	if (f->lost)
		return f->lost;
	err = p9_fid_take(c, f->conn, &fid);
	if (err)
		return err;
	err = reopen_ask(f, fid, deadline);
	if (err) {
		if (!is_passing(err))
			f->lost = err;
		return err;
	}
	c->reopened++;
	f->fid = fid;
	f->generation = f->conn->generation;
	p9_conn_clunk(c, f->conn, old); /* should it be there after all */
	return 0;
}

static int file_fresh(struct p9_file *f, uint64_t deadline)
{
	return f->generation == f->conn->generation && !f->lost ? 0 : file_reopen(f, deadline);
}

/* A try has failed because fids are gone. */
static void fids_lost(struct p9_file *f, struct p9_file *f2, int err, uint32_t generation)
{
	if (err == -ERESTART) {
		p9_conn_restarted(f->client, f->conn, generation);
		return;
	}
	f->generation = f->conn->generation - 1;
	if (f2)
		f2->generation = f->generation;
}

/* One try. *lost: a fid is gone, and whether the message was done is not known if -ERESTART. */
static inline int file_try(struct p9_file *f, struct p9_file *f2, uint32_t *fid2, struct p9_tmsg *t,
			   struct p9_rmsg *r, struct p9_rpc *rpc, bool *lost)
{
	uint32_t generation;
	int err = file_fresh(f, rpc->deadline);

	*lost = false;
	if (!err && f2)
		err = file_fresh(f2, rpc->deadline);
	if (err)
		return err;
	generation = f->generation;
	t->fid = f->fid;
	if (f2)
		*fid2 = f2->fid;
	err = p9_conn_call(f->client, f->conn, t, r, rpc);
	*lost = err == -ERESTART || err == -EBADF;
	if (*lost)
		fids_lost(f, f2, err, generation);
	return err;
}

int p9_file_call(struct p9_file *f, struct p9_file *f2, uint32_t *fid2, struct p9_tmsg *t,
		 struct p9_rmsg *r, struct p9_rpc *rpc, bool harmless)
{
	unsigned tries = 0;
	bool lost;
	int err;

	if (!rpc->deadline)
		rpc->deadline = p9_file_deadline(f);
	do {
		err = file_try(f, f2, fid2, t, r, rpc, &lost);
	} while (__builtin_expect(lost, 0) && ++tries < P9_TRIES && (err != -ERESTART || harmless));
	return err;
}

static int call(struct p9_file *f, struct p9_tmsg *t, struct p9_rmsg *r, bool harmless)
{
	struct p9_rpc rpc = {0};

	return p9_file_call(f, NULL, NULL, t, r, &rpc, harmless);
}

/* ---- data -------------------------------------------------------------------------------- */

static uint32_t io_clip(const struct p9_file *f, uint64_t len)
{
	uint32_t most = f->conn->link->msize - P9_IOHDR;

	most = most < IO_CLIP ? most : IO_CLIP;
	return len < most ? (uint32_t)len : most;
}

static inline __attribute__((always_inline)) int64_t io_read(struct p9_file *f, uint8_t type,
							     void *buf, uint64_t len,
							     uint64_t offset, uint64_t deadline)
{
	struct p9_tmsg t;
	struct p9_rmsg r;
	struct p9_rpc rpc;
	int err;

	if (!f->open || (f->oflags & P9_O_ACCMODE) == P9_O_WRONLY)
		return -EBADF;
	t.type = type;
	t.read.offset = offset;
	t.read.count = io_clip(f, len);
	rpc = (struct p9_rpc){.out = buf, .out_max = t.read.count, .deadline = deadline};
	err = p9_file_call(f, NULL, NULL, &t, &r, &rpc, true);
	return err ? err : (int64_t)rpc.out_len;
}

int64_t p9_client_pread(struct p9_file *f, void *buf, uint64_t len, uint64_t offset)
{
	uint64_t deadline = 0;
	int64_t n;

	if (f->pages.state) {
		n = p9_pages_read(f, buf, io_clip(f, len), offset, &deadline);
		if (n)
			return n;
	}
	n = io_read(f, P9_TREAD, buf, len, offset, deadline);
	if (n >= (int64_t)P9_PAGES_LARGE)
		p9_pages_count(f);
	return n;
}

int64_t p9_client_readdir(struct p9_file *f, void *buf, uint32_t len)
{
	return io_read(f, P9_TREADDIR, buf, len, f->offset, 0);
}

int64_t p9_client_pwrite(struct p9_file *f, const void *buf, uint64_t len, uint64_t offset)
{
	bool harmless = !(f->qid.type & P9_QTAPPEND) && !(f->oflags & P9_O_APPEND);
	uint32_t count = io_clip(f, len);
	struct p9_tmsg t;
	struct p9_rmsg r;
	struct p9_rpc rpc;
	int err;

	if (!f->open || (f->oflags & P9_O_ACCMODE) == P9_O_RDONLY)
		return -EBADF;
	t.type = P9_TWRITE;
	t.write.offset = offset;
	t.write.data = (struct p9_data){NULL, count};
	rpc = (struct p9_rpc){.in = buf, .in_len = count};
	err = p9_file_call(f, NULL, NULL, &t, &r, &rpc, harmless);
	if (err)
		return err;
	return r.write.count <= count ? (int64_t)r.write.count : -EPROTO;
}

int64_t p9_client_read(struct p9_file *f, void *buf, uint64_t len)
{
	int64_t n = p9_client_pread(f, buf, len, f->offset);

	if (n > 0)
		f->offset += (uint64_t)n;
	return n;
}

int64_t p9_client_write(struct p9_file *f, const void *buf, uint64_t len)
{
	int64_t n = p9_client_pwrite(f, buf, len, f->offset);

	if (n > 0)
		f->offset += (uint64_t)n;
	return n;
}

int p9_client_fsync(struct p9_file *f, bool datasync)
{
	struct p9_tmsg t = {.type = P9_TFSYNC};
	struct p9_rmsg r;

	/* Not repeated: what was written before the restart may not have reached the disk. */
	t.fsync.datasync = datasync;
	return call(f, &t, &r, false);
}

/* ---- attributes -------------------------------------------------------------------------- */

int p9_client_getattr(struct p9_file *f, uint64_t mask, struct p9_attr *attr)
{
	struct p9_tmsg t;
	struct p9_rmsg r;
	int err;

	t.type = P9_TGETATTR;
	t.getattr.mask = mask;
	err = call(f, &t, &r, true);
	if (!err)
		*attr = r.getattr;
	return err;
}

int p9_client_fsetattr(struct p9_file *f, const struct p9_setattr *set)
{
	struct p9_tmsg t = {.type = P9_TSETATTR};
	struct p9_rmsg r;

	t.setattr = *set;
	return call(f, &t, &r, false);
}

int p9_client_flock(struct p9_file *f, const struct p9_lock *lock, uint8_t *status)
{
	struct p9_tmsg t = {.type = P9_TLOCK};
	struct p9_rmsg r;
	int err;

	t.lock = *lock;
	err = call(f, &t, &r, false);
	if (!err)
		*status = r.lock.status;
	return err;
}

int p9_client_gethandle(struct p9_file *f, enum p9_handle_kind kind, uint64_t arg, uint64_t *value,
			uint32_t *handle)
{
	struct p9_tmsg t = {.type = P9_TGETHANDLE};
	struct p9_rpc rpc = {0};
	struct p9_rmsg r;
	int err;

	t.gethandle.kind = kind;
	t.gethandle.arg = arg;
	err = p9_file_call(f, NULL, NULL, &t, &r, &rpc, true);
	if (err)
		return err;
	if (r.gethandle.kind != (uint32_t)kind || !rpc.handle) {
		if (rpc.handle)
			f->conn->link->ops->drop(f->conn->link, rpc.handle);
		return -EPROTO;
	}
	if (value)
		*value = r.gethandle.value;
	*handle = rpc.handle;
	return 0;
}

/* ---- the end ----------------------------------------------------------------------------- */

static void file_free(struct p9_file *f)
{
	p9_conn_put(f->client, f->conn);
	p9_file_dealloc(f->client, f);
}

int p9_client_remove(struct p9_file *f)
{
	struct p9_tmsg t = {.type = P9_TREMOVE};
	struct p9_rmsg r;
	int err;

	p9_pages_drop(f);
	err = call(f, &t, &r, false);
	if (err)
		p9_conn_clunk(f->client, f->conn, f->fid);
	else
		p9_fid_give(f->client, f->conn, f->fid);
	file_free(f);
	return err;
}

int p9_client_close(struct p9_file *f)
{
	if (!f)
		return 0;
	p9_pages_drop(f); /* first, so that the server sees that they are not used */
	p9_conn_clunk(f->client, f->conn, f->fid);
	file_free(f);
	return 0;
}
