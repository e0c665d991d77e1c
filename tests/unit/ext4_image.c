/* SPDX-License-Identifier: ISC */
/*
 * lib/ext4 against images that mkfs.ext4 made: one source directory, many sets of features; all
 * that is read back must be what was put in. Every image is read three times: with everything in
 * memory, from a cold cache where each block first answers -EAGAIN, and without marks.
 *
 * Needs mkfs.ext4, debugfs, tune2fs and e2fsck.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* SEEK_DATA */
#endif
#include "tests/unit/ext4_support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#define SOME 300
#define MANY 5000

static const char *dir_scratch;
static char source[512];

static void write_at(const char *path, off_t at, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, data, len, at), len);
	close(fd);
}

static void fill(uint8_t *p, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 1664525u + 1013904223u;
		p[i] = (uint8_t)(seed >> 24) | 1;
	}
}

static void make_files(void)
{
	static uint8_t data[300000];
	char path[1024], name[256];

	fill(data, sizeof(data), 1);
	snprintf(path, sizeof(path), "%s/empty", source);
	write_at(path, 0, data, 0);
	snprintf(path, sizeof(path), "%s/small", source);
	write_at(path, 0, data, 77);
	snprintf(path, sizeof(path), "%s/large", source);
	write_at(path, 0, data, sizeof(data));
	snprintf(path, sizeof(path), "%s/deep/a/b/c/file", source);
	write_at(path, 0, data, 5000);
	memset(name, 'n', 255);
	name[255] = '\0';
	snprintf(path, sizeof(path), "%s/%s", source, name);
	write_at(path, 0, data, 255);
	/* Beyond 4 GiB, and with 1 KiB blocks into every level of a classic map. */
	snprintf(path, sizeof(path), "%s/sparse", source);
	write_at(path, 20000, data, 3000);
	write_at(path, 300000, data, 3000);
	write_at(path, 70000000, data, 70000);
	snprintf(path, sizeof(path), "%s/huge", source);
	write_at(path, 4096, data, 5000);
	write_at(path, 5000000000, data, 12345);
}

static void make_links(void)
{
	char path[1024], text[1001];

	memset(text, 't', 1000);
	text[1000] = '\0';
	snprintf(path, sizeof(path), "%s/slow", source);
	assert_int_equal(symlink(text, path), 0);
	text[59] = '\0';
	snprintf(path, sizeof(path), "%s/fast", source);
	assert_int_equal(symlink(text, path), 0);
	text[59] = 't';
	text[60] = '\0';
	snprintf(path, sizeof(path), "%s/justslow", source);
	assert_int_equal(symlink(text, path), 0);
	run("cd '%s' && ln small deep/hard && mkfifo pipe && chmod 4751 small && "
	    "touch -d '2040-01-02 03:04:05.678' large && touch -d '1960-01-01' empty",
	    source);
}

/* Bytes above 127 make the difference between signed and unsigned hashes. */
static void many_name(char *name, size_t size, int i)
{
	snprintf(name, size, "entry-\xc3\xa4%d-%.*s", i, i % 40,
		 "with-a-name-of-many-different-lengths-xyz");
}

/* Fill the directory `many` from entry `from` up to `to`. */
static void make_many(int to, int from)
{
	char path[1024], name[128];

	for (int i = from; i < to; i++) {
		many_name(name, sizeof(name), i);
		snprintf(path, sizeof(path), "%s/many/%s", source, name);
		write_at(path, 0, "x", 0);
	}
}

