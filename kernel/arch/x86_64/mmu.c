/* SPDX-License-Identifier: ISC */
/*
 * mmu.c: page tables of address spaces, four levels, 4 KiB pages.
 *
 * The lower half belongs to the address space: its tables are frames charged to the account,
 * freed with the address space and not before. The upper half of every top table is a copy of
 * the kernel's, whose entries never change after boot. Entries are changed by atomic exchange,
 * as processors set accessed and dirty bits at any moment. Flushing is the caller's (tlb.c).
 * Spec: Intel SDM volume 3, chapter 4.
 */
#include "memory.h"
#include "private.h"

#define ENTRIES	  512u
#define LEVELS	  4
#define TABLE_PTE (PTE_P | PTE_W | PTE_U)

static inline unsigned entry_index(uint64_t va, int level)
{
	return (unsigned)(va >> (PAGE_SHIFT + 9 * level)) & (ENTRIES - 1);
}

static uint64_t *table_of(uint64_t entry)
{
	return phys_to_virt(entry & PTE_ADDR);
}

static uint64_t pte_make(paddr_t pa, uint32_t prot)
{
	return pa | PTE_P | PTE_U | (prot & ARCH_W ? PTE_W : 0) | (prot & ARCH_X ? 0 : PTE_NX) |
	       (prot & ARCH_UNCACHED ? PTE_PCD | PTE_PWT : 0);
}

static uint32_t pte_prot(uint64_t pte)
{
	return ARCH_R | (pte & PTE_W ? ARCH_W : 0) | (pte & PTE_NX ? 0 : ARCH_X) |
	       (pte & PTE_PCD ? ARCH_UNCACHED : 0);
}

/* The page entry of a user address; NULL when a table on the way is missing. LEVELS steps. */
static inline uint64_t *pte_find(const struct arch_aspace *a, uint64_t va)
{
	uint64_t *table = phys_to_virt(a->root), entry;

	entry = table[entry_index(va, 3)];
	if (unlikely(!(entry & PTE_P)))
		return NULL;
	entry = table_of(entry)[entry_index(va, 2)];
	if (unlikely(!(entry & PTE_P)))
		return NULL;
	entry = table_of(entry)[entry_index(va, 1)];
	if (unlikely(!(entry & PTE_P)))
		return NULL;
	return &table_of(entry)[entry_index(va, 0)];
}

/* The same, with missing tables made. NULL: no memory. */
static uint64_t *pte_make_path(struct arch_aspace *a, uint64_t va)
{
	uint64_t *table = phys_to_virt(a->root);

	for (int level = LEVELS - 1; level > 0; level--) {
		uint64_t *entry = &table[entry_index(va, level)];
		if (!(*entry & PTE_P)) {
			paddr_t frame = frame_alloc(a->account, FRAME_KERNEL);
			if (!frame)
				return NULL;
			*entry = frame | TABLE_PTE;
		}
		table = table_of(*entry);
	}
	return &table[entry_index(va, 0)];
}

int arch_aspace_init(struct arch_aspace *a, struct account *pay)
{
	paddr_t root = frame_alloc(pay, FRAME_KERNEL);
	const uint64_t *kernel = phys_to_virt(kernel_space.root);

	if (!root)
		return -ENOMEM;
	*a = (struct arch_aspace){.root = root, .account = pay};
	memcpy((uint64_t *)phys_to_virt(root) + ENTRIES / 2, kernel + ENTRIES / 2, PAGE_SIZE / 2);
	return 0;
}

/* Free the tables below `table`, at most *budget of them; true: there are no more. */
static bool tables_free(uint64_t *table, int level, unsigned entries, unsigned *budget)
{
	for (unsigned i = 0; i < entries; i++) {
		if (!(table[i] & PTE_P))
			continue;
		if (level > 1 && !tables_free(table_of(table[i]), level - 1, ENTRIES, budget))
			return false;
		if (!*budget)
			return false;
		--*budget;
		frame_put(table[i] & PTE_ADDR);
		table[i] = 0;
	}
	return true;
}

