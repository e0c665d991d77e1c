/* SPDX-License-Identifier: ISC */
/*
 * ops.c: looking at exported files: walk, open, read, readdir, attributes; and writing.
 *
 * Each op checks nothing but room, makes a job and keeps the request. fid->node is a struct node
 * with a reference of the fid's. Once a node is open all goes through its file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "servers/exportd/export.h"

void done_plain(struct job *j, int err)
{
	p9_respond(j->req, err);
}

static int op_attach(struct p9_session *s, struct p9_fid *fid)
{
	(void)s;
	fid->node = export.root;
	fid->qid = export.root_qid;
	export.root->refs++;
	return 0;
}

static void op_clone(struct p9_fid *from, struct p9_fid *to)
{
	struct node *n = from->node;

	to->node = n;
	n->refs++;
}

static void op_clunk(struct p9_fid *fid)
{
	if (fid->node)
		node_put(fid->node);
}

static int op_flush(struct p9_request *req)
{
	job_orphan(req);
	return 0;
}

/* A job on fid's node, or *err. */
static struct job *fid_job(struct p9_request *req, struct p9_fid *fid, int (*work)(struct job *j),
			   int *err)
{
	struct job *j = job_new(req, fid->node, err);

	if (j)
		j->work = work;
	return j;
}

/* ---- walk --------------------------------------------------------------------------------------
 */

static int walk_work(struct job *j)
{
	return path_look(j, j->path);
}

static void walk_done(struct job *j, int err)
{
	struct p9_fid *fid = j->out;
	struct node *n;

	if (!err) {
		n = node_new(j->path, j->place);
		if (n) {
			node_put(fid->node);
			fid->node = n;
			fid->qid = j->attr.qid;
		} else {
			err = -ENOMEM;
		}
	}
	p9_respond(j->req, err);
}

static int op_walk1(struct p9_request *req, struct p9_fid *fid, struct p9_str name)
{
	struct node *n = fid->node;
	int err;
	struct job *j = fid_job(req, fid, walk_work, &err);

	if (!j)
		return err;
	err = path_child(j->path, n->path, name);
	if (err) {
		job_free(j);
		return err;
	}
	j->done = walk_done;
	j->out = fid;
	return job_start(j);
}

/* ---- open --------------------------------------------------------------------------------------
 */

static int open_work(struct job *j)
{
	int err = p9_client_open(&export.client, j->node->path, j->flags | P9_O_NOFOLLOW, 0,
				 &j->file);

	if (err || path_allowed(j->file->path)) {
		if (!err)
			j->file->timeout_ns = 0; /* the remote side has patience of its own */
		return err;
	}
	p9_client_close(j->file);
	j->file = NULL;
	return -EACCES;
}

static void open_done(struct job *j, int err)
{
	if (!err) {
		j->node->file = j->file;
		j->file = NULL;
	}
	p9_respond(j->req, err);
}

/* Fids share nodes until one is opened: that one gets a node of its own. */
static int node_own(struct p9_fid *fid)
{
	struct node *n = fid->node, *own;

	if (n->refs == 1)
		return 0;
	own = node_new(n->path, n->place);
	if (!own)
		return -ENOMEM;
	node_put(n);
	fid->node = own;
	return 0;
}

static int op_open(struct p9_request *req, struct p9_fid *fid, uint32_t oflags)
{
	int err = node_own(fid);
	struct job *j = err ? NULL : fid_job(req, fid, open_work, &err);

	if (!j)
		return err;
	j->flags = oflags;
	j->done = open_done;
	return job_start(j);
}

/* ---- read, write, readdir
 * ------------------------------------------------------------------------- */

static int read_work(struct job *j)
{
	j->n = p9_client_pread(j->node->file, j->data, j->count, j->offset);
	return j->n < 0 ? (int)j->n : 0;
}

static void read_done(struct job *j, int err)
{
	if (err)
		p9_respond(j->req, err);
	else
		p9_respond_data(j->req, j->data, (uint32_t)j->n);
}

/* A job with room for count bytes. */
static struct job *io_job(struct p9_request *req, struct p9_fid *fid, int (*work)(struct job *j),
			  uint64_t offset, uint32_t count, int *err)
{
	struct job *j = fid_job(req, fid, work, err);

	if (!j)
		return NULL;
	j->offset = offset;
	j->count = count < EXPORT_IO_MAX ? count : EXPORT_IO_MAX;
	j->data = malloc(j->count ? j->count : 1);
	if (j->data)
		return j;
	job_free(j);
	*err = -ENOMEM;
	return NULL;
}

static int op_read(struct p9_request *req, struct p9_fid *fid, uint64_t offset, uint32_t count)
{
	int err;
	struct job *j = io_job(req, fid, read_work, offset, count, &err);

	if (!j)
		return err;
	j->done = read_done;
	return job_start(j);
}

static int write_work(struct job *j)
{
	j->n = p9_client_pwrite(j->node->file, j->data, j->count, j->offset);
	return j->n < 0 ? (int)j->n : 0;
}

static void write_done(struct job *j, int err)
{
	if (!err)
		p9_request_wrote(j->req, (uint32_t)j->n);
	p9_respond(j->req, err);
}

static int op_write(struct p9_request *req, struct p9_fid *fid, uint64_t offset, uint32_t count)
{
	int err;
	struct job *j = io_job(req, fid, write_work, offset, count, &err);

	if (!j)
		return err;
	err = p9_request_get(req, 0, j->data, j->count);
	if (err) {
		job_free(j);
		return err;
	}
	j->done = write_done;
	return job_start(j);
}

