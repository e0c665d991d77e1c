/* SPDX-License-Identifier: ISC */
/* ahci_identify.c: what is made of a disk's answer to IDENTIFY. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "drivers/block/ahci/ahci.h"

static void text_put(uint16_t *id, const char *text, unsigned words)
{
	for (unsigned i = 0; i < words; i++)
		id[i] = (uint16_t)((uint8_t)text[2 * i] << 8 | (uint8_t)text[2 * i + 1]);
}

static void disk_make(uint16_t *id)
{
	memset(id, 0, ID_WORDS * 2);
	text_put(id + ID_MODEL, "A DISK                                  ", 20);
	text_put(id + ID_SERIAL, "S/N 12\x01              ", 10);
	id[ID_SETS2] = ID_SETS2_LBA48 | ID_SETS2_FLUSH;
	id[ID_SECTORS] = 0x5678;
	id[ID_SECTORS + 1] = 0x1234;
	id[ID_SECTORS + 2] = 1;
	id[ID_QUEUE] = 31;
	id[ID_SATA] = ID_SATA_NCQ;
}

static int read_it(const uint16_t *id, struct block_disk *disk, bool *ncq, uint32_t *depth)
{
	memset(disk, 0, sizeof(*disk));
	return identify_read(id, disk, ncq, depth);
}

static void ordinary(void **state)
{
	struct block_disk *disk = calloc(1, sizeof(*disk));
	uint16_t id[ID_WORDS];
	uint32_t depth;
	bool ncq;

	(void)state;
	disk_make(id);
	assert_int_equal(read_it(id, disk, &ncq, &depth), 0);
	assert_string_equal(disk->model, "A DISK");
	assert_string_equal(disk->serial, "S/N 12?");
	assert_int_equal(disk->limits.sectors, 0x112345678);
	assert_true(ncq);
	assert_int_equal(depth, 32);
	assert_int_equal(disk->features, BLOCK_FEATURE_FLUSH);
	assert_false(disk->fua);
	id[ID_SATA] = 0xffff; /* not told */
	id[ID_SETS3] = ID_SETS3_FUA;
	assert_int_equal(read_it(id, disk, &ncq, &depth), 0);
	assert_false(ncq);
	assert_true(disk->fua);
	free(disk);
}

static void refused(void **state)
{
	struct block_disk *disk = calloc(1, sizeof(*disk));
	uint16_t id[ID_WORDS];
	uint32_t depth;
	bool ncq;

	(void)state;
	disk_make(id);
	id[ID_SETS2] = 0;
	assert_int_equal(read_it(id, disk, &ncq, &depth), -EOPNOTSUPP);
	disk_make(id);
	id[ID_SIZE] = ID_SIZE_VALID | ID_SIZE_LONG; /* sectors of another size */
	assert_int_equal(read_it(id, disk, &ncq, &depth), -EOPNOTSUPP);
	id[ID_SIZE] = 0xffff; /* not valid: says nothing */
	assert_int_equal(read_it(id, disk, &ncq, &depth), 0);
	memset(id + ID_SECTORS, 0, 8);
	assert_int_equal(read_it(id, disk, &ncq, &depth), -EIO);
	memset(id + ID_SECTORS, 0xff, 8);
	assert_int_equal(read_it(id, disk, &ncq, &depth), -EIO);
	free(disk);
}

/* Whatever a disk says, nothing is read or written outside. The seed is told when it fails. */
static void noise(void **state)
{
	struct block_disk *disk = calloc(1, sizeof(*disk));
	uint16_t id[ID_WORDS];
	uint32_t depth;
	bool ncq;

	(void)state;
	for (unsigned seed = 1; seed < 2000; seed++) {
		srand(seed);
		for (unsigned i = 0; i < ID_WORDS; i++)
			id[i] = (uint16_t)rand();
		if (read_it(id, disk, &ncq, &depth))
			continue;
		assert_true(depth >= 1 && depth <= 32);
		assert_true(strlen(disk->model) <= 40 && strlen(disk->serial) <= 20);
	}
	free(disk);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ordinary),
		cmocka_unit_test(refused),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
