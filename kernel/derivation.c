/* SPDX-License-Identifier: ISC */
/*
 * derivation.c: the derivation tree: who came from whom, tombstones, revoke.
 *
 * The tree is at most CAP_DEPTH_MAX deep, tombstones included, so walks upward
 * are bounded; walks downward happen only in revoke, a slice at a time. Revoke
 * marks its root first, and nothing is derived below a mark: so it ends.
 *
 * Where the capabilities stand (tables, messages) is handle.c's.
 */
#include "handle.h"
#include "memory.h"
#include "process.h"
#include "slice.h"
#include "syscall.h"

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

void cap_bury(struct cap *c)
{
	struct cap *parent = c->parent;

	if (c->child && !has_one_child(c)) {
		c->kind = CAP_TOMB;
		c->revoking = false;
		return;
	}
	if (c->child)
		splice_child(c);
	else
		tree_remove(c);
	cap_free(c);
	tombs_collapse(parent);
}

/* ---- revoke -------------------------------------------------------------- */

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
	case CAP_WATCH: watch_revoked(c); break;
	case CAP_TOMB:
		cap_unlink(c);
		cap_free(c);
		break;
	}
	return true;
}

int64_t sys_handle_revoke(struct thread *cur, handle_t h)
{
	uint64_t before = slices_taken;
	struct cap *c;
	int err = cap_find(cur, h, OBJ_NONE, RIGHT_REVOKE, &c);

	if (err)
		return err;
	c->revoking = true;
	for (unsigned i = 0; i < SLICE_CAPS && c->child && kill_one_below(c); i++)
		if (slice_ends(before))
			break;
	if (c->child)
		return K_RESTART;
	c->revoking = false;
	return 0;
}