static int setup(void **state)
{
	(void)state;
	dir_scratch = scratch_make();
	snprintf(source, sizeof(source), "%s/source", dir_scratch);
	run("mkdir -p '%s/deep/a/b/c' '%s/many' '%s/emptydir'", source, source, source);
	make_files();
	make_links();
	make_many(SOME, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_remove();
	return 0;
}

/* The contents of a file of the image against a file of the source directory. */
static void compare_data(struct image *image, struct ext4_fs *fs,
			 const struct ext4_inode_info *info, const char *path)
{
	uint64_t blocks = (info->size + fs->block_size - 1) / fs->block_size;
	uint8_t *buf = malloc(fs->block_size), *zero = calloc(1, fs->block_size);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct ext4_run r;

	assert_true(fd >= 0);
	for (uint64_t lblk = 0; lblk < blocks; lblk += r.len) {
		assert_int_equal(RETRY(ext4_map(fs, info, lblk, 1u << 16, &r)), 0);
		if (r.flags != 0) {
			/* No data where the image has a hole: the next byte is behind the run. */
			off_t at = (off_t)(lblk * fs->block_size);
			off_t end = at + (off_t)r.len * fs->block_size;
			off_t next = lseek(fd, at, SEEK_DATA);

			for (off_t p = next < 0 ? end : next; p < end; p += fs->block_size) {
				ssize_t n = pread(fd, buf, fs->block_size, p);

				assert_memory_equal(buf, zero, (size_t)n);
			}
			continue;
		}
		for (uint32_t i = 0; i < r.len && lblk + i < blocks; i++) {
			off_t at = (off_t)((lblk + i) * fs->block_size);
			ssize_t n = pread(fd, buf, fs->block_size, at);

			assert_true(n > 0);
			assert_memory_equal(buf, image->bytes + (r.pblk + i) * fs->block_size,
					    (size_t)n);
		}
	}
	close(fd);
	free(buf);
	free(zero);
}

static void compare_stat(const struct ext4_inode_info *info, const struct stat *st)
{
	assert_int_equal(info->mode, st->st_mode);
	assert_int_equal(info->uid, st->st_uid);
	assert_int_equal(info->gid, st->st_gid);
	assert_int_equal(info->links, st->st_nlink);
	if (!S_ISDIR(st->st_mode) && !S_ISFIFO(st->st_mode))
		assert_int_equal(info->size, st->st_size);
	/* 32-bit inodes have no room for years after 2038. */
	if (st->st_mtime <= INT32_MAX || info->mtime.sec > INT32_MAX)
		assert_int_equal(info->mtime.sec, st->st_mtime);
}

static void compare_dir(struct image *image, struct ext4_fs *fs, uint32_t ino, const char *path);

static void compare_entry(struct image *image, struct ext4_fs *fs,
			  const struct ext4_inode_info *dir, const char *path, const char *name)
{
	struct ext4_inode_info info;
	char text[EXT4_LINK_MAX + 1], want[EXT4_LINK_MAX + 1], full[2048];
	enum ext4_type type;
	struct stat st;
	uint32_t ino;
	int n;

	snprintf(full, sizeof(full), "%s/%s", path, name);
	assert_int_equal(lstat(full, &st), 0);
	assert_int_equal(RETRY(ext4_lookup(fs, dir, name, strlen(name), &ino, &type)), 0);
	assert_int_equal(RETRY(ext4_inode_read(fs, ino, &info)), 0);
	compare_stat(&info, &st);
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		assert_int_equal(type, EXT4_TYPE_DIR);
		compare_dir(image, fs, ino, full);
		break;
	case S_IFREG:
		assert_int_equal(type, EXT4_TYPE_REG);
		compare_data(image, fs, &info, full);
		break;
	case S_IFLNK:
		assert_int_equal(type, EXT4_TYPE_LNK);
		n = (int)RETRY(ext4_readlink(fs, &info, text, sizeof(text)));
		assert_int_equal(n, readlink(full, want, sizeof(want)));
		assert_memory_equal(text, want, (size_t)n);
		assert_int_equal(RETRY(ext4_readlink(fs, &info, text, 3)), n);
		break;
	case S_IFIFO: assert_int_equal(type, EXT4_TYPE_FIFO); break;
	}
}

static int count_entry(void *ctx, const struct ext4_dirent *entry)
{
	if (entry->name_len == 10 && memcmp(entry->name, "lost+found", 10) == 0)
		return 0;
	++*(unsigned *)ctx;
	return 0;
}

