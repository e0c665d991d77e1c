/* SPDX-License-Identifier: ISC */
/*
 * Group descriptors: where they are (in one row behind the superblock, or with meta_bg spread over
 * the disk), their checksum, and the location of inode tables.
 *
 * Spec: ext4 on-disk layout, "Block Group Descriptors", "Meta Block Groups".
 */
#include <errno.h>

#include "ext4/crc.h"
#include "ext4/format.h"
#include "ext4/priv.h"

static bool is_power_of(uint32_t x, uint32_t base)
{
	while (x % base == 0)
		x /= base;
	return x == 1;
}

/* Does the group begin with a copy of the superblock? */
static bool has_super(const struct ext4_fs *fs, uint32_t group)
{
	if (group == 0)
		return true;
	if (fs->feature_compat & COMPAT_SPARSE_SUPER2)
		return group == fs->backup_groups[0] || group == fs->backup_groups[1];
	if (group == 1 || !(fs->feature_ro_compat & RO_COMPAT_SPARSE_SUPER))
		return true;
	return is_power_of(group, 3) || is_power_of(group, 5) || is_power_of(group, 7);
}

/* The block that holds the nr-th block of descriptors. */
static uint64_t desc_block(const struct ext4_fs *fs, uint32_t nr)
{
	uint64_t super_block = fs->block_size == 1024 ? 1 : 0;
	uint64_t first;
	uint32_t group;

	if (!(fs->feature_incompat & INCOMPAT_META_BG) || nr < fs->first_meta_bg)
		return super_block + 1 + nr;
	group = nr * fs->descs_per_block;
	first = fs->first_data_block + (uint64_t)group * fs->blocks_per_group;
	if (group == 0)
		return super_block + 1;
	return first + (has_super(fs, group) ? 1 : 0);
}

static uint16_t desc_checksum(const struct ext4_fs *fs, uint32_t group, const uint8_t *desc)
{
	static const uint8_t zero[2];
	uint8_t number[4];

	put_le32(number, group);
	if (fs->has_csum) {
		uint32_t crc = ext4_crc32c(fs->csum_seed, number, sizeof(number));

		crc = ext4_crc32c(crc, desc, GD_CHECKSUM);
		crc = ext4_crc32c(crc, zero, sizeof(zero));
		crc = ext4_crc32c(crc, desc + GD_CHECKSUM + 2, fs->desc_size - GD_CHECKSUM - 2);
		return (uint16_t)crc;
	} else {
		uint16_t crc = ext4_crc16(0xffff, fs->uuid, sizeof(fs->uuid));

		crc = ext4_crc16(crc, number, sizeof(number));
		crc = ext4_crc16(crc, desc, GD_CHECKSUM);
		return ext4_crc16(crc, desc + GD_CHECKSUM + 2, fs->desc_size - GD_CHECKSUM - 2);
	}
}

int ext4_group_get(struct ext4_fs *fs, uint32_t group, struct group_desc *desc)
{
	bool summed = fs->has_csum || (fs->feature_ro_compat & RO_COMPAT_GDT_CSUM);
	uint64_t blkno = desc_block(fs, group / fs->descs_per_block);
	const uint8_t *p;
	int rc;

	rc = ext4_block_get(fs, blkno, &p);
	if (rc < 0)
		return rc;
	p += group % fs->descs_per_block * fs->desc_size;
	if (summed && get_le16(p + GD_CHECKSUM) != desc_checksum(fs, group, p))
		return ext4_wrong(fs, -EBADMSG, "group descriptor checksum", 0, blkno);
	desc->inode_table = get_le32(p + GD_INODE_TABLE_LO);
	/* Without a checksum neither of these two is kept up to date. */
	desc->flags = summed ? get_le16(p + GD_FLAGS) : 0;
	desc->unused = summed ? get_le16(p + GD_UNUSED_LO) : 0;
	if (fs->desc_size >= GD_SIZE_64) {
		desc->inode_table |= (uint64_t)get_le32(p + GD_INODE_TABLE_HI) << 32;
		desc->unused |= summed ? (uint32_t)get_le16(p + GD_UNUSED_HI) << 16 : 0;
	}
	if (desc->unused > fs->inodes_per_group || !ext4_blocks_ok(fs, desc->inode_table, 1))
		return ext4_wrong(fs, -EUCLEAN, "group descriptor", 0, blkno);
	return 0;
}
