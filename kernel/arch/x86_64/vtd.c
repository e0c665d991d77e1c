/* SPDX-License-Identifier: ISC */
/*
 * vtd.c: Intel VT-d: a translation domain for each requester, and its second-level tables. The
 * units that walk them are in vtd_unit.c.
 *
 * All units share one root table. What has no context entry in it is blocked.
 *
 * Invariant: an entry of a second-level table that is present counts in bits 52-61, which the
 * hardware ignores, how often its page was mapped.
 * Spec: Intel VT-d Architecture Specification, revision 4.1: 9 (tables).
 */
#include "vtd.h"
#include "arch.h"
#include "iommu.h"
#include "memory.h"
#include "slice.h"

#define ENTRY_READ_WRITE 3ull
#define ENTRY_ADDRESS	 0x000ffffffffff000ull
#define ENTRY_COUNT	 (1ull << 52)
#define ENTRY_COUNT_MASK (0x3ffull << 52)
#define PRESENT		 1ull

/* In instructions, for slices. */
#define COST_WALK  200
#define COST_TABLE 1600
#define COST_SCAN  2600

struct iommu_domain {
	struct list node;
	uint32_t refs, source;
	uint16_t number;
	paddr_t root; /* second-level table */
	struct account *pays;
};

struct wide_entry {
	uint64_t low, high;
};

static struct list domains = {&domains, &domains};
static struct list dying = {&dying, &dying}; /* no requester uses them any more */

/* ---- tables ------------------------------------------------------------------------------ */

/* The units may read memory past the CPU's caches. */
static void entry_publish(volatile void *p)
{
	if (!vtd.coherent)
		__asm__ volatile("clflush (%0); mfence" : : "r"(p) : "memory");
}

static void entry_set(volatile uint64_t *e, uint64_t value)
{
	*e = value;
	entry_publish(e);
}

paddr_t vtd_table_make(struct account *pays)
{
	paddr_t table = frame_alloc(pays, FRAME_KERNEL);
	uint8_t *bytes = table ? phys_to_virt(table) : NULL;

	for (unsigned at = 0; bytes && !vtd.coherent && at < PAGE_SIZE; at += 64)
		entry_publish(bytes + at);
	return table;
}

/* The tables below go first, and are forgotten. True: all of it is free. */
static bool table_free(paddr_t table, unsigned level, struct slice *s)
{
	uint64_t *e = phys_to_virt(table);

	if (!slice_take(s, COST_FRAME_FREE + (level > 0 ? COST_SCAN : 0)))
		return false;
	for (unsigned i = 0; level > 0 && i < 512; i++) {
		if (!(e[i] & ENTRY_READ_WRITE))
			continue;
		if (!table_free(e[i] & ENTRY_ADDRESS, level - 1, s))
			return false;
		e[i] = 0;
	}
	frame_put(table);
	return true;
}

/* The last-level entry of an address. NULL: its table is not there (and there is no memory). With
 * a slice, which pays, tables are made. */
static uint64_t *entry_at(struct iommu_domain *d, paddr_t pa, struct slice *make)
{
	uint64_t *table = phys_to_virt(d->root);

	for (unsigned level = vtd.levels - 1; level > 0; level--) {
		uint64_t *e = &table[pa >> (PAGE_SHIFT + 9 * level) & 511];

		if (!(*e & ENTRY_READ_WRITE)) {
			paddr_t below = make ? vtd_table_make(d->pays) : 0;

			if (!below)
				return NULL;
			make->left -= COST_TABLE;
			entry_set(e, below | ENTRY_READ_WRITE);
		}
		table = phys_to_virt(*e & ENTRY_ADDRESS);
	}
	return &table[pa >> PAGE_SHIFT & 511];
}

int64_t iommu_map(struct iommu_domain *d, paddr_t pa, struct slice *s)
{
	uint64_t *e;

	if (!slice_take(s, COST_WALK))
		return K_RESTART;
	if (pa >> (PAGE_SHIFT + 9 * vtd.levels))
		return -ERANGE;
	e = entry_at(d, pa, s);
	if (!e || (*e & ENTRY_COUNT_MASK) == ENTRY_COUNT_MASK)
		return -ENOMEM;
	entry_set(e, (*e | pa | ENTRY_READ_WRITE) + ENTRY_COUNT);
	return 0;
}

