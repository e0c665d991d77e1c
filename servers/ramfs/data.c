/* SPDX-License-Identifier: ISC */
/*
 * data.c: what files hold: a heap block while they are small, a VMO above RAM_INLINE bytes, a view
 * of the archive in a boot file system.
 *
 * A VMO that nobody else has is an ANON one, whose pages are committed as the file grows. Who asks
 * for a file's VMO gets a WIRED one, into which the file moves first: nobody can take pages from it
 * or make it larger, and a snapshot of it is paid for by who makes it. So both can be used through
 * a mapping here without a fault of the server's own. A file that outgrows a WIRED VMO moves to
 * another one; who has the old one keeps it as it was.
 *
 * Charged is the room that a file has (whole pages in a VMO), holes included; a VMO that others
 * still have when its file is gone stays charged (a grave) until they let go. Bytes between the end
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

/* Where the VMO is mapped; NULL: it cannot be, use calls. */
static uint8_t *vmo_map(struct ram_node *n)
{
	struct map_args args = {
		.vmo = n->vmo, .flags = PROT_R | PROT_W | MAP_POPULATE, .len = n->vmo_size};
	int64_t r;

	if (n->map || !n->vmo_size)
		return n->map;
	r = sys_aspace_map(boot_handle("aspace"), &args);
	n->map = r < 0 ? NULL : (uint8_t *)r;
	return n->map;
}

/* ---- VMOs that others have ------------------------------------------------------------------ */

void ram_reap(struct ram_fs *fs)
{
	struct ram_grave **at = &fs->graves, *g;
	struct handle_info info;

	while ((g = *at)) {
		if (sys_handle_info(g->vmo, &info) == 0 && info.refs > 1) {
			at = &g->next;
			continue;
		}
		*at = g->next;
		sys_handle_close(g->vmo);
		ram_uncharge(fs, g->size + RAM_GIVEN_FEE);
		free(g);
	}
}

/* The file has its VMO no longer. */
static void vmo_drop(struct ram_fs *fs, struct ram_node *n)
{
	struct ram_grave *g = n->grave;

	vmo_unmap(n);
	if (g) {
		*g = (struct ram_grave){.next = fs->graves, .vmo = n->vmo, .size = n->vmo_size};
		fs->graves = g;
		ram_reap(fs);
	} else if (n->vmo) {
		sys_handle_close(n->vmo);
		ram_uncharge(fs, n->vmo_size);
	}
	n->grave = NULL;
	n->vmo = HANDLE_NONE;
	n->vmo_size = 0;
}

void ram_data_free(struct ram_fs *fs, struct ram_node *n)
{
	vmo_drop(fs, n);
	if (!n->view) {
		free(n->bytes);
		ram_uncharge(fs, n->bytes_size);
	}
	if (n->text) {
		ram_uncharge(fs, n->size);
		free(n->text);
	}
	n->bytes = NULL;
	n->text = NULL;
	n->bytes_size = 0;
}

/* ---- room ------------------------------------------------------------------------------------ */

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

/* Copy the file's contents to a VMO that has room for them. */
static int contents_copy(struct ram_node *n, handle_t to)
{
	uint8_t *from = n->bytes ? n->bytes : vmo_map(n);
	uint64_t done = 0, piece;
	int err = 0;

	if (from || !n->size)
		return n->size ? (int)sys_vmo_write(to, 0, from, n->size) : 0;
	for (; done < n->size && !err; done += piece) {
		piece = n->size - done < PIECE ? n->size - done : PIECE;
		err = (int)sys_vmo_read(n->vmo, done, bounce, piece, 0);
		if (!err)
			err = (int)sys_vmo_write(to, done, bounce, piece);
	}
	return err;
}

