/* SPDX-License-Identifier: ISC */
/*
 * handle.c: handle tables, and capabilities in their slots. See handle.h for the model.
 *
 * A slot's generation goes up when it is emptied, so a number never comes to mean
 * something else. Room is made and charged first (handle_room); moves then cannot fail.
 *
 * The derivation tree is derivation.c's.
 */
#include "handle.h"
#include "memory.h"
#include "process.h"
#include "silo.h"
#include "slice.h"

struct process *clearing_process;

/* ---- slots --------------------------------------------------------------- */

static struct handle_slot *slot_at(struct handle_table *t, uint32_t index)
{
	return &t->chunk[index / SLOTS_PER_CHUNK][index % SLOTS_PER_CHUNK];
}

struct cap *handle_at(struct handle_table *t, uint32_t index)
{
	return index < t->slots ? slot_at(t, index)->cap : NULL;
}

handle_t handle_number(const struct cap *c)
{
	assert(c->table);
	return slot_at(c->table, c->index)->gen << HANDLE_SLOT_BITS | c->index;
}

static int table_grow(struct handle_table *t)
{
	uint32_t chunk = t->slots / SLOTS_PER_CHUNK;
	struct handle_slot *slots;

	if (chunk == CHUNKS)
		return -EMFILE;
	slots = kmem_alloc(t->account, PAGE_SIZE);
	if (!slots)
		return -ENOMEM;
	for (uint32_t i = SLOTS_PER_CHUNK; i-- > 0;) {
		slots[i].gen = 1;
		slots[i].next_free = t->free;
		t->free = t->slots + i;
	}
	t->chunk[chunk] = slots;
	t->slots += SLOTS_PER_CHUNK;
	return 0;
}

static void slot_fill(struct handle_table *t, uint32_t index, struct cap *c)
{
	struct handle_slot *s = slot_at(t, index);

	s->cap = c;
	c->slot = &s->cap;
	c->table = t;
	c->index = index;
	t->used++;
}

static uint32_t slot_take(struct handle_table *t)
{
	uint32_t index = t->free;

	assert(index != HANDLE_SLOTS_MAX);
	t->free = slot_at(t, index)->next_free;
	return index;
}

/* A slot whose generation would wrap is retired: it joins no free list again. */
static void slot_release(struct handle_table *t, uint32_t index)
{
	struct handle_slot *s = slot_at(t, index);

	s->cap = NULL;
	t->used--;
	if (s->gen == HANDLE_GEN_MAX)
		return;
	s->gen++;
	s->next_free = t->free;
	t->free = index;
}

/* May the process have `n` more? */
static inline int limit_check(const struct handle_table *t, unsigned n)
{
	uint64_t limit = t->process->silo->limits[LIMIT_PROCESS_HANDLES];

	return unlikely(limit && t->account->usage[RES_HANDLES] + n > limit) ? -EMFILE : 0;
}

int handle_room(struct handle_table *t, unsigned n)
{
	uint32_t index = t->free;
	int err = limit_check(t, n);

	if (unlikely(err))
		return err;
	for (unsigned i = 0; i < n; i++) {
		if (index == HANDLE_SLOTS_MAX) {
			err = table_grow(t);
			if (err)
				return err;
			index = t->free; /* more than enough: a chunk is larger than n */
			break;
		}
		index = slot_at(t, index)->next_free;
	}
	return account_charge(t->account, RES_HANDLES, n);
}

void handle_room_release(struct handle_table *t, unsigned n)
{
	account_uncharge(t->account, RES_HANDLES, n);
}

/* ---- capabilities -------------------------------------------------------- */

static struct cap *cap_new(struct account *a, struct object *o, uint32_t rights)
{
	struct cap *c = kmem_alloc(a, sizeof(*c));

	if (!c)
		return NULL;
	c->object = o;
	c->rights = rights;
	c->kind = CAP_HANDLE;
	c->account = a;
	account_get(a);
	object_get(o);
	o->handles++;
	return c;
}

static int derive_check(const struct cap *parent)
{
	if (!parent)
		return 0;
	if (cap_revoking(parent))
		return -EAGAIN;
	return cap_depth(parent) >= CAP_DEPTH_MAX ? -EMLINK : 0;
}

int handle_install(struct handle_table *t, struct object *o, uint32_t rights, struct cap *parent,
		   handle_t *out)
{
	struct cap *c;
	int err = derive_check(parent);

	if (err)
		return err;
	err = handle_room(t, 1);
	if (err)
		return err;
	c = cap_new(t->account, o, rights);
	if (!c) {
		handle_room_release(t, 1);
		return -ENOMEM;
	}
	cap_link_child(parent, c);
	slot_fill(t, slot_take(t), c);
	*out = handle_number(c);
	return 0;
}

int cap_hold(struct cap *parent, enum cap_kind kind, struct handle_table *t, struct cap **slot)
{
	struct cap *c;
	int err = derive_check(parent);

	if (!err)
		err = limit_check(t, 1);
	if (!err)
		err = account_charge(t->account, RES_HANDLES, 1);
	if (err)
		return err;
	c = cap_new(t->account, parent->object, parent->rights);
	if (!c) {
		handle_room_release(t, 1);
		return -ENOMEM;
	}
	c->kind = (uint8_t)kind;
	cap_link_child(parent, c);
	c->slot = slot;
	*slot = c;
	return 0;
}

static void cap_take_out(struct cap *c, struct cap **to)
{
	slot_release(c->table, c->index);
	c->table = NULL;
	c->slot = to;
	c->flags = 0;
	*to = c;
}

