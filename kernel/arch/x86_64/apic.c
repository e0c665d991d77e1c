/* SPDX-License-Identifier: ISC */
/*
 * apic.c: the local APIC in its memory-mapped form: end of interrupt, interrupts between CPUs,
 * the one-shot timer.
 *
 * A timer whose deadline is farther than its 32-bit count is set to the most it can do; when it
 * fires early it is set again without entering the portable kernel (lapic_timer_due).
 * Spec: Intel SDM volume 3, chapter 11.
 */
#include "log.h"
#include "private.h"

#define REG_ID		 0x020
#define REG_TPR		 0x080
#define REG_SPURIOUS	 0x0f0
#define REG_ESR		 0x280
#define REG_ICR_LOW	 0x300
#define REG_ICR_HIGH	 0x310
#define REG_LVT_TIMER	 0x320
#define REG_LVT_LINT0	 0x350
#define REG_LVT_LINT1	 0x360
#define REG_LVT_ERROR	 0x370
#define REG_TIMER_COUNT	 0x380
#define REG_TIMER_LEFT	 0x390
#define REG_TIMER_DIVIDE 0x3e0

#define SPURIOUS_ENABLE (1u << 8)
#define LVT_MASKED	(1u << 16)
#define LVT_NMI		(4u << 8)
#define ICR_PENDING	(1u << 12)
#define ICR_POLLS	1000000
#define DIVIDE_BY_1	0xbu
#define BASE_ENABLE	(1ull << 11)
#define BASE_X2APIC	(1ull << 10)
#define MSI_ADDRESS	0xfee00000u
#define TIMER_SHIFT	32
#define TIMER_COUNT_MAX 0x7fffffffu

char *lapic;
static uint64_t timer_mult; /* count = ns * mult >> TIMER_SHIFT */

static uint32_t lapic_read(unsigned reg)
{
	return mmio_read32(lapic + reg);
}

static void lapic_write(unsigned reg, uint32_t v)
{
	mmio_write32(lapic + reg, v);
}

void lapic_init(paddr_t base)
{
	lapic = arch_map_registers(base, PAGE_SIZE);
	lapic_enable();
	this_cpu()->hardware_id = lapic_id();
}

/* On each CPU. Firmware may have left the register form (x2APIC): back by way of off. */
void lapic_enable(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	if (base & BASE_X2APIC)
		wrmsr(MSR_APIC_BASE, base & ~(BASE_ENABLE | BASE_X2APIC));
	wrmsr(MSR_APIC_BASE, (base & ~BASE_X2APIC) | BASE_ENABLE);
	lapic_write(REG_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
	lapic_write(REG_TPR, 0);
	lapic_write(REG_LVT_LINT0, LVT_MASKED);
	lapic_write(REG_LVT_LINT1, LVT_NMI);
	lapic_write(REG_LVT_ERROR, VECTOR_ERROR);
	lapic_write(REG_ESR, 0);
	lapic_write(REG_LVT_TIMER, VECTOR_TIMER); /* one-shot */
	lapic_write(REG_TIMER_DIVIDE, DIVIDE_BY_1);
	lapic_eoi();
}

unsigned lapic_id(void)
{
	return lapic_read(REG_ID) >> 24;
}

void lapic_send(unsigned apic_id, uint32_t command)
{
	for (int i = 0; i < ICR_POLLS && lapic_read(REG_ICR_LOW) & ICR_PENDING; i++)
		arch_relax();
	lapic_write(REG_ICR_HIGH, apic_id << 24);
	lapic_write(REG_ICR_LOW, command);
}

void arch_ipi(struct cpu *c)
{
	lapic_send(c->hardware_id, VECTOR_RESCHED);
}

/* Message interrupts go to CPU 0, edge, fixed. */
void arch_msi_message(unsigned vector, uint64_t *address, uint32_t *data)
{
	*address = MSI_ADDRESS | cpus[0].hardware_id << 12;
	*data = vector;
}

void lapic_timer_start(uint32_t count)
{
	lapic_write(REG_TIMER_COUNT, count);
}

uint32_t lapic_timer_left(void)
{
	return lapic_read(REG_TIMER_LEFT);
}

void lapic_timer_clock(uint64_t ticks, uint64_t ns)
{
	timer_mult = (ticks << TIMER_SHIFT) / ns; /* ticks fit 32 bits */
}

static void timer_program(uint64_t deadline, uint64_t now)
{
	unsigned __int128 count = 0;

	if (deadline > now)
		count = ((unsigned __int128)(deadline - now) * timer_mult) >> TIMER_SHIFT;
	lapic_timer_start(count >= TIMER_COUNT_MAX ? TIMER_COUNT_MAX : (uint32_t)count + 1);
}

void arch_timer_start(uint64_t deadline, uint64_t now)
{
	this_cpu()->arch->timer_deadline = deadline;
	timer_program(deadline, now);
}

void arch_timer_set(uint64_t deadline)
{
	this_cpu()->arch->timer_deadline = deadline;
	if (deadline == DEADLINE_NEVER)
		lapic_timer_start(0);
	else
		timer_program(deadline, arch_now());
}

bool lapic_timer_due(void)
{
	uint64_t deadline = this_cpu()->arch->timer_deadline, now = arch_now();

	if (deadline <= now)
		return true;
	if (deadline != DEADLINE_NEVER)
		timer_program(deadline, now);
	return false;
}
