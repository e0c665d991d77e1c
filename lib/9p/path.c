/* SPDX-License-Identifier: ISC */
/*
 * path.c: from a path to a session and a fid in it.
 *
 * A lookup has three parts: what is known (absolute, no links, no dots), what is being asked for,
 * and the rest. Names move from the rest behind what is known, up to the next ".."; the session
 * that is mounted there is asked for all of them in one message. A link puts its text before the
 * rest; a mount point puts a session in the cache; then it is asked again. ".." takes a name off
 * what is known, which is right, since that has no links.
 *
 * Invariant: known <= end < P9_FULL_MAX, rest_at + rest_len < P9_FULL_MAX; each turn counts, so
 * that no server can keep a lookup busy for ever.
 */
#include <errno.h>
#include <string.h>
#include "9p/client_private.h"
#include "9p/wire.h"

static void cur_pop(struct p9_lookup *l)
{
	while (l->known && l->cur[l->known - 1] != '/')
		l->known--;
	if (l->known)
		l->known--;
	l->end = l->known;
}

static void rest_skip(struct p9_lookup *l, uint32_t len)
{
	l->rest_at += len;
	l->rest_len -= len;
}

static bool is_dot(const char *name, uint32_t len)
{
	return len == 1 && name[0] == '.';
}

static bool is_dot_dot(const char *name, uint32_t len)
{
	return len == 2 && name[0] == '.' && name[1] == '.';
}

/* Copy the next name of the rest behind cur[0..end), without taking it; its length, or an error. */
static inline int name_copy(struct p9_lookup *l)
{
	const char *from = l->rest + l->rest_at;
	uint32_t len = 0, most = l->rest_len;
	char *to = l->cur + l->end + 1;

	if (l->end + 1 + P9_NAME_MAX >= P9_FULL_MAX && l->end + 1 + l->rest_len >= P9_FULL_MAX)
		return -ENAMETOOLONG;
	if (most > P9_NAME_MAX + 1)
		most = P9_NAME_MAX + 1;
	for (; len < most && from[len] != '/'; len++)
		to[len] = from[len];
	return len <= P9_NAME_MAX ? (int)len : -ENAMETOOLONG;
}

/* Move names from the rest to what is asked for. A ".." that follows one must wait. */
static int names_move(struct p9_lookup *l)
{
	const char *name;
	int len;

	for (;;) {
		while (l->rest_len && l->rest[l->rest_at] == '/')
			rest_skip(l, 1);
		if (!l->rest_len)
			return 0;
		name = l->rest + l->rest_at;
		len = name_copy(l);
		if (len < 0)
			return len;
		l->want_dir = (uint32_t)len < l->rest_len;
		if (is_dot_dot(name, (uint32_t)len)) {
			if (l->end > l->known)
				return 0;
			cur_pop(l);
			l->want_dir = true;
		} else if (is_dot(name, (uint32_t)len)) {
			l->want_dir = true;
		} else {
			l->cur[l->end] = '/';
			l->end += (uint32_t)len + 1;
		}
		rest_skip(l, (uint32_t)len);
	}
}

/* Put text, and what of the asked names lies behind it, before the rest. */
static int rest_prepend(struct p9_lookup *l, const char *text, uint32_t len, uint32_t from)
{
	uint32_t left = l->end - from;
	uint64_t total = (uint64_t)len + left + 1 + l->rest_len;

	if (total >= P9_FULL_MAX)
		return -ENAMETOOLONG;
	memmove(l->rest + len + left + 1, l->rest + l->rest_at, l->rest_len);
	memcpy(l->rest, text, len);
	memcpy(l->rest + len, l->cur + from, left); /* begins with a slash, or is empty */
	l->rest[len + left] = '/';
	l->rest_at = 0;
	l->rest_len = l->rest_len || l->want_dir ? (uint32_t)total : len + left;
	return 0;
}

/* A link ends at cur[0..at). */
static int link_follow(struct p9_lookup *l, uint32_t at, const char *text, uint32_t len)
{
	int err;

	if (!len)
		return -ENOENT;
	err = rest_prepend(l, text, len, at);
	if (err)
		return err;
	l->known = at;
	cur_pop(l); /* to the link's directory */
	if (text[0] == '/')
		l->known = l->end = 0;
	return 0;
}

/* The end of the names asked for, when there is more to come: a directory it must be. */
static int middle_reached(struct p9_lookup *l)
{
	if (!(l->attr.qid.type & P9_QTDIR))
		return -ENOTDIR;
	l->known = l->end;
	return 0;
}

/* Ask the session in l->conn. last: with the caller's flags, else for a directory on the way. */
static int session_ask(struct p9_lookup *l, bool last, struct p9_resolved *res, char *text)
{
	struct p9_tmsg t; /* filled in below, but for a union that is large for others */
	uint32_t skip = l->conn->prefix_len;
	bool slash = last && l->want_dir && l->end + 1 < P9_FULL_MAX;
	int err = 0;

	skip += skip < l->end ? 1 : 0; /* the slash */
	t.type = P9_TRESOLVE;
	t.fid = 0;
	t.resolve.flags = last ? l->flags : P9_RESOLVE_STAT;
	t.resolve.oflags = last ? l->oflags : 0;
	l->cur[l->end] = '/';
	t.resolve.path.ptr = l->cur + skip;
	t.resolve.path.len = l->end - skip + (slash && l->end > skip ? 1 : 0);
	l->fid = P9_NOFID;
	if (!(t.resolve.flags & P9_RESOLVE_STAT))
		err = p9_fid_take(l->c, l->conn, &l->fid);
	if (err)
		return err;
	t.resolve.newfid = l->fid;
	err = p9_conn_resolve(l->c, l->conn, &t, res, text, l->deadline);
	l->generation = l->conn->generation;
	if (l->fid != P9_NOFID && (err || res->kind != P9_RESOLVE_DONE)) {
		p9_fid_unmade(l->c, l->conn, l->fid, err);
		l->fid = P9_NOFID;
	}
	return err;
}

