/* SPDX-License-Identifier: ISC */
/*
 * ext4, read only: superblock, inodes, directories, symbolic links and the map from a file's
 * blocks to the disk's. File data is read by the caller, from the runs that ext4_map gives.
 *
 * Not here: writing, journal replay, extended attributes, inline data, encryption, case folding,
 * quotas. A file system that needs one of them to be read rightly is refused, with the reason.
 *
 * Operations are restartable. They ask the source for blocks; a block that is not in memory is
 * answered with -EAGAIN ("a read was started"), the operation returns -EAGAIN, and the caller
 * runs it again from its start when the block is there. Nothing is kept between two runs except
 * what the caller holds: inode, cursor, scan position. No allocation, no global state; about
 * 1 KiB of stack (probe and mount: and what vsnprintf takes).
 *
 * Invariant: every field on the disk may be hostile. No operation reads outside a block, follows
 * more levels than the format has, or works on more than EXT4_STEP_BLOCKS directory blocks in
 * one call. Errors: -EUCLEAN a structure is wrong, -EBADMSG a checksum is wrong (fs->why says
 * what), -EOPNOTSUPP not supported, and whatever errno the source gave.
 *
 * Format: kernel.org, Documentation/filesystems/ext4 (on-disk layout). docs/ext4.md says what is
 * supported and checked.
 */
#ifndef EXT4_EXT4_H
#define EXT4_EXT4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EXT4_MUST __attribute__((warn_unused_result))

#define EXT4_ROOT_INO	  2u
#define EXT4_NAME_MAX	  255u
#define EXT4_LINK_MAX	  4095u /* bytes in a symbolic link, without a closing NUL */
#define EXT4_SUPER_OFFSET 1024u /* where the superblock lies on the disk, in bytes */
#define EXT4_SUPER_SIZE	  1024u
#define EXT4_STEP_BLOCKS  16u  /* directory blocks that one call looks at, at most */
#define EXT4_HOLD_MAX	  192u /* blocks that one call asks its source for, at most */

/*
 * Where blocks come from. A block is fs->block_size bytes.
 *
 * block: a pointer to the block's bytes, aligned to 8, that stays valid until the operation
 * returns; or NULL with *err = -EAGAIN (a read was started: run the operation again when it has
 * ended) or another negative errno. A call (but not ext4_lookup) asks for at most EXT4_HOLD_MAX
 * blocks, and rarely for more than 20; they must be able to be in memory together. Should the bytes
 * change meanwhile (a device or driver writes to them) what is answered may be wrong, but the
 * invariant holds.
 *
 * mark: may be NULL. A word kept beside the cached block, zeroed when the block is read from the
 * disk. The library leaves there that it has verified the block, and need not compute the
 * checksum again. Only called after block gave a pointer for the same number.
 */
struct ext4_source {
	const void *(*block)(void *ctx, uint64_t blkno, int *err);
	uint32_t *(*mark)(void *ctx, uint64_t blkno);
	void *ctx;
};

enum ext4_hash {
	EXT4_HASH_LEGACY,
	EXT4_HASH_HALF_MD4,
	EXT4_HASH_TEA,
	EXT4_HASH_LEGACY_UNSIGNED,
	EXT4_HASH_HALF_MD4_UNSIGNED,
	EXT4_HASH_TEA_UNSIGNED,
	EXT4_HASH_COUNT
};

/* A mounted file system. Filled by ext4_probe and ext4_mount; the caller owns the memory. */
struct ext4_fs {
	struct ext4_source source;
	uint32_t block_size;
	uint32_t block_bits;
	uint64_t blocks;
	uint32_t first_data_block;
	uint32_t blocks_per_group;
	uint32_t groups;
	uint32_t inodes;
	uint32_t inodes_per_group;
	uint32_t inode_size;
	uint32_t first_ino; /* first inode that is not reserved */
	uint32_t desc_size;
	uint32_t descs_per_block;
	uint32_t first_meta_bg;
	uint32_t backup_groups[2];
	uint32_t feature_compat;
	uint32_t feature_incompat;
	uint32_t feature_ro_compat;
	uint32_t csum_seed;
	uint32_t hash_seed[4];
	bool hash_unsigned;
	bool has_csum; /* metadata_csum */
	uint64_t free_blocks;
	uint64_t overhead; /* blocks that can never hold data */
	uint64_t reserved_blocks;
	uint32_t free_inodes;
	uint8_t uuid[16];
	char label[17];