static void compare_dir(struct image *image, struct ext4_fs *fs, uint32_t ino, const char *path)
{
	struct ext4_inode_info dir;
	unsigned there = 0, here = 0;
	struct dirent *de;
	enum ext4_type type;
	uint64_t cursor = 0;
	uint32_t none;
	DIR *d;

	assert_int_equal(RETRY(ext4_inode_read(fs, ino, &dir)), 0);
	assert_int_equal(RETRY(ext4_lookup(fs, &dir, "no-such", 7, &none, &type)), -ENOENT);
	assert_int_equal(RETRY(ext4_lookup(fs, &dir, ".", 1, &none, &type)), 0);
	assert_int_equal(none, ino);
	while (RETRY(ext4_readdir(fs, &dir, &cursor, count_entry, &here)) > 0) {
	}
	d = opendir(path);
	assert_non_null(d);
	while ((de = readdir(d)) != NULL) {
		there++;
		if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
			compare_entry(image, fs, &dir, path, de->d_name);
	}
	closedir(d);
	assert_int_equal(here, there);
}

static void compare_image(const char *path)
{
	struct walk_result warm, cold, plain;
	uint32_t *marks;
	struct image image;
	struct ext4_fs fs;
	char reason[128];

	image_open(&image, path);
	assert_int_equal(image_mount(&image, &fs, 0, reason), 0);
	assert_string_equal(reason, "");
	compare_dir(&image, &fs, EXT4_ROOT_INO, source);
	walk_all(&fs, UINT64_MAX, &warm);
	assert_int_equal(warm.errors, 0);

	image.cold = true;
	image_forget(&image);
	assert_int_equal(image_mount(&image, &fs, 0, reason), 0);
	walk_all(&fs, UINT64_MAX, &cold);
	assert_true(image.again > 10);
	assert_int_equal(cold.digest, warm.digest);

	marks = image.marks;
	image.marks = NULL;
	image.cold = false;
	assert_int_equal(image_mount(&image, &fs, 0, reason), 0);
	walk_all(&fs, UINT64_MAX, &plain);
	assert_int_equal(plain.digest, warm.digest);
	image.marks = marks;
	image_close(&image);
}

static void make_image(const char *options, char *path, size_t size)
{
	snprintf(path, size, "%s/image", dir_scratch);
	run("rm -f '%s' && mkfs.ext4 -q -F %s -d '%s' '%s' 128M >/dev/null 2>&1", path, options,
	    source, path);
}

static void check_options(const char *options)
{
	char path[1024];

	make_image(options, path, sizeof(path));
	compare_image(path);
}

static void test_default(void **state)
{
	(void)state;
	check_options("");
}

static void test_blocks(void **state)
{
	(void)state;
	check_options("-b 1024");
	check_options("-b 2048");
	check_options("-b 65536 -m 0 -O ^has_journal -N 8192");
}

static void test_old_features(void **state)
{
	(void)state;
	check_options("-b 4096 -O ^metadata_csum");
	check_options("-b 4096 -O ^metadata_csum,uninit_bg");
	check_options("-b 1024 -O ^64bit");
	check_options("-b 1024 -O ^64bit,^metadata_csum,uninit_bg,^flex_bg");
	check_options("-b 4096 -I 128");
	check_options("-b 1024 -I 128 -O ^64bit,^metadata_csum,^extent,^has_journal,^huge_file");
}

static void test_classic_map(void **state)
{
	(void)state;
	check_options("-b 1024 -O ^extent,^64bit,^metadata_csum -g 8192");
	check_options("-b 4096 -O ^extent,^64bit");
}

static void test_layouts(void **state)
{
	(void)state;
	check_options("-b 1024 -O meta_bg,^resize_inode -g 1024");
	check_options("-b 1024 -O sparse_super2,^resize_inode");
	check_options("-b 4096 -O bigalloc -C 16384");
	check_options("-b 4096 -O metadata_csum_seed");
	check_options("-b 1024 -g 1024 -O ^sparse_super,^resize_inode");
}

/* Lookups in an indexed directory must not read the directory. */
static void check_index_used(const char *path, bool expected)
{
	struct ext4_inode_info dir;
	struct image image;
	struct ext4_fs fs;
	enum ext4_type type;
	char reason[128];
	uint32_t ino;
	struct ext4_scan scan = {.next = 0};

	image_open(&image, path);
	assert_int_equal(image_mount(&image, &fs, 0, reason), 0);
	assert_int_equal(ext4_inode_read(&fs, EXT4_ROOT_INO, &dir), 0);
	assert_int_equal(ext4_lookup(&fs, &dir, "many", 4, &ino, &type), 0);
	assert_int_equal(ext4_inode_read(&fs, ino, &dir), 0);
	assert_int_equal((dir.flags & EXT4_INODE_INDEX) != 0, expected);
	image.requests = 0;
	assert_int_equal(RETRY(ext4_lookup_step(&fs, &dir, "none", 4, &scan, &ino, &type)),
			 -ENOENT);
	assert_int_equal(scan.linear, false);
	if (expected)
		assert_in_range(image.requests, 2, 14);
	else
		assert_true(image.requests > 40);
	image_close(&image);
}