/* A VMO of `room` bytes with the file's contents, charged unless it is for an archive's file. */
static int vmo_make(struct ram_fs *fs, struct ram_node *n, uint64_t room, enum vmo_kind kind,
		    handle_t *out)
{
	int64_t vmo;
	int err = n->view ? 0 : ram_charge(fs, room);

	if (err)
		return err;
	vmo = sys_vmo_create(room, kind);
	err = space_error(vmo);
	if (!err && kind == VMO_ANON)
		err = space_error(sys_vmo_commit((handle_t)vmo, 0, room));
	if (!err)
		err = space_error(contents_copy(n, (handle_t)vmo));
	if (!err) {
		*out = (handle_t)vmo;
		return 0;
	}
	if (vmo >= 0)
		sys_handle_close((handle_t)vmo);
	if (!n->view)
		ram_uncharge(fs, room);
	return err;
}

/* The contents move to a new VMO. */
static int vmo_move(struct ram_fs *fs, struct ram_node *n, uint64_t room, enum vmo_kind kind)
{
	handle_t vmo;
	int err = vmo_make(fs, n, room, kind, &vmo);

	if (err)
		return err;
	vmo_drop(fs, n);
	n->vmo = vmo;
	if (n->view)
		return 0; /* it is only given away; here the archive serves */
	n->vmo_size = room;
	ram_uncharge(fs, n->bytes_size);
	free(n->bytes);
	n->bytes = NULL;
	n->bytes_size = 0;
	return 0;
}

/* An ANON VMO gets another size. */
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

static int room_take(struct ram_fs *fs, struct ram_node *n, uint64_t room)
{
	return n->vmo && !n->grave ? vmo_resize(fs, n, room) : vmo_move(fs, n, room, VMO_ANON);
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
	room = pages(size);
	if (room <= n->vmo_size)
		return 0;
	step = pages(n->vmo_size / 8 > (1u << 20) ? 1u << 20 : n->vmo_size / 8);
	err = room_take(fs, n, room + step);
	return err && step ? room_take(fs, n, room) : err;
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
		/* What others have stays as large as it is. */
		room = n->grave ? n->vmo_size : pages(size ? size : 1);
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
	map = vmo_map(n);
	if (map)
		return p9_respond_data(req, map + offset, count);
	if (count <= PIECE) {
		err = (int)sys_vmo_read(n->vmo, offset, bounce, count, 0);
		return err ? err : p9_respond_data(req, bounce, count);
	}
	for (; done < count; done += piece) {
		piece = count - done < PIECE ? count - done : PIECE;
		err = (int)sys_vmo_read(n->vmo, offset + done, bounce, piece, 0);
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
	direct = n->vmo ? vmo_map(n) : n->bytes;
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

/* Make the file's VMO one that can be given away. */
static int vmo_wire(struct ram_fs *fs, struct ram_node *n)
{
	uint64_t room = pages(n->size ? n->size : 1);
	struct ram_grave *grave;
	int err;

	if (n->view) /* never freed, and never charged */
		return n->vmo ? 0 : vmo_move(fs, n, room, VMO_WIRED);
	if (n->grave)
		return 0;
	err = ram_charge(fs, RAM_GIVEN_FEE);
	if (err)
		return err;
	grave = malloc(sizeof(*grave));
	err = grave ? vmo_move(fs, n, room, VMO_WIRED) : -ENOMEM;
	if (err) {
		ram_uncharge(fs, RAM_GIVEN_FEE);
		free(grave);
		return err;
	}
	n->grave = grave;
	return 0;
}

int ram_vmo(struct ram_fs *fs, struct ram_node *n, uint32_t prot, handle_t *out)
{
	uint32_t rights = RIGHT_READ | RIGHT_MAP | RIGHT_GRANT;
	int64_t h;
	int err = vmo_wire(fs, n);

	if (err)
		return err;
	rights |= prot & PROT_W ? RIGHT_WRITE : 0;
	rights |= prot & PROT_X ? RIGHT_EXECUTE : 0;
	h = sys_handle_dup(n->vmo, rights);
	if (h < 0)
		return (int)h;
	*out = (handle_t)h;
	return 0;
}