	/* What the last -EUCLEAN, -EBADMSG or -EOPNOTSUPP was about. A constant text. */
	const char *why;
	uint32_t why_ino;   /* 0: none */
	uint64_t why_block; /* 0: none */
};

struct ext4_time {
	int64_t sec;
	uint32_t nsec;
};

/* A parsed inode. May be cached by the caller for as long as the disk is not written. */
struct ext4_inode_info {
	uint32_t ino;
	uint32_t generation;
	uint16_t mode; /* type and permission bits as in stat */
	uint16_t links;
	uint32_t uid;
	uint32_t gid;
	uint32_t flags;	  /* EXT4_INODE_* */
	uint64_t size;	  /* bytes */
	uint64_t sectors; /* of 512 bytes that the file occupies */
	uint32_t rdev_major;
	uint32_t rdev_minor;
	struct ext4_time atime, mtime, ctime, btime; /* btime zero where the inode has none */
	uint32_t csum_seed;
	uint8_t map[60]; /* i_block as on the disk: extent root, block map or link text */
};

#define EXT4_INODE_IMMUTABLE 0x00000010u
#define EXT4_INODE_APPEND    0x00000020u
#define EXT4_INODE_INDEX     0x00001000u
#define EXT4_INODE_EXTENTS   0x00080000u

/* Directory entry types as on the disk, and what ext4_lookup and ext4_readdir report. */
enum ext4_type {
	EXT4_TYPE_UNKNOWN,
	EXT4_TYPE_REG,
	EXT4_TYPE_DIR,
	EXT4_TYPE_CHR,
	EXT4_TYPE_BLK,
	EXT4_TYPE_FIFO,
	EXT4_TYPE_SOCK,
	EXT4_TYPE_LNK,
	EXT4_TYPE_COUNT
};

struct ext4_dirent {
	uint32_t ino;
	enum ext4_type type; /* UNKNOWN where the file system does not store it */
	const char *name;    /* not terminated; valid only during the callback */
	uint32_t name_len;
	uint64_t next; /* cursor behind this entry */
};

#define EXT4_RUN_HOLE	   1u /* nothing there: reads as zeros; pblk is 0 */
#define EXT4_RUN_UNWRITTEN 2u /* blocks are reserved at pblk, but read as zeros */

struct ext4_run {
	uint64_t pblk; /* first block on the disk */
	uint32_t len;  /* blocks, 1..max */
	uint32_t flags;
};

struct ext4_statfs {
	uint32_t block_size;
	uint64_t blocks;       /* without those that can never hold data */
	uint64_t blocks_free;  /* as the superblock says */
	uint64_t blocks_avail; /* without the reserve for root */
	uint64_t inodes;
	uint64_t inodes_free;
	uint8_t uuid[16];
};

/* Accept a file system whose journal was not replayed: what is read may be stale or torn. */
#define EXT4_PROBE_DIRTY 1u

/*
 * Check a superblock and fill *fs from it. super: the EXT4_SUPER_SIZE bytes at EXT4_SUPER_OFFSET
 * of the disk; nothing else is read. disk_bytes: size of the disk, 0 if unknown. flags:
 * EXT4_PROBE_*. reason: receives one line of text on failure, and a warning (or "") on success;
 * may be NULL with size 0. After success fs->block_size is valid, so that the caller can set up
 * its block source for ext4_mount.
 * Errors: -EINVAL no ext4 here, -EBADMSG checksum, -EUCLEAN impossible values or a journal that
 * must be replayed first, -EOPNOTSUPP a feature that is not supported.
 */
EXT4_MUST int ext4_probe(struct ext4_fs *fs, const void *super, uint64_t disk_bytes, unsigned flags,
			 char *reason, size_t reason_size);

