/* SPDX-License-Identifier: ISC */
/*
 * work.c: records of sliced system calls. See work.h. The list is nearly always
 * empty: only a call that outgrew its slice and has not been restarted yet is in it.
 */
#include "work.h"
#include "device.h"
#include "memory.h"
#include "thread.h"

static struct list saved = {&saved, &saved};

static struct work *find(const struct thread *t)
{
	list_for_each (w, &saved, struct work, node)
		if (w->thread == t)
			return w;
	return NULL;
}

static void objects_release(struct work *w)
{
	if (w->made)
		object_put(w->made);
	if (w->part)
		object_put(w->part);
	w->made = w->part = NULL;
}

static void record_free(struct work *r)
{
	struct thread *t = r->thread;

	list_del(&r->node);
	kmem_free(r, sizeof(*r));
	object_put(&t->object);
}

static void record_drop(struct work *r)
{
	objects_release(r);
	record_free(r);
}

void work_begin(struct work *w, struct thread *cur, enum work_call call, const uint64_t args[4])
{
	struct work *r = list_empty(&saved) ? NULL : find(cur);

	if (r && (r->call != call || memcmp(r->args, args, sizeof(r->args)))) {
		record_drop(r);
		r = NULL;
	}
	if (r) {
		*w = *r;
		w->saved = r;
		r->made = r->part = NULL; /* the working copy holds them now */
		return;
	}
	memset(w, 0, sizeof(*w));
	w->thread = cur;
	w->call = call;
	memcpy(w->args, args, sizeof(w->args));
}

int64_t work_suspend(struct work *w)
{
	struct work *r = w->saved;

	if (!r) {
		r = kmem_alloc(w->thread->object.account, sizeof(*r));
		if (!r)
			return -ENOMEM;
		*r = *w;
		object_get(&w->thread->object);
		list_add_tail(&saved, &r->node);
	}
	r->next = w->next;
	r->count = w->count;
	memcpy(r->key, w->key, sizeof(r->key));
	r->made = w->made;
	r->part = w->part;
	return K_RESTART;
}

void work_end(struct work *w)
{
	objects_release(w);
	if (w->saved)
		record_free(w->saved);
	w->saved = NULL;
}

void memory_call_drop(struct thread *t)
{
	struct work *r = list_empty(&saved) ? NULL : find(t);

	if (r)
		record_drop(r);
	dma_call_drop(t);
}

bool work_reap_one(void)
{
	list_for_each (w, &saved, struct work, node)
		if (w->thread->run == THREAD_DEAD) {
			record_drop(w);
			return true;
		}
	return false;
}
