/* SPDX-License-Identifier: ISC */
/* kept.c: listing, taking and making kept handles; see kept.h. */
#include "servers/init/kept.h"

#include <errno.h>
#include "sys/sys.h"

#define BATCH 16u

/* Next kept entries of a table from *slot on; 0: that was all. */
static int64_t batch_next(handle_t process, uint32_t *slot, struct handle_info infos[BATCH])
{
	int64_t n = sys_handle_list(process, *slot, infos, BATCH);

	if (n > 0)
		*slot = (infos[n - 1].handle & (HANDLE_SLOTS_MAX - 1)) + 1;
	return n;
}

/* What was taken is not kept here by itself. Where that fails it is ours all the same. */
static int take_one(handle_t self, handle_t process, const struct handle_info *info,
		    struct kept *out)
{
	int64_t taken = sys_process_take(process, info->handle);

	if (taken < 0)
		return (int)taken;
	if (kept_make(self, out, (handle_t)taken))
		*out = (struct kept){(handle_t)taken, info->type, info->id};
	return 0;
}

int kept_take(handle_t self, handle_t process, struct kept *out, unsigned max)
{
	struct handle_info infos[BATCH];
	unsigned count = 0;
	uint32_t slot = 0;
	int64_t n;

	while ((n = batch_next(process, &slot, infos)) > 0) {
		for (int64_t i = 0; i < n && count < max; i++) {
			int err;

			if (!(infos[i].flags & HANDLE_KEPT))
				continue;
			err = take_one(self, process, &infos[i], &out[count]);
			if (err == -EBUSY)
				return err;
			if (!err)
				count++;
		}
	}
	return n < 0 ? (int)n : (int)count;
}

int kept_own(handle_t self, struct kept *out, unsigned max)
{
	struct handle_info infos[BATCH];
	unsigned count = 0;
	uint32_t slot = 0;
	int64_t n;

	while ((n = batch_next(self, &slot, infos)) > 0)
		for (int64_t i = 0; i < n && count < max; i++)
			if (infos[i].flags & HANDLE_KEPT)
				out[count++] =
					(struct kept){infos[i].handle, infos[i].type, infos[i].id};
	return n < 0 ? (int)n : (int)count;
}

int kept_make(handle_t self, struct kept *kept, handle_t handle)
{
	struct handle_info info;
	int64_t h = sys_handle_info(handle, &info);

	if (h >= 0)
		h = sys_process_give(self, handle, RIGHTS_SAME, HANDLE_KEPT | GIVE_MOVE);
	if (h < 0)
		return (int)h;
	*kept = (struct kept){(handle_t)h, info.type, info.id};
	return 0;
}

int kept_give(handle_t process, struct kept *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		int64_t given;

		if (list[i].handle == HANDLE_NONE)
			continue;
		given = sys_process_give(process, list[i].handle, RIGHTS_SAME,
					 HANDLE_KEPT | GIVE_MOVE);
		if (given < 0)
			return (int)given;
		list[i].handle = HANDLE_NONE;
	}
	return 0;
}

handle_t kept_pick(struct kept *list, unsigned count, uint64_t object)
{
	for (unsigned i = 0; i < count; i++) {
		handle_t handle = list[i].handle;

		if (handle == HANDLE_NONE || list[i].object != object)
			continue;
		list[i].handle = HANDLE_NONE;
		return handle;
	}
	return HANDLE_NONE;
}

unsigned kept_tidy(struct kept *list, unsigned count)
{
	unsigned left = 0;

	for (unsigned i = 0; i < count; i++)
		if (list[i].handle != HANDLE_NONE)
			list[left++] = list[i];
	return left;
}

void kept_close(struct kept *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (list[i].handle != HANDLE_NONE)
			sys_handle_close(list[i].handle);
		list[i].handle = HANDLE_NONE;
	}
}
