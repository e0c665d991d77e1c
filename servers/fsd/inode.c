/* SPDX-License-Identifier: ISC */
/*
 * inode.c: inodes, the blocks that describe them, and names found lately.
 *
 * An inode lives while fids, jobs or a VMO use it; INODES_KEPT more are remembered. The disk does
 * not change, so what was read once stays right. Pages are found by inode number and outlive the
 * inode.
 *
 * Metadata is read four pages at a time: neighbours of a block are mostly wanted soon.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "servers/fsd/fsd.h"

#define CLUSTER 4u /* pages */
#define BUCKETS 4096u

int inode_init(struct fsd *f)
{
	f->inode_buckets = calloc(BUCKETS, sizeof(struct inode *));
	f->inode_mask = BUCKETS - 1;
	f->names = calloc(NAMES, sizeof(struct name));
	return f->inode_buckets && f->names ? 0 : -ENOMEM;
}

/* ---- which are in memory ------------------------------------------------------------------------
 */

struct inode *inode_known(struct fsd *f, uint32_t ino)
{
	struct inode *n = f->inode_buckets[ino & f->inode_mask];

	while (n && n->info.ino != ino)
		n = n->chain;
	return n;
}

static void idle_remove(struct fsd *f, struct inode *n)
{
	*(n->newer ? &n->newer->older : &f->idle_newest) = n->older;
	*(n->older ? &n->older->newer : &f->idle_oldest) = n->newer;
	n->newer = n->older = NULL;
	n->idle = false;
	f->idle_count--;
}

static void idle_add(struct fsd *f, struct inode *n)
{
	n->older = f->idle_newest;
	n->newer = NULL;
	*(n->older ? &n->older->newer : &f->idle_oldest) = n;
	f->idle_newest = n;
	n->idle = true;
	f->idle_count++;
}

static void inode_forget(struct fsd *f, struct inode *n)
{
	struct inode **at = &f->inode_buckets[n->info.ino & f->inode_mask];

	while (*at != n)
		at = &(*at)->chain;
	*at = n->chain;
	idle_remove(f, n);
	f->inode_count--;
	free(n);
}

/* Too many are remembered: the oldest goes. One whose VMO is in use becomes the newest instead. */
static void idle_trim(struct fsd *f)
{
	for (unsigned tries = 0; f->idle_count > INODES_KEPT && tries < 4; tries++) {
		struct inode *n = f->idle_oldest;

		if (!n->vmo || vmo_release(f, n)) {
			inode_forget(f, n);
		} else {
			idle_remove(f, n);
			idle_add(f, n);
		}
	}
}

void inodes_reclaim(struct fsd *f)
{
	for (unsigned i = 0; i < RECLAIM && i < f->idle_count; i++) {
		struct inode *n = f->idle_oldest;

		if (n->vmo)
			(void)vmo_release(f, n);
		idle_remove(f, n);
		idle_add(f, n);
	}
}

struct inode *inode_get(struct fsd *f, uint32_t ino)
{
	struct inode *n = inode_known(f, ino);

	if (!n) {
		n = calloc(1, sizeof(*n));
		if (!n)
			return NULL;
		n->info.ino = ino;
		n->chain = f->inode_buckets[ino & f->inode_mask];
		f->inode_buckets[ino & f->inode_mask] = n;
		f->inode_count++;
	}
	if (n->idle)
		idle_remove(f, n);
	n->refs++;
	return n;
}

void inode_put(struct fsd *f, struct inode *n)
{
	if (--n->refs)
		return;
	if (n->payer)
		vmo_idle(f, n);
	idle_add(f, n);
	if (f->idle_count > INODES_KEPT)
		idle_trim(f);
}

/* ---- metadata -----------------------------------------------------------------------------------
 */

/* Read what is missing of the cluster around page `index` of the disk. */
static struct page *meta_read(struct fsd *f, uint32_t index, int *err)
{
	uint32_t first = index - index % CLUSTER;
	struct build b = {.io = NULL};
	struct page *wanted = NULL, *p;

