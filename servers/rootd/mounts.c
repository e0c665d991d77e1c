/* SPDX-License-Identifier: ISC */
/* mounts.c: the mount table, and which paths may be in it. */
#include <errno.h>
#include <string.h>
#include "servers/rootd/rootd.h"
#include "sys/info.h"

static const char *const fixed[] = {"scheme", "dev", "srv", "mounts"};

static struct root_node *node_free(struct root *r)
{
	for (unsigned i = 0; i < ROOT_NODES; i++)
		if (r->nodes[i].kind == ROOT_FREE)
			return &r->nodes[i];
	return NULL;
}

static void kind_set(struct root_node *n, enum root_kind kind)
{
	__atomic_store_n(&n->kind, kind, __ATOMIC_RELEASE);
}

/* A node that is not valid yet, or NULL. */
static struct root_node *node_begin(struct root *r, uint64_t parent, struct p9_str name)
{
	struct root_node *n = node_free(r);

	if (!n)
		return NULL;
	*n = (struct root_node){.kind = ROOT_FREE, .serial = r->next_serial++, .parent = parent};
	memcpy(n->name, name.ptr, name.len);
	return n;
}

static struct root_node *node_make(struct root *r, enum root_kind kind, uint64_t parent,
				   struct p9_str name)
{
	struct root_node *n = node_begin(r, parent, name);

	if (n)
		kind_set(n, kind);
	return n;
}

void root_init(struct root *r, uint64_t first_badge)
{
	memset(r, 0, sizeof(*r));
	r->version = ROOT_VERSION;
	r->next_badge = first_badge;
	r->next_serial = ROOT_TOP;
	node_make(r, ROOT_DIR, ROOT_TOP, p9_str_from(""));
	for (unsigned i = 0; i < 4; i++)
		node_make(r, i == 3 ? ROOT_FILE : ROOT_DIR, ROOT_TOP, p9_str_from(fixed[i]));
	r->next_serial = ROOT_FIXED;
	__atomic_store_n(&r->magic, ROOT_MAGIC, __ATOMIC_RELEASE);
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
		kind_set(n, ROOT_FREE);
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

/* Make the directories that are missing, and begin the mount's node. NULL: the table is full. */
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
	n = node_begin(r, dir, name);
	if (!n)
		dirs_trim(r, dir);
	return n;
}

void root_drop(struct root *r, struct root_node *n)
{
	kind_set(n, ROOT_FREE);
	dirs_trim(r, n->parent);
}

static void mount_end(struct root *r, struct root_node *n)
{
	root_drop(r, n);
	sys_handle_close(n->connector);
}

/* Fill in and make valid what path_make has begun. */
static int mount_begin(struct root *r, struct root_node *n, handle_t connector, uint32_t rights,
		       const struct identity *who)
{
	int err = root_keep(&connector, &n->object);

	if (err) {
		dirs_trim(r, n->parent);
		return err;
	}
	n->connector = connector;
	n->rights = rights;
	n->silo = who->silo;
	n->pid = who->pid;
	n->since = time_now();
	kind_set(n, ROOT_MOUNT);
	return 0;
}

int root_mount(struct root *r, const char *path, uint32_t len, handle_t connector,
	       const struct identity *who)
{
	struct root_node *n, *old;
	struct handle_info info;
	struct p9_str name;
	uint64_t dir;
	int64_t err;

	err = sys_handle_info(connector, &info);
	if (err < 0 || info.type != OBJ_SENDER)
		return err < 0 ? (int)err : -EINVAL;
	old = path_walk(r, &path, &len, &dir, &name);
	if (old && old->kind != ROOT_MOUNT)
		return -EISDIR;
	if (old && len)
		return -ENOTDIR;
	if (old && old->object == info.id && old->rights == info.rights) {
		sys_handle_close(connector);
		return 0;
	}
	/* Another node: fids of what was mounted before do not mean this. */
	n = path_make(r, path, len, dir, name);
	if (!n)
		return -ENOSPC;
	err = mount_begin(r, n, connector, info.rights, who);
	if (!err && old)
		mount_end(r, old);
	return (int)err;
}

int root_unmount(struct root *r, const char *path, uint32_t len)
{
	struct p9_str name;
	uint64_t dir;
	struct root_node *n = path_walk(r, &path, &len, &dir, &name);

	if (!n || len || n->kind != ROOT_MOUNT)
		return -ENOENT;
	mount_end(r, n);
	return 0;
}

/* ---- what a predecessor left ----------------------------------------------------------------- */

static bool name_sane(const struct root_node *n)
{
	struct p9_str name = {n->name, (uint32_t)strnlen(n->name, sizeof(n->name))};

	return name.len <= ROOT_NAME_MAX && !p9_name_check(name);
}

/* A chain of directories leads from it to the top. */
static bool place_sane(struct root *r, const struct root_node *n)
{
	for (unsigned depth = 0; depth <= ROOT_DEPTH; depth++) {
		const struct root_node *dir = root_find(r, n->parent);

		if (!dir || dir->kind != ROOT_DIR)
			return false;
		if (dir->serial == ROOT_TOP)
			return true;
		n = dir;
	}
	return false;
}

static bool node_sane(struct root *r, const struct root_node *n)
{
	if (n->kind == ROOT_FREE)
		return true;
	if (n->kind != ROOT_DIR && n->kind != ROOT_MOUNT)
		return false;
	return n->serial >= ROOT_FIXED && n->serial < r->next_serial && name_sane(n) &&
	       place_sane(r, n) && root_find(r, n->serial) == n;
}

bool root_sane(struct root *r)
{
	if (r->nodes[0].kind != ROOT_DIR || r->nodes[0].serial != ROOT_TOP ||
	    r->nodes[0].parent != ROOT_TOP)
		return false;
	for (unsigned i = 0; i < 4; i++) {
		const struct root_node *n = &r->nodes[1 + i];

		if (n->kind != (i == 3 ? ROOT_FILE : ROOT_DIR) || n->serial != ROOT_SCHEME + i ||
		    n->parent != ROOT_TOP || strncmp(n->name, fixed[i], sizeof(n->name)) != 0)
			return false;
	}
	for (unsigned i = 5; i < ROOT_NODES; i++)
		if (!node_sane(r, &r->nodes[i]))
			return false;
	return true;
}

/* Another mount has the same name in the same directory, and came later. */
static bool replaced(const struct root *r, const struct root_node *n)
{
	for (unsigned i = 0; i < ROOT_NODES; i++) {
		const struct root_node *o = &r->nodes[i];

		if (o->kind != ROOT_FREE && o->parent == n->parent && o->serial > n->serial &&
		    !strcmp(o->name, n->name))
			return true;
	}
	return false;
}

void root_settle(struct root *r)
{
	for (unsigned i = 5; i < ROOT_NODES; i++) {
		struct root_node *n = &r->nodes[i];

		if (n->kind == ROOT_MOUNT && replaced(r, n))
			root_drop(r, n);
		else if (n->kind == ROOT_DIR)
			dirs_trim(r, n->serial);
	}
}
