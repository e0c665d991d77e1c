/* SPDX-License-Identifier: ISC */
/*
 * handle.c: handle tables and the derivation tree. See handle.h for the model.
 *
 * The tree is at most CAP_DEPTH_MAX deep, tombstones included, so walks upward
 * are bounded; walks downward happen only in revoke, a slice at a time.
 */
#include "handle.h"
#include "memory.h"
#include "process.h"
#include "silo.h"
#include "syscall.h"

#define SLICE_CAPS 64

/* ---- tree ---------------------------------------------------------------- */

void cap_link_child(struct cap *parent, struct cap *node)
{
	node->parent = parent;
	node->prev = NULL;
	node->next = NULL;
	if (!parent)
		return;
	node->next = parent->child;
	if (parent->child)
		parent->child->prev = node;
	parent->child = node;
}

static void tree_remove(struct cap *node)
{
	if (node->prev)
		node->prev->next = node->next;
	else if (node->parent)
		node->parent->child = node->next;
	if (node->next)
		node->next->prev = node->prev;
	node->parent = node->next = node->prev = NULL;
}

static void cap_free(struct cap *c)
{
	account_put(c->account);
	kmem_free(c, sizeof(*c));
}

static bool has_one_child(const struct cap *c)
{
	return c->child && !c->child->next;
}

/* Let the only child take the place of `c`. */
static void splice_child(struct cap *c)
{
	struct cap *child = c->child, *parent = c->parent;

	tree_remove(child);
	tree_remove(c);
	cap_link_child(parent, child);
}

/* Free tombstones above that have at most one child left. */
static void tombs_collapse(struct cap *c)
{
	while (c && c->kind == CAP_TOMB) {
		struct cap *parent = c->parent;

		if (!c->child)
			tree_remove(c);
		else if (has_one_child(c))
			splice_child(c);
		else
			return;
		cap_free(c);
		c = parent;
	}
}

void cap_unlink(struct cap *node)
{
	struct cap *parent = node->parent;

	assert(!node->child);
	tree_remove(node);
	tombs_collapse(parent);
}

unsigned cap_depth(const struct cap *c)
{
	unsigned depth = 0;

	for (; c; c = c->parent)
		depth++;
	return depth;
}

bool cap_revoking(const struct cap *c)
{
	for (; c; c = c->parent)
		if (c->revoking)
			return true;
	return false;
}

/* ---- table --------------------------------------------------------------- */

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

