/* SPDX-License-Identifier: ISC */
/*
 * data.c: what files hold: a heap block while they are small, a VMO above RAM_INLINE bytes or once
 * somebody asked for the VMO, a view of the archive in a boot file system.
 *
 * A fault of the server's own on such memory would end it, so a VMO is only touched through a
 * mapping when that cannot fail: its pages are committed as the file grows and mapped at once. Who
 * was given a writable handle may take pages away, so the mapping is not used any more; who was
 * given any handle may have made a snapshot, so it is not written through. Then calls copy, which
 * answer errors.
 *
 * Charged is the room that a file has (whole pages in a VMO), holes included. Bytes between the end
 * of a file and the end of its room are zero.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "servers/ramfs/ramfs.h"
#include "sys/boot.h"
#include "sys/log.h"
#include "sys/sys.h"

#define FILE_MAX (1ull << 40)
#define PIECE	 65536u

static uint8_t bounce[PIECE];

static uint64_t pages(uint64_t bytes)
{
	return (bytes + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
}

/* Errors of memory as a file system says them. */
static int space_error(int64_t r)
{
	return r >= 0 ? 0 : r == -ENOMEM || r == -EDQUOT ? -ENOSPC : (int)r;
}

static void vmo_unmap(struct ram_node *n)
{
	if (n->map && sys_aspace_unmap(boot_handle("aspace"), (uintptr_t)n->map, n->vmo_size) < 0)
		log_print("ramfs: a mapping stays");
	n->map = NULL;
}

/* Where the VMO is mapped, for reading or (to_write) writing; NULL: use calls. */
static uint8_t *vmo_map(struct ram_node *n, bool to_write)
{
	struct map_args args = {
		.vmo = n->vmo, .flags = PROT_R | PROT_W | MAP_POPULATE, .len = n->vmo_size};
	int64_t r;

	if (n->given_w || (to_write && n->given) || !n->vmo_size)
		return NULL;
	if (n->map)
		return n->map;
	r = sys_aspace_map(boot_handle("aspace"), &args);
	n->map = r < 0 ? NULL : (uint8_t *)r;
	return n->map;
}

void ram_data_free(struct ram_fs *fs, struct ram_node *n)
{
	vmo_unmap(n);
	if (n->vmo)
		sys_handle_close(n->vmo);
	if (!n->view) {
		free(n->bytes);
		ram_uncharge(fs, n->vmo_size + n->bytes_size);
	}
	if (n->text) {
		ram_uncharge(fs, n->size);
		free(n->text);
	}
	n->vmo = HANDLE_NONE;
	n->bytes = NULL;
	n->text = NULL;
	n->vmo_size = n->bytes_size = 0;
}

/* Room for size bytes in the heap, zeroed behind the contents. */
static int heap_grow(struct ram_fs *fs, struct ram_node *n, uint64_t size)
{
	uint32_t room = n->bytes_size ? n->bytes_size : 128;
	uint8_t *bytes;
	int err;

	if (size <= n->bytes_size)
		return 0;
	while (room < size)
		room *= 2;
	err = ram_charge(fs, room - n->bytes_size);
	if (err)
		return err;
	bytes = realloc(n->bytes, room);
	if (!bytes) {
		ram_uncharge(fs, room - n->bytes_size);
		return -ENOSPC;
	}
	memset(bytes + n->bytes_size, 0, room - n->bytes_size);
	n->bytes = bytes;
	n->bytes_size = room;
	return 0;
}

/* The contents move from the heap (or are copied from the archive) to a new VMO. */
static int vmo_make(struct ram_fs *fs, struct ram_node *n, uint64_t size)
{
	uint64_t room = pages(size ? size : 1);
	int64_t vmo;
	int err = n->view ? 0 : ram_charge(fs, room);

	if (err)
		return err;
	vmo = sys_vmo_create(room, VMO_ANON);
	err = space_error(vmo);
	if (!err)
		err = space_error(sys_vmo_commit((handle_t)vmo, 0, room));
	if (!err && n->size)
		err = space_error(sys_vmo_write((handle_t)vmo, 0, n->bytes, n->size));
	if (err) {
		if (vmo >= 0)
			sys_handle_close((handle_t)vmo);
		if (!n->view)
			ram_uncharge(fs, room);
		return err;
	}
	n->vmo = (handle_t)vmo;
	if (n->view)
		return 0;
	n->vmo_size = room;
	ram_uncharge(fs, n->bytes_size);
	free(n->bytes);
	n->bytes = NULL;
	n->bytes_size = 0;
	return 0;
}

static int vmo_resize(struct ram_fs *fs, struct ram_node *n, uint64_t room)
{
	uint64_t old = n->vmo_size;
	int err;

	if (room == old)
		return 0;
	err = room > old ? ram_charge(fs, room - old) : 0;
	if (err)
		return err;
	vmo_unmap(n);
	err = space_error(sys_vmo_resize(n->vmo, room));
	if (!err && room > old) {
		err = space_error(sys_vmo_commit(n->vmo, old, room - old));
		if (err && sys_vmo_resize(n->vmo, old) < 0)
			log_print("ramfs: a file cannot shrink again");
	}
	if (err ? room > old : room < old)
		ram_uncharge(fs, err ? room - old : old - room);
	if (!err)
		n->vmo_size = room;
	return err;
}

