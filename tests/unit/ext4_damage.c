/* SPDX-License-Identifier: ISC */
/*
 * lib/ext4 against damaged images. The property for file systems with metadata_csum is strong:
 * whatever byte of whatever block that a walk looks at is changed, the walk either reports an error
 * or sees exactly what it saw before. Without checksums the property is weaker: every walk ends
 * within a bound, and no sanitizer speaks.
 *
 * A random test prints the seed that replays it (EXT4_DAMAGE_SEED).
 */
#include "tests/unit/ext4_support.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "ext4/crc.h"

/* Operations of a walk: an undamaged one needs about 700. */
#define STEPS_MAX 20000

static const char *dir_scratch;
static uint32_t random_state;

static uint32_t random_next(void)
{
	random_state = random_state * 1664525u + 1013904223u;
	return random_state >> 8;
}

static int setup(void **state)
{
	const char *seed = getenv("EXT4_DAMAGE_SEED");

	(void)state;
	random_state = seed ? (uint32_t)strtoul(seed, NULL, 0) : (uint32_t)time(NULL);
	print_message("EXT4_DAMAGE_SEED=%u\n", random_state);
	dir_scratch = scratch_make();
	run("cd '%s' && mkdir -p source/dir/sub source/indexed && cd source && "
	    "printf hello > file && ln file dir/hard && ln -s short fast && "
	    "ln -s \"$(printf '%%0200d' 7)\" slow && truncate -s 200000 sparse && "
	    "i=0; while [ $i -lt 120 ]; do : > indexed/entry-number-$i; "
	    "printf x | dd of=sparse bs=1 seek=$((i * 2048)) conv=notrunc status=none; "
	    "i=$((i+1)); done",
	    dir_scratch);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_remove();
	return 0;
}

static void make_image(struct image *image, const char *options)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/image", dir_scratch);
	run("rm -f '%s' && mkfs.ext4 -q -F -b 1024 -N 256 -O ^has_journal%s -d '%s/source' '%s' 1M "
	    ">/dev/null 2>&1 && { e2fsck -fyD '%s' >/dev/null 2>&1; test $? -le 1; }",
	    path, options, dir_scratch, path, path);
	image_open(image, path);
}

static int mount_and_walk(struct image *image, struct walk_result *result)
{
	struct ext4_fs fs;
	char reason[128];
	int rc;

	memset(result, 0, sizeof(*result));
	image_forget(image);
	rc = image_mount(image, &fs, 0, reason);
	if (rc < 0) {
		assert_true(reason[0] != '\0');
		return rc;
	}
	walk_all(&fs, STEPS_MAX, result);
	return 0;
}

/* List the blocks of metadata that a walk touches, the superblock's first. */
static unsigned touched_blocks(const struct image *image, uint32_t *list, unsigned max)
{
	unsigned n = 0;

	list[n++] = 1;
	for (uint32_t b = 2; b < image->blocks && n < max; b++) {
		if (image->touched[b])
			list[n++] = b;
	}
	return n;
}

/* The block of the long symbolic link has no checksum. */
static bool is_link_block(const struct image *image, uint32_t block)
{
	return memcmp(image->bytes + block * 1024u, "0000000000", 10) == 0;
}

static void test_every_byte(void **state)
{
	struct walk_result good, bad;
	uint32_t list[512], caught = 0, same = 0;
	struct image image;
	unsigned n;

	(void)state;
	make_image(&image, "");
	assert_int_equal(mount_and_walk(&image, &good), 0);
	assert_int_equal(good.errors, 0);
	assert_true(good.entries > 130);
	n = touched_blocks(&image, list, 512);
	assert_in_range(n, 10, 100);
	for (unsigned i = 0; i < n; i++) {
		for (unsigned at = random_next() % 3; at < 1024; at += 3) {
			uint8_t *p = &image.bytes[list[i] * 1024 + at], before = *p;
			int rc;

			if (is_link_block(&image, list[i]))
				break;
			*p ^= (uint8_t)(1u << random_next() % 8);
			rc = mount_and_walk(&image, &bad);
			if (rc == 0 && bad.errors == 0 && bad.digest != good.digest)
				fail_msg("block %u byte %u: a change went unnoticed", list[i], at);
			assert_false(bad.overrun);
			if (rc < 0 || bad.errors > 0)
				caught++;
			else
				same++;
			*p = before;
		}
	}
	print_message("%u changes reported, %u without effect\n", caught, same);
	assert_true(caught > 1000);
	image_close(&image);
}

