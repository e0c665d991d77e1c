/* SPDX-License-Identifier: ISC */
/*
 * The superblock: is this an ext4 that we read rightly, and what are its dimensions. Then mounting,
 * and access to blocks, which is the one place where a block number meets the disk's size.
 *
 * Invariant: after ext4_probe every dimension in struct ext4_fs is consistent with the others, so
 * that the other files need not check them again.
 */
#include "ext4/ext4.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ext4/crc.h"
#include "ext4/format.h"
#include "ext4/priv.h"

#define BLOCKS_MAX    (1ull << 48)
#define BLOCK_LOG_MAX 6 /* 64 KiB */

#define INCOMPAT_READABLE                                                                          \
	(INCOMPAT_FILETYPE | INCOMPAT_RECOVER | INCOMPAT_META_BG | INCOMPAT_EXTENTS |              \
	 INCOMPAT_64BIT | INCOMPAT_FLEX_BG | INCOMPAT_EA_INODE | INCOMPAT_CSUM_SEED |              \
	 INCOMPAT_LARGEDIR)

static const struct {
	uint32_t bit;
	const char *text;
} refusals[] = {
	{INCOMPAT_COMPRESSION, "compression"},
	{INCOMPAT_JOURNAL_DEV, "this is an external journal, not a file system"},
	{INCOMPAT_MMP, "multiple mount protection: another host may be writing"},
	{INCOMPAT_DIRDATA, "data in directory entries"},
	{INCOMPAT_INLINE_DATA, "inline data (make it with -O ^inline_data)"},
	{INCOMPAT_ENCRYPT, "encryption"},
	{INCOMPAT_CASEFOLD, "case folding"},
};

struct report {
	char *text;
	size_t size;
};

static int __attribute__((format(printf, 3, 4)))
say(const struct report *report, int err, const char *format, ...)
{
	va_list ap;

	if (report->size == 0)
		return err;
	va_start(ap, format);
	vsnprintf(report->text, report->size, format, ap);
	va_end(ap);
	return err;
}

int ext4_wrong(struct ext4_fs *fs, int err, const char *why, uint32_t ino, uint64_t block)
{
	fs->why = why;
	fs->why_ino = ino;
	fs->why_block = block;
	return err;
}

bool ext4_blocks_ok(const struct ext4_fs *fs, uint64_t first, uint64_t n)
{
	return first > fs->first_data_block && first < fs->blocks && n <= fs->blocks - first;
}

int ext4_block_get(struct ext4_fs *fs, uint64_t blkno, const uint8_t **data)
{
	int err = 0;

	if (!ext4_blocks_ok(fs, blkno, 1))
		return ext4_wrong(fs, -EUCLEAN, "block number outside the file system", 0, blkno);
	*data = fs->source.block(fs->source.ctx, blkno, &err);
	if (*data)
		return 0;
	return err < 0 ? err : -EIO;
}

static uint32_t mark_value(enum block_kind kind, uint32_t owner)
{
	uint32_t v = owner ^ (uint32_t)kind * 0x9e3779b1u;

	return v != 0 ? v : 1;
}

bool ext4_block_known(struct ext4_fs *fs, uint64_t blkno, enum block_kind kind, uint32_t owner)
{
	if (!fs->source.mark)
		return false;
	return *fs->source.mark(fs->source.ctx, blkno) == mark_value(kind, owner);
}

void ext4_block_learn(struct ext4_fs *fs, uint64_t blkno, enum block_kind kind, uint32_t owner)
{
	if (fs->source.mark)
		*fs->source.mark(fs->source.ctx, blkno) = mark_value(kind, owner);
}

static int check_identity(const uint8_t *sb, const struct report *report)
{
	if (get_le16(sb + SB_MAGIC) != SB_MAGIC_VALUE)
		return say(report, -EINVAL, "no ext4 superblock");
	if (get_le32(sb + SB_REV_LEVEL) > 1)
		return say(report, -EOPNOTSUPP, "unknown revision %u", get_le32(sb + SB_REV_LEVEL));
	return 0;
}