void cap_detach(struct cap *c, struct cap **to)
{
	account_uncharge(c->table->account, RES_HANDLES, 1);
	cap_take_out(c, to);
}

void cap_post(struct cap *c, struct cap **array, unsigned index)
{
	cap_take_out(c, &array[index]);
	c->index = (uint16_t)index;
}

handle_t cap_attach(struct handle_table *t, struct cap *c)
{
	slot_fill(t, slot_take(t), c);
	return handle_number(c);
}

void cap_close(struct cap *c)
{
	struct object *o = c->object;

	if (c->table) {
		account_uncharge(c->table->account, RES_HANDLES, 1);
		slot_release(c->table, c->index);
	} else if (c->kind == CAP_FAULTS) {
		account_uncharge(c->account, RES_HANDLES, 1);
		*c->slot = NULL;
	} else if (c->slot) {
		message_handle_gone(c);
	}
	c->slot = NULL;
	c->table = NULL;
	c->object = NULL;
	cap_bury(c);
	object_handle_gone(o);
}

/* ---- tables -------------------------------------------------------------- */

void handle_table_init(struct handle_table *t, struct process *p, struct account *a)
{
	memset(t, 0, sizeof(*t));
	t->free = HANDLE_SLOTS_MAX;
	t->process = p;
	t->account = a;
	account_get(a);
}

bool handle_table_clear(struct handle_table *t, uint32_t keep_flags, uint32_t *cursor)
{
	uint64_t before = slices_taken;
	unsigned closed = 0;

	for (; *cursor < t->slots; ++*cursor) {
		struct cap *c = handle_at(t, *cursor);

		if (!c || (c->flags & keep_flags))
			continue;
		cap_close(c);
		if (++closed == SLICE_CAPS || slice_ends(before))
			return false;
	}
	return true;
}

static void table_adopt(struct handle_table *t)
{
	for (uint32_t i = 0; i < t->slots; i++)
		if (handle_at(t, i))
			handle_at(t, i)->table = t;
}

void handle_table_swap(struct handle_table *a, struct handle_table *b)
{
	struct handle_table tmp = *a;

	*a = *b;
	*b = tmp;
	b->process = a->process;
	a->process = tmp.process;
	table_adopt(a);
	table_adopt(b);
}

void handle_table_free(struct handle_table *t)
{
	assert(t->used == 0);
	for (uint32_t i = 0; i < CHUNKS && t->chunk[i]; i++) {
		kmem_free(t->chunk[i], PAGE_SIZE);
		t->chunk[i] = NULL;
	}
	t->slots = 0;
	t->free = HANDLE_SLOTS_MAX;
	account_put(t->account);
	t->account = NULL;
}

/* ---- same numbers in another table --------------------------------------- */

/* Give `to` as many slots as `from` has, all off the free list. */
static int table_mirror(struct handle_table *to, const struct handle_table *from)
{
	while (to->slots < from->slots) {
		int err = table_grow(to);

		if (err)
			return err;
	}
	to->free = HANDLE_SLOTS_MAX;
	return 0;
}

/* Put the slots that stayed empty on the free list; generations follow `from`. */
static void table_refree(struct handle_table *to, struct handle_table *from)
{
	for (uint32_t i = to->slots; i-- > 0;) {
		struct handle_slot *s = slot_at(to, i);

		s->gen = slot_at(from, i)->gen;
		if (s->cap)
			continue;
		if (slot_at(from, i)->cap)
			s->gen++;
		if (s->gen >= HANDLE_GEN_MAX) { /* retired already, or the last one that it had */
			s->gen = HANDLE_GEN_MAX;
			continue;
		}
		s->next_free = to->free;
		to->free = i;
	}
}

/* Could process_give hand this one on? */
static int grant_check(const struct cap *c)
{
	if (!(c->rights & RIGHT_GRANT))
		return -EACCES;
	return c->table->process->capability ? -EPERM : 0;
}

int handle_table_leaves(struct handle_table *from)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < from->slots; i++) {
		struct cap *c = handle_at(from, i);

		if (c && (c->flags & HANDLE_INHERIT))
			err = grant_check(c);
	}
	return err;
}

int handle_table_inherit(struct handle_table *to, struct handle_table *from)
{
	int err = table_mirror(to, from);

	for (uint32_t i = 0; !err && i < from->slots; i++) {
		struct cap *parent = handle_at(from, i), *c;

		if (!parent || !(parent->flags & HANDLE_INHERIT))
			continue;
		err = derive_check(parent);
		if (!err)
			err = limit_check(to, 1);
		if (!err)
			err = account_charge(to->account, RES_HANDLES, 1);
		if (err)
			break;
		c = cap_new(to->account, parent->object, parent->rights);
		if (!c) {
			handle_room_release(to, 1);
			err = -ENOMEM;
			break;
		}
		c->flags = parent->flags & (HANDLE_INHERIT | HANDLE_STAY);
		if (grant_check(parent))
			to->process->homebound = true;
		cap_link_child(parent, c);
		slot_fill(to, i, c);
	}
	table_refree(to, from);
	return err;
}

int handle_table_split(struct handle_table *to, struct handle_table *from)
{
	int err = table_mirror(to, from);

	if (err) {
		handle_table_free(to);
		return err;
	}
	for (uint32_t i = 0; i < from->slots; i++) {
		struct cap *c = handle_at(from, i);

		if (!c || !(c->flags & HANDLE_STAY))
			continue;
		slot_at(from, i)->cap = NULL;
		from->used--;
		c->revoking = false; /* all other threads end: nobody revokes by it any more */
		slot_fill(to, i, c);
	}
	table_refree(to, from);
	return 0;
}
