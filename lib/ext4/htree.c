/* SPDX-License-Identifier: ISC */
/*
 * The hash index of a directory: a tree of up to three levels whose entries say from which hash on
 * names are in which block. Names with one hash may go on in the next leaf.
 *
 * Any doubt about the index is an error here; the caller then reads the directory linearly, so that
 * a damaged index costs time and not files.
 *
 * Invariant: the number of levels is fixed before the walk, and at most CHAIN_MAX leaves are looked
 * at, so that the walk ends whatever the blocks say.
 *
 * Spec: ext4 on-disk layout, "Hash Tree Directories".
 */
#include <errno.h>

#include "ext4/format.h"
#include "ext4/priv.h"

#define LEVELS_MAX 3
#define CHAIN_MAX  8 /* leaves over which the names of one hash may spread */

/* A node on the way down, and the entry of it that was taken. */
struct frame {
	const uint8_t *entries;
	uint32_t count;
	uint32_t at;
};

struct walk {
	struct ext4_fs *fs;
	const struct ext4_inode_info *dir;
	uint64_t blocks; /* of the directory */
	unsigned levels;
	struct frame frame[LEVELS_MAX];
};

static uint32_t entry_hash(const struct frame *frame, uint32_t i)
{
	/* The first entry holds limit and count in place of the hash, which is 0. */
	return i == 0 ? 0 : get_le32(frame->entries + i * DX_ENTRY_SIZE);
}

static uint32_t entry_block(const struct frame *frame, uint32_t i)
{
	return get_le32(frame->entries + i * DX_ENTRY_SIZE + 4) & 0x0fffffff;
}

static int wrong(const struct walk *walk, const char *why, const struct dir_block *block)
{
	return ext4_wrong(walk->fs, -EUCLEAN, why, walk->dir->ino, block->pblk);
}

static bool entries_ok(const struct walk *walk, const struct frame *frame)
{
	for (uint32_t i = 0; i < frame->count; i++) {
		uint32_t block = entry_block(frame, i);

		if (block == 0 || block >= walk->blocks)
			return false;
		if (i > 0 && entry_hash(frame, i) < entry_hash(frame, i - 1))
			return false;
	}
	return true;
}

/* Verify an index node and set up its frame. */
static int open_node(const struct walk *walk, const struct dir_block *block, uint32_t start,
		     struct frame *frame)
{
	struct ext4_fs *fs = walk->fs;
	uint32_t room = fs->block_size - start - (fs->has_csum ? DX_TAIL_SIZE : 0);
	uint32_t limit = get_le16(block->data + start + DX_LIMIT);
	int rc;

	*frame = (struct frame){.entries = block->data + start};
	frame->count = get_le16(frame->entries + DX_COUNT);
	if (limit != room / DX_ENTRY_SIZE || frame->count == 0 || frame->count > limit)
		return wrong(walk, "directory index limits", block);
	if (ext4_block_known(fs, block->pblk, BLOCK_DIR_INDEX, walk->dir->csum_seed))
		return 0;
	rc = ext4_dir_index_verify(fs, walk->dir, block, start);
	if (rc < 0)
		return rc;
	if (!entries_ok(walk, frame))
		return wrong(walk, "directory index entries", block);
	ext4_block_learn(fs, block->pblk, BLOCK_DIR_INDEX, walk->dir->csum_seed);
	return 0;
}

static int open_root(struct walk *walk, enum ext4_hash *version)
{
	const uint8_t *info;
	struct dir_block block;
	unsigned hash;
	int rc;

	rc = ext4_dir_block_get(walk->fs, walk->dir, 0, &block);
	if (rc < 0)
		return rc;
	info = block.data + DX_ROOT_INFO;
	hash = info[DX_HASH_VERSION];
	if (hash <= EXT4_HASH_TEA && walk->fs->hash_unsigned)
		hash += EXT4_HASH_LEGACY_UNSIGNED;
	walk->levels = info[DX_LEVELS] + 1u;
	if (info[DX_INFO_LEN] != DX_ROOT_ENTRIES - DX_ROOT_INFO || info[DX_UNUSED_FLAGS] & 1 ||
	    walk->levels > LEVELS_MAX)
		return wrong(walk, "directory index root", &block);
	if (hash >= EXT4_HASH_COUNT)
		return ext4_wrong(walk->fs, -EOPNOTSUPP, "directory hash version", walk->dir->ino,
				  block.pblk);
	*version = (enum ext4_hash)hash;
	return open_node(walk, &block, DX_ROOT_ENTRIES, &walk->frame[0]);
}