bool arch_aspace_free(struct arch_aspace *a, unsigned budget)
{
	if (!a->root)
		return true;
	/* Its last thread may have ended in this very entry to the kernel. */
	if (this_cpu()->space == a)
		arch_aspace_use(&kernel_space);
	assert(!a->cpus);
	if (!tables_free(phys_to_virt(a->root), LEVELS - 1, ENTRIES / 2, &budget))
		return false;
	frame_put(a->root);
	a->root = 0;
	return true;
}

/* The first page below some table. */
static noinline int map_deep(struct arch_aspace *a, uint64_t va, uint64_t entry)
{
	uint64_t *pte = pte_make_path(a, va);

	if (unlikely(!pte))
		return -ENOMEM;
	__atomic_store_n(pte, entry, __ATOMIC_RELEASE);
	return 0;
}

int arch_map(struct arch_aspace *a, uint64_t va, paddr_t pa, uint32_t prot)
{
	uint64_t *pte = pte_find(a, va);

	if (unlikely(!pte))
		return map_deep(a, va, pte_make(pa, prot));
	__atomic_store_n(pte, pte_make(pa, prot), __ATOMIC_RELEASE);
	return 0;
}

paddr_t arch_unmap(struct arch_aspace *a, uint64_t va, bool *dirty)
{
	uint64_t *pte = pte_find(a, va), old;

	*dirty = false;
	if (!pte || !(*pte & PTE_P))
		return 0;
	old = __atomic_exchange_n(pte, 0, __ATOMIC_ACQ_REL);
	*dirty = old & PTE_D;
	return old & PTE_ADDR;
}

bool arch_protect(struct arch_aspace *a, uint64_t va, uint32_t prot)
{
	uint64_t *pte = pte_find(a, va), old;

	if (!pte || !(*pte & PTE_P))
		return false;
	old = __atomic_load_n(pte, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(
		pte, &old, pte_make(old & PTE_ADDR, prot) | (old & (PTE_A | PTE_D)), false,
		__ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
		;
	return true;
}

paddr_t arch_lookup(struct arch_aspace *a, uint64_t va, uint32_t *prot)
{
	const uint64_t *pte = pte_find(a, va);

	if (!pte || !(*pte & PTE_P))
		return 0;
	*prot = pte_prot(*pte);
	return *pte & PTE_ADDR;
}

void *arch_writable(const struct arch_aspace *a, uint64_t va)
{
	const uint64_t *pte = pte_find(a, va);

	if (unlikely(!pte || (*pte & (PTE_P | PTE_W | PTE_PCD)) != (PTE_P | PTE_W)))
		return NULL;
	return phys_to_virt(*pte & PTE_ADDR);
}

const void *arch_readable(const struct arch_aspace *a, uint64_t va)
{
	const uint64_t *pte = pte_find(a, va);

	if (unlikely(!pte || (*pte & (PTE_P | PTE_PCD)) != PTE_P))
		return NULL;
	return phys_to_virt(*pte & PTE_ADDR);
}

/* The first address from `va` on below a present entry of `table`, which covers the addresses
 * from `base`; or `end`. At most one last-level table is looked through: if there is nothing in it,
 * the answer is the address behind it. */
static uint64_t present_in(const uint64_t *table, int level, uint64_t base, uint64_t va,
			   uint64_t end)
{
	uint64_t step = 1ull << (PAGE_SHIFT + 9 * level);

	for (unsigned i = va > base ? entry_index(va, level) : 0; i < ENTRIES; i++) {
		uint64_t at = base + i * step, from = va > at ? va : at, found;
		if (at >= end)
			break;
		if (!(table[i] & PTE_P))
			continue;
		if (level == 0)
			return from;
		found = present_in(table_of(table[i]), level - 1, at, from, end);
		if (found < at + step)
			return found;
		if (level == 1)
			return at + step < end ? at + step : end;
	}
	return end;
}

uint64_t arch_next_present(struct arch_aspace *a, uint64_t va, uint64_t end)
{
	return va >= end ? end : present_in(phys_to_virt(a->root), LEVELS - 1, 0, va, end);
}

void arch_aspace_use(struct arch_aspace *a)
{
	struct cpu *c = this_cpu();

	if (c->space == a)
		return;
	c->space->cpus &= ~(1ull << c->index);
	a->cpus |= 1ull << c->index;
	c->space = a;
	write_cr3(a->root);
}
