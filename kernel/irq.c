/* SPDX-License-Identifier: ISC */
/*
 * irq.c: interrupts as objects: vectors, shared lines, message interrupts.
 *
 * A vector leads to one message interrupt, or to a line with any number of irq
 * objects. An edge (message interrupts always are) just counts. A level line is
 * masked when it fires, until every irq object on it has acknowledged; one that
 * has not within a second is `late`: the line no longer waits for it until it
 * acknowledges. A line that has nobody but late ones stays masked.
 *
 * Invariant: line->unacked is the number of its irq objects with `waiting` set;
 * a level line is unmasked only when it is 0. Protected by the kernel lock.
 */
#include "device_private.h"
#include "arch.h"
#include "log.h"
#include "memory.h"
#include "queue.h"
#include "syscall.h"

#define LINES_MAX 256
#define VECTORS	  256
#define ACK_NS	  1000000000ull
#define IRQ_RIGHTS                                                                                 \
	(RIGHT_READ | RIGHT_WRITE | RIGHT_GRANT | RIGHT_REVOKE | RIGHT_WAIT | RIGHT_MANAGE |       \
	 RIGHT_INSIDE)

struct irq {
	struct object object;
	struct device *device; /* counted */
	struct list device_node;
	struct list watches; /* EVENT_IRQ */
	struct line *line;   /* NULL: a message interrupt, or detached */
	struct list line_node;
	uint8_t kind;	/* enum irq_kind */
	uint8_t vector; /* of a message interrupt; 0: detached */
	bool waiting, late;
	uint32_t number, flags;
	uint64_t delivered, pending, dropped;
};

struct line {
	struct list irqs;
	struct timer timer;
	uint8_t vector; /* 0: not in use */
	bool masked;
	uint32_t flags;
	uint32_t unacked;
};

static struct line lines[LINES_MAX];
static struct {
	struct irq *irq;
	struct line *line;
	void (*handler)(void); /* the kernel's own */
} vectors[VECTORS];
static uint64_t spurious;

static struct irq *irq_of(struct object *o)
{
	return container_of(o, struct irq, object);
}

struct list *irq_watches(struct object *o)
{
	return &irq_of(o)->watches;
}

uint64_t irq_pending(const struct object *o)
{
	return container_of(o, struct irq, object)->pending;
}

/* ---- lines ------------------------------------------------------------------------- */

static unsigned line_number(const struct line *l)
{
	return (unsigned)(l - lines);
}

static void line_mask(struct line *l, bool masked)
{
	l->masked = masked;
	arch_line_mask(line_number(l), masked);
}

/* Unmask when all that count have acknowledged, and somebody is there to serve the next one. */
static void line_settle(struct line *l)
{
	if (!l->masked || l->unacked)
		return;
	timer_disarm(&l->timer);
	list_for_each (i, &l->irqs, struct irq, line_node)
		if (!i->late) {
			line_mask(l, false);
			return;
		}
}

static void line_late(struct timer *t)
{
	struct line *l = container_of(t, struct line, timer);

	list_for_each (i, &l->irqs, struct irq, line_node) {
		if (!i->waiting)
			continue;
		i->waiting = false;
		i->late = true;
		i->dropped++;
		l->unacked--;
		klog(LOG_DEVICE, LOG_WARN, "%s: line %u not acknowledged, goes on without it",
		     i->device->args.name, line_number(l));
	}
	line_settle(l);
}

void irq_init(void)
{
	for (unsigned n = 0; n < LINES_MAX; n++) {
		list_init(&lines[n].irqs);
		lines[n].timer.fire = line_late;
	}
}

/* ---- delivery ------------------------------------------------------------------------ */

static noinline void deliver_to_all(struct irq *i)
{
	struct watch_walk walk;
	struct watch *w;

	watch_walk_begin(&walk, &i->watches);
	while ((w = watch_walk_next(&walk)))
		watch_raise(w, 0, 0);
}

static inline void deliver(struct irq *i)
{
	struct list *first = i->watches.next;

	i->delivered++;
	i->pending++;
	if (likely(first != &i->watches && first->next == &i->watches))
		watch_raise(container_of(first, struct watch, source_node), 0, 0);
	else
		deliver_to_all(i);
}

