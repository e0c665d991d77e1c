/* SPDX-License-Identifier: ISC */
/*
 * Fuzzer of lib/ext4: patches to the metadata of small sound images, then a mount and a bounded
 * walk through everything. Random bytes alone would never get past the superblock.
 *
 * The images are made by mkfs.ext4 when the fuzzer starts, in a temporary directory, always from
 * the same files; so an input means nearly the same everywhere, though not byte for byte.
 *
 * Input: one byte of choices, then patches: block (index into the blocks that a walk of the sound
 * image touches), offset (16 bits), length - 1 (3 bits) and so many bytes. Choices: bits 0-2 the
 * image, bit 3 cold cache, bit 4 marks, bit 5 checksums are not verified, bit 6 the superblock's
 * checksum is made right after patching.
 *
 * What must hold: no sanitizer speaks; runs lie inside the file system and have at most the length
 * asked for; names are possible names; cursors ascend; one call asks for at most EXT4_HOLD_MAX
 * blocks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ext4/crc.h"
#include "ext4/ext4.h"

#define IMAGES	   8u
#define IMAGE_MAX  (1024u * 1024u)
#define BLOCKS_MAX 1024u
#define STEPS_MAX  400u
#define DIRS_MAX   16u
#define INODES_MAX 128u /* that an image has, unless a patch says otherwise */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const options[IMAGES] = {
	"-b 1024",
	"-b 1024 -O ^metadata_csum",
	"-b 1024 -O ^metadata_csum,^extent,^64bit",
	"-b 1024 -I 128 -O ^metadata_csum,^64bit,uninit_bg",
	"-b 1024 -g 256 -O meta_bg,^resize_inode",
	"-b 2048 -O ^metadata_csum,metadata_csum_seed,metadata_csum",
	"-b 1024 -O ^metadata_csum,^filetype,^dir_index",
	"-b 1024 -O large_dir,^metadata_csum",
};

static struct image {
	uint8_t bytes[IMAGE_MAX];
	uint64_t blocks;
	uint32_t block_size;
	uint32_t touched[BLOCKS_MAX]; /* block numbers, the superblock's first */
	uint32_t touched_count;
} images[IMAGES];

/* The state of one walk. */
static struct {
	struct image *image;
	struct ext4_fs fs;
	uint32_t marks[BLOCKS_MAX];
	uint32_t loaded[BLOCKS_MAX]; /* run in which the block was asked for */
	uint32_t run;
	bool cold;
	uint32_t asked; /* blocks in this call */
	uint32_t steps;
	bool record;		   /* note touched blocks in the image */
	bool seen[INODES_MAX + 1]; /* inodes that this walk has been to */
} now;

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                 \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

static void record_block(struct image *image, uint32_t blkno)
{
	for (uint32_t i = 0; i < image->touched_count; i++) {
		if (image->touched[i] == blkno)
			return;
	}
	image->touched[image->touched_count++] = blkno;
}

static const void *get_block(void *ctx, uint64_t blkno, int *err)
{
	struct image *image = now.image;

	(void)ctx;
	CHECK(++now.asked <= EXT4_HOLD_MAX);
	if (blkno >= image->blocks) {
		*err = -EIO;
		return NULL;
	}
	if (now.record)
		record_block(image, (uint32_t)blkno);
	if (now.cold && now.loaded[blkno] != now.run) {
		now.loaded[blkno] = now.run;
		*err = -EAGAIN;
		return NULL;
	}
	return image->bytes + blkno * image->block_size;
}

static uint32_t *get_mark(void *ctx, uint64_t blkno)
{
	(void)ctx;
	return &now.marks[blkno];
}

/* Each operation is counted, and run again while it waits for blocks. */
#define OP(expr)                                                                                   \
	({                                                                                         \
		int rc_;                                                                           \
		do {                                                                               \
			now.asked = 0;                                                             \
			rc_ = (expr);                                                              \
		} while ((rc_ == -EAGAIN || rc_ == -EINPROGRESS) && now.steps++ < STEPS_MAX);      \
		rc_;                                                                               \
	})

static void walk_map(const struct ext4_inode_info *info)
{
	static const uint64_t starts[] = {0, 11, 12, 267, 268, 65804, 1u << 31, UINT32_MAX - 1};

	for (unsigned i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		uint64_t lblk = starts[i];

		for (unsigned n = 0; n < 6 && now.steps++ < STEPS_MAX; n++) {
			struct ext4_run run = {.len = 0};

			if (OP(ext4_map(&now.fs, info, lblk, 100, &run)) < 0)
				break;
			CHECK(run.len >= 1 && run.len <= 100);
			if (run.flags & EXT4_RUN_HOLE)
				CHECK(run.pblk == 0);
			else
				CHECK(run.pblk < now.fs.blocks &&
				      run.len <= now.fs.blocks - run.pblk);
			lblk += run.len;
		}
	}
}

