/* SPDX-License-Identifier: ISC */
/*
 * Inodes: found through their group, verified, and turned into struct ext4_inode_info.
 *
 * Spec: ext4 on-disk layout, "Index Nodes".
 */
#include <errno.h>
#include <string.h>

#include "ext4/crc.h"
#include "ext4/format.h"
#include "ext4/priv.h"

static int locate(struct ext4_fs *fs, uint32_t ino, uint64_t *blkno, uint32_t *offset)
{
	uint32_t group = (ino - 1) / fs->inodes_per_group;
	uint32_t index = (ino - 1) % fs->inodes_per_group;
	uint64_t byte = (uint64_t)index * fs->inode_size;
	struct group_desc desc;
	int rc;

	rc = ext4_group_get(fs, group, &desc);
	if (rc < 0)
		return rc;
	if ((desc.flags & GD_INODE_UNINIT) || index >= fs->inodes_per_group - desc.unused)
		return -ESTALE;
	*blkno = desc.inode_table + (byte >> fs->block_bits);
	*offset = (uint32_t)(byte & (fs->block_size - 1));
	return 0;
}

static bool has_extra(const struct ext4_fs *fs, const uint8_t *p, uint32_t end)
{
	if (fs->inode_size == IN_SIZE_OLD)
		return false;
	return IN_SIZE_OLD + (uint32_t)get_le16(p + IN_EXTRA_SIZE) >= end;
}

static int verify(struct ext4_fs *fs, uint32_t ino, const uint8_t *p, uint32_t seed)
{
	bool wide = has_extra(fs, p, IN_CHECKSUM_HI + 2);
	uint32_t want = get_le16(p + IN_CHECKSUM_LO);
	static const uint8_t zero[2];
	uint32_t crc;

	if (!fs->has_csum)
		return 0;
	crc = ext4_crc32c(seed, p, IN_CHECKSUM_LO);
	crc = ext4_crc32c(crc, zero, 2);
	crc = ext4_crc32c(crc, p + IN_CHECKSUM_LO + 2, IN_SIZE_OLD - IN_CHECKSUM_LO - 2);
	if (wide) {
		crc = ext4_crc32c(crc, p + IN_SIZE_OLD, IN_CHECKSUM_HI - IN_SIZE_OLD);
		crc = ext4_crc32c(crc, zero, 2);
		crc = ext4_crc32c(crc, p + IN_CHECKSUM_HI + 2, fs->inode_size - IN_CHECKSUM_HI - 2);
		want |= (uint32_t)get_le16(p + IN_CHECKSUM_HI) << 16;
	} else {
		crc = ext4_crc32c(crc, p + IN_SIZE_OLD, fs->inode_size - IN_SIZE_OLD) & 0xffff;
	}
	if (crc != want)
		return ext4_wrong(fs, -EBADMSG, "inode checksum", ino, 0);
	return 0;
}

/* The extra word holds nanoseconds and two more bits of seconds. */
static struct ext4_time time_get(const struct ext4_fs *fs, const uint8_t *p, uint32_t sec,
				 uint32_t extra)
{
	struct ext4_time t = {.sec = (int32_t)get_le32(p + sec)};

	if (has_extra(fs, p, extra + 4)) {
		uint32_t word = get_le32(p + extra);

		t.sec += (int64_t)(word & 3) << 32;
		t.nsec = word >> 2 < 1000000000u ? word >> 2 : 0;
	}
	return t;
}

static void read_times(const struct ext4_fs *fs, const uint8_t *p, struct ext4_inode_info *info)
{
	info->atime = time_get(fs, p, IN_ATIME, IN_ATIME_EXTRA);
	info->mtime = time_get(fs, p, IN_MTIME, IN_MTIME_EXTRA);
	info->ctime = time_get(fs, p, IN_CTIME, IN_CTIME_EXTRA);
	if (has_extra(fs, p, IN_CRTIME + 4))
		info->btime = time_get(fs, p, IN_CRTIME, IN_CRTIME_EXTRA);
}