static void check_index(const char *options, const char *hash, int flags)
{
	char path[1024];

	make_image(options, path, sizeof(path));
	check_index_used(path, false);
	run("debugfs -w -R 'ssv flags %d' '%s' >/dev/null 2>&1", flags, path);
	run("tune2fs -E hash_alg=%s '%s' >/dev/null 2>&1", hash, path);
	run("e2fsck -fyD '%s' >/dev/null 2>&1; test $? -le 1", path);
	check_index_used(path, true);
	compare_image(path);
}

static void test_index(void **state)
{
	(void)state;
	make_many(MANY, SOME);
	check_index("-b 1024", "half_md4", 1);
	check_index("-b 1024", "half_md4", 2);
	check_index("-b 4096", "tea", 1);
	check_index("-b 2048", "tea", 2);
	check_index("-b 1024 -O ^metadata_csum", "legacy", 1);
	check_index("-b 4096", "legacy", 2);
	check_index("-b 1024 -O ^extent,^64bit", "half_md4", 2);
}

/* Break the index's root; the names must still be found, by reading the directory. */
static void test_index_damaged(void **state)
{
	struct ext4_inode_info dir;
	struct image image;
	struct ext4_fs fs;
	enum ext4_type type;
	struct ext4_run r;
	char reason[128], path[1024], name[128];
	uint32_t ino;

	(void)state;
	make_many(MANY, SOME);
	make_image("-b 1024", path, sizeof(path));
	run("e2fsck -fyD '%s' >/dev/null 2>&1; test $? -le 1", path);
	image_open(&image, path);
	assert_int_equal(image_mount(&image, &fs, 0, reason), 0);
	assert_int_equal(ext4_inode_read(&fs, EXT4_ROOT_INO, &dir), 0);
	assert_int_equal(ext4_lookup(&fs, &dir, "many", 4, &ino, &type), 0);
	assert_int_equal(ext4_inode_read(&fs, ino, &dir), 0);
	assert_int_equal(ext4_map(&fs, &dir, 0, 1, &r), 0);
	image.bytes[r.pblk * 1024 + 40] ^= 0x55;
	image_forget(&image);
	for (int i = 0; i < MANY; i += 500) {
		struct ext4_scan scan = {.next = 0};

		many_name(name, sizeof(name), i);
		assert_int_equal(
			RETRY(ext4_lookup_step(&fs, &dir, name, strlen(name), &scan, &ino, &type)),
			0);
		assert_true(scan.linear);
	}
	assert_string_equal(fs.why, "directory index checksum");
	assert_int_equal(ext4_lookup(&fs, &dir, "none", 4, &ino, &type), -ENOENT);
	image_close(&image);
}

/* Mark every entry of an index node as a continuation of the leaf before it. */
static unsigned continue_all(uint8_t *entries)
{
	unsigned count = entries[2] | entries[3] << 8;

	for (unsigned i = 1; i < count; i++)
		entries[8 * i] |= 1;
	return count;
}

/*
 * Names of one hash may go on in the next leaf, whose entry then has the lowest bit set. With the
 * bit set everywhere the first name of each leaf is looked for in the leaf before, and has to be
 * found by going on, within a node and from node to node.
 */
