/* SPDX-License-Identifier: ISC */
/* change.c: changing exported trees. Where nothing may be written the local session refuses it. */
#include <errno.h>
#include <string.h>
#include "servers/exportd/export.h"

/* A job on the child `name` of dir: its path is in j->path. */
static struct job *child_job(struct p9_request *req, struct p9_fid *dir, struct p9_str name,
			     int (*work)(struct job *j), int *err)
{
	struct node *n = dir->node;
	struct job *j = job_new(req, n, err);

	if (!j)
		return NULL;
	*err = path_child(j->path, n->path, name);
	if (!*err && !path_allowed(j->path))
		*err = -EACCES;
	if (*err) {
		job_free(j);
		return NULL;
	}
	j->work = work;
	return j;
}

static int create_work(struct job *j)
{
	int err = p9_client_open(&export.client, j->path,
				 j->flags | P9_O_CREAT | P9_O_EXCL | P9_O_NOFOLLOW, j->mode,
				 &j->file);

	if (err)
		return err;
	j->file->timeout_ns = 0;
	return path_look(j, j->path);
}

static void create_done(struct job *j, int err)
{
	struct p9_fid *fid = j->out;
	struct node *n = err ? NULL : node_new(j->path, j->place);

	if (n) {
		n->file = j->file;
		node_put(fid->node);
		fid->node = n;
		fid->qid = j->attr.qid;
		j->file = NULL;
	}
	p9_respond(j->req, err ? err : n ? 0 : -ENOMEM);
}

int export_create(struct p9_request *req, struct p9_fid *fid, struct p9_str name, uint32_t oflags,
		  uint32_t mode, uint32_t gid)
{
	int err;
	struct job *j = child_job(req, fid, name, create_work, &err);

	(void)gid;
	if (!j)
		return err;
	j->flags = oflags;
	j->mode = mode;
	j->out = fid;
	j->done = create_done;
	return job_start(j);
}

static void qid_done(struct job *j, int err)
{
	if (!err)
		*(struct p9_qid *)j->out = j->attr.qid;
	p9_respond(j->req, err);
}

static int mkdir_work(struct job *j)
{
	int err = p9_client_mkdir(&export.client, j->path, j->mode);

	return err ? err : path_look(j, j->path);
}

int export_mkdir(struct p9_request *req, struct p9_fid *dir, struct p9_str name, uint32_t mode,
		 uint32_t gid, struct p9_qid *qid)
{
	int err;
	struct job *j = child_job(req, dir, name, mkdir_work, &err);

	(void)gid;
	if (!j)
		return err;
	j->mode = mode;
	j->out = qid;
	j->done = qid_done;
	return job_start(j);
}

static int symlink_work(struct job *j)
{
	int err = p9_client_symlink(&export.client, j->other, j->path);

	return err ? err : path_look(j, j->path);
}

int export_symlink(struct p9_request *req, struct p9_fid *dir, struct p9_str name,
		   struct p9_str target, uint32_t gid, struct p9_qid *qid)
{
	int err;
	struct job *j;

	(void)gid;
	if (target.len >= P9_FULL_MAX)
		return -ENAMETOOLONG;
	j = child_job(req, dir, name, symlink_work, &err);
	if (!j)
		return err;
	memcpy(j->other, target.ptr, target.len);
	j->out = qid;
	j->done = qid_done;
	return job_start(j);
}

static int rename_work(struct job *j)
{
	return p9_client_rename(&export.client, j->path, j->other);
}

int export_renameat(struct p9_request *req, struct p9_fid *olddir, struct p9_str oldname,
		    struct p9_fid *newdir, struct p9_str newname)
{
	struct node *into = newdir->node;
	int err;
	struct job *j = child_job(req, olddir, oldname, rename_work, &err);

	if (!j)
		return err;
	err = path_child(j->other, into->path, newname);
	if (!err && !path_allowed(j->other))
		err = -EACCES;
	if (err) {
		job_free(j);
		return err;
	}
	return job_start(j);
}

static int unlink_work(struct job *j)
{
	return p9_client_unlink(&export.client, j->path, j->flags);
}

int export_unlinkat(struct p9_request *req, struct p9_fid *dir, struct p9_str name, uint32_t flags)
{
	int err;
	struct job *j = child_job(req, dir, name, unlink_work, &err);

	if (!j)
		return err;
	j->flags = flags;
	return job_start(j);
}

/* Of the node itself, also if it is a link. */
static int setattr_work(struct job *j)
{
	struct p9_file *f;
	int err;

	if (j->node->file)
		return p9_client_fsetattr(j->node->file, &j->set);
	err = p9_client_walk(&export.client, j->node->path, true, &f);
	if (err)
		return err;
	err = path_allowed(f->path) ? p9_client_fsetattr(f, &j->set) : -EACCES;
	p9_client_close(f);
	return err;
}

int export_setattr(struct p9_request *req, struct p9_fid *fid, const struct p9_setattr *set)
{
	int err;
	struct job *j = job_new(req, fid->node, &err);

	if (!j)
		return err;
	j->work = setattr_work;
	j->set = *set;
	return job_start(j);
}