void handle_table_init(struct handle_table *t, struct process *p, struct account *a)
{
	memset(t, 0, sizeof(*t));
	t->free = HANDLE_SLOTS_MAX;
	t->process = p;
	t->account = a;
	account_get(a);
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

int handle_room(struct handle_table *t, unsigned n)
{
	uint64_t limit = t->process->silo->limits[LIMIT_PROCESS_HANDLES];
	uint32_t index = t->free;
	int err;

	if (unlikely(limit && t->account->usage[RES_HANDLES] + n > limit))
		return -EMFILE;
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

int cap_hold(struct cap *parent, enum cap_kind kind, struct account *a, struct cap **slot)
{
	struct cap *c;
	int err = derive_check(parent);

	if (!err)
		err = account_charge(a, RES_HANDLES, 1);
	if (err)
		return err;
	c = cap_new(a, parent->object, parent->rights);
	if (!c) {
		account_uncharge(a, RES_HANDLES, 1);
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
	struct cap *parent = c->parent;

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
	if (c->child && !has_one_child(c)) {
		c->kind = CAP_TOMB;
		c->revoking = false;
	} else {
		if (c->child)
			splice_child(c);
		else
			tree_remove(c);
		cap_free(c);
		tombs_collapse(parent);
	}
	object_handle_gone(o);
}

bool handle_table_clear(struct handle_table *t, uint32_t keep_flags, uint32_t *cursor)
{
	unsigned closed = 0;

	for (; *cursor < t->slots; ++*cursor) {
		struct cap *c = handle_at(t, *cursor);

		if (!c || (c->flags & keep_flags))
			continue;
		cap_close(c);
		if (++closed == SLICE_CAPS)
			return false;
	}
	return true;
}

struct process *clearing_process;

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

/* ---- same numbers in another table ------------------------------------------ */

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

int handle_table_inherit(struct handle_table *to, struct handle_table *from)
{
	int err = table_mirror(to, from);

	for (uint32_t i = 0; !err && i < from->slots; i++) {
		struct cap *parent = handle_at(from, i), *c;

		if (!parent || !(parent->flags & HANDLE_INHERIT))
			continue;
		err = derive_check(parent);
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
		slot_fill(to, i, c);
	}
	table_refree(to, from);
	return 0;
}

/* ---- system calls ------------------------------------------------------------ */

int64_t sys_handle_close(struct thread *cur, handle_t h)
{
	struct cap *c;
	int err = cap_find(cur, h, OBJ_NONE, 0, &c);

	if (!err)
		cap_close(c);
	return err;
}

int64_t sys_handle_dup(struct thread *cur, handle_t h, uint32_t rights)
{
	struct cap *c;
	handle_t out;
	int err = cap_find(cur, h, OBJ_NONE, 0, &c);

	if (err)
		return err;
	if (c->object->type == OBJ_REPLY)
		return -EINVAL; /* one-shot */
	if (rights == RIGHTS_SAME)
		rights = c->rights;
	if (rights & ~c->rights)
		return -EPERM;
	err = handle_install(&cur->process->table, c->object, rights, c, &out);
	return err ? err : (int64_t)out;
}

int64_t sys_handle_shrink(struct thread *cur, handle_t h, uint32_t rights)
{
	struct cap *c;
	int err = cap_find(cur, h, OBJ_NONE, 0, &c);

	if (!err)
		c->rights &= rights;
	return err;
}

/* Kill the leaf that the leftmost path leads to; false: a mapping has more than one slice. */
static bool kill_one_below(struct cap *root)
{
	struct cap *c = root->child, *parent;
	bool tomb;

	while (c->child)
		c = c->child;
	parent = c->parent;
	switch ((enum cap_kind)c->kind) {
	case CAP_HANDLE:
	case CAP_FAULTS: cap_close(c); break;
	case CAP_MAPPING:
		tomb = parent->kind == CAP_TOMB; /* may go with its last child */
		mapping_revoked(c);
		return !tomb && parent->child != c;
	case CAP_TOMB:
		cap_unlink(c);
		cap_free(c);
		break;
	}
	return true;
}

int64_t sys_handle_revoke(struct thread *cur, handle_t h)
{
	struct cap *c;
	int err = cap_find(cur, h, OBJ_NONE, RIGHT_REVOKE, &c);

	if (err)
		return err;
	c->revoking = true;
	for (unsigned i = 0; i < SLICE_CAPS && c->child && kill_one_below(c); i++)
		;
	if (c->child)
		return K_RESTART;
	c->revoking = false;
	return 0;
}

static void info_fill(struct handle_info *info, const struct cap *c)
{
	const struct object *o = c->object;

	memset(info, 0, sizeof(*info));
	info->type = o->type;
	info->rights = c->rights;
	info->flags = c->flags;
	info->refs = o->refs;
	info->id = o->id;
	info->handle = handle_number(c);
	info->silo = account_of_silo(o->account)->silo;
}

int64_t sys_handle_info(struct thread *cur, handle_t h, uaddr_t out)
{
	struct handle_info info;
	struct cap *c;
	int err = cap_find(cur, h, OBJ_NONE, 0, &c);

	if (err)
		return err;
	info_fill(&info, c);
	if (c->object->type == OBJ_SENDER && (c->rights & RIGHT_MANAGE))
		info.badge = sender_badge(c->object);
	return copy_out(cur, out, &info, sizeof(info));
}

int64_t sys_ipc_rights(struct thread *cur, handle_t h, uaddr_t out)
{
	struct handle_info info;
	struct cap *c;
	int err = cap_find(cur, h, OBJ_SENDER, 0, &c);

	if (err)
		return err;
	info_fill(&info, c);
	return copy_out(cur, out, &info, sizeof(info));
}

int64_t sys_handle_flags(struct thread *cur, handle_t h, uint32_t set, uint32_t clear)
{
	struct cap *c;
	int err = cap_find(cur, h, OBJ_NONE, 0, &c);

	if (err)
		return err;
	if ((set | clear) & ~(HANDLE_INHERIT | HANDLE_STAY))
		return -EINVAL;
	c->flags = (c->flags & ~clear) | set;
	return 0;
}

int64_t sys_handle_list(struct thread *cur, handle_t process, uint32_t start, uaddr_t infos,
			uint32_t n)
{
	struct handle_info batch[16];
	struct object *o;
	struct handle_table *t;
	unsigned count = 0;
	int64_t err = object_find(cur, process, OBJ_PROCESS, RIGHT_READ, &o);

	if (err)
		return err;
	t = &process_of(o)->table;
	if (n > array_len(batch))
		n = array_len(batch);
	for (uint32_t i = start; i < t->slots && count < n; i++)
		if (handle_at(t, i))
			info_fill(&batch[count++], handle_at(t, i));
	err = count ? copy_out(cur, infos, batch, count * sizeof(batch[0])) : 0;
	return err ? err : (int64_t)count;
}
