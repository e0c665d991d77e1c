/* SPDX-License-Identifier: ISC */
/*
 * The on-disk format of ext4 as offsets and constants, private to lib/ext4. Fields are taken one by
 * one with get_le*: nothing on the disk is aligned for us or trusted to be.
 *
 * Spec: kernel.org, Documentation/filesystems/ext4 ("ondisk").
 */
#ifndef EXT4_FORMAT_H
#define EXT4_FORMAT_H

#include <stdint.h>

static inline uint16_t get_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void put_le32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)(v >> 16);
	p[3] = (uint8_t)(v >> 24);
}

/* Superblock. */
enum {
	SB_INODES = 0x00,
	SB_BLOCKS_LO = 0x04,
	SB_RESERVED_LO = 0x08,
	SB_FREE_BLOCKS_LO = 0x0c,
	SB_FREE_INODES = 0x10,
	SB_FIRST_DATA_BLOCK = 0x14,
	SB_LOG_BLOCK_SIZE = 0x18,
	SB_LOG_CLUSTER_SIZE = 0x1c,
	SB_BLOCKS_PER_GROUP = 0x20,
	SB_CLUSTERS_PER_GROUP = 0x24,
	SB_INODES_PER_GROUP = 0x28,
	SB_MAGIC = 0x38,
	SB_STATE = 0x3a,
	SB_REV_LEVEL = 0x4c,
	SB_FIRST_INO = 0x54,
	SB_INODE_SIZE = 0x58,
	SB_COMPAT = 0x5c,
	SB_INCOMPAT = 0x60,
	SB_RO_COMPAT = 0x64,
	SB_UUID = 0x68,
	SB_LABEL = 0x78,
	SB_HASH_SEED = 0xec,
	SB_DESC_SIZE = 0xfe,
	SB_FIRST_META_BG = 0x104,
	SB_BLOCKS_HI = 0x150,
	SB_RESERVED_HI = 0x154,
	SB_FREE_BLOCKS_HI = 0x158,
	SB_FLAGS = 0x160,
	SB_CHECKSUM_TYPE = 0x175,
	SB_OVERHEAD_CLUSTERS = 0x248,
	SB_BACKUP_GROUPS = 0x24c,
	SB_CHECKSUM_SEED = 0x270,
	SB_CHECKSUM = 0x3fc,
};

#define SB_MAGIC_VALUE	      0xef53
#define SB_STATE_CLEAN	      0x1
#define SB_STATE_ERRORS	      0x2
#define SB_FLAG_UNSIGNED_HASH 0x2

#define COMPAT_SPARSE_SUPER2 0x200u

#define INCOMPAT_COMPRESSION 0x1u
#define INCOMPAT_FILETYPE    0x2u
#define INCOMPAT_RECOVER     0x4u
#define INCOMPAT_JOURNAL_DEV 0x8u
#define INCOMPAT_META_BG     0x10u
#define INCOMPAT_EXTENTS     0x40u
#define INCOMPAT_64BIT	     0x80u
#define INCOMPAT_MMP	     0x100u
#define INCOMPAT_FLEX_BG     0x200u
#define INCOMPAT_EA_INODE    0x400u
#define INCOMPAT_DIRDATA     0x1000u
#define INCOMPAT_CSUM_SEED   0x2000u
#define INCOMPAT_LARGEDIR    0x4000u
#define INCOMPAT_INLINE_DATA 0x8000u
#define INCOMPAT_ENCRYPT     0x10000u
#define INCOMPAT_CASEFOLD    0x20000u

#define RO_COMPAT_SPARSE_SUPER	0x1u
#define RO_COMPAT_HUGE_FILE	0x8u
#define RO_COMPAT_GDT_CSUM	0x10u
#define RO_COMPAT_BIGALLOC	0x200u
#define RO_COMPAT_METADATA_CSUM 0x400u

