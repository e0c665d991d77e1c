/* SPDX-License-Identifier: ISC */
/*
 * What the files of lib/ext4 share. Nothing here is for users of the library.
 */
#ifndef EXT4_PRIV_H
#define EXT4_PRIV_H

#include "ext4/ext4.h"

/* What a block was verified as: part of what is left in its mark. */
enum block_kind { BLOCK_EXTENTS = 1, BLOCK_DIR_LEAF, BLOCK_DIR_INDEX };

/* Note what is wrong where, and return err. why: a constant text. */
int ext4_wrong(struct ext4_fs *fs, int err, const char *why, uint32_t ino, uint64_t block);

/* Do n blocks from first on lie where files and metadata can be? */
bool ext4_blocks_ok(const struct ext4_fs *fs, uint64_t first, uint64_t n);

/* Get a block from the source. -EUCLEAN if there is no such block. */
EXT4_MUST int ext4_block_get(struct ext4_fs *fs, uint64_t blkno, const uint8_t **data);

/* Was this block, as it is in memory, verified before as that kind, for that owner? */
bool ext4_block_known(struct ext4_fs *fs, uint64_t blkno, enum block_kind kind, uint32_t owner);
void ext4_block_learn(struct ext4_fs *fs, uint64_t blkno, enum block_kind kind, uint32_t owner);

struct group_desc {
	uint64_t inode_table;
	uint32_t unused; /* inodes at the end of the table that were never used */
	uint16_t flags;
};

EXT4_MUST int ext4_group_get(struct ext4_fs *fs, uint32_t group, struct group_desc *desc);

EXT4_MUST int ext4_map_extents(struct ext4_fs *fs, const struct ext4_inode_info *inode,
			       uint32_t lblk, uint32_t max, struct ext4_run *run);
EXT4_MUST int ext4_map_blocks(struct ext4_fs *fs, const struct ext4_inode_info *inode,
			      uint32_t lblk, uint32_t max, struct ext4_run *run);
/* Check the root of an inode's extent tree. */
EXT4_MUST int ext4_extent_root_check(struct ext4_fs *fs, const struct ext4_inode_info *inode);

/* A directory entry, checked. */
struct dirent {
	uint32_t ino; /* 0: free space */
	uint32_t rec_len;
	uint32_t name_len;
	enum ext4_type type;
	const char *name;
};

/* A directory block: what it is, and where its entries end. */
struct dir_block {
	const uint8_t *data;
	uint64_t pblk;
	uint32_t end; /* offset behind the last entry */
	bool index;   /* a node of the hash index: holds no names but "." and ".." in block 0 */
	bool first;   /* block 0 */
};

/* Number of blocks of a directory, or -ENOTDIR, -EUCLEAN. */
EXT4_MUST int64_t ext4_dir_blocks(struct ext4_fs *fs, const struct ext4_inode_info *dir);

/* Get a directory block without judging its contents. */
EXT4_MUST int ext4_dir_block_get(struct ext4_fs *fs, const struct ext4_inode_info *dir,
				 uint64_t lblk, struct dir_block *block);

/* Get one and verify it as a block of names. */
EXT4_MUST int ext4_dir_block_read(struct ext4_fs *fs, const struct ext4_inode_info *dir,
				  uint64_t lblk, struct dir_block *block);

/* Verify the checksum of an index block whose entries begin at `entries`. */
EXT4_MUST int ext4_dir_index_verify(struct ext4_fs *fs, const struct ext4_inode_info *dir,
				    const struct dir_block *block, uint32_t entries);

/* The entry at an offset, checked. */
EXT4_MUST int ext4_dirent_get(struct ext4_fs *fs, const struct ext4_inode_info *dir,
			      const struct dir_block *block, uint32_t offset, struct dirent *de);

/* Look for a name in one block. 0 or -ENOENT, -EUCLEAN. */
EXT4_MUST int ext4_dir_block_find(struct ext4_fs *fs, const struct ext4_inode_info *dir,
				  const struct dir_block *block, const char *name, size_t len,
				  uint32_t *ino, enum ext4_type *type);

/* Look for a name through the hash index. 0, -ENOENT, or an error. */
EXT4_MUST int ext4_index_lookup(struct ext4_fs *fs, const struct ext4_inode_info *dir,
				const char *name, size_t len, uint32_t *ino, enum ext4_type *type);

/* The hash of a name, as the index is ordered by it. */
uint32_t ext4_name_hash(enum ext4_hash version, const uint32_t seed[4], const char *name,
			size_t len);

#endif
