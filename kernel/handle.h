/* SPDX-License-Identifier: ISC */
/*
 * handle.h: capabilities, the tables that hold them, and the derivation tree.
 *
 * A capability (struct cap) is one holder's right to one object, and a node of
 * the derivation tree. It sits in a slot of a process's table, in a message on
 * its way, in a mapping, or with a process whose faults it sends. The slot points to the cap, so
 * that moving a handle is one pointer and one generation. Closing a cap that has several children
 * leaves a tombstone (object NULL) in the tree; one with a single child or none
 * is spliced out. Only revoke kills what is below.
 *
 * Invariant: cap->slot, when not NULL, points to the pointer that points to cap.
 */
#pragma once
#include "object.h"

struct process;
struct thread;
struct handle_table;

enum cap_kind { CAP_HANDLE, CAP_MAPPING, CAP_WATCH, CAP_FAULTS, CAP_TOMB };
#define CAP_DEPTH_MAX 16

struct cap {
	struct object *object; /* [K] a counted reference; NULL for a tombstone */
	uint32_t rights;
	uint8_t kind;	/* enum cap_kind */
	uint8_t flags;	/* HANDLE_* */
	bool revoking;	/* revoke works below: no deriving, sending, mapping */
	uint16_t index; /* of its slot in `table`, or of its place in a message */
	struct cap *parent, *child, *next, *prev; /* derivation tree; siblings NULL-terminated */
	struct cap **slot;			  /* what points here */
	struct handle_table *table;		  /* NULL when in a message or a mapping */
	struct account *account;		  /* charged for it */
};

static inline unsigned cap_depth(const struct cap *c)
{
	unsigned depth = 0;

	for (; c; c = c->parent)
		depth++;
	return depth;
}

/* Is revoke at work on it or an ancestor? */
static inline bool cap_revoking(const struct cap *c)
{
	for (; c; c = c->parent)
		if (c->revoking)
			return true;
	return false;
}

struct handle_slot {
	struct cap *cap;    /* NULL: free */
	uint32_t gen;	    /* of the handle that stands here, or will next */
	uint32_t next_free; /* HANDLE_SLOTS_MAX: the last */
};

#define SLOTS_PER_CHUNK (PAGE_SIZE / sizeof(struct handle_slot))
#define CHUNKS		(HANDLE_SLOTS_MAX / SLOTS_PER_CHUNK)

struct handle_table {
	struct handle_slot *chunk[CHUNKS];
	uint32_t free;	/* first free slot, or HANDLE_SLOTS_MAX */
	uint32_t slots; /* slots that exist */
	uint32_t used;
	struct account *account; /* pays for entries; counted */
	struct process *process;
};

/* Put a new capability into a table, a child of `parent` (NULL: a root). The object gains a
 * reference. 0, -EMFILE, -ENOMEM, -EDQUOT, -EMLINK, -EAGAIN (revoke under way above). */
must_check int handle_install(struct handle_table *t, struct object *o, uint32_t rights,
			      struct cap *parent, handle_t *out);

void handle_table_init(struct handle_table *t, struct process *p, struct account *a);
/* Copy entries with HANDLE_INHERIT to the same numbers of an empty table. */
must_check int handle_table_inherit(struct handle_table *to, struct handle_table *from);
/* May those entries go to another silo? -EACCES: one lacks GRANT. -EPERM: capability mode. */
must_check int handle_table_leaves(struct handle_table *from);
/* Move entries with HANDLE_STAY to the same numbers of an empty table (process_exec). */
must_check int handle_table_split(struct handle_table *to, struct handle_table *from);
struct cap *handle_at(struct handle_table *t, uint32_t index); /* NULL: free or no such slot */
handle_t handle_number(const struct cap *c);
/* Make `n` slots available so that as many moves cannot fail. 0, -EMFILE, -EDQUOT, -ENOMEM. */
must_check int handle_room(struct handle_table *t, unsigned n);
/* Move a cap out of its slot into *to, or into a table (after handle_room). */
void cap_detach(struct cap *c, struct cap **to);
handle_t cap_attach(struct handle_table *t, struct cap *c);
/* Move it into place `index` of a message's array: it goes on counting for the table's account. */
void cap_post(struct cap *c, struct cap **array, unsigned index);
void message_handle_gone(struct cap *c);		      /* in message.c: it ends there */
void handle_room_release(struct handle_table *t, unsigned n); /* what handle_room took, unused */
void cap_close(struct cap *c); /* end this capability; children re-parent */
/* A child of `parent` with its rights that is in no table, for whoever `kind` says; it counts as if
 * it were in `t`. *slot points to it as long as it lives. Errors as of handle_install. */
must_check int cap_hold(struct cap *parent, enum cap_kind kind, struct handle_table *t,
			struct cap **slot);
/* Close entries that have none of `keep_flags`, a slice of 64 from *cursor on; true: done. */
bool handle_table_clear(struct handle_table *t, uint32_t keep_flags, uint32_t *cursor);
void handle_table_free(struct handle_table *t);
void handle_table_swap(struct handle_table *a, struct handle_table *b); /* contents, not owners */
extern struct process *clearing_process; /* [K] whose table a cleanup slice is closing */

/* derivation.c: it leaves the tree, or stays in it as a tombstone. Its slot, object and table are
 * NULL already. */
void cap_bury(struct cap *c);

/* Mappings (aspace.c) and watches (watch.c): the node lives inside them. */
void cap_link_child(struct cap *parent, struct cap *node);
void cap_unlink(struct cap *node);	/* splices its children up */
void mapping_revoked(struct cap *node); /* in aspace.c: unmap; unlinks the node */
void watch_revoked(struct cap *node);	/* in watch.c: end it; unlinks the node */
