/* SPDX-License-Identifier: ISC */
/*
 * ops.c: the root's few directories as 9P files. A fid's node is the number of what it stands for.
 *
 * Looking something up in the registry (/scheme, /srv) needs MODE_LOOKUP in the mode of the asker's
 * silo; what is mounted elsewhere is for everybody who has the namespace.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "servers/rootd/rootd.h"
#include "sys/info.h"

#define LINE_MAX_LEN (ROOT_DEPTH * (ROOT_NAME_MAX + 1) + 96)

struct table_text {
	uint32_t len;
	char text[];
};

static struct root *root_of(const struct p9_request *req)
{
	return req->session->server->ctx;
}

/* NULL: it was unmounted meanwhile. */
static struct root_node *node_of(const struct p9_fid *fid)
{
	return root_find(fid->session->server->ctx, (uintptr_t)fid->node);
}

static struct p9_qid node_qid(const struct root_node *n)
{
	static const uint8_t types[] = {[ROOT_FREE] = 0,
					[ROOT_DIR] = P9_QTDIR,
					[ROOT_FILE] = P9_QTFILE,
					[ROOT_MOUNT] = P9_QTDIR | P9_QTMOUNT};

	return (struct p9_qid){.path = n->serial, .type = types[n->kind]};
}

void root_fid_set(struct p9_fid *fid, const struct root_node *n)
{
	fid->node = (void *)(uintptr_t)n->serial;
	fid->qid = node_qid(n);
}

static int op_attach(struct p9_session *s, struct p9_fid *fid)
{
	root_fid_set(fid, root_find(s->server->ctx, ROOT_TOP));
	return 0;
}

static int op_walk1(struct p9_request *req, struct p9_fid *fid, struct p9_str name)
{
	struct root *r = root_of(req);
	struct root_node *n = node_of(fid);

	if (!n)
		return -ENOENT;
	if (p9_str_equal(name, ".."))
		n = root_find(r, n->parent);
	else if (n->kind == ROOT_FILE)
		return -ENOTDIR;
	else
		n = root_child(r, n->serial, name);
	if (!n)
		return -ENOENT;
	root_fid_set(fid, n);
	return 0;
}

static bool may_lookup(const struct p9_request *req, uint64_t place)
{
	return (place != ROOT_SCHEME && place != ROOT_SRV) || req->from.mode & MODE_LOOKUP;
}

static int op_mount(struct p9_request *req, struct p9_fid *fid, uint32_t *handle)
{
	struct root_node *n = node_of(fid);
	uint32_t rights;
	int64_t h;

	if (!n)
		return -ENOENT;
	if (!may_lookup(req, root_place(root_of(req), n)))
		return -EPERM;
	rights = p9_request_rights(req) & SERVE_RIGHTS_FILE & ~RIGHT_CHANGE;
	rights |= SERVE_RIGHTS_SEND | (rights & RIGHT_WRITE ? RIGHT_CHANGE : 0);
	h = sys_handle_dup(n->connector, rights & n->rights);
	if (h < 0)
		return (int)h;
	*handle = (handle_t)h;
	return 0;
}

static uint32_t line_print(struct root *r, const struct root_node *n, char *line)
{
	uint32_t len = root_path(r, n, line);

	return len + (uint32_t)snprintf(line + len, LINE_MAX_LEN - len,
					" silo %u pid %llu up %llu\n", n->silo,
					(unsigned long long)n->pid,
					(unsigned long long)((time_now() - n->since) / NS_PER_S));
}

/* The table as it is now, for this opener, who pays for it. */
static int table_open(struct root *r, struct p9_fid *fid)
{
	static char text[ROOT_NODES * LINE_MAX_LEN];
	struct table_text *t;
	uint32_t len = 0;

	for (unsigned i = 0; i < ROOT_NODES; i++)
		if (r->nodes[i].kind == ROOT_MOUNT)
			len += line_print(r, &r->nodes[i], text + len);
	if (p9_fid_charge(fid, sizeof(*t) + len))
		return -ENOMEM;
	t = malloc(sizeof(*t) + len);
	if (!t) {
		p9_fid_uncharge(fid, sizeof(*t) + len);
		return -ENOMEM;
	}
	t->len = len;
	memcpy(t->text, text, len);
	fid->aux = t;
	return 0;
}

static int op_open(struct p9_request *req, struct p9_fid *fid, uint32_t oflags)
{
	struct root_node *n = node_of(fid);

	if ((oflags & P9_O_ACCMODE) != P9_O_RDONLY || oflags & P9_O_TRUNC)
		return -EROFS;
	if (!n)
		return -ENOENT;
	return n->kind == ROOT_FILE ? table_open(root_of(req), fid) : 0;
}

static void op_clunk(struct p9_fid *fid)
{
	free(fid->aux);
}

static int op_read(struct p9_request *req, struct p9_fid *fid, uint64_t offset, uint32_t count)
{
	const struct table_text *t = fid->aux;

	if (!t || offset >= t->len)
		return 0;
	if (count > t->len - offset)
		count = t->len - (uint32_t)offset;
	return p9_respond_data(req, t->text + offset, count);
}

static int entry_add(struct p9_request *req, const struct root_node *n, uint64_t offset,
		     const char *name)
{
	struct p9_dirent ent = {.qid = node_qid(n),
				.offset = offset,
				.type = n->kind == ROOT_FILE ? P9_DT_REG : P9_DT_DIR,
				.name = p9_str_from(name)};

	return p9_readdir_add(req, &ent);
}

/* Offsets: 1 ".", 2 "..", 3 + slot. */
static int op_readdir(struct p9_request *req, struct p9_fid *fid, uint64_t offset)
{
	struct root *r = root_of(req);
	struct root_node *dir = node_of(fid);
	int err = 0;

	if (!dir)
		return -ENOENT;
	if (offset < 1)
		err = entry_add(req, dir, 1, ".");
	if (offset < 2 && !err)
		err = entry_add(req, root_find(r, dir->parent), 2, "..");
	for (unsigned i = 0; i < ROOT_NODES && !err; i++) {
		const struct root_node *n = &r->nodes[i];

		if (n->kind != ROOT_FREE && n->parent == dir->serial && n->serial != ROOT_TOP &&
		    offset < 3 + i)
			err = entry_add(req, n, 3 + i, n->name);
	}
	if (err == -ENOSPC)
		return p9_readdir_empty(req) ? -EINVAL : 0;
	return err;
}

static int op_getattr(struct p9_request *req, struct p9_fid *fid, uint64_t mask,
		      struct p9_attr *attr)
{
	const struct root_node *n = node_of(fid);

	(void)req;
	(void)mask;
	if (!n)
		return -ENOENT;
	attr->valid = P9_GETATTR_BASIC;
	attr->mode = n->kind == ROOT_FILE ? P9_S_IFREG | 0444 : P9_S_IFDIR | 0555;
	attr->nlink = n->kind == ROOT_FILE ? 1 : 2;
	attr->blksize = 4096;
	return 0;
}

const struct p9_ops root_ops = {
	.attach = op_attach,
	.walk1 = op_walk1,
	.clunk = op_clunk,
	.open = op_open,
	.read = op_read,
	.readdir = op_readdir,
	.getattr = op_getattr,
	.mount = op_mount,
	.session_made = root_session_made,
	.session_gone = root_session_gone,
	.session_restore = root_session_restore,
};
