/* SPDX-License-Identifier: ISC */
/*
 * The file server against images that mkfs.ext4 made: what a 9P client reads, and what a client
 * that maps files sees, is what was put in; with every set of features, any order of answers, a
 * pool that is much too small, drivers that die, sectors that cannot be read.
 *
 * Needs mkfs.ext4.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "fsd_rig.h"
#include "tests/unit/ext4_support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define POOL	 1024u
#define BIG_SIZE (9u << 20)

static char source[512], image[600];

static void write_at(const char *name, off_t at, const void *data, size_t len)
{
	char path[1024];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", source, name);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, len, at), len);
	close(fd);
}

static int setup(void **state)
{
	static uint8_t data[BIG_SIZE];
	uint32_t seed = 7;
	char name[256];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++) {
		seed = seed * 1664525u + 1013904223u;
		data[i] = (uint8_t)(seed >> 24);
	}
	snprintf(source, sizeof(source), "%s/source", scratch_make());
	snprintf(image, sizeof(image), "%s.img", source);
	run("mkdir -p '%s/deep/a/b/c' '%s/many' '%s/none'", source, source, source);
	write_at("big", 0, data, sizeof(data));
	write_at("small", 0, data, 77);
	write_at("page", 0, data, 4096);
	write_at("odd", 0, data, 300001);
	write_at("empty", 0, data, 0);
	write_at("deep/a/b/c/file", 0, data, 5000);
	write_at("sparse", 20000, data, 3000);
	write_at("sparse", 300000, data, 3000);
	write_at("sparse", 3000000, data, 70000);
	for (int i = 0; i < 400; i++) {
		snprintf(name, sizeof(name), "many/entry-%d-%.*s", i, i % 40,
			 "with-a-name-of-many-different-lengths-xyz");
		write_at(name, 0, data, (size_t)i);
	}
	run("cd '%s' && ln -s deep/a up && ln -s $(printf 't%%.0s' $(seq 300)) long && "
	    "ln small deep/hard && mkfifo pipe && chmod 4751 small",
	    source);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_remove();
	return 0;
}

static void make_image(const char *options)
{
	run("rm -f '%s' && mkfs.ext4 -q -F %s -d '%s' '%s' 64M >/dev/null 2>&1", image, options,
	    source, image);
}

/* ---- comparing ---------------------------------------------------------------------------------
 */