static void line_raise(struct line *l)
{
	if (l->flags & IRQ_LEVEL) {
		line_mask(l, true);
		timer_arm(&l->timer, arch_now() + ACK_NS);
	}
	list_for_each (i, &l->irqs, struct irq, line_node) {
		if ((l->flags & IRQ_LEVEL) && !i->waiting && !i->late) {
			i->waiting = true;
			l->unacked++;
		}
		deliver(i);
	}
}

/* No message interrupt of a driver's. */
static noinline void other_raise(unsigned vector)
{
	if (vectors[vector].line)
		line_raise(vectors[vector].line);
	else if (vectors[vector].handler)
		vectors[vector].handler();
	else
		spurious++;
}

void irq_raise(unsigned vector)
{
	random_stir(arch_cycles());
	if (likely(vectors[vector].irq))
		deliver(vectors[vector].irq);
	else
		other_raise(vector);
}

/* ---- vectors --------------------------------------------------------------------------- */

/* The next free vector in turn, so that one just freed rests for long; 0: none. */
static unsigned vector_find(void)
{
	static unsigned last = VECTOR_DEVICE_LAST;

	for (unsigned n = VECTOR_DEVICE_FIRST; n <= VECTOR_DEVICE_LAST; n++) {
		last = last == VECTOR_DEVICE_LAST ? VECTOR_DEVICE_FIRST : last + 1;
		if (!vectors[last].irq && !vectors[last].line && !vectors[last].handler)
			return last;
	}
	return 0;
}

unsigned irq_vector_kernel(void (*handler)(void))
{
	unsigned vector = vector_find();

	if (vector)
		vectors[vector].handler = handler;
	return vector;
}

static void line_leave(struct irq *i)
{
	struct line *l = i->line;

	list_del(&i->line_node);
	i->line = NULL;
	if (i->waiting)
		l->unacked--;
	i->waiting = false;
	if (!list_empty(&l->irqs)) {
		line_settle(l);
		return;
	}
	timer_disarm(&l->timer);
	line_mask(l, true);
	vectors[l->vector].line = NULL;
	l->vector = 0;
}

/* No more interrupts for it. */
static void irq_detach(struct irq *i)
{
	if (i->line)
		line_leave(i);
	if (i->vector)
		vectors[i->vector].irq = NULL;
	i->vector = 0;
}

void irqs_silence(struct device *d)
{
	list_for_each (i, &d->irqs, struct irq, device_node)
		irq_detach(i);
}

/* ---- birth and death --------------------------------------------------------------------- */

static int line_open(struct line *l, uint32_t flags)
{
	unsigned vector;
	int err;

	if (l->vector)
		return l->flags == flags ? 0 : -EBUSY;
	vector = vector_find();
	if (!vector)
		return -ENOSPC;
	err = arch_line_setup(line_number(l), flags & IRQ_LEVEL, flags & IRQ_LOW, vector);
	if (err)
		return err;
	l->vector = (uint8_t)vector;
	l->flags = flags;
	l->unacked = 0;
	l->masked = true;
	vectors[vector].line = l;
	return 0;
}

static int attach_line(struct irq *i, uint32_t number, uint32_t flags)
{
	struct line *l = &lines[number];
	int err = line_open(l, flags);

	if (err)
		return err;
	i->line = l;
	list_add_tail(&l->irqs, &i->line_node);
	line_settle(l);
	return 0;
}

static int attach_message(struct irq *i)
{
	i->vector = (uint8_t)vector_find();
	if (!i->vector)
		return -ENOSPC;
	vectors[i->vector].irq = i;
	return 0;
}

/* A message interrupt more (1) or less (-1) of a device, and of all that it was cut out of. */
static void msi_count(struct device *d, enum irq_kind kind, int32_t change)
{
	for (; d && kind == IRQ_MSI; d = d->parent)
		d->msi_count += (uint32_t)change;
}