static int check_checksum(struct ext4_fs *fs, const uint8_t *sb, const struct report *report)
{
	if (!fs->has_csum)
		return 0;
	if (sb[SB_CHECKSUM_TYPE] != 1)
		return say(report, -EOPNOTSUPP, "unknown checksum type %u", sb[SB_CHECKSUM_TYPE]);
	if (get_le32(sb + SB_CHECKSUM) != ext4_crc32c(~0u, sb, SB_CHECKSUM))
		return say(report, -EBADMSG, "superblock checksum is wrong");
	return 0;
}

static int check_features(const struct ext4_fs *fs, unsigned flags, const struct report *report)
{
	uint32_t bad = fs->feature_incompat & ~INCOMPAT_READABLE;

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		if (bad & refusals[i].bit)
			return say(report, -EOPNOTSUPP, "feature not supported: %s",
				   refusals[i].text);
	}
	if (bad != 0)
		return say(report, -EOPNOTSUPP, "unknown incompatible features 0x%x", bad);
	if ((fs->feature_incompat & INCOMPAT_RECOVER) && !(flags & EXT4_PROBE_DIRTY))
		return say(report, -EUCLEAN,
			   "the journal holds changes that were not replayed: run e2fsck, "
			   "or mount it once on Linux");
	return 0;
}

static int read_block_size(struct ext4_fs *fs, const uint8_t *sb, const struct report *report)
{
	uint32_t log = get_le32(sb + SB_LOG_BLOCK_SIZE);
	uint32_t fdb = get_le32(sb + SB_FIRST_DATA_BLOCK);
	bool bigalloc = fs->feature_ro_compat & RO_COMPAT_BIGALLOC;

	if (log > BLOCK_LOG_MAX)
		return say(report, -EUCLEAN, "block size is impossible");
	fs->block_bits = 10 + log;
	fs->block_size = 1u << fs->block_bits;
	if (fdb > 1 || (fdb == 1) != (log == 0 && !(bigalloc && fdb == 0)))
		return say(report, -EUCLEAN, "first data block does not fit the block size");
	fs->first_data_block = fdb;
	return 0;
}

static int read_blocks(struct ext4_fs *fs, const uint8_t *sb, uint64_t disk_bytes,
		       const struct report *report)
{
	bool wide = fs->feature_incompat & INCOMPAT_64BIT;

	fs->blocks = get_le32(sb + SB_BLOCKS_LO);
	fs->free_blocks = get_le32(sb + SB_FREE_BLOCKS_LO);
	fs->reserved_blocks = get_le32(sb + SB_RESERVED_LO);
	if (wide) {
		fs->blocks |= (uint64_t)get_le32(sb + SB_BLOCKS_HI) << 32;
		fs->free_blocks |= (uint64_t)get_le32(sb + SB_FREE_BLOCKS_HI) << 32;
		fs->reserved_blocks |= (uint64_t)get_le32(sb + SB_RESERVED_HI) << 32;
	}
	if (fs->blocks > BLOCKS_MAX || fs->blocks <= fs->first_data_block + 1ull)
		return say(report, -EUCLEAN, "number of blocks is impossible");
	if (disk_bytes != 0 && fs->blocks > disk_bytes >> fs->block_bits)
		return say(report, -EUCLEAN, "the file system is larger than the disk");
	if (fs->free_blocks > fs->blocks || fs->reserved_blocks > fs->blocks)
		return say(report, -EUCLEAN, "free or reserved blocks exceed the number of blocks");
	return 0;
}

