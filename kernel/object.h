/* SPDX-License-Identifier: ISC */
/*
 * object.h: the head of every kernel object, and its reference counts.
 *
 * `refs` counts everything that points to the object, handles included;
 * `handles` counts only the capabilities (handle.h), in tables or messages.
 * When `handles` falls to 0 the type's `unhandled` hook runs (a channel closes,
 * a sender reports CLOSED); when `refs` does, `destroy` frees it. All fields
 * are protected by the kernel lock [K], the only lock there is.
 */
#pragma once
#include "base.h"

struct account;

struct object {
	uint8_t type;		 /* [const] enum object_type */
	uint32_t refs;		 /* [K] */
	uint32_t handles;	 /* [K] */
	uint64_t id;		 /* [const] never reused */
	struct account *account; /* [const] charged for the object; a counted reference */
};

/* Set up the head with one reference and a fresh id; takes a reference on `account`. */
void object_init(struct object *o, enum object_type type, struct account *account);
static inline void object_get(struct object *o)
{
	o->refs++;
}
void object_put(struct object *o); /* may destroy */

void object_handle_gone(struct object *o); /* one capability less, and its reference */

extern uint64_t object_counts[OBJ_TYPES]; /* [K] alive, by type */

/* Implemented by the objects' files; called by object.c only. */
void vmo_destroy(struct object *o);
void aspace_destroy(struct object *o);
void process_destroy(struct object *o);
void process_unhandled(struct object *o);
void thread_destroy(struct object *o);
void channel_destroy(struct object *o);
void channel_unhandled(struct object *o);
void sender_destroy(struct object *o);
void sender_unhandled(struct object *o);
void reply_destroy(struct object *o);
void reply_unhandled(struct object *o);
void queue_destroy(struct object *o);
void queue_unhandled(struct object *o);
void signal_destroy(struct object *o);
void silo_destroy(struct object *o);
void device_destroy(struct object *o);
void device_unhandled(struct object *o);
void irq_destroy(struct object *o);
void irq_unhandled(struct object *o);
