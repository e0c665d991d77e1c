/* SPDX-License-Identifier: ISC */
/*
 * Extent trees. A node is a header and sorted entries; the root is in the inode, the other nodes
 * are blocks with a checksum behind their entries. Index entries lead down, leaf entries are runs.
 *
 * A lookup carries the range [lo, hi) of file blocks that the node is responsible for, so that
 * nodes which claim more than their parent gave them are found, and a hole's length is known
 * without looking at neighbours.
 *
 * Invariant: the depth falls by one at each step, so that a walk ends after at most EH_DEPTH_MAX
 * blocks whatever the blocks say.
 *
 * Spec: ext4 on-disk layout, "Extent Tree".
 */
#include <errno.h>

#include "ext4/crc.h"
#include "ext4/format.h"
#include "ext4/priv.h"

struct node {
	const uint8_t *data;
	uint64_t pblk; /* 0: the root */
	uint32_t entries;
	uint32_t max;
	uint32_t depth;
	uint64_t lo, hi;
};

static const uint8_t *entry_at(const struct node *node, uint32_t i)
{
	return node->data + EH_SIZE + i * EX_SIZE;
}

static uint64_t index_child(const uint8_t *e)
{
	return get_le32(e + EI_LEAF_LO) | (uint64_t)get_le16(e + EI_LEAF_HI) << 32;
}

static uint64_t leaf_start(const uint8_t *e)
{
	return get_le32(e + EE_START_LO) | (uint64_t)get_le16(e + EE_START_HI) << 32;
}

static uint32_t leaf_len(const uint8_t *e)
{
	uint32_t len = get_le16(e + EE_LEN);

	return len > EE_LEN_MAX ? len - EE_LEN_MAX : len;
}

/* Header fields against the room that there is. */
static bool read_header(struct node *node, uint32_t room)
{
	node->entries = get_le16(node->data + EH_ENTRIES);
	node->max = get_le16(node->data + EH_MAX);
	node->depth = get_le16(node->data + EH_DEPTH);
	return get_le16(node->data + EH_MAGIC) == EH_MAGIC_VALUE && node->max != 0 &&
	       node->max <= (room - EH_SIZE) / EX_SIZE && node->entries <= node->max &&
	       node->depth <= EH_DEPTH_MAX && (node->entries != 0 || node->depth == 0);
}

/* Entries ascend, do not overlap, stay in the node's range, and point into the file system. */
static bool entries_ok(const struct ext4_fs *fs, const struct node *node)
{
	uint64_t next = node->lo;

	for (uint32_t i = 0; i < node->entries; i++) {
		const uint8_t *e = entry_at(node, i);
		uint64_t block = get_le32(e + EE_BLOCK);
		uint64_t len = node->depth == 0 ? leaf_len(e) : 1;
		uint64_t start = node->depth == 0 ? leaf_start(e) : index_child(e);

		if (block < next || len == 0 || !ext4_blocks_ok(fs, start, len))
			return false;
		next = block + len;
		if (next > node->hi)
			return false;
	}
	return true;
}

static int open_root(struct ext4_fs *fs, const struct ext4_inode_info *inode, struct node *node)
{
	*node = (struct node){.data = inode->map, .hi = 1ull << 32};
	if (!read_header(node, sizeof(inode->map)) || !entries_ok(fs, node))
		return ext4_wrong(fs, -EUCLEAN, "extent tree root", inode->ino, 0);
	return 0;
}

int ext4_extent_root_check(struct ext4_fs *fs, const struct ext4_inode_info *inode)
{
	struct node node;

	return open_root(fs, inode, &node);
}

static int verify_node(struct ext4_fs *fs, const struct ext4_inode_info *inode,
		       const struct node *node)
{
	uint32_t tail = EH_SIZE + node->max * EX_SIZE;

	if (!fs->has_csum)
		return 0;
	if (tail + 4 > fs->block_size)
		return ext4_wrong(fs, -EUCLEAN, "extent node", inode->ino, node->pblk);
	if (get_le32(node->data + tail) != ext4_crc32c(inode->csum_seed, node->data, tail))
		return ext4_wrong(fs, -EBADMSG, "extent node checksum", inode->ino, node->pblk);
	return 0;
}

