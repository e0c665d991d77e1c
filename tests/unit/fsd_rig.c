/* SPDX-License-Identifier: ISC */
/*
 * fsd_rig.c: see fsd_rig.h.
 */
#include "fsd_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct rig *the_rig;

/* ---- sys.h -------------------------------------------------------------------------------------
 */

uint64_t fsd_now(void)
{
	return the_rig->now;
}

void fsd_say(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(the_rig->said, sizeof(the_rig->said), format, ap);
	va_end(ap);
	the_rig->lines++;
	if (getenv("FSD_LOUD"))
		fprintf(stderr, "%s\n", the_rig->said);
}

void fsd_bell(struct fsd *f)
{
	(void)f;
	the_rig->bell = true;
}

void fsd_again(struct fsd *f)
{
	(void)f;
	the_rig->again = true;
}

void fsd_alarm(struct fsd *f, uint64_t at)
{
	(void)f;
	the_rig->alarm = at;
}

void fsd_seek_driver(struct fsd *f)
{
	(void)f;
	the_rig->alive = false;
	the_rig->taken_count = 0;
	the_rig->seek = true;
}

static struct rig_vmo *vmo_of(const struct inode *n)
{
	assert_in_range(n->vmo, FSD_VMO_HANDLE, FSD_VMO_HANDLE + FSD_VMOS - 1);
	return &the_rig->vmo[n->vmo - FSD_VMO_HANDLE];
}

int fsd_vmo_make(struct fsd *f, struct inode *n, uint64_t size)
{
	(void)f;
	for (unsigned i = 0; i < FSD_VMOS; i++) {
		struct rig_vmo *v = &the_rig->vmo[i];

		if (v->inode)
			continue;
		v->inode = n;
		v->pages = size >> FSD_SHIFT;
		v->map = malloc(v->pages * 4);
		v->asked = calloc(v->pages, 4);
		memset(v->map, 0xff, v->pages * 4);
		v->clients = 0;
		n->vmo = FSD_VMO_HANDLE + i;
		return 0;
	}
	return -EMFILE;
}

void fsd_vmo_close(struct fsd *f, struct inode *n)
{
	struct rig_vmo *v = vmo_of(n);

	(void)f;
	free(v->map);
	free(v->asked);
	v->inode = NULL;
	n->vmo = HANDLE_NONE;
}

bool fsd_vmo_used(const struct inode *n)
{
	return vmo_of(n)->clients != 0;
}

int64_t fsd_vmo_dup(const struct inode *n, uint32_t rights)
{
	assert_int_equal(rights & (RIGHT_WRITE | RIGHT_MANAGE), 0);
	vmo_of(n)->clients++;
	return n->vmo;
}

int64_t fsd_supply(struct fsd *f, const struct inode *n, uint64_t offset, uint64_t len,
		   uint64_t pool_offset)
{
	struct rig_vmo *v = vmo_of(n);

	assert_true((offset + len) >> FSD_SHIFT <= v->pages);
	assert_true((pool_offset + len) >> FSD_SHIFT <= f->pages);
	for (uint64_t i = 0; i < len >> FSD_SHIFT; i++) {
		uint64_t page = (offset >> FSD_SHIFT) + i;

		assert_int_equal(v->map[page], PAGE_NONE);
		v->map[page] = (uint32_t)((pool_offset >> FSD_SHIFT) + i);
		v->asked[page] = 0;
	}
	return 0;
}

int64_t fsd_evict(const struct inode *n, uint64_t offset, uint64_t len)
{
	struct rig_vmo *v = vmo_of(n);
	int64_t count = 0;

	for (uint64_t i = offset >> FSD_SHIFT; i < (offset + len) >> FSD_SHIFT; i++) {
		count += v->map[i] != PAGE_NONE;
		v->map[i] = PAGE_NONE;
	}
	return count;
}

int64_t fsd_fault_fail(const struct inode *n, uint64_t offset, int error)
{
	assert_true(error < 0);
	vmo_of(n)->asked[offset >> FSD_SHIFT] = 3;
	return 0;
}

int64_t fsd_fault_next(const struct inode *n, struct pager_request *requests, uint32_t max)
{
	struct rig_vmo *v = vmo_of(n);
	uint32_t count = 0;

	for (uint64_t i = 0; i < v->pages && count < max; i++) {
		if (v->asked[i] != 1)
			continue;
		v->asked[i] = 2;
		requests[count++] = (struct pager_request){i << FSD_SHIFT, FSD_PAGE, PROT_R, 0};
	}
	return count;
}

/* ---- the driver --------------------------------------------------------------------------------
 */

