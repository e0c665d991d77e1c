/* SPDX-License-Identifier: ISC */
/*
 * Reading directories and looking names up from their first block to the last; ext4_lookup_step
 * chooses between that and the hash index.
 *
 * A cursor is a byte offset in the directory. Entries do not move while the disk is not written, so
 * it stays good; one that points into the middle of an entry is moved up by walking its block from
 * the start.
 *
 * Spec: ext4 on-disk layout, "Linear (Classic) Directories".
 */
#include <errno.h>
#include <string.h>

#include "ext4/format.h"
#include "ext4/priv.h"

/* Offset where the walk of a block ends: in block 0 of an index, behind "..". */
static bool at_end(const struct dir_block *block, uint32_t offset)
{
	return offset >= block->end || (block->index && (!block->first || offset > DE_SIZE_MIN));
}

int ext4_dir_block_find(struct ext4_fs *fs, const struct ext4_inode_info *dir,
			const struct dir_block *block, const char *name, size_t len, uint32_t *ino,
			enum ext4_type *type)
{
	struct dirent de;

	for (uint32_t offset = 0; !at_end(block, offset); offset += de.rec_len) {
		int rc = ext4_dirent_get(fs, dir, block, offset, &de);

		if (rc < 0)
			return rc;
		if (de.ino == 0 || de.name_len != len || memcmp(de.name, name, len) != 0)
			continue;
		*ino = de.ino;
		*type = de.type;
		return 0;
	}
	return -ENOENT;
}

static bool is_dots(const char *name, size_t len)
{
	return (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.');
}

/* Search one block in a linear search. An index that is damaged must not hide sound leaves. */
static int search_block(struct ext4_fs *fs, const struct ext4_inode_info *dir, uint64_t lblk,
			const char *name, size_t len, uint32_t *ino, enum ext4_type *type)
{
	struct dir_block block;
	int rc;

	if (lblk == 0 && (dir->flags & EXT4_INODE_INDEX) && !is_dots(name, len))
		return -ENOENT;
	rc = ext4_dir_block_read(fs, dir, lblk, &block);
	if (rc < 0)
		return rc;
	return ext4_dir_block_find(fs, dir, &block, name, len, ino, type);
}

static int lookup_linear(struct ext4_fs *fs, const struct ext4_inode_info *dir, uint64_t blocks,
			 const char *name, size_t len, struct ext4_scan *scan, uint32_t *ino,
			 enum ext4_type *type)
{
	for (unsigned step = 0; step < EXT4_STEP_BLOCKS; step++) {
		int rc;

		if (scan->next >= blocks)
			return -ENOENT;
		rc = search_block(fs, dir, scan->next, name, len, ino, type);
		if (rc != -ENOENT)
			return rc;
		scan->next++;
	}
	return scan->next < blocks ? -EINPROGRESS : -ENOENT;
}

static bool is_damage(int rc)
{
	return rc == -EUCLEAN || rc == -EBADMSG || rc == -EOPNOTSUPP;
}

int ext4_lookup_step(struct ext4_fs *fs, const struct ext4_inode_info *dir, const char *name,
		     size_t len, struct ext4_scan *scan, uint32_t *ino, enum ext4_type *type)
{
	int64_t blocks = ext4_dir_blocks(fs, dir);
	int rc;

	if (blocks < 0)
		return (int)blocks;
	if (len == 0)
		return -EINVAL;
	if (len > EXT4_NAME_MAX)
		return -ENAMETOOLONG;
	if ((dir->flags & EXT4_INODE_INDEX) && !scan->linear && !is_dots(name, len)) {
		rc = ext4_index_lookup(fs, dir, name, len, ino, type);
		if (!is_damage(rc))
			return rc;
		scan->linear = true;
	}
	return lookup_linear(fs, dir, (uint64_t)blocks, name, len, scan, ino, type);
}

int ext4_lookup(struct ext4_fs *fs, const struct ext4_inode_info *dir, const char *name, size_t len,
		uint32_t *ino, enum ext4_type *type)
{
	struct ext4_scan scan = {.next = 0};
	int rc;

	do {
		rc = ext4_lookup_step(fs, dir, name, len, &scan, ino, type);
	} while (rc == -EINPROGRESS);
	return rc;
}

/* Give the entries of one block from *cursor on. Returns the number taken or the first error. */
static int emit_block(struct ext4_fs *fs, const struct ext4_inode_info *dir,
		      const struct dir_block *block, uint64_t *cursor, ext4_emit emit, void *ctx,
		      int *stop)
{
	uint64_t base = *cursor & ~(uint64_t)(fs->block_size - 1);
	struct dirent de;
	int taken = 0;

	for (uint32_t offset = 0; !at_end(block, offset); offset += de.rec_len) {
		struct ext4_dirent entry;

		*stop = ext4_dirent_get(fs, dir, block, offset, &de);
		if (*stop < 0)
			return taken;
		if (de.ino == 0 || base + offset < *cursor)
			continue;
		entry = (struct ext4_dirent){de.ino, de.type, de.name, de.name_len,
					     base + offset + de.rec_len};
		*stop = emit(ctx, &entry);
		if (*stop < 0)
			return taken;
		*cursor = entry.next;
		taken++;
	}
	*cursor = base + fs->block_size;
	return taken;
}

int ext4_readdir(struct ext4_fs *fs, const struct ext4_inode_info *dir, uint64_t *cursor,
		 ext4_emit emit, void *ctx)
{
	int64_t blocks = ext4_dir_blocks(fs, dir);
	int taken = 0;

	if (blocks < 0)
		return (int)blocks;
	for (unsigned step = 0; step < EXT4_STEP_BLOCKS; step++) {
		uint64_t lblk = *cursor >> fs->block_bits;
		struct dir_block block;
		int rc = 0, n = 0;

		if (lblk >= (uint64_t)blocks)
			return taken;
		rc = ext4_dir_block_read(fs, dir, lblk, &block);
		if (rc == 0)
			n = emit_block(fs, dir, &block, cursor, emit, ctx, &rc);
		taken += n;
		if (rc < 0)
			return taken > 0 ? taken : rc;
	}
	if (taken > 0 || *cursor >> fs->block_bits >= (uint64_t)blocks)
		return taken;
	return -EINPROGRESS;
}