static void read_sizes(const struct ext4_fs *fs, const uint8_t *p, struct ext4_inode_info *info)
{
	bool wide = (info->mode & MODE_TYPE) == MODE_REG ||
		    (fs->feature_incompat & INCOMPAT_LARGEDIR) != 0;

	info->size = get_le32(p + IN_SIZE_LO);
	if (wide)
		info->size |= (uint64_t)get_le32(p + IN_SIZE_HI) << 32;
	info->sectors = get_le32(p + IN_BLOCKS_LO);
	if (fs->feature_ro_compat & RO_COMPAT_HUGE_FILE) {
		info->sectors |= (uint64_t)get_le16(p + IN_BLOCKS_HI) << 32;
		if (info->flags & INODE_HUGE_FILE)
			info->sectors <<= fs->block_bits - 9;
	}
}

/* Device numbers are in the first word of the map (old form) or in the second. */
static void read_rdev(struct ext4_inode_info *info)
{
	uint32_t old = get_le32(info->map);
	uint32_t dev = get_le32(info->map + 4);

	if (old != 0) {
		info->rdev_major = old >> 8 & 0xff;
		info->rdev_minor = old & 0xff;
	} else {
		info->rdev_major = dev >> 8 & 0xfff;
		info->rdev_minor = (dev & 0xff) | (dev >> 12 & 0xfff00);
	}
}

static void read_fields(const struct ext4_fs *fs, const uint8_t *p, struct ext4_inode_info *info)
{
	info->mode = get_le16(p + IN_MODE);
	info->links = get_le16(p + IN_LINKS);
	info->uid = get_le16(p + IN_UID) | (uint32_t)get_le16(p + IN_UID_HI) << 16;
	info->gid = get_le16(p + IN_GID) | (uint32_t)get_le16(p + IN_GID_HI) << 16;
	info->flags = get_le32(p + IN_FLAGS);
	memcpy(info->map, p + IN_MAP, sizeof(info->map));
	read_sizes(fs, p, info);
	read_times(fs, p, info);
}

/* What the type of the inode asks of its other fields. */
static int check_type(struct ext4_fs *fs, struct ext4_inode_info *info)
{
	switch (info->mode & MODE_TYPE) {
	case MODE_CHR:
	case MODE_BLK: read_rdev(info); return 0;
	case MODE_FIFO:
	case MODE_SOCK: return 0;
	case MODE_REG:
	case MODE_DIR:
	case MODE_LNK: break;
	default: return ext4_wrong(fs, -EUCLEAN, "inode type", info->ino, 0);
	}
	/* Encryption and inline data come with features that were refused at mount. */
	if (info->flags & (INODE_ENCRYPT | INODE_INLINE_DATA))
		return ext4_wrong(fs, -EUCLEAN, "inode flags", info->ino, 0);
	if (info->size > INT64_MAX)
		return ext4_wrong(fs, -EUCLEAN, "file size", info->ino, 0);
	if (info->flags & EXT4_INODE_EXTENTS)
		return ext4_extent_root_check(fs, info);
	return 0;
}

int ext4_inode_read(struct ext4_fs *fs, uint32_t ino, struct ext4_inode_info *info)
{
	struct ext4_inode_info got = {.ino = ino};
	uint8_t number[4];
	const uint8_t *p;
	uint32_t offset;
	uint64_t blkno;
	int rc;

	if (ino == 0 || ino > fs->inodes)
		return -EINVAL;
	rc = locate(fs, ino, &blkno, &offset);
	if (rc == 0)
		rc = ext4_block_get(fs, blkno, &p);
	if (rc < 0)
		return rc;
	p += offset;
	if (get_le16(p + IN_MODE) == 0 && get_le16(p + IN_LINKS) == 0)
		return -ESTALE;
	got.generation = get_le32(p + IN_GENERATION);
	put_le32(number, ino);
	got.csum_seed = ext4_crc32c(fs->csum_seed, number, sizeof(number));
	got.csum_seed = ext4_crc32c(got.csum_seed, p + IN_GENERATION, 4);
	if (fs->inode_size > IN_SIZE_OLD &&
	    get_le16(p + IN_EXTRA_SIZE) > fs->inode_size - IN_SIZE_OLD)
		return ext4_wrong(fs, -EUCLEAN, "inode extra size", ino, 0);
	rc = verify(fs, ino, p, got.csum_seed);
	if (rc < 0)
		return rc;
	read_fields(fs, p, &got);
	if (got.links == 0)
		return -ESTALE;
	rc = check_type(fs, &got);
	if (rc < 0)
		return rc;
	*info = got;
	return 0;
}