static struct irq *irq_make(struct account *a, struct device *d, enum irq_kind kind)
{
	struct irq *i = kmem_alloc(a, sizeof(*i));

	if (!i)
		return NULL;
	object_init(&i->object, OBJ_IRQ, a);
	list_init(&i->watches);
	list_init(&i->line_node);
	list_add_tail(&d->irqs, &i->device_node);
	i->kind = (uint8_t)kind;
	i->device = d;
	object_get(&d->object);
	d->irq_count++;
	msi_count(d, kind, 1);
	return i;
}

void irq_unhandled(struct object *o)
{
	irq_detach(irq_of(o));
}

void irq_destroy(struct object *o)
{
	struct irq *i = irq_of(o);

	irq_detach(i);
	assert(list_empty(&i->watches));
	list_del(&i->device_node);
	i->device->irq_count--;
	msi_count(i->device, i->kind, -1);
	object_put(&i->device->object);
	kmem_free(i, sizeof(*i));
}

/* ---- calls ------------------------------------------------------------------------------- */

static int claim_allowed(const struct device *d, uint32_t kind, uint32_t number, uint32_t flags)
{
	if (kind == IRQ_LINE) {
		if (flags & ~(IRQ_LEVEL | IRQ_LOW))
			return -EINVAL;
		return number < LINES_MAX && device_has_line(d, number) ? 0 : -EPERM;
	}
	if (kind != IRQ_MSI || number || flags)
		return -EINVAL;
	for (; d; d = d->parent)
		if (d->msi_count >= d->args.msi)
			return -EPERM;
	return 0;
}

static int64_t irq_claim(struct thread *cur, struct cap *c, struct device *d, enum irq_kind kind,
			 uint32_t line, uint32_t flags)
{
	struct irq *i;
	handle_t h;
	int err;

	i = irq_make(cur->process->account, d, kind);
	if (!i)
		return -ENOMEM;
	i->number = line;
	i->flags = flags;
	err = kind == IRQ_LINE ? attach_line(i, line, flags) : attach_message(i);
	if (!err)
		err = handle_install(&cur->process->table, &i->object, IRQ_RIGHTS, c, &h);
	object_put(&i->object); /* the handle holds it; without one it goes */
	return err ? err : (int64_t)h;
}

int64_t sys_irq_create(struct thread *cur, handle_t device, uint32_t kind, uint32_t line,
		       uint32_t flags)
{
	struct device *d;
	struct cap *c;
	int64_t err = device_find(cur, device, RIGHT_MANAGE, MODE_INTERRUPT, &c, &d);

	if (!err)
		err = claim_allowed(d, kind, line, flags);
	if (!err)
		err = device_own(d, cur->process);
	if (err)
		return err;
	err = irq_claim(cur, c, d, kind, line, flags);
	device_settle(d, cur->process, err);
	return err;
}

static int irq_find(struct thread *cur, handle_t h, uint32_t rights, struct irq **out)
{
	struct object *o;
	int err = object_find(cur, h, OBJ_IRQ, rights, &o);

	if (!err)
		*out = irq_of(o);
	return err;
}

int64_t sys_irq_ack(struct thread *cur, handle_t irq)
{
	struct irq *i;
	int err = irq_find(cur, irq, RIGHT_WRITE, &i);

	if (err)
		return err;
	i->pending = 0;
	i->late = false;
	if (!i->line)
		return 0;
	if (i->waiting)
		i->line->unacked--;
	i->waiting = false;
	line_settle(i->line);
	return 0;
}

int64_t sys_irq_info(struct thread *cur, handle_t irq, uaddr_t out)
{
	struct irq_info info;
	struct irq *i;
	int err = irq_find(cur, irq, RIGHT_READ, &i);

	if (err)
		return err;
	memset(&info, 0, sizeof(info));
	info.kind = i->kind;
	info.line = i->number;
	info.flags = i->flags;
	if (i->vector)
		arch_msi_message(i->vector, &info.msi_address, &info.msi_data);
	info.delivered = i->delivered;
	info.pending = i->pending;
	info.dropped = i->dropped;
	return copy_out(cur, out, &info, sizeof(info));
}