static void test_index_chain(void **state)
{
	struct ext4_inode_info dir;
	struct image image;
	struct ext4_fs fs;
	enum ext4_type type;
	struct ext4_run r;
	char reason[128], path[1024], name[128];
	uint8_t *root;
	uint32_t ino;

	(void)state;
	make_many(MANY, SOME);
	make_image("-b 1024 -O ^metadata_csum", path, sizeof(path));
	run("e2fsck -fyD '%s' >/dev/null 2>&1; test $? -le 1", path);
	image_open(&image, path);
	assert_int_equal(image_mount(&image, &fs, 0, reason), 0);
	assert_int_equal(ext4_inode_read(&fs, EXT4_ROOT_INO, &dir), 0);
	assert_int_equal(ext4_lookup(&fs, &dir, "many", 4, &ino, &type), 0);
	assert_int_equal(ext4_inode_read(&fs, ino, &dir), 0);
	assert_int_equal(ext4_map(&fs, &dir, 0, 1, &r), 0);
	root = image.bytes + r.pblk * 1024;
	assert_int_equal(root[30], 1); /* one level below the root */
	for (unsigned i = continue_all(root + 32); i-- > 0;) {
		uint32_t lblk = root[36 + 8 * i] | root[37 + 8 * i] << 8;

		assert_int_equal(ext4_map(&fs, &dir, lblk, 1, &r), 0);
		continue_all(image.bytes + r.pblk * 1024 + 8);
	}
	image_forget(&image);
	for (int i = 0; i < MANY; i++) {
		struct ext4_scan scan = {.next = 0};
		int rc;

		many_name(name, sizeof(name), i);
		rc = (int)RETRY(
			ext4_lookup_step(&fs, &dir, name, strlen(name), &scan, &ino, &type));
		assert_int_equal(rc, 0);
		assert_false(scan.linear);
	}
	image_close(&image);
}

/*
 * A third level, which mkfs and e2fsck do not make at this size: the root's entries move to a node
 * of their own, in place of a leaf. Only that leaf's names are lost.
 */
static void test_index_three_levels(void **state)
{
	struct ext4_inode_info dir;
	struct image image;
	struct ext4_fs fs;
	enum ext4_type type;
	struct ext4_run r;
	char reason[128], path[1024], name[128];
	uint8_t *root, *node;
	uint32_t ino, last, found = 0;

	(void)state;
	make_many(MANY, SOME);
	make_image("-b 1024 -O ^metadata_csum,large_dir", path, sizeof(path));
	run("e2fsck -fyD '%s' >/dev/null 2>&1; test $? -le 1", path);
	image_open(&image, path);
	assert_int_equal(image_mount(&image, &fs, 0, reason), 0);
	assert_int_equal(ext4_inode_read(&fs, EXT4_ROOT_INO, &dir), 0);
	assert_int_equal(ext4_lookup(&fs, &dir, "many", 4, &ino, &type), 0);
	assert_int_equal(ext4_inode_read(&fs, ino, &dir), 0);
	assert_int_equal(ext4_map(&fs, &dir, 0, 1, &r), 0);
	root = image.bytes + r.pblk * 1024;
	/* The first leaf comes behind the root; blocks behind the leaves are index nodes. */
	last = 1;
	assert_int_equal(ext4_map(&fs, &dir, last, 1, &r), 0);
	node = image.bytes + r.pblk * 1024;
	memset(node, 0, 1024);
	node[5] = 4; /* one unused entry of 1024 bytes */
	memcpy(node + 8, root + 32, 1024 - 32);
	node[8] = 127; /* limit */
	assert_int_equal(root[30], 1);
	root[30] = 2;
	root[34] = 1, root[35] = 0; /* count */
	memcpy(root + 36, &last, 4);
	image_forget(&image);
	for (int i = 0; i < MANY; i++) {
		struct ext4_scan scan = {.next = 0};

		many_name(name, sizeof(name), i);
		if (RETRY(ext4_lookup_step(&fs, &dir, name, strlen(name), &scan, &ino, &type)) == 0)
			found += !scan.linear;
	}
	assert_in_range(found, MANY - 40, MANY - 1);
	image_close(&image);
}

struct cursors {
	unsigned n;
	uint64_t next[64];
};

static int take_cursor(void *ctx, const struct ext4_dirent *entry)
{
	struct cursors *c = ctx;

	if (c->n == 64)
		return -ENOBUFS;
	c->next[c->n++] = entry->next;
	return 0;
}