static uint32_t rig_random(struct rig *r)
{
	r->seed = r->seed * 1664525u + 1013904223u;
	return r->seed >> 8;
}

void rig_driver_start(struct rig *r)
{
	const struct ring_geometry g = {RING_SIZE, RING_SEGS, (uint64_t)r->f.pages << FSD_SHIFT};

	ring_client_reset(&r->f.ring);
	assert_int_equal(ring_server_init(&r->driver, r->ring, FSD_RING, &g), 0);
	assert_true(ring_server_sleep(&r->driver));
	r->alive = true;
	r->hung = false;
	r->seek = false;
	disk_up(&r->f, &r->geometry);
	fsd_turn(&r->f);
}

void rig_driver_die(struct rig *r)
{
	disk_down(&r->f, "the driver died");
}

static void driver_take(struct rig *r)
{
	int got;

	ring_server_awake(&r->driver);
	while (r->taken_count < RING_SIZE) {
		got = ring_server_take(&r->driver, &r->taken[r->taken_count],
				       r->segs[r->taken_count], IO_SEGS);
		if (!got)
			break;
		assert_int_equal(got, 1);
		r->taken_count++;
	}
	if (!ring_server_sleep(&r->driver))
		r->bell = true;
}

static void driver_do(struct rig *r, uint32_t i)
{
	struct ring_submission s = r->taken[i];
	uint64_t at = s.sector * SECTOR;
	int status = 0;

	assert_int_equal(s.op, BLOCK_READ);
	assert_in_range(s.sectors, 1, r->geometry.request_sectors);
	assert_in_range(s.segment_count, 1, r->geometry.segments);
	if (s.sector + s.sectors > r->geometry.sectors)
		status = -EINVAL;
	if (r->bad_sector && r->bad_sector >= s.sector && r->bad_sector < s.sector + s.sectors)
		status = -EIO;
	for (unsigned k = 0; k < s.segment_count && !status; k++) {
		memcpy(r->pool + r->segs[i][k].offset, r->image + at, r->segs[i][k].len);
		at += r->segs[i][k].len;
	}
	r->taken_count--;
	r->taken[i] = r->taken[r->taken_count];
	memcpy(r->segs[i], r->segs[r->taken_count], sizeof(r->segs[i]));
	assert_int_equal(ring_server_complete(&r->driver, s.cookie, status), 0);
	r->done++;
	if (ring_server_bell(&r->driver))
		r->again = true;
}

static bool driver_step(struct rig *r)
{
	if (!r->alive || r->hung)
		return false;
	if (r->bell) {
		r->bell = false;
		driver_take(r);
	}
	if (!r->taken_count)
		return false;
	if (r->die_at && r->done >= r->die_at) {
		r->die_at = 0;
		rig_driver_die(r);
		return true;
	}
	if (r->lie) {
		r->lie(r);
		r->lie = NULL;
		r->again = true;
		return true;
	}
	driver_do(r, r->seed ? rig_random(r) % r->taken_count : 0);
	return true;
}

bool rig_step(void *arg)
{
	struct rig *r = arg;

	if (r->again) {
		r->again = false;
		fsd_turn(&r->f);
		return true;
	}
	if (r->seek && !r->geometry.sectors)
		return false;
	if (r->seek) {
		rig_driver_start(r);
		return true;
	}
	if (driver_step(r))
		return true;
	if (!r->watch_jobs || !r->alarm)
		return false;
	r->now = r->alarm;
	r->alarm = 0;
	jobs_watch(&r->f);
	return true;
}

/* ---- start and end -----------------------------------------------------------------------------
 */

