/* SPDX-License-Identifier: ISC */
/*
 * Symbolic links: short ones are in the inode, in place of its map, the others in one block.
 *
 * Spec: ext4 on-disk layout, "Symbolic Links".
 */
#include <errno.h>
#include <string.h>

#include "ext4/format.h"
#include "ext4/priv.h"

static int link_block(struct ext4_fs *fs, const struct ext4_inode_info *inode, const uint8_t **text)
{
	struct ext4_run run;
	int rc;

	rc = ext4_map(fs, inode, 0, 1, &run);
	if (rc < 0)
		return rc;
	if (run.flags != 0)
		return ext4_wrong(fs, -EUCLEAN, "symbolic link without a block", inode->ino, 0);
	return ext4_block_get(fs, run.pblk, text);
}

int ext4_readlink(struct ext4_fs *fs, const struct ext4_inode_info *inode, void *buf, size_t size)
{
	const uint8_t *text = inode->map;
	size_t len = (size_t)inode->size;
	int rc = 0;

	if ((inode->mode & MODE_TYPE) != MODE_LNK)
		return -EINVAL;
	if (inode->size == 0 || inode->size > EXT4_LINK_MAX || inode->size >= fs->block_size)
		return ext4_wrong(fs, -EUCLEAN, "symbolic link length", inode->ino, 0);
	if (len >= sizeof(inode->map) || (inode->flags & EXT4_INODE_EXTENTS))
		rc = link_block(fs, inode, &text);
	if (rc < 0)
		return rc;
	if (memchr(text, '\0', len) != NULL)
		return ext4_wrong(fs, -EUCLEAN, "symbolic link text", inode->ino, 0);
	memcpy(buf, text, len < size ? len : size);
	return (int)len;
}
