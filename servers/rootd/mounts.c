/* SPDX-License-Identifier: ISC */
/* mounts.c: the mount table, and which paths may be in it. */
#include <errno.h>
#include <string.h>
#include "servers/rootd/rootd.h"
#include "sys/info.h"

static struct root_node *node_free(struct root *r)
{
	for (unsigned i = 0; i < ROOT_NODES; i++)
		if (r->nodes[i].kind == ROOT_FREE)
			return &r->nodes[i];
	return NULL;
}

static struct root_node *node_make(struct root *r, enum root_kind kind, uint64_t parent,
				   struct p9_str name)
{
	struct root_node *n = node_free(r);

	if (!n)
		return NULL;
	*n = (struct root_node){.kind = kind, .serial = r->next_serial++, .parent = parent};
	memcpy(n->name, name.ptr, name.len);
	return n;
}

void root_init(struct root *r, uint64_t first_badge)
{
	static const char *const names[] = {"scheme", "dev", "srv", "mounts"};

	memset(r, 0, sizeof(*r));
	r->next_badge = first_badge;
	r->next_serial = ROOT_TOP;
	node_make(r, ROOT_DIR, ROOT_TOP, p9_str_from(""));
	for (unsigned i = 0; i < 4; i++)
		node_make(r, i == 3 ? ROOT_FILE : ROOT_DIR, ROOT_TOP, p9_str_from(names[i]));
	r->next_serial = ROOT_FIXED;
}

struct root_node *root_find(struct root *r, uint64_t serial)
{
	for (unsigned i = 0; i < ROOT_NODES; i++)
		if (r->nodes[i].kind != ROOT_FREE && r->nodes[i].serial == serial)
			return &r->nodes[i];
	return NULL;
}

struct root_node *root_child(struct root *r, uint64_t dir, struct p9_str name)
{
	for (unsigned i = 0; i < ROOT_NODES; i++) {
		struct root_node *n = &r->nodes[i];

		if (n->kind != ROOT_FREE && n->parent == dir && n->serial != ROOT_TOP &&
		    p9_str_equal(name, n->name))
			return n;
	}
	return NULL;
}

uint64_t root_place(struct root *r, const struct root_node *n)
{
	while (n->serial > ROOT_SRV && n->parent != ROOT_TOP)
		n = root_find(r, n->parent);
	return n->serial <= ROOT_SRV ? n->serial : ROOT_TOP;
}

uint32_t root_path(struct root *r, const struct root_node *n, char *buf)
{
	uint32_t at = 0, len;

	if (n->serial == ROOT_TOP) {
		*buf = '\0';
		return 0;
	}
	at = root_path(r, root_find(r, n->parent), buf);
	len = (uint32_t)strlen(n->name);
	buf[at] = '/';
	memcpy(buf + at + 1, n->name, len + 1);
	return at + 1 + len;
}

/* The next component of a path that begins with '/'. False: there is none, or it is no name. */
static bool path_next(const char **path, uint32_t *len, struct p9_str *name)
{
	const char *end;

	if (*len < 2 || **path != '/')
		return false;
	end = memchr(*path + 1, '/', *len - 1);
	*name = (struct p9_str){*path + 1, end ? (uint32_t)(end - *path - 1) : *len - 1};
	*path += name->len + 1;
	*len -= name->len + 1;
	return !p9_name_check(*name) && name->len <= ROOT_NAME_MAX;
}

int root_path_check(const char *path, uint32_t len)
{
	static const char *const fixed[] = {"scheme", "dev", "srv", "mounts"};
	struct p9_str name;
	unsigned depth, place = 4;

	if (!path_next(&path, &len, &name))
		return -EINVAL;
	for (unsigned i = 0; i < 4; i++)
		if (p9_str_equal(name, fixed[i]))
			place = i;
	if (place > 3)
		return len ? -EINVAL : 0; /* at the top itself: one component */
	for (depth = 1; len && path_next(&path, &len, &name); depth++)
		;
	return len || depth < 2 || depth > ROOT_DEPTH || place == 3 ? -EINVAL : 0;
}

/* Directories on the way that have no mount below them any more go. */
static void dirs_trim(struct root *r, uint64_t serial)
{
	struct root_node *n;

	while (serial >= ROOT_FIXED) {
		for (unsigned i = 0; i < ROOT_NODES; i++)
			if (r->nodes[i].kind != ROOT_FREE && r->nodes[i].parent == serial)
				return;
		n = root_find(r, serial);
		serial = n->parent;
		n->kind = ROOT_FREE;
	}
}

/* The node of a path, or NULL; *dir is the last directory on the way, name what it lacks. */
static struct root_node *path_walk(struct root *r, const char **path, uint32_t *len, uint64_t *dir,
				   struct p9_str *name)
{
	struct root_node *n = NULL;

	*dir = ROOT_TOP;
	while (path_next(path, len, name)) {
		n = root_child(r, *dir, *name);
		if (!n || n->kind != ROOT_DIR || !*len)
			return n;
		*dir = n->serial;
	}
	return n;
}

/* Make the directories that are missing, and the mount's node. NULL: the table is full. */
static struct root_node *path_make(struct root *r, const char *path, uint32_t len, uint64_t dir,
				   struct p9_str name)
{
	struct root_node *n;

	while (len) {
		n = node_make(r, ROOT_DIR, dir, name);
		if (!n || !path_next(&path, &len, &name)) {
			dirs_trim(r, n ? n->serial : dir);
			return NULL;
		}
		dir = n->serial;
	}
	n = node_make(r, ROOT_MOUNT, dir, name);
	if (!n)
		dirs_trim(r, dir);
	return n;
}

int root_mount(struct root *r, const char *path, uint32_t len, handle_t connector,
	       const struct identity *who)
{
	struct handle_info info;
	struct root_node *n;
	struct p9_str name;
	uint64_t dir;
	int64_t err;

	err = sys_handle_info(connector, &info);
	if (err < 0 || info.type != OBJ_SENDER)
		return err < 0 ? (int)err : -EINVAL;
	n = path_walk(r, &path, &len, &dir, &name);
	if (n && n->kind != ROOT_MOUNT)
		return -EISDIR;
	if (n && len)
		return -ENOTDIR;
	if (n)
		sys_handle_close(n->connector);
	else
		n = path_make(r, path, len, dir, name);
	if (!n)
		return -ENOSPC;
	n->serial = r->next_serial++; /* fids of what was mounted before do not mean this */
	n->connector = connector;
	n->rights = info.rights;
	n->silo = who->silo;
	n->pid = who->pid;
	n->since = time_now();
	return 0;
}

int root_unmount(struct root *r, const char *path, uint32_t len)
{
	struct p9_str name;
	uint64_t dir;
	struct root_node *n = path_walk(r, &path, &len, &dir, &name);

	if (!n || len || n->kind != ROOT_MOUNT)
		return -ENOENT;
	sys_handle_close(n->connector);
	n->kind = ROOT_FREE;
	dirs_trim(r, dir);
	return 0;
}
