/* SPDX-License-Identifier: ISC */
/*
 * info.c: see info.h. Programs read the pages at any moment: `seq` is odd while the wall-clock
 * offset changes.
 */
#include "info.h"
#include "arch.h"
#include "memory.h"

#define PAGES 4u /* sets of flags */

static paddr_t frames[PAGES];
static uint32_t time_mult, time_shift;

static unsigned index_of_flags(uint32_t flags)
{
	return (flags & SILO_NO_TSC ? 1u : 0) | (flags & SILO_NO_FSGSBASE ? 2u : 0);
}

static struct info_page *page(unsigned i)
{
	return phys_to_virt(frames[i]);
}

/* Without the counter there is nothing to compute time from: a factor of 0 says so. */
static void page_make(uint32_t flags)
{
	unsigned i = index_of_flags(flags);
	struct info_page *p;

	frames[i] = frame_alloc(&root_account, FRAME_KERNEL);
	assert(frames[i]);
	p = page(i);
	p->version = 1;
	p->xcr0 = arch_xcr0();
	p->withheld = flags;
	if (!(flags & SILO_NO_TSC))
		arch_time_params(&p->tsc_base, &p->mult, &p->shift);
}

void info_init(void)
{
	page_make(0);
	page_make(SILO_NO_TSC);
	page_make(SILO_NO_FSGSBASE);
	page_make(SILO_NO_TSC | SILO_NO_FSGSBASE);
	time_mult = page(0)->mult;
	time_shift = page(0)->shift;
}

paddr_t info_frame(uint32_t flags)
{
	return frames[index_of_flags(flags)];
}

void info_cpu_online(void)
{
	for (unsigned i = 0; i < PAGES; i++)
		page(i)->cpus++;
}

void info_wall_set(uint64_t offset)
{
	for (unsigned i = 0; i < PAGES; i++) {
		struct info_page *p = page(i);

		__atomic_store_n(&p->seq, p->seq + 1, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_RELEASE);
		__atomic_store_n(&p->wall_offset, offset, __ATOMIC_RELAXED);
		__atomic_store_n(&p->seq, p->seq + 1, __ATOMIC_RELEASE);
	}
}

uint64_t cycles_to_ns(uint64_t cycles)
{
	return (uint64_t)(((unsigned __int128)cycles * time_mult) >> time_shift);
}

uint64_t ns_to_cycles(uint64_t ns)
{
	return (ns / time_mult << time_shift) + (ns % time_mult << time_shift) / time_mult;
}