static void image_map(struct rig *r, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	r->image_size = (uint64_t)st.st_size;
	r->image = mmap(NULL, r->image_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_true(r->image != MAP_FAILED);
	close(fd);
}

/* vmo_read with VMO_RESIDENT. */
static int vmo_copy(void *arg, uint32_t handle, uint64_t offset, void *out, uint32_t len)
{
	struct rig *r = arg;
	const struct rig_vmo *v = &r->vmo[handle - FSD_VMO_HANDLE];
	uint8_t *to = out;

	assert_non_null(v->inode);
	if (offset + len > v->pages << FSD_SHIFT)
		return -EINVAL;
	for (uint32_t i = 0; i < len; i++) {
		uint32_t page = v->map[(offset + i) >> FSD_SHIFT];

		if (page == PAGE_NONE)
			return -EAGAIN;
		to[i] = r->pool[((uint64_t)page << FSD_SHIFT) + ((offset + i) & (FSD_PAGE - 1))];
	}
	return 0;
}

static void vmo_dropped(void *arg, uint32_t handle)
{
	struct rig_vmo *v = &((struct rig *)arg)->vmo[handle - FSD_VMO_HANDLE];

	assert_true(v->inode && v->clients);
	v->clients--;
}

void rig_start(struct rig *r, uint32_t pool_pages, bool late)
{
	const struct ring_geometry g = {RING_SIZE, RING_SEGS, (uint64_t)pool_pages << FSD_SHIFT};
	struct p9_link *link;

	the_rig = r;
	r->now = 1000;
	r->geometry = (struct geometry){512, r->image_size / SECTOR, IO_SEGS, IO_SECTORS};
	assert_int_equal(fsd_init(&r->f, "disk", r->pool, pool_pages), 0);
	assert_int_equal(ring_client_init(&r->f.ring, r->ring, FSD_RING, &g), 0);
	local_init(&r->world);
	r->world.pump = rig_step;
	r->world.pump_arg = r;
	r->world.copy = vmo_copy;
	r->world.dropped = vmo_dropped;
	r->world.copy_arg = r;
	local_server_start(&r->world, &r->server, &fsd_ops, &r->f, NULL);
	link = local_link(&r->world, local_handle(&r->server, 0, RIGHTS_ALL));
	link->msize = (1u << 20) + P9_IOHDR;
	assert_int_equal(p9_client_init(&r->client, link), 0);
	if (!late)
		rig_driver_start(r);
}

void rig_end(struct rig *r)
{
	p9_client_fini(&r->client);
	while (rig_step(r)) {
	}
	rig_check(r);
	local_server_stop(&r->server);
	assert_int_equal(r->world.handles_live, 0);
	assert_int_equal(r->world.links_live, 0);
	assert_int_equal(r->f.job_count, 0);
	for (unsigned i = 0; i < FSD_VMOS; i++) {
		free(r->vmo[i].inode ? r->vmo[i].map : NULL);
		free(r->vmo[i].inode ? r->vmo[i].asked : NULL);
	}
	fsd_fini(&r->f);
}

struct rig *rig_open(const char *path, uint32_t pool_pages, bool late)
{
	struct rig *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	image_map(r, path);
	r->ring = calloc(1, FSD_RING);
	r->pool = malloc((size_t)pool_pages << FSD_SHIFT);
	memset(r->pool, 0xa5, (size_t)pool_pages << FSD_SHIFT);
	rig_start(r, pool_pages, late);
	return r;
}

void rig_close(struct rig *r)
{
	rig_end(r);
	munmap(r->image, r->image_size);
	free(r->ring);
	free(r->pool);
	free(r);
}

int rig_mapped(struct rig *r, uint32_t handle, uint64_t offset)
{
	struct rig_vmo *v = &r->vmo[handle - FSD_VMO_HANDLE];
	uint64_t page = offset >> FSD_SHIFT;

	assert_true(page < v->pages);
	if (v->map[page] == PAGE_NONE) {
		v->asked[page] = 1;
		file_faults(&r->f, v->inode);
		disk_kick(&r->f);
		while (v->map[page] == PAGE_NONE && v->asked[page] != 3 && rig_step(r)) {
		}
		if (v->asked[page] == 3)
			v->asked[page] = 0;
	}
	if (v->map[page] == PAGE_NONE)
		return -EIO;
	return r->pool[((uint64_t)v->map[page] << FSD_SHIFT) + (offset & (FSD_PAGE - 1))];
}

/* Every frame that stands in a VMO is the page that it is taken for; the hash finds what there is;
 * requests and pages agree. */
void rig_check(struct rig *r)
{
	struct fsd *f = &r->f;
	uint32_t supplied = 0, mapped = 0, busy = 0;

	for (uint32_t i = 0; i < f->pages; i++) {
		struct page *p = &f->page[i];

		if (p->state == PAGE_FREE)
			continue;
		assert_ptr_equal(page_find(f, p->ino, p->index), p);
		assert_true(p->state != PAGE_READING || p->pending);
		supplied += p->supplied;
	}
	for (unsigned i = 0; i < FSD_VMOS; i++) {
		struct rig_vmo *v = &r->vmo[i];

		for (uint64_t k = 0; v->inode && k < v->pages; k++) {
			struct page *p = v->map[k] == PAGE_NONE ? NULL : &f->page[v->map[k]];

			if (!p)
				continue;
			mapped++;
			assert_int_equal(p->state, PAGE_VALID);
			assert_true(p->supplied);
			assert_int_equal(p->ino, v->inode->info.ino);
			assert_int_equal(p->index, k);
		}
	}
	assert_int_equal(supplied, mapped);
	for (uint32_t i = 0; i < IO_COUNT; i++)
		busy += f->io[i].state != IO_FREE;
	assert_int_equal(busy + f->io_free_count, IO_COUNT);
}