	*err = -EAGAIN;
	f->wait = &f->starved;
	if (!disk_room(f, CLUSTER + 1))
		return NULL;
	for (uint32_t i = first; i < first + CLUSTER; i++) {
		uint64_t sector = (uint64_t)i * (FSD_PAGE / SECTOR);
		uint64_t left = f->disk.sectors > sector ? f->disk.sectors - sector : 0;
		uint32_t len = left < FSD_PAGE / SECTOR ? (uint32_t)left * SECTOR : FSD_PAGE;

		if (page_find(f, 0, i) || (!len && i != index))
			continue;
		if (!len) {
			*err = -EUCLEAN; /* behind the end of the disk */
			break;
		}
		p = page_take(f, 0, i);
		if (!p)
			break;
		p->tail = (uint16_t)len;
		build_add(f, &b, sector, p, 0, len);
		wanted = i == index ? p : wanted;
	}
	build_end(f, &b);
	if (wanted && wanted->state == PAGE_READING && *err == -EAGAIN)
		f->wait = &wanted->waiters;
	return NULL;
}

struct page *meta_page(struct fsd *f, uint64_t index, int *err)
{
	struct page *p = index > UINT32_MAX ? NULL : page_find(f, 0, (uint32_t)index);

	if (!p) {
		if (index <= UINT32_MAX)
			return meta_read(f, (uint32_t)index, err);
		*err = -EUCLEAN;
		return NULL;
	}
	p->touched = f->serial;
	if (p->state == PAGE_READING) {
		f->wait = &p->waiters;
		*err = -EAGAIN;
		return NULL;
	}
	p->heat = 3;
	return p;
}

const void *meta_block(void *ctx, uint64_t blkno, int *err)
{
	struct fsd *f = ctx;
	uint64_t at = blkno << f->fs.block_bits;
	struct page *p = meta_page(f, at >> FSD_SHIFT, err);

	return p ? (uint8_t *)page_data(f, p) + (at & (FSD_PAGE - 1)) : NULL;
}

uint32_t *meta_mark(void *ctx, uint64_t blkno)
{
	struct fsd *f = ctx;
	uint64_t at = blkno << f->fs.block_bits;
	struct page *p = page_find(f, 0, (uint32_t)(at >> FSD_SHIFT));

	return &p->mark[(at & (FSD_PAGE - 1)) >> 10];
}

int fs_complain(struct fsd *f, int err)
{
	if ((err != -EUCLEAN && err != -EBADMSG && err != -EOPNOTSUPP) || !f->fs.why)
		return err;
	if (f->complaints++ < COMPLAINTS)
		fsd_say("fsd: %s: %s (inode %u, block %llu)%s", f->source, f->fs.why, f->fs.why_ino,
			(unsigned long long)f->fs.why_block,
			f->complaints == COMPLAINTS ? "; no more is told" : "");
	return -EUCLEAN;
}

int inode_load(struct fsd *f, struct inode *n)
{
	struct ext4_inode_info info;
	int err = fs_need(f);

	if (err)
		return err;
	f->serial++;
	err = ext4_inode_read(&f->fs, n->info.ino, &info);
	if (err)
		return fs_complain(f, err);
	n->info = info;
	n->loaded = true;
	return 0;
}

/* ---- names -------------------------------------------------------------------------------------
 */

static struct name *name_slot(struct fsd *f, uint32_t dir, struct p9_str s)
{
	uint32_t h = dir * 0x9e3779b1u;

	for (uint32_t i = 0; i < s.len; i++)
		h = (h ^ (uint8_t)s.ptr[i]) * 0x01000193u;
	return &f->names[(h ^ h >> 15) & (NAMES - 1)];
}

static void name_note(struct fsd *f, uint32_t dir, struct p9_str s, uint32_t ino)
{
	struct name *n;

	if (s.len > NAME_KEPT)
		return;
	n = name_slot(f, dir, s);
	n->dir = dir;
	n->ino = ino;
	n->len = (uint8_t)s.len;
	memcpy(n->text, s.ptr, s.len);
}

int inode_lookup(struct fsd *f, struct inode *dir, struct p9_str name, struct ext4_scan *scan,
		 uint32_t *ino)
{
	enum ext4_type type;
	int err;

	if (name.len <= NAME_KEPT) {
		const struct name *n = name_slot(f, dir->info.ino, name);

		if (n->dir == dir->info.ino && n->len == name.len &&
		    !memcmp(n->text, name.ptr, name.len)) {
			*ino = n->ino;
			return 0;
		}
	}
	f->serial++;
	err = ext4_lookup_step(&f->fs, &dir->info, name.ptr, name.len, scan, ino, &type);
	if (err == -EINPROGRESS) {
		f->wait = &f->yielded;
		return -EAGAIN;
	}
	if (err)
		return fs_complain(f, err);
	name_note(f, dir->info.ino, name, *ino);
	return 0;
}