/* Drop entries that may not be touched; *next: where the directory goes on. Bytes that are left. */
static int64_t entries_filter(struct job *j, int64_t len, uint64_t *next)
{
	const char *dir = j->node->file->path;
	int64_t kept = 0;

	for (int64_t at = 0; at < len;) {
		struct p9_dirent ent;
		int used = p9_dirent_decode(&ent, j->data + at, (size_t)(len - at));

		if (used < 0)
			return -EIO;
		*next = ent.offset;
		if (!path_child(j->path, dir, ent.name) && path_allowed(j->path)) {
			memmove(j->data + kept, j->data + at, (size_t)used);
			kept += used;
		}
		at += used;
	}
	return kept;
}

/* Nothing means the end of the directory, so it is read on while all that came was dropped. */
static int readdir_work(struct job *j)
{
	uint64_t next = j->offset;
	int64_t got;

	do {
		j->node->file->offset = next;
		got = p9_client_readdir(j->node->file, j->data, j->count);
		if (got < 0)
			return (int)got;
		j->n = entries_filter(j, got, &next);
	} while (got && !j->n && next != j->node->file->offset);
	return j->n < 0 ? (int)j->n : 0;
}

static void readdir_done(struct job *j, int err)
{
	struct p9_dirent ent;

	p9_readdir_begin(j->req);
	for (int64_t at = 0; !err && at < j->n;) {
		int used = p9_dirent_decode(&ent, j->data + at, (size_t)(j->n - at));

		if (used < 0) {
			err = -EIO;
			break;
		}
		at += used;
		ent.qid = node_qid(ent.qid, j->node->place);
		err = p9_readdir_add(j->req, &ent);
	}
	if (err == -ENOSPC)
		err = p9_readdir_empty(j->req) ? -EINVAL : 0;
	p9_respond(j->req, err);
}

static int op_readdir(struct p9_request *req, struct p9_fid *fid, uint64_t offset)
{
	int err;
	struct job *j = io_job(req, fid, readdir_work, offset, P9_DIR_SIZE / 2, &err);

	if (!j)
		return err;
	j->done = readdir_done;
	return job_start(j);
}

/* ---- attributes
 * -------------------------------------------------------------------------------------- */

static int getattr_work(struct job *j)
{
	int err;

	if (!j->node->file)
		return path_look(j, j->node->path);
	err = p9_client_getattr(j->node->file, P9_GETATTR_BASIC, &j->attr);
	j->attr.qid = node_qid(j->attr.qid, j->node->place);
	return err;
}

static void getattr_done(struct job *j, int err)
{
	if (!err)
		*(struct p9_attr *)j->out = j->attr;
	p9_respond(j->req, err);
}

static int op_getattr(struct p9_request *req, struct p9_fid *fid, uint64_t mask,
		      struct p9_attr *attr)
{
	int err;
	struct job *j = fid_job(req, fid, getattr_work, &err);

	(void)mask;
	if (!j)
		return err;
	j->out = attr;
	j->done = getattr_done;
	return job_start(j);
}

static int readlink_work(struct job *j)
{
	j->n = p9_client_readlink(&export.client, j->node->path, j->other, sizeof(j->other));
	return j->n < 0 ? (int)j->n : 0;
}

static void readlink_done(struct job *j, int err)
{
	struct p9_str *target = j->out;
	char *text = err ? NULL : p9_request_buffer(j->req, (uint32_t)j->n + 1);

	if (text) {
		memcpy(text, j->other, (size_t)j->n);
		*target = (struct p9_str){text, (uint32_t)j->n};
	}
	p9_respond(j->req, err ? err : text ? 0 : -ENOMEM);
}

static int op_readlink(struct p9_request *req, struct p9_fid *fid, struct p9_str *target)
{
	int err;
	struct job *j = fid_job(req, fid, readlink_work, &err);

	if (!j)
		return err;
	j->out = target;
	j->done = readlink_done;
	return job_start(j);
}

static int statfs_work(struct job *j)
{
	return p9_client_statfs(&export.client, j->node->path, &j->st);
}

static void statfs_done(struct job *j, int err)
{
	if (!err)
		*(struct p9_statfs *)j->out = j->st;
	p9_respond(j->req, err);
}

static int op_statfs(struct p9_request *req, struct p9_fid *fid, struct p9_statfs *st)
{
	int err;
	struct job *j = fid_job(req, fid, statfs_work, &err);

	if (!j)
		return err;
	j->out = st;
	j->done = statfs_done;
	return job_start(j);
}

static int fsync_work(struct job *j)
{
	return p9_client_fsync(j->node->file, j->flags);
}

static int op_fsync(struct p9_request *req, struct p9_fid *fid, bool datasync)
{
	int err;
	struct job *j = fid_job(req, fid, fsync_work, &err);

	if (!j)
		return err;
	j->flags = datasync;
	return job_start(j);
}

const struct p9_ops export_ops = {
	.attach = op_attach,
	.clone = op_clone,
	.walk1 = op_walk1,
	.clunk = op_clunk,
	.flush = op_flush,
	.open = op_open,
	.create = export_create,
	.read = op_read,
	.write = op_write,
	.readdir = op_readdir,
	.getattr = op_getattr,
	.setattr = export_setattr,
	.readlink = op_readlink,
	.statfs = op_statfs,
	.fsync = op_fsync,
	.mkdir = export_mkdir,
	.symlink = export_symlink,
	.renameat = export_renameat,
	.unlinkat = export_unlinkat,
};
