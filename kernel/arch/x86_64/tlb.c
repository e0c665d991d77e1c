/* SPDX-License-Identifier: ISC */
/*
 * tlb.c: translations that other CPUs may hold.
 *
 * One request at a time, as the requester holds the kernel lock. The CPUs asked are those on
 * which the address space is loaded. They answer from an interrupt (user mode, idle) or, while
 * they wait for the lock, from lock_kernel; so the requester may wait for them. A CPU cannot
 * come to load the address space meanwhile: that needs the lock.
 *
 *   requester                            CPU asked
 *   1 tables changed                     3 sees generation != tlb_seen
 *   2 request, then generation           4 reads the request, drops translations
 *   6 all tlb_seen == generation: done   5 tlb_seen = generation
 */
#include "private.h"

#define PAGES_MAX 64

static struct {
	uint64_t va, pages; /* pages 0: all */
	uint32_t generation;
} request;

static void flush_here(uint64_t va, uint64_t pages)
{
	if (!pages)
		write_cr3(read_cr3());
	for (uint64_t i = 0; i < pages; i++)
		invlpg(va + i * PAGE_SIZE);
}

void arch_tlb_serve(void)
{
	struct cpu *c = this_cpu();
	uint32_t now = __atomic_load_n(&request.generation, __ATOMIC_ACQUIRE);

	if (now == c->tlb_seen)
		return;
	/* One that was not asked may read a request that is just being written; what it drops
	 * then does no harm, and it sees the next generation later. */
	flush_here(request.va, request.pages);
	__atomic_store_n(&c->tlb_seen, now, __ATOMIC_RELEASE);
}

static void flush_others(uint64_t mask, uint64_t va, uint64_t pages)
{
	uint32_t next = request.generation + 1;

	request.va = va;
	request.pages = pages;
	__atomic_store_n(&request.generation, next, __ATOMIC_RELEASE);
	this_cpu()->tlb_seen = next;
	for (unsigned i = 0; i < cpu_count; i++)
		if (mask & 1ull << i)
			lapic_send(cpus[i].hardware_id, VECTOR_TLB);
	for (unsigned i = 0; i < cpu_count; i++)
		while (mask & 1ull << i &&
		       __atomic_load_n(&cpus[i].tlb_seen, __ATOMIC_ACQUIRE) != next)
			arch_relax();
}

void arch_tlb_flush(struct arch_aspace *a, uint64_t va, uint64_t pages)
{
	struct cpu *c = this_cpu();
	uint64_t others = a->cpus & ~(1ull << c->index);

	a->flushes++;
	if (pages > PAGES_MAX)
		pages = 0;
	if (c->space == a)
		flush_here(va, pages);
	if (others)
		flush_others(others, va, pages);
}
