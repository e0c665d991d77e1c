/* SPDX-License-Identifier: ISC */
/*
 * Fuzzer of the file server against a driver that lies: over the same ring and pool, which it may
 * write to at any time, with clients that read and map files meanwhile.
 *
 * The image is made by mkfs.ext4 when the fuzzer starts, always from the same files. Its metadata
 * has no checksums, so that what the driver changes in the pool is believed.
 *
 * Input: bytes that are taken one by one. Client: what to do next (stat, read, list, read a link,
 * map). Driver, whenever the server waits for it: an honest step, or a lie, with its arguments.
 * When the input ends nothing comes any more, and the driver is replaced by an honest one.
 *
 * What must hold: no sanitizer speaks, no call of the server fails that must not (fsd_rig.c, and
 * rig_check), each driver finds a ring that is sound, and the server ends without anything left.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/fsd_rig.h"

#define POOL	  POOL_MIN
#define IMAGE_MAX (2u << 20)
#define FILES_MAX 4u

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t image[IMAGE_MAX], pool[POOL << FSD_SHIFT] __attribute__((aligned(FSD_PAGE)));
static uint8_t ring[FSD_RING] __attribute__((aligned(FSD_PAGE)));
static uint64_t image_size;
static struct rig rig;
static const uint8_t *input, *input_end;

/* What the rig asserts with: here a failure ends the program, so that the fuzzer sees it. */
static void broken(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

void _assert_true(const LargestIntegralType result, const char *const expression,
		  const char *const file, const int line)
{
	if (!result)
		broken(expression, file, line);
}

void _assert_int_equal(const LargestIntegralType a, const LargestIntegralType b,
		       const char *const file, const int line)
{
	if (a != b)
		broken("not equal", file, line);
}

void _assert_in_range(const LargestIntegralType value, const LargestIntegralType min,
		      const LargestIntegralType max, const char *const file, const int line)
{
	if (value < min || value > max)
		broken("out of range", file, line);
}

static uint8_t take(void)
{
	return input < input_end ? *input++ : 0;
}

static uint32_t take_number(void)
{
	uint32_t n = take();

	/* Mostly small; some large ones. */
	return n < 0xf0 ? n : n < 0xf8 ? n << 24 | take() : 0xffffff00u | take();
}

/* ---- the driver --------------------------------------------------------------------------------
 */

static void driver_take(struct rig *r)
{
	int got;

	while (r->taken_count < RING_SIZE) {
		got = ring_server_take(&r->driver, &r->taken[r->taken_count],
				       r->segs[r->taken_count], IO_SEGS);
		if (got <= 0)
			return;
		r->taken_count++;
	}
}

static void driver_forget(struct rig *r, uint32_t i)
{
	r->taken_count--;
	r->taken[i] = r->taken[r->taken_count];
	memcpy(r->segs[i], r->segs[r->taken_count], sizeof(r->segs[i]));
}

/* One that it has: what is on the disk, and the answer. */
static void driver_do(struct rig *r, uint32_t which, int status)
{
	struct ring_submission s;
	uint64_t at;

	driver_take(r);
	if (!r->taken_count)
		return;
	which %= r->taken_count;
	s = r->taken[which];
	at = s.sector * SECTOR;
	for (unsigned k = 0; k < s.segment_count && !status; k++) {
		const struct ring_segment *seg = &r->segs[which][k];

		if (at >= r->image_size || seg->len > r->image_size - at) {
			status = -ENXIO;
			break;
		}
		memcpy(r->pool + seg->offset, r->image + at, seg->len);
		at += seg->len;
	}
	driver_forget(r, which);
	(void)!ring_server_complete(&r->driver, s.cookie, status);
}

static void publish(struct rig *r, struct ring_completion c)
{
	struct ring_server *s = &r->driver;

	s->completions[s->complete_tail & (RING_SIZE - 1)] = c;
	__atomic_store_n(&s->header->complete_tail, ++s->complete_tail, __ATOMIC_RELEASE);
}

/* A completion of something that may be one of its requests. */
static void lie_completion(struct rig *r)
{
	struct ring_completion c = {take_number(), -(int32_t)take(), r->driver.epoch};

	driver_take(r);
	if (r->taken_count && take() & 1)
		c.cookie = r->taken[take() % r->taken_count].cookie;
	c.cookie += (uint64_t)take() << 32;
	c.epoch -= take() & 1;
	publish(r, c);
}

/* Any word of the ring: header, or submissions, completions and segments near their start. */
static void lie_ring(struct rig *r)
{
	static const uint32_t parts[] = {0, RING_SUBMISSIONS(RING_SIZE),
					 RING_COMPLETIONS(RING_SIZE), RING_SEGMENTS(RING_SIZE)};
	uint32_t at = parts[take() & 3] + take() % 64 * 4, word = take_number();

	memcpy(r->ring + at, &word, sizeof(word));
}

/* A few bytes of a page that the server has taken. */
static void lie_pool(struct rig *r)
{
	uint32_t pages = r->f.hand ? r->f.hand : r->f.pages;
	uint8_t *p = r->pool + ((uint64_t)(take() % pages) << FSD_SHIFT);
	uint32_t at = (take() | (uint32_t)take() << 8) % (FSD_PAGE - 4), n = take() & 3;

	do
		p[at++] = take();
	while (n--);
}

static void lie_geometry(struct rig *r)
{
	switch (take() & 3) {
	case 0: r->geometry.sectors = (uint64_t)take_number() << (take() & 31); break;
	case 1: r->geometry.segments = take_number(); break;
	case 2: r->geometry.request_sectors = take_number(); break;
	default: r->geometry.sector_size = take_number(); break;
	}
}

static bool driver_step(struct rig *r)
{
	uint8_t what = take();

	switch (what & 15) {
	case 0: lie_completion(r); break;
	case 1: lie_ring(r); break;
	case 2: lie_pool(r); break;
	case 3: driver_do(r, take(), -(int)(take() & 31)); break;
	case 4: rig_driver_die(r); return true;
	case 5: return true; /* it does nothing */
	case 6:
		r->now += (uint64_t)take() * 1000000000u;
		jobs_watch(&r->f);
		return true;
	case 7:
		if (what == 7) {
			lie_geometry(r);
			rig_driver_die(r);
			return true;
		}
		break;
	default:
		for (unsigned n = what >> 4; n; n--)
			driver_do(r, 0, 0);
		driver_do(r, take(), 0);
		break;
	}
	fsd_turn(&r->f);
	return true;
}

/* Instead of the rig's own step while there is input. */
static bool step(void *arg)
{
	struct rig *r = arg;

	if (input == input_end)
		return false;
	if (r->seek) {
		rig_driver_start(r);
		return true;
	}
	if (r->again) {
		r->again = false;
		fsd_turn(&r->f);
		return true;
	}
	return driver_step(r);
}

/* ---- clients -----------------------------------------------------------------------------------
 */

static void map_some(struct rig *r, struct p9_file *file)
{
	uint64_t size;
	uint32_t vmo;

	if (p9_client_gethandle(file, P9_HANDLE_VMO, PROT_R, &size, &vmo))
		return;
	for (unsigned i = 0; i < 4 && size; i++) {
		struct rig_vmo *v = &r->vmo[vmo - FSD_VMO_HANDLE];
		uint64_t page = take() % v->pages;

		if (v->map[page] != PAGE_NONE || v->asked[page])
			continue;
		v->asked[page] = 1;
		file_faults(&r->f, v->inode);
		disk_kick(&r->f);
		while (v->map[page] == PAGE_NONE && v->asked[page] != 3 && step(r)) {
		}
		if (v->asked[page] == 3)
			v->asked[page] = 0;
	}
	r->vmo[vmo - FSD_VMO_HANDLE].clients--;
}

static void client_turn(struct rig *r, struct p9_file *files[FILES_MAX])
{
	static const char *const names[] = {"/",       "/file",	      "/dir/sub/deep",
					    "/sparse", "/many/name7", "/many/absent",
					    "/fast",   "/slow"};
	static uint8_t buf[70000];
	uint8_t what = take();
	struct p9_file **f = &files[what >> 4 & (FILES_MAX - 1)];
	const char *name = names[what >> 4 & 7];
	struct p9_attr attr;

	switch (what & 7) {
	case 0: (void)!p9_client_stat(&r->client, name, true, &attr); break;
	case 1: (void)!p9_client_readlink(&r->client, name, (char *)buf, sizeof(buf)); break;
	case 2:
	case 3:
		if (*f)
			p9_client_close(*f);
		if (p9_client_open(&r->client, name, P9_O_RDONLY, 0, f))
			*f = NULL;
		break;
	case 4:
		if (*f)
			(void)!p9_client_readdir(*f, buf, 4096);
		break;
	case 5:
		if (*f)
			map_some(r, *f);
		break;
	case 6: inodes_reclaim(&r->f); break;
	default:
		if (*f)
			(void)!p9_client_pread(*f, buf, take() << 8, (uint64_t)take() << 12);
		break;
	}
}

/* ---- the program -------------------------------------------------------------------------------
 */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char dir[] = "/tmp/fuzz-fsd-XXXXXX", command[1024];
	ssize_t n;
	int fd;

	(void)argc;
	(void)argv;
	assert_non_null(mkdtemp(dir));
	snprintf(command, sizeof(command),
		 "cd '%s' && mkdir -p s/dir/sub s/many && cd s && printf hello > file && "
		 "head -c 300000 /dev/zero | tr '\\0' x > dir/sub/deep && "
		 "ln -s file fast && ln -s $(printf '%%0100d' 0) slow && "
		 "for i in 1 2 3 4 5 6 7 8 9; do : > many/name$i; "
		 "printf x | dd of=sparse bs=1 seek=$((i * 40000)) conv=notrunc status=none; done; "
		 "find . -exec touch -h -d @1000000000 {} +; cd .. && "
		 "E2FSPROGS_FAKE_TIME=1000000000 mkfs.ext4 -q -F -N 64 -b 1024 "
		 "-U 6d6b6673-2e65-7874-3420-737461746963 -E lazy_itable_init=0 "
		 "-O ^has_journal,^metadata_csum,^64bit -d s image 1m >mkfs.log 2>&1 || "
		 "cat mkfs.log >&2",
		 dir);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "%s/image", dir);
	fd = open(command, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	n = read(fd, image, sizeof(image));
	assert_true(n > 0);
	image_size = (uint64_t)n;
	close(fd);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	assert_int_equal(system(command), 0);
	return 0;
}

/* What an input leaves is not to be seen by the next one. */
static void clean(void)
{
	memset(ring, 0, sizeof(ring));
	memset(&rig, 0, sizeof(rig));
	rig.image = image;
	rig.image_size = image_size;
	rig.ring = ring;
	rig.pool = pool;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct p9_file *files[FILES_MAX] = {NULL};
	uint32_t used;

	input = data;
	input_end = data + size;
	clean();
	rig_start(&rig, POOL, true);
	rig.world.pump = step;
	rig.seek = true;
	while (input < input_end)
		client_turn(&rig, files);
	rig.world.pump = rig_step;
	rig.geometry = (struct geometry){512, image_size / SECTOR, IO_SEGS, IO_SECTORS};
	rig_driver_die(&rig); /* and an honest one comes */
	rig_check(&rig);
	for (unsigned i = 0; i < FILES_MAX; i++)
		if (files[i])
			p9_client_close(files[i]);
	used = rig.f.count.taken < POOL ? (uint32_t)rig.f.count.taken : POOL;
	rig_end(&rig);
	memset(pool, 0, (size_t)used << FSD_SHIFT);
	return 0;
}