/* A cursor given by an entry goes on behind it; one that nobody gave moves up; none goes back. */
static void test_cursor(void **state)
{
	struct cursors c = {.n = 0}, d = {.n = 0};
	struct ext4_inode_info dir;
	struct image image;
	struct ext4_fs fs;
	enum ext4_type type;
	char reason[128], path[1024];
	uint64_t cursor = 0;
	uint32_t ino;

	(void)state;
	make_image("-b 1024", path, sizeof(path));
	image_open(&image, path);
	assert_int_equal(image_mount(&image, &fs, 0, reason), 0);
	assert_int_equal(ext4_inode_read(&fs, EXT4_ROOT_INO, &dir), 0);
	assert_int_equal(ext4_lookup(&fs, &dir, "many", 4, &ino, &type), 0);
	assert_int_equal(ext4_inode_read(&fs, ino, &dir), 0);
	assert_int_equal(ext4_readdir(&fs, &dir, &cursor, take_cursor, &c), 64);
	assert_int_equal(cursor, c.next[63]);
	assert_int_equal(ext4_readdir(&fs, &dir, &cursor, take_cursor, &c), -ENOBUFS);
	assert_int_equal(cursor, c.next[63]);
	cursor = c.next[10];
	assert_int_equal(ext4_readdir(&fs, &dir, &cursor, take_cursor, &d), 64);
	assert_int_equal(d.next[0], c.next[11]);
	d.n = 0;
	cursor = c.next[10] + 1;
	assert_int_equal(ext4_readdir(&fs, &dir, &cursor, take_cursor, &d), 64);
	assert_int_equal(d.next[0], c.next[12]);
	d.n = 0;
	cursor = UINT64_MAX - 5;
	assert_int_equal(ext4_readdir(&fs, &dir, &cursor, take_cursor, &d), 0);
	cursor = dir.size;
	assert_int_equal(ext4_readdir(&fs, &dir, &cursor, take_cursor, &d), 0);
	image_close(&image);
}

/* A file of so many pieces that its extent tree has three levels below the root's. */
static void test_deep_tree(void **state)
{
	char path[1024], file[1024], only[512];
	static uint8_t piece[1024];
	struct ext4_inode_info dir, info;
	struct image image;
	struct ext4_fs fs;
	enum ext4_type type;
	char reason[128];
	uint32_t ino;
	int fd;

	(void)state;
	snprintf(only, sizeof(only), "%s/only", dir_scratch);
	snprintf(file, sizeof(file), "%s/pieces", only);
	snprintf(path, sizeof(path), "%s/image", dir_scratch);
	run("mkdir '%s'", only);
	fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	for (unsigned i = 0; i < 30000; i++) {
		fill(piece, sizeof(piece), i);
		assert_int_equal(pwrite(fd, piece, 1024, (off_t)i * 2048), 1024);
	}
	close(fd);
	run("rm -f '%s' && mkfs.ext4 -q -F -b 1024 -d '%s' '%s' 128M >/dev/null 2>&1", path, only,
	    path);
	image_open(&image, path);
	assert_int_equal(image_mount(&image, &fs, 0, reason), 0);
	assert_int_equal(ext4_inode_read(&fs, EXT4_ROOT_INO, &dir), 0);
	assert_int_equal(ext4_lookup(&fs, &dir, "pieces", 6, &ino, &type), 0);
	assert_int_equal(ext4_inode_read(&fs, ino, &info), 0);
	assert_in_range(info.map[6], 2, 5);
	compare_data(&image, &fs, &info, file);
	image_close(&image);
}