static int read_clusters(struct ext4_fs *fs, const uint8_t *sb, const struct report *report)
{
	uint32_t log = get_le32(sb + SB_LOG_BLOCK_SIZE);
	uint32_t cluster_log = get_le32(sb + SB_LOG_CLUSTER_SIZE);
	uint32_t clusters = get_le32(sb + SB_CLUSTERS_PER_GROUP);
	uint32_t bits = 0;

	fs->blocks_per_group = get_le32(sb + SB_BLOCKS_PER_GROUP);
	if (fs->feature_ro_compat & RO_COMPAT_BIGALLOC) {
		if (cluster_log < log || cluster_log > 20)
			return say(report, -EUCLEAN, "cluster size is impossible");
		bits = cluster_log - log;
	} else {
		clusters = fs->blocks_per_group;
	}
	if (clusters == 0 || clusters > 8 * fs->block_size ||
	    fs->blocks_per_group != (uint64_t)clusters << bits)
		return say(report, -EUCLEAN, "number of blocks per group is impossible");
	fs->overhead = (uint64_t)get_le32(sb + SB_OVERHEAD_CLUSTERS) << bits;
	if (fs->overhead > fs->blocks)
		return say(report, -EUCLEAN, "overhead exceeds the number of blocks");
	return 0;
}

static int read_groups(struct ext4_fs *fs, const uint8_t *sb, const struct report *report)
{
	uint64_t groups = (fs->blocks - fs->first_data_block + fs->blocks_per_group - 1) /
			  fs->blocks_per_group;
	uint32_t desc = GD_SIZE_MIN;

	if (fs->feature_incompat & INCOMPAT_64BIT) {
		desc = get_le16(sb + SB_DESC_SIZE);
		if (desc < GD_SIZE_64 || desc > 1024 || (desc & (desc - 1)) != 0)
			return say(report, -EUCLEAN, "group descriptor size is impossible");
	}
	fs->desc_size = desc;
	fs->descs_per_block = fs->block_size / desc;
	fs->first_meta_bg = get_le32(sb + SB_FIRST_META_BG);
	fs->backup_groups[0] = get_le32(sb + SB_BACKUP_GROUPS);
	fs->backup_groups[1] = get_le32(sb + SB_BACKUP_GROUPS + 4);
	fs->inodes = get_le32(sb + SB_INODES);
	fs->free_inodes = get_le32(sb + SB_FREE_INODES);
	fs->inodes_per_group = get_le32(sb + SB_INODES_PER_GROUP);
	if (fs->inodes_per_group == 0 || fs->inodes_per_group > 8 * fs->block_size)
		return say(report, -EUCLEAN, "number of inodes per group is impossible");
	if (groups > UINT32_MAX || groups * fs->inodes_per_group != fs->inodes)
		return say(report, -EUCLEAN, "number of inodes does not fit the groups");
	if (fs->free_inodes > fs->inodes)
		return say(report, -EUCLEAN, "free inodes exceed the number of inodes");
	fs->groups = (uint32_t)groups;
	return 0;
}

static int read_inodes(struct ext4_fs *fs, const uint8_t *sb, const struct report *report)
{
	fs->inode_size = IN_SIZE_OLD;
	fs->first_ino = 11;
	if (get_le32(sb + SB_REV_LEVEL) >= 1) {
		fs->inode_size = get_le16(sb + SB_INODE_SIZE);
		fs->first_ino = get_le32(sb + SB_FIRST_INO);
	}
	if (fs->inode_size < IN_SIZE_OLD || fs->inode_size > fs->block_size ||
	    (fs->inode_size & (fs->inode_size - 1)) != 0)
		return say(report, -EUCLEAN, "inode size is impossible");
	if (fs->first_ino < 11 || fs->first_ino > fs->inodes)
		return say(report, -EUCLEAN, "first inode number is impossible");
	return 0;
}

static void read_names(struct ext4_fs *fs, const uint8_t *sb)
{
	memcpy(fs->uuid, sb + SB_UUID, sizeof(fs->uuid));
	memcpy(fs->label, sb + SB_LABEL, 16);
	for (unsigned i = 0; i < 4; i++)
		fs->hash_seed[i] = get_le32(sb + SB_HASH_SEED + 4 * i);
	fs->hash_unsigned = get_le32(sb + SB_FLAGS) & SB_FLAG_UNSIGNED_HASH;
	if (fs->feature_incompat & INCOMPAT_CSUM_SEED)
		fs->csum_seed = get_le32(sb + SB_CHECKSUM_SEED);
	else
		fs->csum_seed = ext4_crc32c(~0u, fs->uuid, sizeof(fs->uuid));
}

