/* SPDX-License-Identifier: ISC */
/*
 * dir2000.c: reading a directory as 9P2000 has it: whole stats, one behind the other.
 *
 * The ops give names only, so each entry is walked to and its attributes are asked for, one op
 * after the other, any of which may keep the request. The state lives in the directory's fid; one
 * read a fid at a time.
 *
 * The offset must be 0 or where the read before ended: read(5). Entries that vanish between the
 * listing and the walk are left out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "9p/engine.h"
#include "9p/legacy.h"

struct p9_dir_state {
	uint64_t pos;	  /* the offset that the client must give next */
	uint64_t cookie;  /* op readdir goes on here */
	uint32_t len, at; /* the listing, and where we are in it */
	uint32_t fill;	  /* bytes in out */
	struct p9_attr attr;
	struct p9_dirent ent; /* its name lies in list */
	uint8_t list[P9_DIR_SIZE];
	uint8_t out[P9_DIR_SIZE];
};

void p9_dir_state_free(struct p9_dir_state *dir)
{
	free(dir);
}

static int dir_end(struct p9_request *req, int status)
{
	struct p9_dir_state *dir = req->fid->dir;

	if (status)
		return status;
	dir->pos += dir->fill;
	req->r.data = (struct p9_data){dir->fill ? (const void *)dir->out : "", dir->fill};
	return 0;
}

static bool is_dot(struct p9_str name)
{
	return p9_str_equal(name, ".") || p9_str_equal(name, "..");
}

/* Make the next entry of the listing the one in hand. 1, 0 at the end, or an error. */
static int entry_next(struct p9_request *req)
{
	struct p9_dir_state *dir = req->fid->dir;
	int used, err = 0;

	while (dir->at < dir->len) {
		used = p9_dirent_decode(&dir->ent, dir->list + dir->at, dir->len - dir->at);
		if (used < 0)
			return -EIO;
		dir->at += (uint32_t)used;
		if (is_dot(dir->ent.name)) {
			dir->cookie = dir->ent.offset;
			continue;
		}
		req->walk = p9_fid_clone(req->fid, &req->from, true, &err);
		return req->walk ? 1 : err;
	}
	return 0;
}

/* It was walked to, if status is 0: ask for the attributes. */
static int entry_attr(struct p9_request *req, int status)
{
	if (status)
		return status;
	return p9_op_status(
		req, p9_getattr_start(req, req->walk, P9_GETATTR_BASIC, &req->fid->dir->attr));
}

/* Append the stat of the entry in hand, if it is still there. False: it does not fit. */
static bool entry_append(struct p9_request *req, int status)
{
	struct p9_dir_state *dir = req->fid->dir;
	uint32_t room = req->t.read.count < P9_DIR_SIZE ? req->t.read.count : P9_DIR_SIZE;
	char users[P9_USERS_SIZE];
	struct p9_stat st;
	int len;

	p9_fid_put(req->walk);
	req->walk = NULL;
	if (!status) {
		p9_stat_from_attr(&st, &dir->attr, dir->ent.name, users, sizeof(users));
		len = p9_stat_encode(&st, dir->out + dir->fill, room - dir->fill);
		if (len < 0)
			return false;
		dir->fill += (uint32_t)len;
	}
	dir->cookie = dir->ent.offset;
	return true;
}

static int dir_list(struct p9_request *req);
static int entry_got(struct p9_request *req, int status);

static int entry_walked(struct p9_request *req, int status)
{
	int r = entry_attr(req, status);

	if (r != P9_KEEP)
		return entry_got(req, r);
	req->next_step = entry_got;
	return r;
}

static int dir_on(struct p9_request *req)
{
	const struct p9_ops *ops = req->session->server->ops;
	struct p9_dir_state *dir = req->fid->dir;
	int r;

	while ((r = entry_next(req)) > 0) {
		r = p9_op_status(req, ops->walk1(req, req->walk, dir->ent.name));
		if (r == P9_KEEP) {
			req->next_step = entry_walked;
			return r;
		}
		r = entry_attr(req, r);
		if (r == P9_KEEP) {
			req->next_step = entry_got;
			return r;
		}
		if (!entry_append(req, r))
			return dir_end(req, dir->fill ? 0 : -EINVAL);
	}
	if (!r && !dir->fill && dir->len)
		return dir_list(req); /* all of these were gone */
	return dir_end(req, dir->fill ? 0 : r);
}

static int entry_got(struct p9_request *req, int status)
{
	struct p9_dir_state *dir = req->fid->dir;

	if (!entry_append(req, status))
		return dir_end(req, dir->fill ? 0 : -EINVAL);
	return dir_on(req);
}

static int dir_listed(struct p9_request *req, int status)
{
	struct p9_dir_state *dir = req->fid->dir;

	if (status)
		return dir_end(req, status);
	memcpy(dir->list, req->session->server->dir, req->fill);
	dir->len = req->fill;
	return dir_on(req);
}

/* Get entries from where the last ones ended. */
static int dir_list(struct p9_request *req)
{
	struct p9_dir_state *dir = req->fid->dir;

	dir->at = dir->len = 0;
	return p9_readdir_start(req, dir->cookie, P9_DIR_SIZE, dir_listed);
}

int p9_read_dir2000(struct p9_request *req)
{
	struct p9_dir_state *dir = req->fid->dir;

	if (req->fid->busy)
		return -EBUSY;
	if (!dir) {
		if (p9_fid_charge(req->fid, sizeof(*dir)))
			return -ENOMEM;
		dir = malloc(sizeof(*dir));
		if (!dir) {
			p9_fid_uncharge(req->fid, sizeof(*dir));
			return -ENOMEM;
		}
		dir->pos = dir->cookie = 0;
		req->fid->dir = dir;
	}
	if (!req->t.read.offset)
		dir->pos = dir->cookie = 0;
	if (req->t.read.offset != dir->pos)
		return -EINVAL;
	p9_fid_occupy(req);
	dir->fill = 0;
	return dir_list(req);
}