/* Open the node that the frame above points to, as frame i. */
static int open_below(struct walk *walk, unsigned i)
{
	const struct frame *above = &walk->frame[i - 1];
	struct dir_block block;
	int rc;

	rc = ext4_dir_block_get(walk->fs, walk->dir, entry_block(above, above->at), &block);
	if (rc < 0)
		return rc;
	return open_node(walk, &block, DX_NODE_ENTRIES, &walk->frame[i]);
}

/* The last entry whose hash is not above. */
static uint32_t choose(const struct frame *frame, uint32_t hash)
{
	uint32_t a = 1, b = frame->count;

	while (a < b) {
		uint32_t mid = a + (b - a) / 2;

		if (entry_hash(frame, mid) <= hash)
			a = mid + 1;
		else
			b = mid;
	}
	return a - 1;
}

static int descend(struct walk *walk, uint32_t hash)
{
	int rc = 0;

	for (unsigned i = 0; i < walk->levels && rc == 0; i++) {
		if (i > 0)
			rc = open_below(walk, i);
		if (rc == 0)
			walk->frame[i].at = choose(&walk->frame[i], hash);
	}
	return rc;
}

/* Step to the leaf behind the current one, if names with this hash go on there. 1, 0 or an error.
 */
static int advance(struct walk *walk, uint32_t hash)
{
	unsigned i = walk->levels;

	do {
		if (i == 0)
			return 0;
		i--;
	} while (++walk->frame[i].at >= walk->frame[i].count);
	if ((entry_hash(&walk->frame[i], walk->frame[i].at) & ~1u) != hash)
		return 0;
	for (i++; i < walk->levels; i++) {
		int rc = open_below(walk, i);

		if (rc < 0)
			return rc;
		walk->frame[i].at = 0;
	}
	return 1;
}

static int search_leaf(struct walk *walk, const char *name, size_t len, uint32_t *ino,
		       enum ext4_type *type)
{
	const struct frame *last = &walk->frame[walk->levels - 1];
	uint32_t lblk = entry_block(last, last->at);
	struct dir_block block;
	int rc;

	if (lblk == 0 || lblk >= walk->blocks)
		return ext4_wrong(walk->fs, -EUCLEAN, "directory index leaf", walk->dir->ino, 0);
	rc = ext4_dir_block_read(walk->fs, walk->dir, lblk, &block);
	if (rc < 0)
		return rc;
	if (block.index)
		return wrong(walk, "directory index node where names should be", &block);
	return ext4_dir_block_find(walk->fs, walk->dir, &block, name, len, ino, type);
}

int ext4_index_lookup(struct ext4_fs *fs, const struct ext4_inode_info *dir, const char *name,
		      size_t len, uint32_t *ino, enum ext4_type *type)
{
	struct walk walk = {.fs = fs, .dir = dir, .blocks = dir->size >> fs->block_bits};
	enum ext4_hash version = EXT4_HASH_COUNT;
	uint32_t hash;
	int rc;

	rc = open_root(&walk, &version);
	if (rc < 0)
		return rc;
	hash = ext4_name_hash(version, fs->hash_seed, name, len);
	rc = descend(&walk, hash);
	for (unsigned step = 0; rc >= 0 && step < CHAIN_MAX; step++) {
		rc = search_leaf(&walk, name, len, ino, type);
		if (rc != -ENOENT)
			return rc;
		rc = advance(&walk, hash);
		if (rc == 0)
			return -ENOENT;
	}
	if (rc < 0)
		return rc;
	return ext4_wrong(fs, -EUCLEAN, "directory index: too many names of one hash", dir->ino, 0);
}