/* Room for `size` bytes, wherever they are. Growth of a VMO goes in steps, for appending. */
static int room_make(struct ram_fs *fs, struct ram_node *n, uint64_t size)
{
	uint64_t room, step;
	int err;

	if (size > FILE_MAX)
		return -EFBIG;
	if (!n->vmo && size <= RAM_INLINE)
		return heap_grow(fs, n, size);
	if (!n->vmo)
		return vmo_make(fs, n, size);
	room = pages(size);
	if (room <= n->vmo_size)
		return 0;
	step = pages(n->vmo_size / 8 > (1u << 20) ? 1u << 20 : n->vmo_size / 8);
	err = vmo_resize(fs, n, room + step);
	return err ? vmo_resize(fs, n, room) : 0;
}

static int vmo_zero(const struct ram_node *n, uint64_t from, uint64_t to)
{
	static const uint8_t zeros[PAGE_SIZE];
	uint64_t len;
	int err = 0;

	for (; from < to && !err; from += len) {
		len = to - from < PAGE_SIZE ? to - from : PAGE_SIZE;
		err = (int)sys_vmo_write(n->vmo, from, zeros, len);
	}
	return err;
}

int ram_resize(struct ram_fs *fs, struct ram_node *n, uint64_t size)
{
	uint64_t room;
	int err;

	if (n->kind != RAM_FILE)
		return n->kind == RAM_DIR ? -EISDIR : -EINVAL;
	if (size >= n->size) {
		err = room_make(fs, n, size);
	} else if (!n->vmo) {
		memset(n->bytes + size, 0, n->size - size);
		err = 0;
	} else {
		room = pages(size ? size : 1);
		err = vmo_resize(fs, n, room);
		if (!err)
			err = vmo_zero(n, size, room < n->size ? room : n->size);
	}
	if (err)
		return err;
	n->size = size;
	ram_touch(n);
	return 0;
}

int ram_read(struct p9_request *req, struct ram_node *n, uint64_t offset, uint32_t count)
{
	uint32_t done = 0, piece;
	uint8_t *map;
	int err;

	if (offset >= n->size)
		return 0;
	if (count > n->size - offset)
		count = (uint32_t)(n->size - offset);
	if (n->bytes)
		return p9_respond_data(req, n->bytes + offset, count);
	map = vmo_map(n, false);
	if (map)
		return p9_respond_data(req, map + offset, count);
	if (count <= PIECE) {
		err = (int)sys_vmo_read(n->vmo, offset, bounce, count);
		return err ? err : p9_respond_data(req, bounce, count);
	}
	for (; done < count; done += piece) {
		piece = count - done < PIECE ? count - done : PIECE;
		err = (int)sys_vmo_read(n->vmo, offset + done, bounce, piece);
		if (!err)
			err = p9_request_put(req, done, bounce, piece);
		if (err == -EOPNOTSUPP && done == 0)
			return p9_respond_data(req, bounce, piece); /* a shorter read */
		if (err)
			return err;
	}
	return p9_respond_put(req, count);
}

int ram_write(struct ram_fs *fs, struct p9_request *req, struct ram_node *n, uint64_t offset,
	      uint32_t count)
{
	uint64_t end;
	uint32_t done = 0, piece;
	uint8_t *direct;
	int err;

	if (__builtin_add_overflow(offset, count, &end))
		return -EFBIG;
	err = room_make(fs, n, end > n->size ? end : n->size);
	if (err)
		return err;
	direct = n->vmo ? vmo_map(n, true) : n->bytes;
	if (direct) {
		err = p9_request_get(req, 0, direct + offset, count);
		done = count;
	}
	for (; done < count && !err; done += piece) {
		piece = count - done < PIECE ? count - done : PIECE;
		err = p9_request_get(req, done, bounce, piece);
		if (!err)
			err = space_error(sys_vmo_write(n->vmo, offset + done, bounce, piece));
	}
	if (err) {
		/* What came before the error stays, but nothing behind the end of the file. */
		if (end > n->size && n->bytes)
			memset(n->bytes + n->size, 0, end - n->size);
		else if (end > n->size && vmo_zero(n, n->size, end))
			n->size = end;
		return err;
	}
	if (end > n->size)
		n->size = end;
	ram_touch(n);
	return 0;
}

int ram_vmo(struct ram_fs *fs, struct ram_node *n, uint32_t prot, handle_t *out)
{
	uint32_t rights = RIGHT_READ | RIGHT_MAP | RIGHT_GRANT;
	int64_t h;
	int err = n->vmo ? 0 : vmo_make(fs, n, n->size);

	if (err)
		return err;
	if (prot & PROT_W) {
		rights |= RIGHT_WRITE;
		vmo_unmap(n);
		n->given_w = true;
	}
	n->given = true;
	rights |= prot & PROT_X ? RIGHT_EXECUTE : 0;
	h = sys_handle_dup(n->vmo, rights);
	if (h < 0)
		return (int)h;
	*out = (handle_t)h;
	return 0;
}