/* Blocks that are reserved and not written, and device nodes. */
static void test_unwritten(void **state)
{
	struct ext4_inode_info dir, info;
	struct image image;
	struct ext4_fs fs;
	enum ext4_type type;
	struct ext4_run r;
	char reason[128], path[1024];
	uint32_t ino;

	(void)state;
	make_image("-b 1024", path, sizeof(path));
	run("cd '%s' && printf 'write source/small un\\nfallocate un 5 24\\nsif un size 40960\\n"
	    "mknod disk b 8 17\\nsif disk block[0] 0\\nsif disk block[1] 0x11110370\\n"
	    "mknod tty c 4 65\\n' > cmd && "
	    "debugfs -w -f cmd image >/dev/null 2>&1",
	    dir_scratch);
	image_open(&image, path);
	assert_int_equal(image_mount(&image, &fs, 0, reason), 0);
	assert_int_equal(ext4_inode_read(&fs, EXT4_ROOT_INO, &dir), 0);
	assert_int_equal(ext4_lookup(&fs, &dir, "un", 2, &ino, &type), 0);
	assert_int_equal(ext4_inode_read(&fs, ino, &info), 0);
	assert_int_equal(info.size, 40960);
	assert_int_equal(ext4_map(&fs, &info, 0, 100, &r), 0);
	assert_true(r.flags == 0 && r.len == 1);
	assert_int_equal(ext4_map(&fs, &info, 1, 100, &r), 0);
	assert_true(r.flags == EXT4_RUN_HOLE && r.len == 4 && r.pblk == 0);
	assert_int_equal(ext4_map(&fs, &info, 7, 3, &r), 0);
	assert_true(r.flags == EXT4_RUN_UNWRITTEN && r.len == 3 && r.pblk != 0);
	assert_int_equal(ext4_map(&fs, &info, 25, 100, &r), 0);
	assert_true(r.flags == EXT4_RUN_HOLE && r.len == 100);
	assert_int_equal(ext4_map(&fs, &info, 1ull << 32, 1, &r), -EFBIG);
	assert_int_equal(ext4_map(&fs, &info, 0, 0, &r), -EINVAL);
	assert_int_equal(ext4_lookup(&fs, &dir, "disk", 4, &ino, &type), 0);
	assert_int_equal(type, EXT4_TYPE_BLK);
	assert_int_equal(ext4_inode_read(&fs, ino, &info), 0);
	assert_true(info.rdev_major == 259 && info.rdev_minor == 70000);
	assert_int_equal(ext4_map(&fs, &info, 0, 1, &r), -EINVAL);
	assert_int_equal(ext4_lookup(&fs, &dir, "tty", 3, &ino, &type), 0);
	assert_int_equal(ext4_inode_read(&fs, ino, &info), 0);
	assert_true(info.rdev_major == 4 && info.rdev_minor == 65);
	image_close(&image);
}

static void test_arguments(void **state)
{
	struct ext4_inode_info dir, info;
	struct ext4_statfs st;
	struct image image;
	struct ext4_fs fs;
	enum ext4_type type;
	char reason[128], path[1024], name[300];
	uint32_t ino;

	(void)state;
	memset(name, 'a', sizeof(name));
	make_image("-L bulkhead -m 5", path, sizeof(path));
	image_open(&image, path);
	assert_int_equal(image_mount(&image, &fs, 0, reason), 0);
	assert_string_equal(fs.label, "bulkhead");
	assert_int_equal(ext4_inode_read(&fs, 0, &info), -EINVAL);
	assert_int_equal(ext4_inode_read(&fs, fs.inodes + 1, &info), -EINVAL);
	assert_int_equal(ext4_inode_read(&fs, fs.inodes, &info), -ESTALE);
	assert_int_equal(ext4_inode_read(&fs, EXT4_ROOT_INO, &dir), 0);
	assert_int_equal(ext4_lookup(&fs, &dir, name, 256, &ino, &type), -ENAMETOOLONG);
	assert_int_equal(ext4_lookup(&fs, &dir, "", 0, &ino, &type), -EINVAL);
	assert_int_equal(ext4_readlink(&fs, &dir, name, 10), -EINVAL);
	assert_int_equal(ext4_lookup(&fs, &dir, "small", 5, &ino, &type), 0);
	assert_int_equal(ext4_inode_read(&fs, ino, &info), 0);
	assert_int_equal(ext4_lookup(&fs, &info, "a", 1, &ino, &type), -ENOTDIR);
	ext4_statfs(&fs, &st);
	assert_true(st.block_size == fs.block_size && st.blocks <= fs.blocks && st.blocks > 0);
	assert_true(st.blocks_avail < st.blocks_free && st.blocks_free < st.blocks);
	assert_true(st.inodes == fs.inodes && st.inodes_free < st.inodes);
	image_close(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_old_features),
		cmocka_unit_test(test_classic_map),
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_index_damaged),
		cmocka_unit_test(test_index_chain),
		cmocka_unit_test(test_index_three_levels),
		cmocka_unit_test(test_cursor),
		cmocka_unit_test(test_deep_tree),
		cmocka_unit_test(test_unwritten),
		cmocka_unit_test(test_arguments),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
