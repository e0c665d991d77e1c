/* SPDX-License-Identifier: ISC */
/*
 * pager.c: VMOs whose pages a program supplies.
 *
 * A thread that needs a page which is not there parks in the VMO's waiting list;
 * thread.pager_* is the request. A new request rings the pager's queue; pager_next
 * reports each page once; supply, failure, lateness or the queue's end restart
 * the thread, which looks again and finds the page, or the error that was left
 * in pager_error. thread.pager_vmo holds no reference: after the wait it is only
 * compared, so that an error is taken by the access that it answers.
 *
 * The thread that serves (the maker, or who called pager_next last) is refused at
 * once when it needs a page itself; what else of the pager's own making waits for
 * the pager ends by the timeout.
 *
 * What a pager says is not trusted: it can only give frames that it could read
 * and write itself, or an error number.
 */
#include "arch.h"
#include "process.h"
#include "queue.h"
#include "silo.h"
#include "syscall.h"
#include "vmo_private.h"
#include "work.h"

#define SUPPLY_PAGES_MAX 4096u
#define BATCH		 32u  /* requests or ranges a call */
#define CLEAN_PAGES	 128u /* pages that pager_dirty cleans at most */

static struct thread *waiter(struct list *node)
{
	return container_of(node, struct thread, node);
}

void pager_wait_cancel(struct thread *t)
{
	list_del(&t->node);
	t->pager_taken = false;
}

static void wait_end(struct thread *t, int error)
{
	pager_wait_cancel(t);
	t->pager_error = error;
	thread_wake(t, K_RESTART);
}

void pager_wake(struct vmo *v, uint64_t first, uint64_t end, int error)
{
	list_for_each_safe (t, &v->pager->waiting, struct thread, node)
		if (t->pager_page >= first && t->pager_page < end)
			wait_end(t, error);
}

/* Did the pager take a request for this page already? */
static bool page_taken(const struct pager *p, uint64_t page)
{
	for (struct list *n = p->waiting.next; n != &p->waiting; n = n->next)
		if (waiter(n)->pager_page == page && waiter(n)->pager_taken)
			return true;
	return false;
}

/* A fault handler that cannot help goes back to the instruction, for the kernel to meet the same
 * fault and report it as it is: so a failure answers an access twice. Calls, which are answered
 * once, forget it (pager_error_forget). */
static int error_report(struct thread *t)
{
	int error = t->pager_error;

	if (t->pager_taken)
		t->pager_error = 0;
	t->pager_taken = true; /* told once */
	return error;
}

void pager_error_forget(struct thread *t)
{
	t->pager_error = 0;
}

int64_t pager_wait(struct vmo *v, uint64_t page, uint32_t access, struct thread *t)
{
	struct pager *p = v->pager;
	uint64_t deadline = DEADLINE_NEVER;

	if (!t)
		return -EAGAIN;
	if (t->pager_error && t->pager_vmo == v && t->pager_page == page)
		return error_report(t);
	t->pager_error = 0;
	if (!pager_lives(v) || t->object.id == p->server)
		return -EIO;
	if (p->timeout && __builtin_add_overflow(arch_now(), p->timeout, &deadline))
		deadline = DEADLINE_NEVER;
	t->pager_vmo = v;
	t->pager_page = page;
	t->pager_access = access & PROT_W ? PROT_W : PROT_R;
	t->pager_taken = page_taken(p, page);
	list_add_tail(&p->waiting, &t->node);
	thread_park(t, THREAD_PAGER, deadline);
	if (!t->pager_taken)
		watch_raise(p->watch, 0, 0);
	return K_RESTART;
}

