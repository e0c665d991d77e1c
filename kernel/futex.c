/* SPDX-License-Identifier: ISC */
/*
 * futex.c: waiting for a word of memory, by the page's VMO and the offset in it.
 *
 * So two mappings of one VMO meet at the same key, and so do two processes.
 */
#include "memory.h"
#include "queue.h"
#include "process.h"
#include "silo.h"
#include "syscall.h"

#define BUCKETS 256

struct bucket {
	struct list threads, watches;
};
static struct bucket buckets[BUCKETS];

static struct bucket *bucket_of(uint64_t vmo, uint64_t offset)
{
	struct bucket *b =
		&buckets[((vmo * 0x9e3779b97f4a7c15ull ^ offset >> 2) * 0x9e3779b97f4a7c15ull) >>
			 56];

	if (!b->threads.next) {
		list_init(&b->threads);
		list_init(&b->watches);
	}
	return b;
}

int64_t sys_futex_wait(struct thread *cur, uint64_t addr, uint32_t value, uint64_t deadline)
{
	uint32_t now;
	uint64_t vmo, offset;
	int64_t err;

	if (addr & 3)
		return -EINVAL;
	err = copy_in(cur, &now, (uaddr_t){addr}, sizeof(now));
	if (err)
		return err;
	if (aspace_key(cur->aspace, addr, &vmo, &offset))
		return -EFAULT;
	if (now != value)
		return -EAGAIN;
	if (deadline <= arch_now())
		return -ETIMEDOUT;
	cur->key_vmo = vmo;
	cur->key_offset = offset;
	REGS_RESULT(&cur->regs) = 0;
	list_add_tail(&bucket_of(vmo, offset)->threads, &cur->node);
	thread_park(cur, THREAD_FUTEX, deadline);
	return K_DONE;
}

void futex_ring(uint64_t vmo, uint64_t offset, uint32_t n, int64_t *woken)
{
	struct bucket *b = bucket_of(vmo, offset);
	struct watch_walk walk;
	struct watch *w;

	*woken = 0;
	list_for_each_safe (t, &b->threads, struct thread, node) {
		if (*woken == n)
			break;
		if (t->key_vmo != vmo || t->key_offset != offset)
			continue;
		list_del(&t->node);
		thread_wake(t, 0);
		++*woken;
	}
	watch_walk_begin(&walk, &b->watches);
	while ((w = watch_walk_next(&walk)))
		if (w->key_vmo == vmo && w->key_offset == offset)
			watch_raise(w, 0, 0);
}

int64_t sys_futex_wake(struct thread *cur, uint64_t addr, uint32_t n)
{
	uint64_t vmo, offset;
	int64_t woken;

	if (addr & 3)
		return -EINVAL;
	if (aspace_key(cur->aspace, addr, &vmo, &offset))
		return -EFAULT;
	futex_ring(vmo, offset, n, &woken);
	return woken;
}

int64_t sys_queue_memory(struct thread *cur, handle_t queue, uint64_t addr, uint64_t key)
{
	uint64_t vmo, offset;
	struct object *o;
	struct watch *w;
	int err = object_find(cur, queue, OBJ_QUEUE, RIGHT_WRITE, &o);

	if (err)
		return err;
	if (addr & 3)
		return -EINVAL;
	if (aspace_key(cur->aspace, addr, &vmo, &offset))
		return -EFAULT;
	w = watch_make(queue_of(o), EVENT_MEMORY, key, cur->process->account);
	if (!w)
		return -ENOMEM;
	w->key_vmo = vmo;
	w->key_offset = offset;
	list_add_tail(&bucket_of(vmo, offset)->watches, &w->source_node);
	return (int64_t)w->id;
}