struct names {
	uint32_t count;
	uint64_t last;
	struct {
		uint32_t ino, len;
		char name[255];
	} entry[32];
};

static int take_name(void *ctx, const struct ext4_dirent *entry)
{
	struct names *names = ctx;

	CHECK(entry->name_len >= 1 && entry->name_len <= 255);
	CHECK(memchr(entry->name, '/', entry->name_len) == NULL);
	CHECK(memchr(entry->name, '\0', entry->name_len) == NULL);
	CHECK(entry->type < EXT4_TYPE_COUNT && entry->ino != 0 && entry->ino <= now.fs.inodes);
	CHECK(entry->next > names->last);
	if (names->count == 32)
		return -ENOBUFS;
	names->last = entry->next;
	names->entry[names->count].ino = entry->ino;
	names->entry[names->count].len = entry->name_len;
	memcpy(names->entry[names->count++].name, entry->name, entry->name_len);
	return 0;
}

static void walk_inode(uint32_t ino, uint32_t dirs[DIRS_MAX], uint32_t *dir_count)
{
	struct ext4_inode_info info;
	char text[100];

	/* Many names lead to one inode, and nothing of it depends on the name. */
	if (ino <= INODES_MAX && now.seen[ino])
		return;
	if (ino <= INODES_MAX)
		now.seen[ino] = true;
	if (OP(ext4_inode_read(&now.fs, ino, &info)) < 0)
		return;
	if (S_ISLNK(info.mode)) {
		int n = OP(ext4_readlink(&now.fs, &info, text, sizeof(text)));

		CHECK(n < 0 || (n >= 1 && n <= (int)EXT4_LINK_MAX));
	}
	walk_map(&info);
	if (!S_ISDIR(info.mode) || *dir_count == DIRS_MAX)
		return;
	for (uint32_t i = 0; i < *dir_count; i++) {
		if (dirs[i] == ino)
			return;
	}
	dirs[(*dir_count)++] = ino;
}

static void walk_dir(uint32_t ino, uint32_t dirs[DIRS_MAX], uint32_t *dir_count)
{
	static struct names names;
	struct ext4_inode_info dir;
	uint64_t cursor = 0;
	enum ext4_type type;
	uint32_t found;

	if (OP(ext4_inode_read(&now.fs, ino, &dir)) < 0)
		return;
	(void)!OP(ext4_lookup_step(&now.fs, &dir, "absent", 6, &(struct ext4_scan){0}, &found,
				   &type));
	while (now.steps++ < STEPS_MAX) {
		names.count = 0;
		names.last = cursor;
		if (OP(ext4_readdir(&now.fs, &dir, &cursor, take_name, &names)) <= 0)
			return;
		CHECK(cursor >= names.last);
		for (uint32_t i = 0; i < names.count && now.steps++ < STEPS_MAX; i++) {
			struct ext4_scan scan = {.next = 0};

			(void)!OP(ext4_lookup_step(&now.fs, &dir, names.entry[i].name,
						   names.entry[i].len, &scan, &found, &type));
			walk_inode(names.entry[i].ino, dirs, dir_count);
		}
	}
}

static int mount_and_walk(struct image *image, bool marks, bool no_csum, unsigned flags)
{
	struct ext4_source source = {.block = get_block, .mark = marks ? get_mark : NULL};
	uint32_t dirs[DIRS_MAX] = {EXT4_ROOT_INO}, dir_count = 1;
	char reason[128];
	int rc;

	now.image = image;
	now.steps = 0;
	now.run++;
	memset(now.seen, 0, sizeof(now.seen));
	if (marks)
		memset(now.marks, 0, sizeof(now.marks));
	rc = ext4_probe(&now.fs, image->bytes + EXT4_SUPER_OFFSET,
			image->blocks * image->block_size, flags, reason, sizeof(reason));
	CHECK(rc == 0 || reason[0] != '\0');
	if (rc < 0 || (image->block_size != 0 && now.fs.block_size != image->block_size))
		return rc < 0 ? rc : -EINVAL;
	if (no_csum)
		now.fs.has_csum = false;
	rc = OP(ext4_mount(&now.fs, &source, reason, sizeof(reason)));
	for (uint32_t i = 0; rc == 0 && i < dir_count; i++)
		walk_dir(dirs[i], dirs, &dir_count);
	return rc;
}