/* Damage that no checksum catches: several bytes anywhere in the metadata, also large values. */
static void damage_randomly(const char *options, unsigned rounds)
{
	struct walk_result good, bad;
	uint32_t list[512];
	struct image image;
	uint8_t *copy;
	unsigned n;

	make_image(&image, options);
	assert_int_equal(mount_and_walk(&image, &good), 0);
	assert_int_equal(good.errors, 0);
	n = touched_blocks(&image, list, 512);
	copy = malloc(image.size);
	memcpy(copy, image.bytes, image.size);
	for (unsigned round = 0; round < rounds; round++) {
		unsigned changes = 1 + random_next() % 6;

		for (unsigned i = 0; i < changes; i++) {
			uint32_t at = list[random_next() % n] * 1024 + random_next() % 1023;
			static const uint8_t odd[] = {0, 1, 0x7f, 0x80, 0xff};

			image.bytes[at] = odd[random_next() % sizeof(odd)];
			if (random_next() % 2)
				image.bytes[at + 1] = (uint8_t)random_next();
		}
		(void)!mount_and_walk(&image, &bad);
		assert_false(bad.overrun);
		for (unsigned i = 0; i < n; i++)
			memcpy(image.bytes + list[i] * 1024, copy + list[i] * 1024, 1024);
	}
	free(copy);
	image_close(&image);
}

static void test_no_checksums(void **state)
{
	(void)state;
	damage_randomly(",^metadata_csum", 3000);
	damage_randomly(",^metadata_csum,^extent,^64bit", 3000);
	damage_randomly(",^metadata_csum,^dir_index,^filetype", 1000);
}

static void put32(struct image *image, uint32_t at, uint32_t v)
{
	uint8_t *sb = image->bytes + EXT4_SUPER_OFFSET;
	uint32_t crc;

	memcpy(sb + at, &v, 4);
	crc = ext4_crc32c(~0u, sb, 1020);
	memcpy(sb + 1020, &crc, 4);
}

static uint32_t get32(const struct image *image, uint32_t at)
{
	uint32_t v;

	memcpy(&v, image->bytes + EXT4_SUPER_OFFSET + at, 4);
	return v;
}

/* A superblock with a right checksum and a wrong value: refused, with these words in the reason. */
static void check_refused(struct image *image, uint32_t at, uint32_t value, int err,
			  const char *words)
{
	uint32_t before = get32(image, at);
	char reason[128] = "";
	struct ext4_fs fs;
	int rc;

	put32(image, at, value);
	rc = image_mount(image, &fs, 0, reason);
	if (rc != err || strstr(reason, words) == NULL)
		fail_msg("superblock 0x%x = 0x%x: %d \"%s\"", at, value, rc, reason);
	put32(image, at, before);
}

static void check_checksum(struct image *image)
{
	char reason[128] = "";
	struct ext4_fs fs;

	image->bytes[1024 + 0x78] ^= 1;
	assert_int_equal(image_mount(image, &fs, 0, reason), -EBADMSG);
	assert_non_null(strstr(reason, "checksum"));
	image->bytes[1024 + 0x78] ^= 1;
}