/*
 * Attach the block source to a probed *fs and verify the way to the root directory. *source is
 * copied. Restartable. Errors as above, with the reason.
 */
EXT4_MUST int ext4_mount(struct ext4_fs *fs, const struct ext4_source *source, char *reason,
			 size_t reason_size);

/*
 * Read and verify inode ino into *info. Restartable.
 * Errors: -EINVAL no such number, -ESTALE the inode is not in use, -EUCLEAN, -EBADMSG.
 */
EXT4_MUST int ext4_inode_read(struct ext4_fs *fs, uint32_t ino, struct ext4_inode_info *info);

/*
 * Find name (len bytes, no '/' and no NUL) in directory dir. Uses the hash index where there is a
 * sound one, else reads the directory from its start. Restartable; *ino and *type are written
 * only on success. "." and ".." are found as the disk has them.
 *
 * scan: where the search stands; zeroed by the caller before the first run of a search and kept
 * between its runs. -EINPROGRESS: EXT4_STEP_BLOCKS were looked at, run again at once or later;
 * *scan has advanced.
 * Errors: -ENOENT, -ENOTDIR, -ENAMETOOLONG, -EINVAL (empty name), -EUCLEAN, -EBADMSG.
 */
struct ext4_scan {
	uint64_t next; /* directory block to look at next in a linear search */
	bool linear;   /* the index was found unusable */
};

EXT4_MUST int ext4_lookup_step(struct ext4_fs *fs, const struct ext4_inode_info *dir,
			       const char *name, size_t len, struct ext4_scan *scan, uint32_t *ino,
			       enum ext4_type *type);

/*
 * The same to its end in one call, for callers whose blocks are all in memory: a run after
 * -EAGAIN starts at the beginning and may need the whole directory in memory at once.
 */
EXT4_MUST int ext4_lookup(struct ext4_fs *fs, const struct ext4_inode_info *dir, const char *name,
			  size_t len, uint32_t *ino, enum ext4_type *type);

/*
 * Called for each entry. Returns 0 to take it and go on, or a negative errno to stop before it
 * (-ENOBUFS: the buffer is full).
 */
typedef int (*ext4_emit)(void *ctx, const struct ext4_dirent *entry);

/*
 * Give the entries of dir from *cursor on, in the order of the disk, "." and ".." among them.
 * *cursor is 0 for the start, else a value that this function left there or that an entry
 * carried in `next`; a value that the directory does not have is moved up to the next entry. It
 * stays valid across calls and mounts while the disk is not written. It is advanced past what
 * emit took.
 * Returns the number of entries taken; 0 at the end; -EINPROGRESS: none yet, but *cursor has
 * advanced, call again; -EAGAIN or another error only if none was taken.
 */
EXT4_MUST int ext4_readdir(struct ext4_fs *fs, const struct ext4_inode_info *dir, uint64_t *cursor,
			   ext4_emit emit, void *ctx);

/*
 * Copy the text of symbolic link inode to buf, at most size bytes, not terminated. Restartable.
 * Returns the length of the whole text (which may be more than size). Errors: -EINVAL not a
 * link, -EUCLEAN, -EBADMSG.
 */
EXT4_MUST int ext4_readlink(struct ext4_fs *fs, const struct ext4_inode_info *inode, void *buf,
			    size_t size);

/*
 * Where the blocks of a file from lblk on are: one run of at most max (>= 1) blocks. Restartable.
 * The end of the file is the caller's to observe (inode->size). Blocks at pblk..pblk+len-1 are
 * inside the file system. Errors: -EINVAL (max 0, or no regular file, directory or link), -EFBIG
 * lblk cannot exist, -EUCLEAN, -EBADMSG.
 */
EXT4_MUST int ext4_map(struct ext4_fs *fs, const struct ext4_inode_info *inode, uint64_t lblk,
		       uint32_t max, struct ext4_run *run);

/* Sizes and free space as the superblock had them at mount. */
void ext4_statfs(const struct ext4_fs *fs, struct ext4_statfs *st);

#endif