bool iommu_unmap(struct iommu_domain *d, paddr_t pa, struct slice *s)
{
	uint64_t *e, left;

	if (!slice_take(s, COST_WALK))
		return false;
	e = entry_at(d, pa, NULL);
	assert(e && (*e & ENTRY_COUNT_MASK));
	left = *e - ENTRY_COUNT;
	entry_set(e, left & ENTRY_COUNT_MASK ? left : 0);
	return true;
}

void iommu_flush(struct iommu_domain *d)
{
	vtd_domain_flush(d->number);
}

/* ---- domains ------------------------------------------------------------------------------ */

/* The context entry of a requester; NULL: no table for its bus (and no memory). */
static volatile struct wide_entry *context_at(uint32_t source)
{
	volatile struct wide_entry *bus =
		(struct wide_entry *)phys_to_virt(vtd.root) + (source >> 8 & 0xff);

	if (!(bus->low & PRESENT)) {
		paddr_t table = vtd_table_make(&root_account);

		if (!table)
			return NULL;
		entry_set(&bus->low, table | PRESENT);
	}
	return (struct wide_entry *)phys_to_virt(bus->low & ENTRY_ADDRESS) + (source & 0xff);
}

static bool number_taken(uint32_t number)
{
	list_for_each (d, &domains, struct iommu_domain, node)
		if (d->number == number)
			return true;
	return false;
}

/* Domain 0 is left alone, as the specification asks for some units. 0: none is free. */
static uint16_t number_find(void)
{
	for (uint32_t n = 1; n < vtd.domains; n++)
		if (!number_taken(n))
			return (uint16_t)n;
	return 0;
}

static int domain_make(uint32_t source, struct account *pays, struct iommu_domain **out)
{
	volatile struct wide_entry *context = context_at(source);
	uint16_t number = number_find();
	struct iommu_domain *d;

	if (!context)
		return -ENOMEM;
	if (!number)
		return -ENXIO;
	d = kmem_alloc(pays, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->root = vtd_table_make(pays);
	if (!d->root) {
		kmem_free(d, sizeof(*d));
		return -ENOMEM;
	}
	d->source = source;
	d->number = number;
	d->pays = pays;
	account_get(pays);
	list_add_tail(&domains, &d->node);
	entry_set(&context->high, (uint64_t)number << 8 | (vtd.levels - 2));
	entry_set(&context->low, d->root | PRESENT);
	vtd_context_flush();
	iommu_flush(d);
	*out = d;
	return 0;
}

int iommu_domain_get(uint32_t source, struct account *pays, struct iommu_domain **out)
{
	int err;

	if (source >> 16)
		return -ENXIO; /* another segment */
	list_for_each (d, &domains, struct iommu_domain, node)
		if (d->source == source) {
			d->refs++;
			*out = d;
			return 0;
		}
	err = domain_make(source, pays, out);
	if (!err)
		(*out)->refs = 1;
	return err;
}

void iommu_domain_put(struct iommu_domain *d)
{
	volatile struct wide_entry *context = context_at(d->source);

	assert(d->refs > 0 && context);
	if (--d->refs > 0)
		return;
	entry_set(&context->low, 0);
	vtd_context_flush();
	iommu_flush(d); /* nobody walks its tables any more, and its number is free */
	list_del(&d->node);
	list_add_tail(&dying, &d->node);
	sched_cleanup();
}

bool iommu_cleanup(struct slice *s)
{
	while (!list_empty(&dying)) {
		struct iommu_domain *d = list_first(&dying, struct iommu_domain, node);

		if (!table_free(d->root, vtd.levels - 1, s))
			return true;
		list_del(&d->node);
		account_put(d->pays);
		kmem_free(d, sizeof(*d));
	}
	return false;
}