static void test_refusals(void **state)
{
	static const struct {
		uint32_t bit;
		const char *words;
	} features[] = {
		{0x1, "compression"},	   {0x8, "external journal"}, {0x100, "multiple mount"},
		{0x1000, "directory ent"}, {0x8000, "inline data"},   {0x10000, "encryption"},
		{0x20000, "case folding"}, {0x800, "0x800"},	      {0x80000000, "0x80000000"},
	};
	struct image image;
	uint32_t incompat;

	(void)state;
	make_image(&image, "");
	incompat = get32(&image, 0x60);
	for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		check_refused(&image, 0x60, incompat | features[i].bit, -EOPNOTSUPP,
			      features[i].words);
	check_refused(&image, 0x60, incompat | 4, -EUCLEAN, "journal");
	check_refused(&image, 0x04, 0, -EUCLEAN, "number of blocks");
	check_refused(&image, 0x04, 2000, -EUCLEAN, "larger than the disk");
	check_refused(&image, 0x150, 1, -EUCLEAN, "larger than the disk");
	check_refused(&image, 0x0c, 5000, -EUCLEAN, "free");
	check_refused(&image, 0x14, 7, -EUCLEAN, "first data block");
	check_refused(&image, 0x18, 40, -EUCLEAN, "block size");
	check_refused(&image, 0x20, 0, -EUCLEAN, "blocks per group");
	check_refused(&image, 0x28, 0, -EUCLEAN, "inodes per group");
	check_refused(&image, 0x00, 77, -EUCLEAN, "number of inodes");
	check_refused(&image, 0x4c, 9, -EOPNOTSUPP, "revision");
	check_refused(&image, 0x54, 3, -EUCLEAN, "first inode");
	check_refused(&image, 0x58, 77, -EUCLEAN, "inode size");
	check_refused(&image, 0xfc, 33u << 16, -EUCLEAN, "descriptor size");
	check_refused(&image, 0x38, 0, -EINVAL, "no ext4");
	check_checksum(&image);
	image_close(&image);
}

static void test_dirty(void **state)
{
	char reason[128];
	struct image image;
	struct ext4_fs fs;

	(void)state;
	make_image(&image, "");
	put32(&image, 0x60, get32(&image, 0x60) | 4);
	assert_int_equal(image_mount(&image, &fs, 0, reason), -EUCLEAN);
	assert_int_equal(image_mount(&image, &fs, EXT4_PROBE_DIRTY, reason), 0);
	assert_int_equal(ext4_probe(&fs, image.bytes + 1024, 0, EXT4_PROBE_DIRTY, reason, 128), 0);
	assert_non_null(strstr(reason, "not replayed"));
	put32(&image, 0x60, get32(&image, 0x60) & ~4u);
	put32(&image, 0x38, (get32(&image, 0x38) & 0xffff) | 3u << 16);
	assert_int_equal(ext4_probe(&fs, image.bytes + 1024, 0, 0, reason, 128), 0);
	assert_non_null(strstr(reason, "errors were recorded"));
	assert_int_equal(ext4_probe(&fs, image.bytes + 1024, 0, 0, NULL, 0), 0);
	image_close(&image);
}

static const void *block_fails(void *ctx, uint64_t blkno, int *err)
{
	(void)blkno;
	*err = *(int *)ctx;
	return NULL;
}

/* A source's error comes through as it is; one that forgets to say which is -EIO. */
static void test_source_errors(void **state)
{
	int err = -ENXIO;
	struct ext4_source source = {.block = block_fails, .ctx = &err};
	char reason[128];
	struct image image;
	struct ext4_fs fs;

	(void)state;
	make_image(&image, "");
	assert_int_equal(image_mount(&image, &fs, 0, reason), 0);
	assert_int_equal(ext4_mount(&fs, &source, reason, sizeof(reason)), -ENXIO);
	err = 0;
	assert_int_equal(ext4_mount(&fs, &source, reason, sizeof(reason)), -EIO);
	err = -EAGAIN;
	assert_int_equal(ext4_mount(&fs, &source, reason, sizeof(reason)), -EAGAIN);
	image_close(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refusals),      cmocka_unit_test(test_dirty),
		cmocka_unit_test(test_source_errors), cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_no_checksums),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
