/* SPDX-License-Identifier: ISC */
/*
 * object.c: births and deaths of kernel objects. What an object does is in its
 * own file; this one only counts.
 */
#include "object.h"
#include "account.h"

uint64_t object_counts[OBJ_TYPES];
static uint64_t last_id;

void object_init(struct object *o, enum object_type type, struct account *account)
{
	o->type = type;
	o->refs = 1;
	o->handles = 0;
	o->id = ++last_id;
	o->account = account;
	account_get(account);
	object_counts[type]++;
}

void object_put(struct object *o)
{
	struct account *account = o->account;

	assert((int32_t)o->refs > 0); /* negative: freed, and poisoned */
	if (--o->refs > 0)
		return;
	object_counts[o->type]--;
	switch ((enum object_type)o->type) {
	case OBJ_VMO: vmo_destroy(o); break;
	case OBJ_ASPACE: aspace_destroy(o); break;
	case OBJ_PROCESS: process_destroy(o); break;
	case OBJ_THREAD: thread_destroy(o); break;
	case OBJ_CHANNEL: channel_destroy(o); break;
	case OBJ_SENDER: sender_destroy(o); break;
	case OBJ_REPLY: reply_destroy(o); break;
	case OBJ_QUEUE: queue_destroy(o); break;
	case OBJ_SIGNAL: signal_destroy(o); break;
	case OBJ_SILO: silo_destroy(o); break;
	case OBJ_DEVICE: device_destroy(o); break;
	case OBJ_IRQ: irq_destroy(o); break;
	case OBJ_LOG:
	case OBJ_CLOCK:
	case OBJ_NONE:
	case OBJ_TYPES: panic("object type %u ends", o->type);
	}
	account_put(account);
}

/* The last capability to an object went. */
static void object_unhandled(struct object *o)
{
	switch ((enum object_type)o->type) {
	case OBJ_CHANNEL: channel_unhandled(o); break;
	case OBJ_SENDER: sender_unhandled(o); break;
	case OBJ_REPLY: reply_unhandled(o); break;
	case OBJ_QUEUE: queue_unhandled(o); break;
	case OBJ_DEVICE: device_unhandled(o); break;
	case OBJ_IRQ: irq_unhandled(o); break;
	case OBJ_PROCESS: process_unhandled(o); break;
	case OBJ_VMO:
	case OBJ_ASPACE:
	case OBJ_THREAD:
	case OBJ_SIGNAL:
	case OBJ_SILO:
	case OBJ_LOG:
	case OBJ_CLOCK:
	case OBJ_NONE:
	case OBJ_TYPES: break;
	}
}

void object_handle_gone(struct object *o)
{
	assert((int32_t)o->handles > 0);
	if (--o->handles == 0)
		object_unhandled(o);
	object_put(o);
}
