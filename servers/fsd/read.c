/* SPDX-License-Identifier: ISC */
/*
 * read.c: Tread: file pages from the pool to the client, piece by piece as they come.
 *
 * A read whose pages are all there is answered at once, in one piece if they lie side by side in
 * the pool. Else it is kept, and each run hands on what has come since.
 *
 * Who has the file's memory object, too, asks for what he does not find in it: vmo.c.
 */
#include <errno.h>
#include "servers/fsd/fsd.h"

/* The longest piece of [offset, offset + len) that is there and lies in one piece of the pool.
 * *again: its last page had been read before. */
static uint32_t piece_find(struct fsd *f, const struct inode *n, uint64_t offset, uint32_t len,
			   const uint8_t **data, struct page **missing, bool *again)
{
	uint32_t index = (uint32_t)(offset >> FSD_SHIFT), at = offset & (FSD_PAGE - 1), got;
	struct page *p = page_find(f, n->info.ino, index);

	*missing = p;
	*again = false;
	if (!p || p->state != PAGE_VALID)
		return 0;
	*data = (const uint8_t *)page_data(f, p) + at;
	*again = p->seen;
	page_touch(p);
	for (got = FSD_PAGE - at; got < len; got += FSD_PAGE) {
		struct page *next = p + 1;

		if (next == f->page + f->pages || next->state != PAGE_VALID ||
		    next->ino != n->info.ino || next->index != ++index)
			break;
		*again = next->seen;
		page_touch(next);
		p = next;
	}
	return got < len ? got : len;
}

/* Have what is missing read; what follows in the request as well. */
static int missing_fill(struct fsd *f, struct job *j, uint64_t offset)
{
	uint32_t first = (uint32_t)(offset >> FSD_SHIFT);
	uint32_t end = (uint32_t)((j->read.offset + j->read.count + FSD_PAGE - 1) >> FSD_SHIFT);
	int64_t r = file_fill(f, j->read.inode, first, end);

	return r < 0 ? (int)r : 0;
}

static int read_run(struct fsd *f, struct job *j)
{
	struct page *p;
	const uint8_t *data;
	bool asked = false, again;

	while (j->read.done < j->read.count) {
		uint64_t offset = j->read.offset + j->read.done;
		uint32_t left = j->read.count - j->read.done;
		uint32_t n = piece_find(f, j->read.inode, offset, left, &data, &p, &again);
		int err;

		if (n) {
			if (n == j->read.count)
				return p9_respond_data(j->req, data, n);
			err = p9_request_put(j->req, j->read.done, data, n);
			if (err)
				return err;
			j->read.done += n;
			continue;
		}
		if (p) {
			f->wait = &p->waiters;
			return -EAGAIN;
		}
		if (asked) { /* evicted at once: others have the pool */
			f->wait = &f->yielded;
			return -EAGAIN;
		}
		asked = true;
		err = missing_fill(f, j, offset);
		if (err)
			return err;
	}
	return p9_respond_put(j->req, j->read.done);
}

/* Everything is there: one look, one answer. 0: it is not. */
static int read_at_once(struct fsd *f, struct p9_request *req, struct inode *n, uint64_t offset,
			uint32_t count, bool *again)
{
	const uint8_t *data;
	struct page *p;

	if (piece_find(f, n, offset, count, &data, &p, again) != count)
		return 0;
	return p9_respond_data(req, data, count);
}

int op_read(struct p9_request *req, struct p9_fid *fid, uint64_t offset, uint32_t count)
{
	struct fsd *f = fid->session->server->ctx;
	struct inode *n = fid->node;
	struct reader *r = fid->aux;
	struct job j;
	int result;

	if (!n->loaded || !r)
		return -EIO;
	f->count.reads++;
	if (offset >= n->info.size || !count)
		return 0;
	count = count < n->info.size - offset ? count : (uint32_t)(n->info.size - offset);
	result = read_at_once(f, req, n, offset, count, &r->again);
	if (result) {
		f->count.read_hits++;
		reader_note(f, n, r, offset, count);
		if (r->pages)
			file_offer(f, n, offset, count);
		disk_kick(f);
		return result;
	}
	j = (struct job){.req = req,
			 .run = read_run,
			 .read = {.inode = n, .reader = r, .offset = offset, .count = count}};
	/* What is asked for goes first, then what will be. */
	result = missing_fill(f, &j, offset);
	if (result && result != -EAGAIN)
		return result;
	reader_note(f, n, r, offset, count);
	if (r->pages)
		file_offer(f, n, offset, count);
	return job_start(f, &j);
}
