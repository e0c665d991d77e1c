/* SPDX-License-Identifier: ISC */
/*
 * Helpers of the ext4 tests; see ext4_support.h.
 */
#include "tests/unit/ext4_support.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char scratch[256];

void run(const char *format, ...)
{
	char command[4096];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(command, sizeof(command), format, ap);
	va_end(ap);
	assert_in_range(n, 1, sizeof(command) - 1);
	if (system(command) != 0)
		fail_msg("command failed: %s", command);
}

const char *scratch_make(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(scratch, sizeof(scratch), "%s/ext4-test-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(scratch));
	return scratch;
}

void scratch_remove(void)
{
	run("rm -rf '%s'", scratch);
}

static const void *image_block(void *ctx, uint64_t blkno, int *err)
{
	struct image *image = ctx;

	if (blkno >= image->blocks) {
		*err = -EIO;
		return NULL;
	}
	if (image->cold && !image->loaded[blkno]) {
		image->loaded[blkno] = 1;
		image->again++;
		*err = -EAGAIN;
		return NULL;
	}
	image->touched[blkno] = 1;
	image->requests++;
	return image->bytes + blkno * image->block_size;
}

static uint32_t *image_mark(void *ctx, uint64_t blkno)
{
	struct image *image = ctx;

	return &image->marks[blkno];
}

void image_open(struct image *image, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	memset(image, 0, sizeof(*image));
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	image->size = (uint64_t)st.st_size;
	image->bytes = mmap(NULL, image->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_true(image->bytes != MAP_FAILED);
	close(fd);
	image->loaded = calloc(image->size / 1024, 1);
	image->touched = calloc(image->size / 1024, 1);
	image->marks = calloc(image->size / 1024, sizeof(*image->marks));
}

void image_close(struct image *image)
{
	munmap(image->bytes, image->size);
	free(image->loaded);
	free(image->touched);
	free(image->marks);
}

void image_forget(struct image *image)
{
	memset(image->loaded, 0, image->size / 1024);
	if (image->marks)
		memset(image->marks, 0, image->size / 1024 * sizeof(*image->marks));
}

int image_mount(struct image *image, struct ext4_fs *fs, unsigned flags, char *reason)
{
	struct ext4_source source = {.block = image_block, .ctx = image};
	int rc;

	if (image->marks)
		source.mark = image_mark;
	rc = ext4_probe(fs, image->bytes + EXT4_SUPER_OFFSET, image->size, flags, reason, 128);
	if (rc < 0)
		return rc;
	image->block_size = fs->block_size;
	image->blocks = image->size / fs->block_size;
	return (int)RETRY(ext4_mount(fs, &source, reason, 128));
}

#define QUEUE_MAX 16384u

struct walker {
	struct ext4_fs *fs;
	struct walk_result *result;
	uint64_t max_steps;
	uint32_t queue[QUEUE_MAX]; /* directories to read */
	uint32_t head, tail;
	uint8_t seen[1u << 17]; /* bit map of inode numbers */
};

static bool step(struct walker *w)
{
	if (w->result->steps++ < w->max_steps)
		return true;
	w->result->overrun = true;
	return false;
}

static void digest(struct walker *w, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len-- > 0)
		w->result->digest = (w->result->digest ^ *p++) * 0x100000001b3ull;
}

static void digest_u64(struct walker *w, uint64_t v)
{
	digest(w, &v, sizeof(v));
}

static void walk_map(struct walker *w, const struct ext4_inode_info *info)
{
	uint64_t end = (info->size + w->fs->block_size - 1) / w->fs->block_size;
	uint64_t lblk = 0;

	while (lblk < end && lblk < UINT32_MAX && step(w)) {
		struct ext4_run run_ = {.len = 0};
		int rc = (int)RETRY(ext4_map(w->fs, info, lblk, 1u << 20, &run_));

		if (rc < 0) {
			w->result->errors++;
			return;
		}
		assert_in_range(run_.len, 1, 1u << 20);
		if (!(run_.flags & EXT4_RUN_HOLE))
			assert_true(run_.pblk < w->fs->blocks &&
				    run_.len <= w->fs->blocks - run_.pblk);
		digest_u64(w, lblk);
		digest_u64(w, run_.pblk);
		digest_u64(w, run_.len);
		digest_u64(w, run_.flags);
		lblk += run_.len;
	}
}

static void digest_time(struct walker *w, const struct ext4_time *t)
{
	digest_u64(w, (uint64_t)t->sec);
	digest_u64(w, t->nsec);
}

/* Field by field: the padding of the struct is nobody's. */
static void digest_inode(struct walker *w, const struct ext4_inode_info *info)
{
	const uint64_t fields[] = {info->ino,	     info->generation, info->mode,
				   info->links,	     info->uid,	       info->gid,
				   info->flags,	     info->size,       info->sectors,
				   info->rdev_major, info->rdev_minor, info->csum_seed};

	digest(w, fields, sizeof(fields));
	digest(w, info->map, sizeof(info->map));
	digest_time(w, &info->atime);
	digest_time(w, &info->mtime);
	digest_time(w, &info->ctime);
	digest_time(w, &info->btime);
}

static void walk_inode(struct walker *w, uint32_t ino)
{
	struct ext4_inode_info info = {.ino = 0};
	char text[EXT4_LINK_MAX];
	int rc;

	rc = (int)RETRY(ext4_inode_read(w->fs, ino, &info));
	if (rc < 0) {
		w->result->errors++;
		return;
	}
	digest_inode(w, &info);
	switch (info.mode & S_IFMT) {
	case S_IFDIR:
		if (w->tail < QUEUE_MAX)
			w->queue[w->tail++] = ino;
		break;
	case S_IFLNK:
		rc = (int)RETRY(ext4_readlink(w->fs, &info, text, sizeof(text)));
		if (rc < 0)
			w->result->errors++;
		break;
	case S_IFREG: break;
	}
	if ((info.mode & S_IFMT) == S_IFDIR || (info.mode & S_IFMT) == S_IFREG)
		walk_map(w, &info);
}

struct collector {
	uint32_t count;
	struct {
		uint32_t ino;
		uint32_t len;
		enum ext4_type type;
		char name[255];
	} entry[64];
};

static int collect(void *ctx, const struct ext4_dirent *entry)
{
	struct collector *c = ctx;

	if (c->count == 64)
		return -ENOBUFS;
	assert_in_range(entry->name_len, 1, 255);
	c->entry[c->count].ino = entry->ino;
	c->entry[c->count].len = entry->name_len;
	c->entry[c->count].type = entry->type;
	memcpy(c->entry[c->count].name, entry->name, entry->name_len);
	c->count++;
	return 0;
}

static void walk_entry(struct walker *w, const struct ext4_inode_info *dir,
		       const struct collector *c, uint32_t i)
{
	uint32_t ino = c->entry[i].ino, found = 0;
	struct ext4_scan scan = {.next = 0};
	enum ext4_type type;
	int rc;

	digest(w, c->entry[i].name, c->entry[i].len);
	digest_u64(w, ino);
	digest_u64(w, c->entry[i].type);
	w->result->entries++;
	rc = (int)RETRY(ext4_lookup_step(w->fs, dir, c->entry[i].name, c->entry[i].len, &scan,
					 &found, &type));
	if (rc < 0)
		w->result->errors++;
	digest_u64(w, found);
	if (ino / 8 >= sizeof(w->seen) || (w->seen[ino / 8] & 1u << ino % 8))
		return;
	w->seen[ino / 8] |= (uint8_t)(1u << ino % 8);
	walk_inode(w, ino);
}

static void walk_dir(struct walker *w, uint32_t ino)
{
	static struct collector c;
	struct ext4_inode_info dir = {.ino = 0};
	uint64_t cursor = 0;

	if (RETRY(ext4_inode_read(w->fs, ino, &dir)) < 0) {
		w->result->errors++;
		return;
	}
	while (step(w)) {
		int rc;

		c.count = 0;
		rc = (int)RETRY(ext4_readdir(w->fs, &dir, &cursor, collect, &c));
		if (rc < 0)
			w->result->errors++;
		if (rc <= 0)
			return;
		assert_int_equal(rc, c.count);
		for (uint32_t i = 0; i < c.count && step(w); i++)
			walk_entry(w, &dir, &c, i);
	}
}

void walk_all(struct ext4_fs *fs, uint64_t max_steps, struct walk_result *result)
{
	struct walker *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	*result = (struct walk_result){.digest = 0xcbf29ce484222325ull};
	w->fs = fs;
	w->result = result;
	w->max_steps = max_steps;
	w->seen[0] = 1u << EXT4_ROOT_INO;
	walk_inode(w, EXT4_ROOT_INO);
	while (w->head < w->tail && step(w))
		walk_dir(w, w->queue[w->head++]);
	free(w);
}