/* Group descriptor. */
enum {
	GD_INODE_TABLE_LO = 0x08,
	GD_FLAGS = 0x12,
	GD_UNUSED_LO = 0x1c,
	GD_CHECKSUM = 0x1e,
	GD_INODE_TABLE_HI = 0x28,
	GD_UNUSED_HI = 0x32,
	GD_SIZE_MIN = 32,
	GD_SIZE_64 = 64,
};

#define GD_INODE_UNINIT 0x1

/* Inode. */
enum {
	IN_MODE = 0x00,
	IN_UID = 0x02,
	IN_SIZE_LO = 0x04,
	IN_ATIME = 0x08,
	IN_CTIME = 0x0c,
	IN_MTIME = 0x10,
	IN_GID = 0x18,
	IN_LINKS = 0x1a,
	IN_BLOCKS_LO = 0x1c,
	IN_FLAGS = 0x20,
	IN_MAP = 0x28,
	IN_GENERATION = 0x64,
	IN_SIZE_HI = 0x6c,
	IN_BLOCKS_HI = 0x74,
	IN_UID_HI = 0x78,
	IN_GID_HI = 0x7a,
	IN_CHECKSUM_LO = 0x7c,
	IN_EXTRA_SIZE = 0x80,
	IN_CHECKSUM_HI = 0x82,
	IN_CTIME_EXTRA = 0x84,
	IN_MTIME_EXTRA = 0x88,
	IN_ATIME_EXTRA = 0x8c,
	IN_CRTIME = 0x90,
	IN_CRTIME_EXTRA = 0x94,
	IN_SIZE_OLD = 128,
};

#define INODE_ENCRYPT	  0x00000800u
#define INODE_HUGE_FILE	  0x00040000u
#define INODE_INLINE_DATA 0x10000000u

#define MODE_TYPE 0170000
#define MODE_FIFO 0010000
#define MODE_CHR  0020000
#define MODE_DIR  0040000
#define MODE_BLK  0060000
#define MODE_REG  0100000
#define MODE_LNK  0120000
#define MODE_SOCK 0140000

/* Extent tree: nodes of a header and entries of 12 bytes. */
enum {
	EH_MAGIC = 0,
	EH_ENTRIES = 2,
	EH_MAX = 4,
	EH_DEPTH = 6,
	EH_SIZE = 12,
	EX_SIZE = 12,
	EI_BLOCK = 0,
	EI_LEAF_LO = 4,
	EI_LEAF_HI = 8,
	EE_BLOCK = 0,
	EE_LEN = 4,
	EE_START_HI = 6,
	EE_START_LO = 8,
};

#define EH_MAGIC_VALUE 0xf30a
#define EH_DEPTH_MAX   5
#define EE_LEN_MAX     32768 /* above: unwritten, by so many blocks */

/* Classic block map. */
#define MAP_DIRECT 12
#define MAP_LEVELS 3

/* Directory entry. */
enum {
	DE_INODE = 0,
	DE_REC_LEN = 4,
	DE_NAME_LEN = 6,
	DE_TYPE = 7,
	DE_NAME = 8,
	DE_SIZE_MIN = 12,
	DE_TAIL_SIZE = 12,
	DE_TAIL_CHECKSUM = 8,
};

#define DE_TAIL_TYPE 0xde

/* Hash index of a directory. */
enum {
	DX_ROOT_INFO = 24,
	DX_HASH_VERSION = 4, /* in the info */
	DX_INFO_LEN = 5,
	DX_LEVELS = 6,
	DX_UNUSED_FLAGS = 7,
	DX_ROOT_ENTRIES = 32,
	DX_NODE_ENTRIES = 8,
	DX_ENTRY_SIZE = 8,
	DX_LIMIT = 0, /* both in place of the first entry's hash */
	DX_COUNT = 2,
	DX_TAIL_SIZE = 8,
	DX_TAIL_CHECKSUM = 4,
};

#endif
