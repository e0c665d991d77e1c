/* SPDX-License-Identifier: ISC */
/*
 * signal.c: signal words: 64 bits that a server sets and clears, and others watch.
 *
 * A watch says which bits it waits for, and whether for their being set (level) or
 * their becoming so (edge). A level is looked at again when its event is taken
 * (queue.c), so that nobody is told what is no longer so.
 */
#include "queue_private.h"
#include "memory.h"
#include "syscall.h"

int64_t sys_signal_create(struct thread *cur, uint64_t word)
{
	struct account *account = cur->process->account;
	struct signal *s = kmem_alloc(account, sizeof(*s));
	handle_t h;
	int err;

	if (!s)
		return -ENOMEM;
	object_init(&s->object, OBJ_SIGNAL, account);
	s->word = word;
	list_init(&s->watches);
	err = handle_install(&cur->process->table, &s->object,
			     RIGHTS_ALL & ~(RIGHT_WX | RIGHT_EXECUTE), NULL, &h);
	object_put(&s->object);
	return err ? err : (int64_t)h;
}

void signal_destroy(struct object *o)
{
	kmem_free(signal_of(o), sizeof(struct signal));
}

/* A word of any value as a result. */
static inline int64_t word_result(struct thread *cur, uint64_t word)
{
	if (likely(word <= INT32_MAX))
		return (int64_t)word;
	REGS_RESULT(&cur->regs) = word;
	return K_DONE;
}

int64_t sys_signal_set(struct thread *cur, handle_t signal, uint64_t clear, uint64_t set)
{
	struct object *o;
	struct signal *s;
	struct watch *w;
	struct watch_walk walk;
	uint64_t old, raised;
	int err = object_find(cur, signal, OBJ_SIGNAL, RIGHT_WRITE, &o);

	if (err)
		return err;
	s = signal_of(o);
	old = s->word;
	s->word = (old & ~clear) | set;
	raised = s->word;
	watch_walk_begin(&walk, &s->watches);
	while ((w = watch_walk_next(&walk)))
		if ((raised & w->arg) && (!(w->flags & WATCH_EDGE) || (raised & ~old & w->arg)))
			watch_raise(w, raised, 0);
	return word_result(cur, old);
}

int64_t sys_signal_get(struct thread *cur, handle_t signal)
{
	struct object *o;
	int err = object_find(cur, signal, OBJ_SIGNAL, RIGHT_READ, &o);

	if (err)
		return err;
	return word_result(cur, signal_of(o)->word);
}