static void compare_data(struct rig *r, const char *name, uint32_t chunk)
{
	char path[1024], host[2048];
	struct p9_file *file;
	uint8_t *got = malloc(chunk), *want = malloc(chunk);
	int64_t n;
	int fd;

	snprintf(path, sizeof(path), "/%s", name);
	snprintf(host, sizeof(host), "%s/%s", source, name);
	fd = open(host, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(p9_client_open(&r->client, path, P9_O_RDONLY, 0, &file), 0);
	do {
		ssize_t m = read(fd, want, chunk);

		n = p9_client_read(file, got, chunk);
		if (n != m)
			fail_msg("%s: %lld bytes, not %zd", name, (long long)n, m);
		assert_memory_equal(got, want, (size_t)n);
	} while (n > 0);
	p9_client_close(file);
	close(fd);
	free(got);
	free(want);
}

static void compare_mapped(struct rig *r, const char *name, uint64_t step)
{
	char path[1024], host[2048];
	struct p9_file *file;
	uint64_t size;
	uint32_t vmo;
	int fd;

	snprintf(path, sizeof(path), "/%s", name);
	snprintf(host, sizeof(host), "%s/%s", source, name);
	fd = open(host, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(p9_client_open(&r->client, path, P9_O_RDONLY, 0, &file), 0);
	assert_int_equal(p9_client_gethandle(file, P9_HANDLE_VMO, PROT_R, &size, &vmo), 0);
	for (uint64_t at = 0; at < size; at += step) {
		uint8_t byte;

		assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
		assert_int_equal(rig_mapped(r, vmo, at), byte);
	}
	/* Behind the end there are zeros up to the page's. */
	for (uint64_t at = size; at & (FSD_PAGE - 1); at++)
		assert_int_equal(rig_mapped(r, vmo, at), 0);
	r->vmo[vmo - FSD_VMO_HANDLE].clients--;
	p9_client_close(file);
	close(fd);
}

static void compare_stat(const struct p9_attr *attr, const struct stat *st)
{
	assert_int_equal(attr->mode, st->st_mode);
	assert_int_equal(attr->uid, st->st_uid);
	assert_int_equal(attr->nlink, st->st_nlink);
	assert_int_equal(attr->mtime_sec, st->st_mtime);
	if (!S_ISDIR(st->st_mode))
		assert_int_equal(attr->size, st->st_size);
}

static void compare_dir(struct rig *r, const char *name);

static void compare_entry(struct rig *r, const char *dir, const struct p9_dirent *e)
{
	char name[1024], path[1100], host[2048], got[P9_FULL_MAX], want[P9_FULL_MAX];
	struct p9_attr attr;
	struct stat st;
	ssize_t n;

	snprintf(name, sizeof(name), "%s%s%.*s", dir, *dir ? "/" : "", (int)e->name.len,
		 e->name.ptr);
	snprintf(path, sizeof(path), "/%s", name);
	snprintf(host, sizeof(host), "%s/%s", source, name);
	assert_int_equal(lstat(host, &st), 0);
	assert_int_equal(p9_client_stat(&r->client, path, true, &attr), 0);
	assert_int_equal(attr.qid.path, e->qid.path);
	compare_stat(&attr, &st);
	if (S_ISDIR(st.st_mode)) {
		compare_dir(r, name);
	} else if (S_ISREG(st.st_mode)) {
		compare_data(r, name, 40000);
	} else if (S_ISLNK(st.st_mode)) {
		n = p9_client_readlink(&r->client, path, got, sizeof(got));
		assert_int_equal(n, readlink(host, want, sizeof(want)));
		assert_memory_equal(got, want, (size_t)n);
	}
}

static unsigned count_host(const char *name)
{
	char host[2048];
	unsigned count = 0;
	DIR *d;

	snprintf(host, sizeof(host), "%s/%s", source, name);
	d = opendir(host);
	assert_non_null(d);
	while (readdir(d))
		count++;
	closedir(d);
	return count;
}

static void compare_dir(struct rig *r, const char *name)
{
	uint8_t buf[3000]; /* small: many calls */
	char path[1100];
	struct p9_file *d;
	unsigned count = 0;
	int64_t n;

	snprintf(path, sizeof(path), "/%s", name);
	assert_int_equal(p9_client_open(&r->client, path, P9_O_RDONLY | P9_O_DIRECTORY, 0, &d), 0);
	while ((n = p9_client_readdir(d, buf, sizeof(buf))) > 0) {
		struct p9_dirent e;
		uint32_t at = 0;

		while (at < n) {
			int len = p9_dirent_decode(&e, buf + at, (uint32_t)n - at);

			assert_true(len > 0);
			at += (uint32_t)len;
			d->offset = e.offset;
			if (e.name.len == 10 && !memcmp(e.name.ptr, "lost+found", 10))
				continue;
			count++;
			if (e.name.ptr[0] != '.')
				compare_entry(r, name, &e);
		}
	}
	assert_int_equal(n, 0);
	p9_client_close(d);
	assert_int_equal(count, count_host(name));
}

static void compare_all(struct rig *r)
{
	struct p9_attr attr;

	compare_dir(r, "");
	assert_int_equal(p9_client_stat(&r->client, "/no-such", false, &attr), -ENOENT);
	assert_int_equal(p9_client_stat(&r->client, "/small/x", false, &attr), -ENOTDIR);
	assert_int_equal(p9_client_stat(&r->client, "/up/b/c/file", false, &attr), 0);
	assert_int_equal(p9_client_stat(&r->client, "/deep/a/../../small", false, &attr), 0);
	rig_check(r);
}

/* ---- tests -------------------------------------------------------------------------------------
 */

static const char *const features[] = {
	"-b 4096",
	"-b 1024",
	"-b 2048",
	"-b 4096 -O ^metadata_csum",
	"-b 4096 -O ^metadata_csum,uninit_bg",
	"-b 1024 -O ^64bit",
	"-b 1024 -I 128 -O ^64bit,^metadata_csum,^extent,^has_journal,^huge_file",
	"-b 4096 -O ^extent,^64bit",
	"-b 2048 -O ^extent,^64bit,^metadata_csum",
	"-b 1024 -O meta_bg,^resize_inode -g 1024",
	"-b 4096 -O bigalloc -C 16384",
	"-b 1024 -O ^dir_index",
};

static void images(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		struct rig *r;

		make_image(features[i]);
		r = rig_open(image, POOL, false);
		r->seed = 1 + i;
		compare_all(r);
		compare_mapped(r, "odd", 1);
		compare_mapped(r, "sparse", 97);
		compare_mapped(r, "big", 511);
		compare_mapped(r, "big", 300017);
		rig_check(r);
		rig_close(r);
	}
}

/* Reads and mappings of a file larger than the pool, mixed. */
static void small_pool(void **state)
{
	struct rig *r;

	(void)state;
	make_image("-b 1024");
	r = rig_open(image, POOL, false);
	r->seed = 99;
	for (uint32_t chunk = 1000; chunk <= 1 << 20; chunk *= 3)
		compare_data(r, "big", chunk);
	for (int i = 0; i < 3; i++) {
		compare_mapped(r, "big", 4096);
		compare_data(r, "big", 1 << 20);
		rig_check(r);
	}
	assert_true(r->f.count.evicted > POOL);
	rig_close(r);
}

/* VMOs end when their users are gone, and not before. */
static void vmo_ends(void **state)
{
	struct p9_file *file;
	struct inode *n;
	uint32_t vmo;
	struct rig *r;

	(void)state;
	make_image("-b 4096");
	r = rig_open(image, POOL, false);
	assert_int_equal(p9_client_open(&r->client, "/odd", P9_O_RDONLY, 0, &file), 0);
	assert_int_equal(p9_client_gethandle(file, P9_HANDLE_VMO, PROT_R, NULL, &vmo), 0);
	n = inode_known(&r->f, (uint32_t)file->qid.path);
	assert_true(rig_mapped(r, vmo, 0) >= 0);
	p9_client_close(file);
	inodes_reclaim(&r->f);
	assert_int_equal(r->f.vmo_count, 1); /* somebody maps it */
	assert_true(rig_mapped(r, vmo, 100000) >= 0);
	r->vmo[vmo - FSD_VMO_HANDLE].clients = 0;
	inodes_reclaim(&r->f);
	assert_int_equal(r->f.vmo_count, 0);
	assert_int_equal(n->supplied, 0);
	rig_check(r);
	compare_mapped(r, "odd", 4096);
	rig_close(r);
}

static int vmo_ask(struct rig *r, unsigned i, uint32_t *vmo)
{
	struct p9_file *file;
	char path[100];
	int err;

	snprintf(path, sizeof(path), "/many/entry-%u-%.*s", i, (int)(i % 40),
		 "with-a-name-of-many-different-lengths-xyz");
	assert_int_equal(p9_client_open(&r->client, path, P9_O_RDONLY, 0, &file), 0);
	err = p9_client_gethandle(file, P9_HANDLE_VMO, PROT_R, NULL, vmo);
	p9_client_close(file);
	return err;
}

/* Who keeps memory objects of many files has a share of what there is room for, and no more. */
static void vmo_share(void **state)
{
	uint32_t vmo, kept[FSD_VMOS];
	unsigned count = 0;
	struct rig *r;

	(void)state;
	make_image("-b 4096");
	r = rig_open(image, POOL, false);
	r->server.p9.limits.memory = 100 * VMO_COST;
	r->world.from.silo = 7;
	while (count < FSD_VMOS && !vmo_ask(r, count, &kept[count]))
		count++;
	assert_in_range(count, 10, 25);
	assert_int_equal(vmo_ask(r, count, &vmo), -ENOMEM);
	assert_int_equal(vmo_ask(r, 0, &vmo), 0); /* what is there costs nothing */
	r->vmo[vmo - FSD_VMO_HANDLE].clients--;
	r->world.from.silo = 8;
	assert_int_equal(vmo_ask(r, count, &vmo), 0);
	r->world.from.silo = 7;
	r->vmo[kept[3] - FSD_VMO_HANDLE].clients--;
	assert_int_equal(vmo_ask(r, count + 1, &kept[3]), 0);
	assert_int_equal(vmo_ask(r, count + 2, &vmo), -ENOMEM);
	rig_close(r);
}

/* What is read again is read from the file's memory object; what is read once is not in it. */
static void pages_read(void **state)
{
	struct p9_file *file;
	uint64_t copied, calls;
	struct inode *n;
	struct rig *r;
	uint8_t piece[4096];

	(void)state;
	make_image("-b 4096");
	r = rig_open(image, POOL, false);
	compare_data(r, "odd", 4096);
	assert_int_equal(r->f.vmo_count, 0);
	assert_int_equal(r->client.copied, 0);
	compare_data(r, "odd", 4096);
	assert_int_equal(r->f.vmo_count, 1);
	copied = r->client.copied;
	assert_in_range(copied, 40, 70);
	compare_data(r, "odd", 5000); /* and the last page is not whole */
	assert_in_range(r->client.copied - copied, 40, 60);
	assert_int_equal(p9_client_open(&r->client, "/odd", P9_O_RDONLY, 0, &file), 0);
	n = inode_known(&r->f, (uint32_t)file->qid.path);
	assert_null(n->payer); /* nobody has used it meanwhile */
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(p9_client_pread(file, piece, 4096, i * 4096), 4096);
	assert_int_equal(r->vmo[n->vmo - FSD_VMO_HANDLE].clients, 1);
	calls = r->client.calls;
	assert_int_equal(p9_client_pread(file, piece, 4096, 15 * 4096), 4096);
	assert_int_equal(r->client.calls, calls);
	assert_int_equal(p9_client_pread(file, piece, 4096, 300001), 0);
	assert_int_equal(r->client.calls, calls + 1); /* the end is asked for */
	assert_int_equal(p9_client_pread(file, piece, 4096, 300000), 1);
	p9_client_close(file);
	assert_int_equal(r->vmo[n->vmo - FSD_VMO_HANDLE].clients, 0);
	rig_check(r);
	rig_close(r);
}

/* The pool is smaller than the files: pages come and go, the bytes are right. */
static void pages_evicted(void **state)
{
	const char *names[] = {"odd", "sparse", "odd", "small"};
	struct rig *r;

	(void)state;
	make_image("-b 4096");
	r = rig_open(image, 128, false);
	for (unsigned i = 0; i < 60; i++) {
		compare_data(r, names[i % 4], i % 3 ? 4096 : 1500);
		rig_check(r);
	}
	assert_true(r->client.copied > 100);
	assert_true(r->f.count.evicted > 1000);
	rig_close(r);
}

/* Who may not map gets nothing, and reads as ever. */
static void pages_refused(void **state)
{
	struct p9_file *file;
	struct p9_client c;
	struct rig *r;
	uint8_t piece[4096];

	(void)state;
	make_image("-b 4096");
	r = rig_open(image, POOL, false);
	assert_int_equal(
		p9_client_init(&c, local_link(&r->world, local_handle(&r->server, 0,
								      RIGHTS_ALL & ~RIGHT_MMAP))),
		0);
	assert_int_equal(p9_client_open(&c, "/odd", P9_O_RDONLY, 0, &file), 0);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(p9_client_pread(file, piece, 4096, i % 50 * 4096), 4096);
	assert_int_equal(c.copied, 0);
	assert_int_equal(c.calls, 1 + 200 + 1);
	p9_client_close(file);
	p9_client_fini(&c);
	assert_int_equal(r->f.vmo_count, 0);
	rig_close(r);
}

/* A driver that dies again and again; nobody notices. */
static void driver_dies(void **state)
{
	struct rig *r;

	(void)state;
	make_image("-b 4096");
	for (uint64_t at = 0; at < 60; at += 1 + at / 7) {
		r = rig_open(image, POOL, false);
		r->seed = (uint32_t)at;
		r->die_at = at + 1;
		compare_data(r, "odd", 1 << 20);
		r->die_at = r->done + at % 5 + 1;
		compare_mapped(r, "big", 4096);
		compare_data(r, "big", 1 << 20);
		assert_int_equal(r->f.count.drivers,
				 1 + (r->f.count.reissued > 0) + (r->f.count.drivers > 2));
		rig_check(r);
		rig_close(r);
	}
}

static void driver_changes(void **state)
{
	struct p9_attr attr;
	struct p9_file *file;
	uint8_t buf[100];
	struct rig *r;

	(void)state;
	make_image("-b 4096");
	r = rig_open(image, POOL, false);
	assert_int_equal(p9_client_open(&r->client, "/big", P9_O_RDONLY, 0, &file), 0);
	r->geometry.sectors -= 8;
	r->die_at = r->done;
	assert_int_equal(p9_client_pread(file, buf, sizeof(buf), 5000000), -EIO);
	assert_non_null(strstr(r->said, "geometry"));
	assert_int_equal(p9_client_pread(file, buf, sizeof(buf), 0), -EIO);
	assert_int_equal(p9_client_stat(&r->client, "/small", false, &attr), -EIO);
	assert_int_equal(p9_client_stat(&r->client, "/", false, &attr), -EIO);
	p9_client_close(file);
	rig_close(r);
}

/* One sector costs one page, not the pages that were to be read with it. */
static void bad_sector(void **state)
{
	struct ext4_run run;
	struct p9_file *file;
	uint8_t *buf = malloc(1 << 20);
	struct inode *n;
	uint32_t vmo;
	uint64_t size;
	struct rig *r;

	(void)state;
	make_image("-b 4096");
	r = rig_open(image, POOL, false);
	compare_data(r, "odd", 4096);
	assert_int_equal(p9_client_open(&r->client, "/odd", P9_O_RDONLY, 0, &file), 0);
	n = inode_known(&r->f, (uint32_t)file->qid.path);
	assert_int_equal(ext4_map(&r->f.fs, &n->info, 20, 1, &run), 0);
	r->bad_sector = run.pblk * 8 + 3;
	for (uint32_t i = 0; i < r->f.pages; i++) /* nothing of it is in the cache any more */
		if (r->f.page[i].state == PAGE_VALID && r->f.page[i].ino == n->info.ino)
			page_drop(&r->f, &r->f.page[i]);
	assert_int_equal(p9_client_pread(file, buf, 1 << 16, 0), 1 << 16);
	assert_int_equal(p9_client_pread(file, buf, 4096, 20 * 4096), -EIO);
	assert_int_equal(p9_client_pread(file, buf, 4096, 19 * 4096), 4096);
	assert_int_equal(p9_client_pread(file, buf, 1 << 16, 21 * 4096), 1 << 16);
	assert_int_equal(p9_client_pread(file, buf, 1 << 17, 0), -EIO);
	assert_int_equal(p9_client_gethandle(file, P9_HANDLE_VMO, PROT_R, &size, &vmo), 0);
	assert_int_equal(rig_mapped(r, vmo, 20 * 4096), -EIO);
	assert_true(rig_mapped(r, vmo, 21 * 4096) >= 0);
	r->bad_sector = 0;
	assert_true(rig_mapped(r, vmo, 20 * 4096) >= 0);
	assert_int_equal(p9_client_pread(file, buf, 1 << 17, 0), 1 << 17);
	p9_client_close(file);
	free(buf);
	rig_check(r);
	rig_close(r);
}

/* Without a disk requests wait a while, then fail; one that comes late is mounted. */
static void no_disk(void **state)
{
	struct p9_attr attr;
	struct rig *r;

	(void)state;
	make_image("-b 4096");
	r = rig_open(image, POOL, true);
	assert_int_equal(p9_client_stat(&r->client, "/", false, &attr), -ETIMEDOUT);
	assert_true(r->alarm);
	r->now += SEARCH_NS + 1;
	assert_int_equal(p9_client_stat(&r->client, "/", false, &attr), -ENODEV);
	rig_driver_start(r);
	assert_int_equal(p9_client_stat(&r->client, "/small", false, &attr), 0);
	rig_close(r);
}

/* One that says nothing any more costs who waits for it a minute; when it has been killed for it,
 * its successor does what waits then. */
static void driver_hangs(void **state)
{
	struct p9_attr attr;
	struct rig *r;

	(void)state;
	make_image("-b 4096");
	r = rig_open(image, POOL, false);
	while (rig_step(r)) {
	}
	r->hung = true;
	r->watch_jobs = true;
	assert_int_equal(p9_client_stat(&r->client, "/deep/a", false, &attr), -EIO);
	assert_in_range(r->now, JOB_NS, JOB_NS + SEARCH_NS);
	assert_int_equal(r->f.count.expired, 1);
	assert_int_equal(r->alarm, 0); /* nobody waits any more */
	rig_driver_die(r);
	assert_int_equal(p9_client_stat(&r->client, "/deep/a", false, &attr), 0);
	assert_int_equal(r->f.count.drivers, 2);
	rig_close(r);
}

/* One that is not killed for it is given up all the same. */
static void driver_answers_nothing(void **state)
{
	struct p9_attr attr;
	struct rig *r;

	(void)state;
	make_image("-b 4096");
	r = rig_open(image, POOL, false);
	while (rig_step(r)) {
	}
	r->hung = r->watch_jobs = true;
	assert_int_equal(p9_client_stat(&r->client, "/deep/a", false, &attr), -EIO);
	assert_int_equal(p9_client_stat(&r->client, "/deep/a", false, &attr), 0);
	assert_int_equal(r->f.count.drivers, 2);
	rig_close(r);
}

static void publish(struct rig *r, struct ring_completion c)
{
	struct ring_server *s = &r->driver;

	s->completions[s->complete_tail & (RING_SIZE - 1)] = c;
	__atomic_store_n(&s->header->complete_tail, ++s->complete_tail, __ATOMIC_RELEASE);
}

static void lie_header(struct rig *r)
{
	memset(r->ring, 0xff, sizeof(struct ring_header));
}

/* What it does not look at itself is what its successor trips over. */
static void lie_quietly(struct rig *r)
{
	r->driver.header->magic = 0;
	r->driver.header->epoch += 5;
	r->driver.header->segments = 1;
	publish(r, (struct ring_completion){UINT64_MAX, 0, r->driver.epoch});
}

static void lie_epoch(struct rig *r)
{
	publish(r, (struct ring_completion){r->taken[0].cookie, 0, r->driver.epoch + 1});
}

static void lie_cookie(struct rig *r)
{
	publish(r, (struct ring_completion){r->taken[0].cookie + (1ull << 32), 0, r->driver.epoch});
}

static void lie_nobody(struct rig *r)
{
	publish(r, (struct ring_completion){UINT64_MAX, 0, r->driver.epoch});
}

static void lie_twice(struct rig *r)
{
	const struct ring_completion c = {r->taken[0].cookie, -EIO, r->driver.epoch};

	publish(r, c);
	publish(r, c);
}

static void lie_more(struct rig *r)
{
	r->driver.header->complete_tail += RING_SIZE + 1;
}

static void lie_head(struct rig *r)
{
	r->driver.header->submit_head = r->driver.submit_head + RING_SIZE;
	publish(r, (struct ring_completion){r->taken[0].cookie, -EIO, r->driver.epoch});
}

/* Whatever a driver does to the ring, the next one finds it sound, and what is read is right. */
static void driver_lies(void **state)
{
	static void (*const lies[])(struct rig *) = {lie_header, lie_quietly, lie_epoch, lie_cookie,
						     lie_nobody, lie_twice,   lie_more,	 lie_head};
	struct rig *r;

	(void)state;
	make_image("-b 4096");
	for (unsigned i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		r = rig_open(image, POOL, false);
		r->watch_jobs = true;
		compare_data(r, "small", 100);
		r->lie = lies[i];
		compare_data(r, "odd", 1 << 20);
		assert_int_equal(r->f.count.drivers, 2);
		compare_mapped(r, "big", 4096);
		rig_check(r);
		rig_close(r);
	}
}

/* Whoever waits too long is answered. */
static void deadline(void **state)
{
	struct p9_attr attr;
	struct rig *r;

	(void)state;
	make_image("-b 4096");
	r = rig_open(image, POOL, false);
	while (rig_step(r)) {
	}
	rig_driver_die(r);
	r->geometry.sectors = 0; /* and none comes */
	assert_int_equal(p9_client_stat(&r->client, "/deep/a", false, &attr), -ETIMEDOUT);
	assert_int_equal(r->f.job_count, 0); /* given up, flushed */
	rig_close(r);
}

static void damaged(void **state)
{
	struct p9_attr attr;
	struct rig *r;

	(void)state;
	make_image("-b 4096");
	r = rig_open(image, POOL, true);
	memset(r->image + 1024, 0, 1024);
	rig_driver_start(r);
	assert_int_equal(p9_client_stat(&r->client, "/", false, &attr), -EUCLEAN);
	rig_close(r);
	for (uint32_t seed = 1; seed < 60; seed++) {
		char path[64];
		struct p9_file *file;
		static uint8_t buf[1 << 16];

		r = rig_open(image, POOL, true);
		r->seed = seed;
		for (int i = 0; i < 400; i++) { /* metadata lies in the first 4 MiB mostly */
			r->seed = r->seed * 1664525u + 1013904223u;
			r->image[2048 + (r->seed >> 4) % (4u << 20)] ^= (uint8_t)(r->seed >> 24);
		}
		rig_driver_start(r);
		for (int i = 0; i < 400; i += 7) {
			snprintf(path, sizeof(path), "/many/entry-%d-%.*s", i, i % 40,
				 "with-a-name-of-many-different-lengths-xyz");
			(void)!p9_client_stat(&r->client, path, false, &attr);
		}
		if (!p9_client_open(&r->client, "/big", P9_O_RDONLY, 0, &file)) {
			while (p9_client_read(file, buf, sizeof(buf)) > 0) {
			}
			p9_client_close(file);
		}
		rig_check(r);
		rig_close(r);
	}
}

/* A successor goes on with sessions that it has never made. */
static void successor(void **state)
{
	static uint64_t memory[8192], kept[8192];
	struct p9_file *dir, *file;
	struct p9_client narrow;
	uint32_t session;
	struct rig *r;
	uint8_t buf[100];

	(void)state;
	make_image("-b 4096");
	memset(memory, 0, sizeof(memory));
	r = rig_open(image, POOL, false);
	sessions_init(&r->f, memory, sizeof(memory));
	assert_int_equal(p9_client_open(&r->client, "/deep/a", P9_O_RDONLY, 0, &dir), 0);
	assert_int_equal(p9_client_gethandle(dir, P9_HANDLE_SESSION, RIGHTS_ALL, NULL, &session),
			 0);
	assert_int_equal(p9_client_init(&narrow, local_link(&r->world, session)), 0);
	assert_int_equal(p9_client_open(&narrow, "/b/c/file", P9_O_RDONLY, 0, &file), 0);
	/* A crash ends no session; clients notice by fids that nobody knows. */
	memcpy(kept, memory, sizeof(kept));
	local_server_restart(&r->server);
	memcpy(memory, kept, sizeof(kept));
	assert_int_equal(p9_client_pread(file, buf, 100, 0), 100);
	assert_int_equal(p9_client_open(&narrow, "/../../small", P9_O_RDONLY, 0, &dir), -ENOENT);
	p9_client_close(file);
	p9_client_fini(&narrow);
	p9_client_close(dir);
	rig_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(images),	  cmocka_unit_test(small_pool),
		cmocka_unit_test(vmo_ends),	  cmocka_unit_test(driver_dies),
		cmocka_unit_test(driver_changes), cmocka_unit_test(bad_sector),
		cmocka_unit_test(no_disk),	  cmocka_unit_test(deadline),
		cmocka_unit_test(damaged),	  cmocka_unit_test(successor),
		cmocka_unit_test(driver_hangs),	  cmocka_unit_test(driver_answers_nothing),
		cmocka_unit_test(driver_lies),	  cmocka_unit_test(vmo_share),
		cmocka_unit_test(pages_read),	  cmocka_unit_test(pages_evicted),
		cmocka_unit_test(pages_refused),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