/* Read the child at pblk, responsible for [lo, hi), of a node of that depth. */
static int open_child(struct ext4_fs *fs, const struct ext4_inode_info *inode, uint64_t pblk,
		      uint32_t depth, uint64_t lo, uint64_t hi, struct node *node)
{
	int rc;

	*node = (struct node){.pblk = pblk, .lo = lo, .hi = hi};
	rc = ext4_block_get(fs, pblk, &node->data);
	if (rc < 0)
		return rc;
	if (!read_header(node, fs->block_size) || node->depth + 1 != depth)
		return ext4_wrong(fs, -EUCLEAN, "extent node header", inode->ino, pblk);
	if (ext4_block_known(fs, pblk, BLOCK_EXTENTS, inode->csum_seed))
		return 0;
	rc = verify_node(fs, inode, node);
	if (rc < 0)
		return rc;
	if (!entries_ok(fs, node))
		return ext4_wrong(fs, -EUCLEAN, "extent node entries", inode->ino, pblk);
	ext4_block_learn(fs, pblk, BLOCK_EXTENTS, inode->csum_seed);
	return 0;
}

/* The number of entries that begin at or before lblk; the last of them is the candidate. */
static uint32_t entries_upto(const struct node *node, uint32_t lblk)
{
	uint32_t a = 0, b = node->entries;

	while (a < b) {
		uint32_t mid = a + (b - a) / 2;

		if (get_le32(entry_at(node, mid) + EE_BLOCK) <= lblk)
			a = mid + 1;
		else
			b = mid;
	}
	return a;
}

static void set_hole(uint64_t lblk, uint64_t end, uint32_t max, struct ext4_run *run)
{
	uint64_t len = end > lblk ? end - lblk : 1;

	*run = (struct ext4_run){0, len < max ? (uint32_t)len : max, EXT4_RUN_HOLE};
}

/* The entry that lblk may lie in; behind it there is a hole up to `end`. Each field is taken once:
 * the block may change meanwhile. */
static int read_leaf(struct ext4_fs *fs, const struct ext4_inode_info *inode, const uint8_t *e,
		     uint32_t lblk, uint64_t end, uint32_t max, struct ext4_run *run)
{
	uint32_t skip = lblk - get_le32(e + EE_BLOCK), raw = get_le16(e + EE_LEN);
	uint32_t len = raw > EE_LEN_MAX ? raw - EE_LEN_MAX : raw;
	uint64_t start = leaf_start(e);

	if (skip >= len) {
		set_hole(lblk, end, max, run);
		return 0;
	}
	if (!ext4_blocks_ok(fs, start, len))
		return ext4_wrong(fs, -EUCLEAN, "extent", inode->ino, start);
	run->pblk = start + skip;
	run->len = len - skip < max ? len - skip : max;
	run->flags = raw > EE_LEN_MAX ? EXT4_RUN_UNWRITTEN : 0;
	return 0;
}

int ext4_map_extents(struct ext4_fs *fs, const struct ext4_inode_info *inode, uint32_t lblk,
		     uint32_t max, struct ext4_run *run)
{
	struct node node;
	int rc;

	rc = open_root(fs, inode, &node);
	while (rc == 0) {
		uint32_t n = entries_upto(&node, lblk);
		uint64_t end = node.hi;
		const uint8_t *e;

		if (n < node.entries)
			end = get_le32(entry_at(&node, n) + EE_BLOCK);
		if (n == 0) {
			set_hole(lblk, end, max, run);
			return 0;
		}
		e = entry_at(&node, n - 1);
		if (node.depth == 0)
			return read_leaf(fs, inode, e, lblk, end, max, run);
		rc = open_child(fs, inode, index_child(e), node.depth, get_le32(e + EI_BLOCK), end,
				&node);
	}
	return rc;
}
