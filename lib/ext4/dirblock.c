/* SPDX-License-Identifier: ISC */
/*
 * Directory blocks: fetching one, telling leaf from index node, its checksum, and the entries in
 * it one by one.
 *
 * A leaf of a file system with metadata_csum ends in a 12-byte tail that looks like an unused
 * entry. An index node looks like one unused entry that fills the block, so that software which
 * does not know the index reads past it; block 0 of an indexed directory holds "." and ".." and
 * then the index root.
 *
 * Invariant: an entry that ext4_dirent_get returned lies inside its block, moves the offset forward
 * by at least 12, and has a name that is a possible file name.
 *
 * Spec: ext4 on-disk layout, "Directory Entries".
 */
#include <errno.h>
#include <string.h>

#include "ext4/crc.h"
#include "ext4/format.h"
#include "ext4/priv.h"

int64_t ext4_dir_blocks(struct ext4_fs *fs, const struct ext4_inode_info *dir)
{
	if ((dir->mode & MODE_TYPE) != MODE_DIR)
		return -ENOTDIR;
	if (dir->size == 0 || (dir->size & (fs->block_size - 1)) != 0 ||
	    dir->size >> fs->block_bits > fs->blocks || dir->size >> fs->block_bits > UINT32_MAX)
		return ext4_wrong(fs, -EUCLEAN, "directory size", dir->ino, 0);
	return (int64_t)(dir->size >> fs->block_bits);
}

int ext4_dir_block_get(struct ext4_fs *fs, const struct ext4_inode_info *dir, uint64_t lblk,
		       struct dir_block *block)
{
	struct ext4_run run;
	int rc;

	rc = ext4_map(fs, dir, lblk, 1, &run);
	if (rc < 0)
		return rc;
	if (run.flags != 0)
		return ext4_wrong(fs, -EUCLEAN, "hole in a directory", dir->ino, 0);
	*block = (struct dir_block){.pblk = run.pblk, .first = lblk == 0};
	return ext4_block_get(fs, run.pblk, &block->data);
}

/* Lengths are 16 bits; a block of 64 KiB needs one bit more. */
static uint32_t rec_len_get(const struct ext4_fs *fs, const uint8_t *p)
{
	uint32_t len = get_le16(p + DE_REC_LEN);

	if (fs->block_size < 65536)
		return len;
	if (len == 65535 || len == 0)
		return 65536;
	return (len & 65532) | (len & 3) << 16;
}

static bool is_index(const struct ext4_fs *fs, const struct ext4_inode_info *dir,
		     const struct dir_block *block)
{
	if (!(dir->flags & EXT4_INODE_INDEX))
		return false;
	if (block->first)
		return true;
	return get_le32(block->data + DE_INODE) == 0 && block->data[DE_NAME_LEN] == 0 &&
	       rec_len_get(fs, block->data) == fs->block_size;
}

static int verify_leaf(struct ext4_fs *fs, const struct ext4_inode_info *dir,
		       const struct dir_block *block)
{
	const uint8_t *tail = block->data + block->end;

	if (get_le32(tail + DE_INODE) != 0 || get_le16(tail + DE_REC_LEN) != DE_TAIL_SIZE ||
	    tail[DE_NAME_LEN] != 0 || tail[DE_TYPE] != DE_TAIL_TYPE)
		return ext4_wrong(fs, -EBADMSG, "directory block without a checksum", dir->ino,
				  block->pblk);
	if (ext4_block_known(fs, block->pblk, BLOCK_DIR_LEAF, dir->csum_seed))
		return 0;
	if (get_le32(tail + DE_TAIL_CHECKSUM) !=
	    ext4_crc32c(dir->csum_seed, block->data, block->end))
		return ext4_wrong(fs, -EBADMSG, "directory block checksum", dir->ino, block->pblk);
	ext4_block_learn(fs, block->pblk, BLOCK_DIR_LEAF, dir->csum_seed);
	return 0;
}

/* The checksum covers the entries in use, and the tail behind the room for entries. */
int ext4_dir_index_verify(struct ext4_fs *fs, const struct ext4_inode_info *dir,
			  const struct dir_block *block, uint32_t entries)
{
	uint32_t room = (fs->block_size - entries - DX_TAIL_SIZE) / DX_ENTRY_SIZE;
	uint32_t limit = get_le16(block->data + entries + DX_LIMIT);
	uint32_t count = get_le16(block->data + entries + DX_COUNT);
	static const uint8_t zero[4];
	const uint8_t *tail;
	uint32_t crc;

	if (!fs->has_csum)
		return 0;
	if (limit > room || count > limit)
		return ext4_wrong(fs, -EUCLEAN, "directory index node", dir->ino, block->pblk);
	tail = block->data + entries + limit * DX_ENTRY_SIZE;
	crc = ext4_crc32c(dir->csum_seed, block->data, entries + count * DX_ENTRY_SIZE);
	crc = ext4_crc32c(crc, tail, DX_TAIL_CHECKSUM);
	crc = ext4_crc32c(crc, zero, sizeof(zero));
	if (crc != get_le32(tail + DX_TAIL_CHECKSUM))
		return ext4_wrong(fs, -EBADMSG, "directory index checksum", dir->ino, block->pblk);
	return 0;
}

int ext4_dir_block_read(struct ext4_fs *fs, const struct ext4_inode_info *dir, uint64_t lblk,
			struct dir_block *block)
{
	int rc;

	rc = ext4_dir_block_get(fs, dir, lblk, block);
	if (rc < 0)
		return rc;
	block->index = is_index(fs, dir, block);
	block->end = fs->block_size;
	if (block->index && block->first)
		return ext4_dir_index_verify(fs, dir, block, DX_ROOT_ENTRIES);
	/* Nothing is taken from the other index nodes. */
	if (block->index || !fs->has_csum)
		return 0;
	block->end -= DE_TAIL_SIZE;
	return verify_leaf(fs, dir, block);
}

static bool name_ok(const char *name, uint32_t len)
{
	return len <= EXT4_NAME_MAX && memchr(name, '/', len) == NULL &&
	       memchr(name, '\0', len) == NULL;
}

static bool ino_ok(const struct ext4_fs *fs, uint32_t ino)
{
	return ino <= fs->inodes && (ino >= fs->first_ino || ino == EXT4_ROOT_INO);
}

int ext4_dirent_get(struct ext4_fs *fs, const struct ext4_inode_info *dir,
		    const struct dir_block *block, uint32_t offset, struct dirent *de)
{
	const uint8_t *p = block->data + offset;

	if (block->end - offset < DE_SIZE_MIN)
		goto wrong;
	de->ino = get_le32(p + DE_INODE);
	de->rec_len = rec_len_get(fs, p);
	de->name_len = p[DE_NAME_LEN];
	de->type = EXT4_TYPE_UNKNOWN;
	if (!(fs->feature_incompat & INCOMPAT_FILETYPE))
		de->name_len = get_le16(p + DE_NAME_LEN);
	else if (p[DE_TYPE] < EXT4_TYPE_COUNT)
		de->type = (enum ext4_type)p[DE_TYPE];
	de->name = (const char *)p + DE_NAME;
	if (de->rec_len < DE_SIZE_MIN || de->rec_len % 4 != 0 ||
	    de->rec_len > block->end - offset || de->name_len > de->rec_len - DE_NAME)
		goto wrong;
	if (de->ino != 0 &&
	    (de->name_len == 0 || !ino_ok(fs, de->ino) || !name_ok(de->name, de->name_len)))
		goto wrong;
	return 0;
wrong:
	return ext4_wrong(fs, -EUCLEAN, "directory entry", dir->ino, block->pblk);
}