int pager_make(struct vmo *v, struct queue *q, uint64_t key, uint64_t timeout, uint64_t server)
{
	struct account *a = v->object.account;
	struct pager *p = kmem_alloc(a, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->watch = watch_make(q, EVENT_PAGER, key, a);
	if (!p->watch) {
		kmem_free(p, sizeof(*p));
		return -ENOMEM;
	}
	p->vmo = v;
	list_init(&p->watches);
	list_init(&p->waiting);
	list_add_tail(&p->watches, &p->watch->source_node);
	p->watch->data0 = v->object.id;
	p->timeout = timeout;
	p->server = server;
	v->pager = p;
	return 0;
}

static void all_fail(struct pager *p)
{
	while (!list_empty(&p->waiting))
		wait_end(waiter(p->waiting.next), -EIO);
}

void pager_watch_ended(struct watch *w)
{
	struct pager *p;

	if (list_empty(&w->source_node))
		return;
	/* The list head is the pager's own: a watch of this kind is alone in it. */
	p = container_of(w->source_node.next, struct pager, watches);
	all_fail(p);
	list_del(&w->source_node);
	vmo_abandon(p->vmo);
}

void pager_destroy(struct vmo *v)
{
	struct pager *p = v->pager;
	struct watch *w = p->watch;

	all_fail(p);
	v->pager = NULL;
	if (!list_empty(&p->watches)) {
		list_del(&w->source_node);
		watch_end(w);
	}
	kmem_free(p, sizeof(*p));
}

/* ---- system calls ------------------------------------------------------------ */

/* A range of pages of a pager VMO that the caller manages. */
static int pager_range(struct thread *cur, handle_t h, uint64_t offset, uint64_t len,
		       struct vmo **out, uint64_t *first, uint64_t *end)
{
	struct object *o;
	uint64_t last;
	int err = object_find(cur, h, OBJ_VMO, RIGHT_MANAGE, &o);

	if (err)
		return err;
	*out = vmo_of(o);
	if (!(*out)->pager || !page_aligned(offset) || !page_aligned(len) ||
	    __builtin_add_overflow(offset, len, &last) || last > vmo_size(*out))
		return -EINVAL;
	*first = offset >> PAGE_SHIFT;
	*end = last >> PAGE_SHIFT;
	return 0;
}

int64_t sys_vmo_create_pager(struct thread *cur, handle_t queue, uint64_t key, uint64_t size,
			     uint64_t timeout)
{
	struct object *q;
	struct vmo *v;
	handle_t h;
	int err = object_find(cur, queue, OBJ_QUEUE, RIGHT_WRITE, &q);

	if (err)
		return err;
	if (!page_aligned(size))
		return -EINVAL;
	err = vmo_new(cur->process->account, VMO_PAGER, size >> PAGE_SHIFT, &v);
	if (err)
		return err;
	err = pager_make(v, queue_of(q), key, timeout, cur->object.id);
	if (!err)
		err = handle_install(&cur->process->table, &v->object, RIGHTS_ALL & ~RIGHT_WX, NULL,
				     &h);
	object_put(&v->object);
	return err ? err : (int64_t)h;
}

static bool batch_has(const struct pager_request *r, unsigned n, uint64_t offset)
{
	for (unsigned i = 0; i < n; i++)
		if (r[i].offset == offset)
			return true;
	return false;
}

/* Collect pages that are asked for and not taken; with `take`, mark those in the batch taken. */
static unsigned requests_collect(struct pager *p, struct pager_request *r, unsigned n, unsigned max)
{
	for (struct list *l = p->waiting.next; l != &p->waiting && n < max; l = l->next) {
		const struct thread *t = waiter(l);
		uint64_t offset = t->pager_page << PAGE_SHIFT;

		if (t->pager_taken || batch_has(r, n, offset))
			continue;
		r[n++] = (struct pager_request){offset, PAGE_SIZE, t->pager_access, 0};
	}
	return n;
}

int64_t sys_pager_next(struct thread *cur, handle_t vmo, uaddr_t requests, uint32_t n)
{
	struct pager_request r[BATCH];
	struct object *o;
	struct pager *p;
	unsigned count;
	int64_t err = object_find(cur, vmo, OBJ_VMO, RIGHT_MANAGE, &o);

	if (err)
		return err;
	p = vmo_of(o)->pager;
	if (!p)
		return -EINVAL;
	p->server = cur->object.id;
	count = requests_collect(p, r, 0, n < BATCH ? n : BATCH);
	if (!count)
		return 0;
	err = copy_out(cur, requests, r, count * sizeof(r[0]));
	if (err)
		return err;
	list_for_each (t, &p->waiting, struct thread, node)
		if (batch_has(r, count, t->pager_page << PAGE_SHIFT))
			t->pager_taken = true;
	return count;
}

/* Put one frame of the source in; a frame that is there already is the progress of a restart. */
static int64_t supply_page(struct vmo *v, uint64_t page, struct vmo *source, uint64_t from,
			   struct slice *s)
{
	paddr_t pa = vmo_frame(source, from);
	uint64_t entry = index_get(&v->index, page);

	if (entry)
		return ENTRY_FRAME(entry) == pa ? 0 : -EEXIST;
	if (!slice_take(s, 3 * COST_ENTRY))
		return K_RESTART;
	if (frame_of(pa)->refs == UINT32_MAX || index_set(&v->index, page, pa, v->object.account))
		return -ENOMEM;
	frame_get(pa);
	v->committed++;
	return 0;
}

int64_t sys_pager_supply(struct thread *cur, handle_t vmo, uint64_t offset, uint64_t len,
			 handle_t source, uint64_t source_offset)
{
	struct slice s = {SLICE_CALL};
	uint64_t first, end, last, page, from = source_offset >> PAGE_SHIFT;
	struct object *o;
	struct vmo *v, *src;
	int64_t err = pager_range(cur, vmo, offset, len, &v, &first, &end);

	if (err)
		return err;
	err = object_find(cur, source, OBJ_VMO, RIGHT_READ | RIGHT_WRITE, &o);
	if (err)
		return err;
	src = vmo_of(o);
	if ((src->kind != VMO_WIRED && src->kind != VMO_CONTIGUOUS) || src->read_only ||
	    !page_aligned(source_offset) || end - first > SUPPLY_PAGES_MAX ||
	    __builtin_add_overflow(source_offset, len, &last) || last > vmo_size(src))
		return -EINVAL;
	for (page = first; page < end && !err; page++, from++)
		err = supply_page(v, page, src, from, &s);
	pager_wake(v, first, err ? page - 1 : page, 0);
	return err;
}

int64_t sys_pager_fail(struct thread *cur, handle_t vmo, uint64_t offset, uint64_t len,
		       int32_t error)
{
	uint64_t first, end;
	struct vmo *v;
	int err = pager_range(cur, vmo, offset, len, &v, &first, &end);

	if (err)
		return err;
	if (error > 0)
		error = -error;
	if (error == 0 || error < -4095)
		return -EINVAL;
	pager_wake(v, first, end, error);
	return 0;
}

int64_t sys_pager_evict(struct thread *cur, handle_t vmo, uint64_t offset, uint64_t len)
{
	struct slice s = {SLICE_CALL};
	uint64_t first, end;
	struct work w;
	struct vmo *v;
	int64_t err = pager_range(cur, vmo, offset, len, &v, &first, &end);

	if (err)
		return err;
	work_begin(&w, cur, WORK_PAGER_EVICT, (uint64_t[4]){vmo, offset, len});
	if (!vmo_drop(v, first, end, true, &s, &w.next, &w.count) && work_suspend(&w) == K_RESTART)
		return K_RESTART;
	work_end(&w);
	return (int64_t)w.count;
}

/* Dirty ranges, at most `max` of them and CLEAN_PAGES pages. */
static unsigned dirty_collect(const struct vmo *v, struct pager_request *r, unsigned max)
{
	uint64_t page = 0, budget = CLEAN_PAGES;
	unsigned n = 0;

	while (budget && (page = index_next_dirty(&v->index, page, v->pages)) < v->pages) {
		if (n && r[n - 1].offset + r[n - 1].len == page << PAGE_SHIFT) {
			r[n - 1].len += PAGE_SIZE;
		} else {
			if (n == max)
				break;
			r[n++] = (struct pager_request){page << PAGE_SHIFT, PAGE_SIZE, PROT_W, 0};
		}
		page++;
		budget--;
	}
	return n;
}

int64_t sys_pager_dirty(struct thread *cur, handle_t vmo, uaddr_t ranges, uint32_t n)
{
	struct pager_request r[BATCH];
	uint64_t first, end;
	struct vmo *v;
	unsigned count;
	int64_t err = pager_range(cur, vmo, 0, 0, &v, &first, &end);

	if (err)
		return err;
	count = dirty_collect(v, r, n < BATCH ? n : BATCH);
	if (!count)
		return 0;
	err = copy_out(cur, ranges, r, count * sizeof(r[0]));
	if (err)
		return err;
	for (unsigned i = 0; i < count; i++)
		vmo_clean(v, r[i].offset >> PAGE_SHIFT, (r[i].offset + r[i].len) >> PAGE_SHIFT);
	return count;
}
