/* SPDX-License-Identifier: ISC */
/*
 * From a file's blocks to the disk's: the choice between extent tree and classic map, and the
 * classic map itself (12 direct blocks, then one, two and three levels of blocks of numbers).
 *
 * Invariant: at most MAP_LEVELS blocks are read; every number is checked before it is used.
 *
 * Spec: ext4 on-disk layout, "Direct/Indirect Block Addressing".
 */
#include <errno.h>

#include "ext4/format.h"
#include "ext4/priv.h"

/* Where in the map a block is: level 0 is direct, and an index into the inode's words. */
struct place {
	unsigned level;
	unsigned slot;	 /* word of the inode's map */
	uint64_t offset; /* block number below that word */
};

static int find_place(const struct ext4_fs *fs, uint64_t lblk, struct place *place)
{
	unsigned bits = fs->block_bits - 2;
	uint64_t span = 1ull << bits;

	if (lblk < MAP_DIRECT) {
		*place = (struct place){.level = 0, .slot = (unsigned)lblk};
		return 0;
	}
	lblk -= MAP_DIRECT;
	for (unsigned level = 1; level <= MAP_LEVELS; level++, span <<= bits) {
		if (lblk < span) {
			*place = (struct place){level, MAP_DIRECT + level - 1, lblk};
			return 0;
		}
		lblk -= span;
	}
	return -EFBIG;
}

/* The run that begins at word i of n words: holes or neighbouring blocks. */
static int take_run(struct ext4_fs *fs, const struct ext4_inode_info *inode, const uint8_t *words,
		    uint64_t i, uint64_t n, uint32_t max, struct ext4_run *run)
{
	uint32_t first = get_le32(words + 4 * i);
	uint32_t len = 1;

	while (len < max && i + len < n) {
		uint32_t next = get_le32(words + 4 * (i + len));

		if (first == 0 ? next != 0 : next != (uint64_t)first + len)
			break;
		len++;
	}
	if (first != 0 && !ext4_blocks_ok(fs, first, len))
		return ext4_wrong(fs, -EUCLEAN, "block map", inode->ino, first);
	*run = (struct ext4_run){first, len, first == 0 ? EXT4_RUN_HOLE : 0};
	return 0;
}

int ext4_map_blocks(struct ext4_fs *fs, const struct ext4_inode_info *inode, uint32_t lblk,
		    uint32_t max, struct ext4_run *run)
{
	unsigned bits = fs->block_bits - 2;
	const uint8_t *words = inode->map;
	uint64_t index, n = MAP_DIRECT;
	struct place place;
	int rc;

	rc = find_place(fs, lblk, &place);
	if (rc < 0)
		return rc;
	index = place.slot;
	for (unsigned level = place.level; level > 0; level--) {
		uint64_t span = 1ull << bits * level;
		uint32_t next = get_le32(words + 4 * index);

		if (next == 0) {
			uint64_t left = span - (place.offset & (span - 1));

			*run = (struct ext4_run){0, left < max ? (uint32_t)left : max,
						 EXT4_RUN_HOLE};
			return 0;
		}
		rc = ext4_block_get(fs, next, &words);
		if (rc < 0)
			return rc;
		n = 1ull << bits;
		index = place.offset >> bits * (level - 1) & (n - 1);
	}
	return take_run(fs, inode, words, index, n, max, run);
}

int ext4_map(struct ext4_fs *fs, const struct ext4_inode_info *inode, uint64_t lblk, uint32_t max,
	     struct ext4_run *run)
{
	uint32_t type = inode->mode & MODE_TYPE;

	if (max == 0 || (type != MODE_REG && type != MODE_DIR && type != MODE_LNK))
		return -EINVAL;
	if (lblk >= UINT32_MAX)
		return -EFBIG;
	if (inode->flags & EXT4_INODE_EXTENTS)
		return ext4_map_extents(fs, inode, (uint32_t)lblk, max, run);
	return ext4_map_blocks(fs, inode, (uint32_t)lblk, max, run);
}
