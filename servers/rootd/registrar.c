/* SPDX-License-Identifier: ISC */
/*
 * registrar.c: who may mount what (serve/register.h). Who may lie: the caller, in path and handle;
 * badge, rights and mode are the kernel's word.
 */
#include <errno.h>
#include <string.h>
#include "servers/rootd/rootd.h"

static struct root_registrar *registrar_find(struct root *r, uint64_t badge)
{
	for (unsigned i = 0; i < ROOT_REGISTRARS; i++)
		if (badge && r->registrars[i].badge == badge)
			return &r->registrars[i];
	return NULL;
}

static bool list_has(const char *paths, const char *path, uint32_t len)
{
	while (*paths) {
		size_t line = strcspn(paths, "\n");

		if (line == len && !memcmp(paths, path, len))
			return true;
		paths += line + (paths[line] == '\n');
	}
	return false;
}

/* May the caller use this handle at all? */
static int caller_check(const struct serve_call *c)
{
	uint32_t mode = MODE_BIND;

	if (c->from.badge == SERVE_BADGE_REGISTRAR)
		mode |= MODE_PROXY;
	else if (!(c->from.badge & SERVE_BADGE_PRIVATE))
		return -EPERM;
	return (c->from.mode & mode) == mode && c->from.rights & RIGHT_BIND ? 0 : -EPERM;
}

static int64_t call_mount(struct root *r, struct serve_call *c)
{
	const char *path = (const char *)c->data;
	struct root_registrar *registrar;
	int err;

	if (c->from.badge != SERVE_BADGE_REGISTRAR) {
		registrar = registrar_find(r, c->from.badge);
		if (!registrar)
			return -ESTALE;
		if (!list_has(registrar->paths, path, c->len))
			return -EPERM;
	}
	err = root_path_check(path, c->len);
	if (err)
		return err;
	if (!c->nhandles)
		return root_unmount(r, path, c->len);
	err = root_mount(r, path, c->len, c->handles[0], &c->from);
	if (!err)
		c->handles[0] = HANDLE_NONE; /* ours now */
	return err;
}

int root_paths_check(const char *paths)
{
	if (!*paths)
		return -EINVAL;
	while (*paths) {
		size_t line = strcspn(paths, "\n");
		int err = root_path_check(paths, (uint32_t)line);

		if (err)
			return err;
		paths += line + (paths[line] == '\n');
	}
	return 0;
}

static int64_t call_sub(struct serve *s, struct root *r, struct serve_call *c)
{
	struct root_registrar *free = NULL;
	int64_t h;
	int err;

	if (c->from.badge != SERVE_BADGE_REGISTRAR)
		return -EPERM;
	if (c->len >= ROOT_PATHS_MAX)
		return -E2BIG;
	for (unsigned i = 0; i < ROOT_REGISTRARS && !free; i++)
		if (!r->registrars[i].badge)
			free = &r->registrars[i];
	if (!free)
		return -ENFILE;
	memset(free->paths, 0, sizeof(free->paths));
	memcpy(free->paths, c->data, c->len);
	err = root_paths_check(free->paths);
	if (err)
		return err;
	h = sys_channel_sender(s->channel, r->next_badge, SERVE_RIGHTS_SEND | RIGHT_BIND,
			       REPLY_CURRENT);
	if (h < 0)
		return h;
	__atomic_store_n(&free->badge, r->next_badge++, __ATOMIC_RELEASE);
	c->give = (handle_t)h;
	return 0;
}

int64_t root_call(struct serve *s, struct serve_call *c)
{
	struct root *r = s->ctx;
	int err = caller_check(c);

	if (c->label != REGISTER_MOUNT && c->label != REGISTER_SUB)
		return -EOPNOTSUPP;
	if (err)
		return err;
	return c->label == REGISTER_MOUNT ? call_mount(r, c) : call_sub(s, r, c);
}

void root_closed(struct serve *s, uint64_t badge)
{
	struct root_registrar *registrar = registrar_find(s->ctx, badge);

	if (registrar)
		registrar->badge = 0;
}
