/* SPDX-License-Identifier: ISC */
/*
 * vmo.c: files as memory objects. A file's VMO is made when somebody asks for it first; its pages
 * are the pool's, supplied when they are touched and taken out before the pool uses them again.
 *
 * Clients get READ, MAP and EXECUTE and can change nothing. The kernel does not say when the last
 * of them is gone: the VMO is looked at when its inode would be forgotten.
 *
 * Faults in sequence double what is supplied and read ahead, as reads do.
 *
 * Who reads a file much gets its VMO to read from, with READ alone: the disk does not change, so
 * its bytes and its size are what a Tread would find. He reads what is in the VMO and asks for the
 * rest, and that is put in when he does, if it had been read before: a page that is read once never
 * stands in a VMO for it. What the clock has taken out he asks for, so that the pages which are in
 * use are seen to be.
 */
#include <errno.h>
#include "servers/fsd/fsd.h"

#define SUPPLY_MIN  16u /* pages at a fault, as far as they are there */
#define SUPPLY_MAX  256u
#define EVICT_MAX   64u
#define FAULT_BATCH 32u

/* Whoever asks first pays, until it is seen that nobody uses it. Who has had his share may have let
 * go of some. */
static int vmo_charge(struct fsd *f, struct p9_request *req, struct p9_peer **payer)
{
	int err = p9_request_charge(req, VMO_COST, payer);

	for (uint32_t looked = 0; err && looked < f->idle_count; looked += RECLAIM) {
		inodes_reclaim(f);
		err = p9_request_charge(req, VMO_COST, payer);
	}
	return err;
}

static int vmo_make(struct fsd *f, struct p9_request *req, struct inode *n)
{
	uint32_t pages = file_pages(n);
	struct p9_peer *payer;
	int err;

	if (f->vmo_count >= VMOS_MAX)
		inodes_reclaim(f);
	err = vmo_charge(f, req, &payer);
	if (err)
		return err;
	err = fsd_vmo_make(f, n, (uint64_t)(pages ? pages : 1) << FSD_SHIFT);
	if (err) {
		p9_peer_uncharge(f->server, payer, VMO_COST);
		return err;
	}
	n->payer = payer;
	f->vmo_count++;
	return 0;
}

static int vmo_give(struct p9_request *req, struct inode *n, uint32_t rights, handle_t *out)
{
	struct fsd *f = req->session->server->ctx;
	int64_t h;
	int err = 0;

	f->server = req->session->server;
	if (!n->vmo)
		err = vmo_make(f, req, n);
	else if (!n->payer)
		err = vmo_charge(f, req, &n->payer);
	if (err)
		return err;
	h = fsd_vmo_dup(n, rights);
	if (h < 0)
		return (int)h;
	*out = (handle_t)h;
	return 0;
}

int file_vmo(struct p9_request *req, struct inode *n, uint32_t prot, handle_t *out)
{
	uint32_t rights = RIGHT_READ | RIGHT_MAP | RIGHT_GRANT;

	return vmo_give(req, n, rights | (prot & PROT_X ? RIGHT_EXECUTE : 0), out);
}

int file_pages_give(struct p9_request *req, struct inode *n, struct reader *r, handle_t *out)
{
	int err = r->again ? vmo_give(req, n, RIGHT_READ | RIGHT_GRANT, out) : -EAGAIN;

	r->pages = !err;
	return err;
}

void vmo_idle(struct fsd *f, struct inode *n)
{
	if (fsd_vmo_used(n))
		return;
	p9_peer_uncharge(f->server, n->payer, VMO_COST);
	n->payer = NULL;
}

/* ---- supply ------------------------------------------------------------------------------------
 */

/* Pages from index on, at most max, that are there, not supplied, and side by side in the pool;
 * with `seen`, that have been read. */
static uint32_t run_find(struct fsd *f, const struct inode *n, uint32_t index, uint32_t max,
			 bool seen, struct page **first)
{
	struct page *p = page_find(f, n->info.ino, index);
	uint32_t count = 0;

	*first = p;
	while (p && count < max && p < f->page + f->pages && p->state == PAGE_VALID &&
	       !p->supplied && (p->seen || !seen) && p->ino == n->info.ino &&
	       p->index == index + count) {
		count++;
		p++;
	}
	return count;
}

static int supply(struct fsd *f, struct inode *n, uint32_t index, uint32_t max, bool seen,
		  uint32_t *end)
{
	struct page *p;
	uint32_t count;

	*end = index;
	while (max && (count = run_find(f, n, *end, max, seen, &p))) {
		uint64_t at = (uint64_t)(p - f->page) << FSD_SHIFT;
		int64_t r = fsd_supply(f, n, (uint64_t)*end << FSD_SHIFT,
				       (uint64_t)count << FSD_SHIFT, at);

		if (r < 0 && r != -EEXIST)
			return (int)r;
		for (uint32_t i = 0; i < count; i++) {
			p[i].supplied = true;
			if (seen) /* its next reading will not be told */
				page_touch(&p[i]);
		}
		n->supplied += count;
		f->count.supplied += count;
		*end += count;
		max -= count;
	}
	return 0;
}

