/* SPDX-License-Identifier: ISC */
/* place.c: see place.h. */
#include "servers/init/place.h"

#include <errno.h>
#include <stdio.h>
#include "serve/register.h"
#include "serve/serve.h"
#include "sys/error.h"
#include "sys/sys.h"

static int keep(handle_t self, int64_t made, handle_t *handle, uint64_t *object)
{
	struct kept kept;
	int err;

	if (made < 0)
		return (int)made;
	err = kept_make(self, &kept, (handle_t)made);
	if (err) {
		sys_handle_close((handle_t)made);
		return err;
	}
	*handle = kept.handle;
	*object = kept.object;
	return 0;
}

static int64_t sender(handle_t channel, uint64_t badge)
{
	return sys_channel_sender(channel, badge, SERVE_RIGHTS_FILE | SERVE_RIGHTS_SEND,
				  REPLY_NONE);
}

int place_make(handle_t self, struct place *place, struct place_ids *ids, uint32_t provides)
{
	int err;

	if (provides > SERVE_SUBS)
		return -E2BIG;
	err = keep(self, sys_channel_create(), &place->channel, &ids->channel);
	if (!err)
		err = keep(self, sender(place->channel, SERVE_BADGE_CONNECTOR), &place->connector,
			   &ids->connector);
	for (uint32_t i = 0; i < provides && provides > 1 && !err; i++)
		err = keep(self, sender(place->channel, SERVE_BADGE_SUB + i), &place->mount[i],
			   &ids->mount[i]);
	if (err)
		place_close(place, ids);
	return err;
}

/* A handle by its object's number; a number that matches nothing is forgotten. */
static handle_t find(struct kept *list, unsigned count, uint64_t *object)
{
	handle_t h = *object ? kept_pick(list, count, *object) : HANDLE_NONE;

	if (h == HANDLE_NONE)
		*object = 0;
	return h;
}

void place_adopt(struct place *place, struct place_ids *ids, struct kept *list, unsigned count)
{
	place_return(place, ids, list, count); /* its number stays: the server may have it */
	place->connector = find(list, count, &ids->connector);
	for (unsigned i = 0; i < SILO_PROVIDES_MAX; i++)
		place->mount[i] = find(list, count, &ids->mount[i]);
}

void place_return(struct place *place, const struct place_ids *ids, struct kept *list,
		  unsigned count)
{
	handle_t h;

	while (ids->channel && (h = kept_pick(list, count, ids->channel)) != HANDLE_NONE) {
		if (place->channel == HANDLE_NONE)
			place->channel = h;
		else
			sys_handle_close(h); /* of a process that was made in vain */
	}
}

int place_mount_path(handle_t registrar, const char *path, handle_t connector, uint64_t deadline)
{
	int64_t copy = HANDLE_NONE;
	bool again = false;
	int err;

	for (;;) {
		if (connector != HANDLE_NONE)
			copy = sys_handle_dup(connector, RIGHTS_SAME);
		if (copy < 0)
			return (int)copy;
		err = register_mount(registrar, path, (handle_t)copy, deadline);
		if (err != -ERESTART)
			break;
		again = true;
	}
	if (err == -ENOENT && again && connector == HANDLE_NONE)
		return 0; /* the first try has done it */
	return err;
}

int place_mount(const struct place *place, const struct silo_desc *desc, handle_t registrar,
		uint64_t deadline, char *reason)
{
	for (uint32_t i = 0; i < desc->provide_count; i++) {
		const char *path = silo_text(desc, desc->provides[i]);
		handle_t h = desc->provide_count > 1 ? place->mount[i] : place->connector;
		int err = h ? place_mount_path(registrar, path, h, deadline) : -EPIPE;

		if (!err)
			continue;
		snprintf(reason, SILO_REASON_MAX, "mounting %.60s: %s", path, error_text(err));
		return err;
	}
	return 0;
}

static void drop(handle_t *handle, uint64_t *object)
{
	if (*handle != HANDLE_NONE)
		sys_handle_close(*handle);
	*handle = HANDLE_NONE;
	*object = 0;
}

void place_close(struct place *place, struct place_ids *ids)
{
	drop(&place->channel, &ids->channel);
	drop(&place->connector, &ids->connector);
	for (unsigned i = 0; i < SILO_PROVIDES_MAX; i++)
		drop(&place->mount[i], &ids->mount[i]);
}