static void make_images(const char *dir)
{
	char command[2048];

	/* Some names, a short and a long link, a file with many extents, an indexed directory. */
	snprintf(command, sizeof(command),
		 "cd '%s' && mkdir -p s/dir/sub s/many && cd s && printf hello > file && "
		 "ln file dir/hard && ln -s short fast && ln -s $(printf '%%0100d' 0) slow && "
		 "i=0; while [ $i -lt 30 ]; do : > many/$(printf '%%0120d' $i); "
		 "printf x | dd of=sparse bs=1 seek=$((i * 4096)) conv=notrunc status=none; "
		 "i=$((i+1)); done; find . -exec touch -h -d @1000000000 {} +",
		 dir);
	CHECK(system(command) == 0);
	/* The last image gets names enough for an index of two levels. */
	snprintf(command, sizeof(command),
		 "cd '%s' && cp -a s t && cd t && i=0; while [ $i -lt 420 ]; do "
		 "ln file many/$(printf '%%0240d' $i); i=$((i+1)); done; "
		 "find . -exec touch -h -d @1000000000 {} +",
		 dir);
	CHECK(system(command) == 0);
	for (unsigned i = 0; i < IMAGES; i++) {
		snprintf(command, sizeof(command),
			 "cd '%s' && E2FSPROGS_FAKE_TIME=1000000000 mkfs.ext4 -q -F -N 128 "
			 "-U 6d6b6673-2e65-7874-3420-737461746963 "
			 "-E hash_seed=6d6b6673-2e65-7874-3420-737461746963,lazy_itable_init=0 "
			 "-O ^has_journal %s -d %s %u 512k >mkfs.log 2>&1 || cat mkfs.log >&2; "
			 "E2FSPROGS_FAKE_TIME=1000000000 e2fsck -fyD %u >/dev/null 2>&1; "
			 "test $? -le 1",
			 dir, options[i], i == IMAGES - 1 ? "t" : "s", i, i);
		CHECK(system(command) == 0);
	}
}

static void load_image(const char *dir, unsigned i)
{
	char path[256];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%u", dir, i);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	n = read(fd, images[i].bytes, IMAGE_MAX);
	CHECK(n > 0);
	close(fd);
	images[i].block_size = 1024u << images[i].bytes[EXT4_SUPER_OFFSET + 0x18];
	images[i].blocks = (uint64_t)n / images[i].block_size;
	now.record = true;
	record_block(&images[i], EXT4_SUPER_OFFSET / images[i].block_size);
	CHECK(mount_and_walk(&images[i], false, false, 0) == 0);
	now.record = false;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char dir[] = "/tmp/fuzz-ext4-XXXXXX", command[128];

	(void)argc;
	(void)argv;
	CHECK(mkdtemp(dir) != NULL);
	make_images(dir);
	for (unsigned i = 0; i < IMAGES; i++)
		load_image(dir, i);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	CHECK(system(command) == 0);
	return 0;
}

static void fix_super(struct image *image)
{
	uint8_t *sb = image->bytes + EXT4_SUPER_OFFSET;
	uint32_t crc = ext4_crc32c(~0u, sb, 1020);

	memcpy(sb + 1020, &crc, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t saved[64][8];
	uint8_t *where[64];
	unsigned patches = 0;
	struct image *image;
	uint8_t choice, super[1024];

	if (size < 1)
		return 0;
	choice = data[0];
	image = &images[choice & 7];
	data++, size--;
	memcpy(super, image->bytes + EXT4_SUPER_OFFSET, sizeof(super));
	while (size >= 5 && patches < 64) {
		uint32_t block = image->touched[data[0] % image->touched_count];
		uint32_t offset = (data[1] | (uint32_t)data[2] << 8) % (image->block_size - 7);
		uint32_t len = 1 + data[3] % 8;

		data += 4, size -= 4;
		len = len < size ? len : (uint32_t)size;
		where[patches] = image->bytes + block * image->block_size + offset;
		memcpy(saved[patches], where[patches], 8);
		memcpy(where[patches++], data, len);
		data += len, size -= len;
	}
	if (choice & 0x40)
		fix_super(image);
	now.cold = choice & 0x08;
	(void)!mount_and_walk(image, choice & 0x10, choice & 0x20, EXT4_PROBE_DIRTY);
	while (patches-- > 0)
		memcpy(where[patches], saved[patches], 8);
	memcpy(image->bytes + EXT4_SUPER_OFFSET, super, sizeof(super));
	return 0;
}