void file_offer(struct fsd *f, struct inode *n, uint64_t offset, uint32_t len)
{
	uint32_t index = (uint32_t)(offset >> FSD_SHIFT), stop = index + SUPPLY_MAX, end;
	uint32_t last = (uint32_t)((offset + len - 1) >> FSD_SHIFT);
	const struct page *p;

	while (index < stop) {
		p = page_find(f, n->info.ino, index);
		if (!p || p->state != PAGE_VALID || !p->seen)
			break;
		if (p->supplied) {
			if (index++ >= last)
				break; /* what follows was put in with it */
			continue;
		}
		if (supply(f, n, index, stop - index, true, &end) || end == index)
			break;
		f->count.offered += end - index;
		index = end;
	}
}

/* A fault at `index` starts: what is it a part of? */
static void fault_note(struct fsd *f, struct inode *n, uint32_t index)
{
	uint32_t most = f->pages / 8 < WINDOW_MAX ? f->pages / 8 : WINDOW_MAX;

	if (index != n->fault_next) {
		n->fault_window = SUPPLY_MIN;
		return;
	}
	n->fault_window *= 2;
	if (n->fault_window < WINDOW_MIN)
		n->fault_window = WINDOW_MIN;
	if (n->fault_window > most)
		n->fault_window = most;
}

static uint32_t fault_end_page(const struct inode *n, uint32_t index)
{
	uint32_t pages = file_pages(n);

	return pages - index < n->fault_window ? pages : index + n->fault_window;
}

static int fault_run(struct fsd *f, struct job *j)
{
	struct inode *n = j->fault.inode;
	uint32_t index = j->fault.page, end;
	struct page *p = page_find(f, n->info.ino, index);
	int64_t r;

	if (!p) {
		r = file_fill(f, n, index, fault_end_page(n, index));
		if (r < 0)
			return (int)r;
		p = page_find(f, n->info.ino, index);
	}
	if (!p || p->state != PAGE_VALID) {
		f->wait = p ? &p->waiters : &f->yielded;
		return -EAGAIN;
	}
	if (p->supplied)
		return 0;
	page_touch(p);
	r = supply(f, n, index, n->fault_window < SUPPLY_MAX ? n->fault_window : SUPPLY_MAX, false,
		   &end);
	if (r)
		return (int)r;
	n->fault_next = end;
	if (n->fault_window > SUPPLY_MIN && end < file_pages(n)) {
		r = file_fill(f, n, end, fault_end_page(n, end));
		f->wait = NULL; /* nobody waits for this */
	}
	return 0;
}

static void fault_end(struct fsd *f, struct job *j, int err)
{
	struct inode *n = j->fault.inode;

	if (err && n->vmo && fsd_fault_fail(n, (uint64_t)j->fault.page << FSD_SHIFT, err) < 0)
		fsd_say("fsd: %s: a page fault could not be answered", f->source);
	inode_put(f, n);
}

static void fault_start(struct fsd *f, struct inode *n, uint64_t offset)
{
	struct job j = {.run = fault_run,
			.end = fault_end,
			.fault = {.inode = n, .page = (uint32_t)(offset >> FSD_SHIFT)}};

	f->count.faults++;
	n->refs++;
	if (!n->loaded || offset >= n->info.size) {
		fault_end(f, &j, -EIO);
		return;
	}
	fault_note(f, n, j.fault.page);
	if (job_spawn(f, &j))
		fault_end(f, &j, -ENOMEM);
}

void file_faults(struct fsd *f, struct inode *n)
{
	struct pager_request requests[FAULT_BATCH];
	int64_t count;

	if (n->idle)
		n = inode_get(f, n->info.ino);
	else
		n->refs++;
	do {
		count = fsd_fault_next(n, requests, FAULT_BATCH);
		for (int64_t i = 0; i < count; i++)
			fault_start(f, n, requests[i].offset);
	} while (count == FAULT_BATCH);
	inode_put(f, n);
}

/* ---- taking back -------------------------------------------------------------------------------
 */

void page_unsupply(struct fsd *f, struct page *p)
{
	struct inode *n = inode_known(f, p->ino);
	uint32_t count = 1;

	if (!n || !n->vmo) {
		p->supplied = false;
		return;
	}
	while (count < EVICT_MAX && p + count < f->page + f->pages && p[count].supplied &&
	       p[count].ino == p->ino && p[count].index == p->index + count)
		count++;
	if (fsd_evict(n, (uint64_t)p->index << FSD_SHIFT, (uint64_t)count << FSD_SHIFT) < 0)
		return;
	for (uint32_t i = 0; i < count; i++)
		p[i].supplied = false;
	n->supplied -= count;
}

bool vmo_release(struct fsd *f, struct inode *n)
{
	if (fsd_vmo_used(n))
		return false;
	fsd_vmo_close(f, n);
	p9_peer_uncharge(f->server, n->payer, VMO_COST);
	n->payer = NULL;
	f->vmo_count--;
	for (uint32_t i = 0; i < f->pages && n->supplied; i++) {
		struct page *p = &f->page[i];

		if (!p->supplied || p->ino != n->info.ino)
			continue;
		p->supplied = false;
		n->supplied--;
	}
	return true;
}