/* Where the answer says that it stopped must be the end of a name. */
static int obstacle_check(struct p9_lookup *l, const struct p9_resolved *res, uint32_t at)
{
	if (res->kind != P9_RESOLVE_SYMLINK && res->kind != P9_RESOLVE_MOUNT)
		return -EPROTO;
	if (!res->consumed || at > l->end || (at < l->end && l->cur[at] != '/'))
		return -EPROTO;
	return ++l->turns > P9_LINKS_MAX ? -ELOOP : 0;
}

/* The names asked for have met something else than a file. */
static int obstacle_pass(struct p9_lookup *l, const struct p9_resolved *res, const char *text)
{
	uint32_t at = l->conn->prefix_len + res->consumed;
	int err;

	at += l->conn->prefix_len < l->end ? 1 : 0;
	err = obstacle_check(l, res, at);
	if (err && res->handle)
		l->conn->link->ops->drop(l->conn->link, res->handle);
	if (err)
		return err;
	if (res->kind == P9_RESOLVE_SYMLINK)
		return link_follow(l, at, text, res->text_len);
	return p9_mount_connect(l->c, l->conn, res->handle, l->cur, at, l->deadline);
}

/* Ask once. 1: arrived. 0: go on. */
static int lookup_turn(struct p9_lookup *l)
{
	struct p9_resolved res = {.attr = &l->attr};
	char text[P9_PATH_MAX];
	bool last;
	int err = names_move(l);

	if (err)
		return err;
	last = !l->rest_len;
	l->conn = p9_mount_find(l->c, l->cur, l->end);
	err = session_ask(l, last, &res, text);
	if (err == -EPIPE && l->conn != l->c->root && !l->remounted) {
		p9_mount_drop(l->c, l->conn);
		l->remounted = true;
		err = 0;
	} else if (!err && res.kind != P9_RESOLVE_DONE) {
		err = obstacle_pass(l, &res, text);
	} else if (!err && last) {
		return 1; /* with the reference */
	} else if (!err) {
		err = middle_reached(l);
	}
	p9_conn_put(l->c, l->conn);
	l->conn = NULL;
	return err;
}

/*
 * Most paths are absolute and plain: no empty name, none that begins with a dot, no slash at the
 * end. They are copied to where they are asked for in one go, if they are short enough that no name
 * can be too long. False: nothing is moved.
 */
static bool plain_move(struct p9_lookup *l, const char *path, uint32_t len)
{
	const uint64_t ones = 0x0101010101010101, tops = ones << 7, slashes = ones * '/';
	uint64_t here, next, odd;

	_Static_assert(('.' | 1) == '/', "one test for both");
	if (path[0] != '/' || len > P9_NAME_MAX)
		return false;
	p9_bytes_copy(l->cur, path, len);
	memcpy(l->cur + len, "/\0\0\0\0\0\0\0", 8);
	memset(l->cur + len + 8, 0, 8);
	for (uint32_t i = 0; i < len; i += 8) {
		memcpy(&here, l->cur + i, 8);
		memcpy(&next, l->cur + i + 1, 8);
		odd = (here ^ slashes) | ((next | ones) ^ slashes); /* a zero byte: "//" or "/." */
		if ((odd - ones) & ~odd & tops)
			return false;
	}
	l->end = len;
	return true;
}

int p9_lookup_run(struct p9_lookup *l, struct p9_client *c, const char *path, uint32_t flags,
		  uint32_t oflags)
{
	size_t len = strlen(path);
	int r;

	l->c = c;
	l->flags = flags;
	l->oflags = oflags;
	l->deadline = p9_deadline(c, c->timeout_ns);
	l->fid = P9_NOFID;
	l->known = l->end = l->turns = l->rest_at = 0;
	l->want_dir = l->remounted = false;
	if (!len)
		return -ENOENT;
	if (len >= P9_FULL_MAX)
		return -ENAMETOOLONG;
	l->rest_len = 0;
	if (!plain_move(l, path, (uint32_t)len)) {
		memcpy(l->rest, path, len);
		l->rest_len = (uint32_t)len;
	}
	if (path[0] != '/') {
		p9_client_lock(c);
		l->known = l->end = (uint32_t)strlen(c->cwd);
		memcpy(l->cur, c->cwd, l->known);
		p9_client_unlock(c);
		if (l->known == 1)
			l->known = l->end = 0; /* "/" */
	}
	do {
		r = lookup_turn(l);
	} while (!r);
	return r < 0 ? r : 0;
}

int p9_path_split(const char *path, uint32_t *dir_len, struct p9_str *name)
{
	uint32_t len = (uint32_t)strlen(path), start;

	while (len > 1 && path[len - 1] == '/')
		len--;
	for (start = len; start && path[start - 1] != '/';)
		start--;
	*name = (struct p9_str){path + start, len - start};
	*dir_len = start;
	if (!name->len)
		return len ? -EEXIST : -ENOENT; /* "/" or "" */
	if (is_dot(name->ptr, name->len) || is_dot_dot(name->ptr, name->len))
		return -EINVAL;
	return name->len > P9_NAME_MAX ? -ENAMETOOLONG : 0;
}
