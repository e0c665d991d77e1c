/* SPDX-License-Identifier: ISC */
/*
 * fill.c: pages of files: where their blocks are, and having them read.
 *
 * A page is one block, or up to four smaller ones that may lie anywhere. Holes, unwritten extents
 * and what lies behind the end of the file are zeros; a page of nothing else is valid at once.
 *
 * Read-ahead: who reads where he stopped gets a window that doubles from 128 KiB to 2 MiB (and at
 * most an eighth of the pool), and is refilled when half of it is left.
 */
#include <errno.h>
#include <string.h>
#include "servers/fsd/fsd.h"

#define BLOCKS_A_PAGE 4u
#define RUN_MAX	      (1u << 15)

/* Where block lblk of the file is: the sector, or 0 for zeros. */
static int block_find(struct fsd *f, struct inode *n, uint64_t lblk, uint64_t *sector)
{
	int err;

	if (lblk - n->run_at >= n->run.len) {
		struct ext4_run run;

		f->serial++;
		err = ext4_map(&f->fs, &n->info, lblk, RUN_MAX, &run);
		if (err)
			return fs_complain(f, err);
		n->run = run;
		n->run_at = lblk;
	}
	*sector = n->run.flags ? 0 : (n->run.pblk + (lblk - n->run_at)) << (f->fs.block_bits - 9);
	return 0;
}

/* Sectors of the page's blocks; 0: zeros. Returns how many blocks, or an error. */
static int page_blocks(struct fsd *f, struct inode *n, uint32_t index,
		       uint64_t sectors[BLOCKS_A_PAGE])
{
	uint32_t shift = FSD_SHIFT - f->fs.block_bits, count = 1u << shift;
	uint64_t first = (uint64_t)index << shift;
	uint64_t blocks = (n->info.size + f->fs.block_size - 1) >> f->fs.block_bits;
	int err;

	for (uint32_t i = 0; i < count; i++) {
		sectors[i] = 0;
		err = first + i < blocks ? block_find(f, n, first + i, &sectors[i]) : 0;
		if (err)
			return err;
	}
	return (int)count;
}

static int page_fill(struct fsd *f, struct inode *n, uint32_t index, struct build *b)
{
	uint64_t sectors[BLOCKS_A_PAGE], left = n->info.size - ((uint64_t)index << FSD_SHIFT);
	uint32_t size = f->fs.block_size;
	struct page *p;
	int count;

	f->wait = &f->starved;
	if (!disk_room(f, IO_A_PAGE))
		return -EAGAIN;
	count = page_blocks(f, n, index, sectors);
	if (count < 0)
		return count;
	p = page_take(f, n->info.ino, index);
	if (!p)
		return -EAGAIN;
	if (left < FSD_PAGE)
		p->tail = (uint16_t)left;
	for (int i = 0; i < count; i++) {
		uint32_t at = (uint32_t)i * size;

		if (sectors[i])
			build_add(f, b, sectors[i], p, at, size);
		else
			memset((uint8_t *)page_data(f, p) + at, 0, size);
	}
	if (!p->pending)
		page_done(f, p);
	return 0;
}

int64_t file_fill(struct fsd *f, struct inode *n, uint32_t first, uint32_t end)
{
	struct build b = {.io = NULL};
	uint32_t i;
	int64_t err = 0;

	f->serial++;
	for (i = first; i < end; i++) {
		if (page_find(f, n->info.ino, i))
			continue;
		err = page_fill(f, n, i, &b);
		if (err)
			break;
	}
	build_end(f, &b);
	return i == first && err ? err : (int64_t)i;
}

void reader_note(struct fsd *f, struct inode *n, struct reader *r, uint64_t offset, uint32_t len)
{
	uint32_t most = f->pages / 8 < WINDOW_MAX ? f->pages / 8 : WINDOW_MAX;
	uint32_t at = (uint32_t)((offset + len) >> FSD_SHIFT), pages = file_pages(n), end;
	int64_t to;

	if (offset != r->next) {
		r->window = 0;
		r->ahead = 0;
		r->next = offset + len;
		return;
	}
	r->next = offset + len;
	if (r->ahead > at + r->window / 2 || r->ahead >= pages)
		return;
	r->window = r->window ? r->window * 2 : WINDOW_MIN;
	r->window = r->window < most ? r->window : most;
	if (r->ahead < at)
		r->ahead = at;
	end = pages - at < r->window ? pages : at + r->window;
	if (r->ahead >= end)
		return;
	to = file_fill(f, n, r->ahead, end);
	f->wait = NULL; /* nobody waits for this */
	if (to > 0)
		r->ahead = (uint32_t)to;
}