static void warn_state(const struct ext4_fs *fs, const uint8_t *sb, const struct report *report)
{
	uint16_t state = get_le16(sb + SB_STATE);

	if (fs->feature_incompat & INCOMPAT_RECOVER)
		(void)say(report, 0, "journal not replayed: contents may be stale or torn");
	else if (state & SB_STATE_ERRORS)
		(void)say(report, 0, "errors were recorded on this file system: run e2fsck");
	else if (!(state & SB_STATE_CLEAN))
		(void)say(report, 0, "not cleanly unmounted");
	else
		(void)say(report, 0, "%s", "");
}

int ext4_probe(struct ext4_fs *fs, const void *super, uint64_t disk_bytes, unsigned flags,
	       char *reason, size_t reason_size)
{
	struct report report = {reason, reason_size};
	const uint8_t *sb = super;
	int rc;

	memset(fs, 0, sizeof(*fs));
	fs->why = "";
	rc = check_identity(sb, &report);
	if (rc < 0)
		return rc;
	if (get_le32(sb + SB_REV_LEVEL) >= 1) {
		fs->feature_compat = get_le32(sb + SB_COMPAT);
		fs->feature_incompat = get_le32(sb + SB_INCOMPAT);
		fs->feature_ro_compat = get_le32(sb + SB_RO_COMPAT);
	}
	fs->has_csum = fs->feature_ro_compat & RO_COMPAT_METADATA_CSUM;
	rc = check_checksum(fs, sb, &report);
	if (rc == 0)
		rc = check_features(fs, flags, &report);
	if (rc == 0)
		rc = read_block_size(fs, sb, &report);
	if (rc == 0)
		rc = read_blocks(fs, sb, disk_bytes, &report);
	if (rc == 0)
		rc = read_clusters(fs, sb, &report);
	if (rc == 0)
		rc = read_groups(fs, sb, &report);
	if (rc == 0)
		rc = read_inodes(fs, sb, &report);
	if (rc < 0)
		return rc;
	read_names(fs, sb);
	warn_state(fs, sb, &report);
	return 0;
}

int ext4_mount(struct ext4_fs *fs, const struct ext4_source *source, char *reason,
	       size_t reason_size)
{
	struct report report = {reason, reason_size};
	struct ext4_inode_info root;
	struct ext4_run run;
	int rc;

	fs->source = *source;
	fs->why = "";
	rc = ext4_inode_read(fs, EXT4_ROOT_INO, &root);
	if (rc == 0 && (root.mode & MODE_TYPE) != MODE_DIR)
		rc = ext4_wrong(fs, -EUCLEAN, "the root is not a directory", EXT4_ROOT_INO, 0);
	if (rc == 0)
		rc = ext4_map(fs, &root, 0, 1, &run);
	if (rc == 0 && run.flags != 0)
		rc = ext4_wrong(fs, -EUCLEAN, "the root directory is empty", EXT4_ROOT_INO, 0);
	if (rc < 0 && rc != -EAGAIN)
		return say(&report, rc, "root directory: %s", fs->why[0] ? fs->why : strerror(-rc));
	if (rc == 0)
		(void)say(&report, 0, "%s", "");
	return rc;
}

void ext4_statfs(const struct ext4_fs *fs, struct ext4_statfs *st)
{
	memset(st, 0, sizeof(*st));
	st->block_size = fs->block_size;
	st->blocks = fs->blocks - fs->overhead;
	st->blocks_free = fs->free_blocks;
	if (fs->free_blocks > fs->reserved_blocks)
		st->blocks_avail = fs->free_blocks - fs->reserved_blocks;
	st->inodes = fs->inodes;
	st->inodes_free = fs->free_inodes;
	memcpy(st->uuid, fs->uuid, sizeof(st->uuid));
}
