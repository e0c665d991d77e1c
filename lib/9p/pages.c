/* SPDX-License-Identifier: ISC */
/*
 * pages.c: reading a file from its server's cache without asking the server.
 *
 * A server whose files cannot change gives a file's pages away as a memory object (kind PAGES,
 * docs/extensions.md). What is in it is copied to the reader by one call of the kernel, which does
 * not wait: where a page is missing, or the server is gone, the read is an ordinary message, which
 * finds the file again and tells errors. So it brings no error, no wait and no byte that the
 * message would not bring. The end of the file, too, is always told by a message: only what lies
 * before the size that came with the handle is read here, and that size is the file's as long as
 * the handle is of use.
 *
 * When: the server is asked once a file has had AFTER large reads, and says "not now" until what
 * is read has been read before. A file that is read through once, or is small, so costs nothing
 * worth counting. A page that is missing puts off the next try by as many large reads as misses
 * came one behind the other, in powers of two: meanwhile the server learns what is in use, and puts
 * it in. A refusal is for good.
 *
 * Handles: at most P9_PAGES_MAX of them, and none when another call finds the process's table full.
 * So a file's handle may be taken away by another thread: who uses it takes it out meanwhile.
 */
#include <errno.h>
#include "9p/client_private.h"

#define AFTER	  8u
#define PAUSE_MAX 64u

/* So many large reads by messages, then another look. */
static void look_after(struct p9_pages *p, uint32_t reads)
{
	p->state = P9_PAGES_REST;
	p->wait = reads;
}

static void look_later(struct p9_pages *p)
{
	look_after(p, p->pause);
	p->pause = p->pause < PAUSE_MAX ? p->pause * 2 : PAUSE_MAX;
}

void p9_pages_init(struct p9_file *f)
{
	f->pages = (struct p9_pages){.pause = AFTER};
	look_after(&f->pages, f->conn->link->ops->copy ? AFTER : 0);
}

static bool slot_take(struct p9_client *c, struct p9_file *f)
{
	bool found = false;

	p9_client_lock(c);
	for (unsigned i = 0; i < P9_PAGES_MAX && !found; i++) {
		found = !c->pages[i];
		if (found)
			c->pages[i] = f;
	}
	p9_client_unlock(c);
	return found;
}

static void slot_give(struct p9_client *c, const struct p9_file *f)
{
	p9_client_lock(c);
	for (unsigned i = 0; i < P9_PAGES_MAX; i++)
		if (c->pages[i] == f)
			c->pages[i] = NULL;
	p9_client_unlock(c);
}

static uint32_t handle_take(struct p9_file *f)
{
	return __atomic_exchange_n(&f->pages.handle, 0, __ATOMIC_ACQ_REL);
}

static void handle_give(struct p9_file *f, uint32_t handle)
{
	__atomic_store_n(&f->pages.handle, handle, __ATOMIC_RELEASE);
}

void p9_pages_drop(struct p9_file *f)
{
	uint32_t handle;

	if (!f->pages.slot)
		return;
	f->pages.slot = false;
	f->pages.pause = AFTER;
	look_after(&f->pages, AFTER);
	slot_give(f->client, f); /* from now on it is nobody else's */
	handle = handle_take(f);
	if (handle)
		f->conn->link->ops->drop(f->conn->link, handle);
}

bool p9_pages_drop_all(struct p9_client *c)
{
	bool any = false;

	p9_client_lock(c);
	for (unsigned i = 0; i < P9_PAGES_MAX; i++) {
		struct p9_file *f = c->pages[i];
		uint32_t handle = f ? handle_take(f) : 0;

		if (handle)
			f->conn->link->ops->drop(f->conn->link, handle);
		any = any || handle;
	}
	p9_client_unlock(c);
	return any;
}

static int ask(struct p9_file *f, uint64_t deadline)
{
	struct p9_tmsg t = {.type = P9_TGETHANDLE};
	struct p9_rpc rpc = {.deadline = deadline};
	struct p9_rmsg r;
	int err;

	t.gethandle.kind = P9_HANDLE_PAGES;
	t.gethandle.arg = 0;
	err = p9_file_call(f, NULL, NULL, &t, &r, &rpc, true);
	if (err)
		return err;
	if (!rpc.handle || r.gethandle.kind != P9_HANDLE_PAGES) {
		if (rpc.handle)
			f->conn->link->ops->drop(f->conn->link, rpc.handle);
		return -EPROTO;
	}
	f->pages.size = r.gethandle.value;
	handle_give(f, rpc.handle);
	return 0;
}

static bool is_later(int err)
{
	return err == -EAGAIN || err == -ERESTART || err == -ETIMEDOUT || err == -EINTR;
}

/* f has no handle. */
static void ask_again(struct p9_file *f, uint64_t deadline)
{
	struct p9_pages *p = &f->pages;
	int err;

	if (f->qid.type || (f->oflags & P9_O_ACCMODE) != P9_O_RDONLY)
		return;
	if (!slot_take(f->client, f)) {
		look_later(p);
		return;
	}
	err = ask(f, deadline);
	if (!err) {
		p->slot = true;
		p->state = P9_PAGES_READY;
		p->pause = 1;
		return;
	}
	slot_give(f->client, f);
	if (is_later(err))
		look_later(p);
}

static void look(struct p9_file *f, uint64_t *deadline)
{
	if (f->pages.slot) {
		f->pages.state = P9_PAGES_READY;
		return;
	}
	f->pages.state = P9_PAGES_REST;
	*deadline = p9_file_deadline(f); /* of the question and the read together */
	ask_again(f, *deadline);
}

/* Only what the server said of itself counts: a restart, also one that was noticed elsewhere, ends
 * what came from it. */
static bool is_fresh(const struct p9_file *f)
{
	return f->generation == f->conn->generation && !f->lost && !f->conn->dead;
}

uint32_t p9_pages_read(struct p9_file *f, void *buf, uint32_t len, uint64_t offset,
		       uint64_t *deadline)
{
	struct p9_pages *p = &f->pages;
	struct p9_link *link = f->conn->link;
	uint32_t handle;
	int err;

	if (p->state == P9_PAGES_DUE)
		look(f, deadline);
	if (p->state != P9_PAGES_READY || offset >= p->size)
		return 0;
	len = len < p->size - offset ? len : (uint32_t)(p->size - offset);
	handle = is_fresh(f) ? handle_take(f) : 0;
	if (!handle) {
		p9_pages_drop(f);
		return 0;
	}
	err = link->ops->copy(link, handle, offset, buf, len);
	handle_give(f, handle);
	if (__builtin_expect(!err, 1)) {
		p->pause = 1;
		f->client->copied++;
		return len;
	}
	if (err == -EAGAIN || err == -EFAULT) /* a message finds out what is wrong with buf */
		look_later(p);
	else
		p9_pages_drop(f);
	return 0;
}
