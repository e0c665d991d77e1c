/* SPDX-License-Identifier: ISC */
/*
 * kmem.c: small kernel objects from slabs.
 *
 * A slab is one frame: a header, `per_slab` objects of one size class, and for
 * each object the account that was charged for it. Free objects are chained by
 * index through their first word. Objects larger than the largest class are
 * whole frames and carry their account in the frame table.
 *
 * An account pays the size of its object's class. The frames of slabs are the
 * kernel's overhead: they are charged to the root account, which therefore counts
 * a small object twice, as an object and as part of a slab.
 *
 * With the boot word memory=poison what is free is overwritten, and looked at before it is given
 * out again, so that whoever still uses it is found out (the tests of the kernel run with it).
 *
 * Invariant: a slab hangs in its class's list exactly when it has a free object.
 */
#include "memory.h"
#include "arch.h"

#define CLASSES	  13
#define NO_OBJECT 0xffffu
#define CLASS_MAX 2016u

struct slab {
	struct list node;
	uint16_t free; /* index of the first free object, or NO_OBJECT */
	uint16_t used;
	uint16_t class;
	uint16_t reserved;
	uint64_t pad;
};
#define SLAB_ROOM (PAGE_SIZE - sizeof(struct slab))
_Static_assert(sizeof(struct slab) % 16 == 0, "objects are aligned to 16 bytes");

/* Chosen so that objects and their account pointers fill a slab with little left over. */
static const uint16_t class_size[CLASSES] = {64,  96,  144, 192,  256,	304,	  384,
					     560, 752, 992, 1328, 1600, CLASS_MAX};

static struct list partial[CLASSES]; /* slabs with a free object, the emptiest at the end */
static uint8_t class_by_size[CLASS_MAX / 16 + 1]; /* index: size / 16, rounded up */
static uint64_t bytes;
static bool ready;
bool memory_poisoned;

static void kmem_init(void)
{
	unsigned c = 0;

	for (unsigned i = 0; i < CLASSES; i++)
		list_init(&partial[i]);
	for (unsigned i = 0; i < array_len(class_by_size); i++) {
		while (class_size[c] < i * 16)
			c++;
		class_by_size[i] = (uint8_t)c;
	}
	ready = true;
}

static inline unsigned per_slab(unsigned class)
{
	return (unsigned)(SLAB_ROOM / (class_size[class] + sizeof(struct account *)));
}

static inline struct account **slab_account(struct slab *s, unsigned i)
{
	return (struct account **)((char *)s + PAGE_SIZE) - 1 - i;
}

static inline uint16_t *slab_object(struct slab *s, unsigned i)
{
	return (uint16_t *)((char *)(s + 1) + (size_t)i * class_size[s->class]);
}

/* Only the link to the next free object may have changed. */
static void poison_check(const void *p, unsigned size)
{
	const uint8_t *byte = p;

	for (unsigned i = sizeof(uint64_t); i < size; i++)
		if (byte[i] != MEMORY_POISON)
			panic("freed object %p of %u bytes was written at %u", p, size, i);
}

static struct slab *slab_make(unsigned class)
{
	paddr_t pa = frame_alloc(&root_account, FRAME_KERNEL);
	struct slab *s;

	if (!pa)
		return NULL;
	s = phys_to_virt(pa);
	s->class = (uint16_t) class;
	if (unlikely(memory_poisoned))
		memset(s + 1, MEMORY_POISON, (size_t)per_slab(class) * class_size[class]);
	for (unsigned i = 0; i < per_slab(class); i++)
		*slab_object(s, i) = (uint16_t)(i + 1 < per_slab(class) ? i + 1 : NO_OBJECT);
	list_add_head(&partial[class], &s->node);
	return s;
}

static void *frame_object(struct account *a)
{
	paddr_t pa = frame_alloc(a, FRAME_KERNEL);

	if (!pa)
		return NULL;
	bytes += PAGE_SIZE;
	return phys_to_virt(pa);
}

/* Sizes are rounded up to 16 bytes here as in the classes. */
static inline void object_zero(void *p, size_t size)
{
	uint64_t *w = p, *end = w + (size + 15) / 16 * 2;

	for (; end - w >= 8; w += 8) {
		w[0] = w[1] = w[2] = w[3] = w[4] = w[5] = w[6] = w[7] = 0;
		__asm__ volatile("" ::: "memory");
	}
	for (; w != end; w += 2) {
		w[0] = w[1] = 0;
		__asm__ volatile("" ::: "memory");
	}
}

void *kmem_alloc(struct account *a, size_t size)
{
	unsigned class, i;
	struct slab *s;
	void *p;

	assert(size && size <= PAGE_SIZE);
	if (unlikely(!ready))
		kmem_init();
	if (size > CLASS_MAX)
		return frame_object(a);
	class = class_by_size[(size + 15) / 16];
	if (account_charge(a, RES_MEMORY, class_size[class]))
		return NULL;
	if (unlikely(list_empty(&partial[class])) && (frames_refused(a) || !slab_make(class))) {
		account_uncharge(a, RES_MEMORY, class_size[class]);
		return NULL;
	}
	s = list_first(&partial[class], struct slab, node);
	i = s->free;
	p = slab_object(s, i);
	s->free = *slab_object(s, i);
	if (s->free == NO_OBJECT)
		list_del(&s->node);
	s->used++;
	*slab_account(s, i) = a;
	account_get(a);
	bytes += class_size[class];
	if (unlikely(memory_poisoned))
		poison_check(p, class_size[class]);
	object_zero(p, size);
	return p;
}

void kmem_free(void *p, size_t size)
{
	uint64_t in_page = (uint64_t)p & (PAGE_SIZE - 1);
	struct slab *s = (struct slab *)((char *)p - in_page);
	unsigned i, bytes_of_class;
	struct account *a;

	if (size > CLASS_MAX) {
		bytes -= PAGE_SIZE;
		frame_put(virt_to_phys(p));
		return;
	}
	bytes_of_class = class_size[s->class];
	assert(class_by_size[(size + 15) / 16] == s->class);
	i = (unsigned)(in_page - sizeof(*s)) / bytes_of_class;
	a = *slab_account(s, i);
	assert(a);
	if (unlikely(memory_poisoned))
		memset(p, MEMORY_POISON, bytes_of_class);
	*slab_account(s, i) = NULL;
	if (s->free == NO_OBJECT)
		list_add_head(&partial[s->class], &s->node);
	*(uint16_t *)p = s->free;
	s->free = (uint16_t)i;
	s->used--;
	bytes -= bytes_of_class;
	/* One empty slab a class is kept, as the last of its list. */
	if (!s->used) {
		struct list *head = &partial[s->class];
		struct slab *last = container_of(head->prev, struct slab, node);

		list_del(&s->node);
		if (!list_empty(head) && !last->used && last != s)
			frame_put(virt_to_phys(s));
		else
			list_add_tail(head, &s->node);
	}
	account_uncharge(a, RES_MEMORY, bytes_of_class);
	account_put(a);
}

uint64_t kmem_bytes(void)
{
	return bytes;
}
