/* SPDX-License-Identifier: ISC */
/*
 * smp.c: starting the other CPUs, one after the other, and arch_init.
 *
 * A CPU starts in real mode in a page below 1 MiB (boot.S), takes its stack from ap_stack_top,
 * sets itself up and says so in `online`. One that does not within its time is left out:
 * should it come late, it waits for a permission that is never given.
 */
#include "log.h"
#include "private.h"

#define START_TIMEOUT_NS 3000000000ull /* an emulated one may be slow to get its turn */
#define INIT_DELAY_US	 10000
#define STARTUP_DELAY_US 200
#define APIC_ID_ALL	 255

extern char trampoline_start[], trampoline_end[];
uint64_t ap_stack_top; /* boot.S: where the CPU that is being started puts its stack pointer */
static uint64_t ap_ist_base;
static struct cpu *ap_cpu;
static bool ap_may_go;
static struct acpi_facts facts;
noreturn void ap_main(void);

void arch_init(void)
{
	acpi_read(&facts);
	pic_off();
	lapic_init(facts.lapic);
	ioapic_init(&facts);
	time_init(&facts);
}

/* From boot.S, on its own stack, in the first page tables. */
void ap_main(void)
{
	struct cpu *c = ap_cpu;

	cpu_setup(c, ap_stack_top + 8, ap_ist_base);
	lapic_enable();
	__atomic_store_n(&c->online, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&ap_may_go, __ATOMIC_ACQUIRE))
		arch_relax();
	kernel_cpu_main(c);
}

static bool online_within(const struct cpu *c, uint64_t ns)
{
	uint64_t end = arch_now() + ns;

	while (!__atomic_load_n(&c->online, __ATOMIC_ACQUIRE)) {
		if (arch_now() > end)
			return false;
		arch_relax();
	}
	return true;
}

static bool cpu_start(struct cpu *c, unsigned apic_id)
{
	uint32_t startup = IPI_STARTUP | (uint32_t)(boot_low_page >> PAGE_SHIFT);

	c->hardware_id = apic_id;
	ap_cpu = c;
	ap_may_go = false;
	ap_stack_top = kernel_stack_make(KERNEL_STACK_SIZE) - 8;
	ap_ist_base = kernel_stack_make(IST_COUNT * IST_STACK_SIZE) - IST_COUNT * IST_STACK_SIZE;
	memcpy(phys_to_virt(boot_low_page), trampoline_start,
	       (uint64_t)trampoline_end - (uint64_t)trampoline_start);
	lapic_send(apic_id, IPI_INIT);
	delay_us(INIT_DELAY_US);
	lapic_send(apic_id, startup);
	if (!online_within(c, STARTUP_DELAY_US * 1000ull))
		lapic_send(apic_id, startup);
	if (!online_within(c, START_TIMEOUT_NS)) {
		klog(LOG_BOOT, LOG_ERROR, "the CPU with APIC id %u does not start", apic_id);
		return false;
	}
	cpu_count++;
	__atomic_store_n(&ap_may_go, true, __ATOMIC_RELEASE);
	return true;
}

/* Until `limit` CPUs run, this one included. After a failure no other is tried, so that the
 * page tables and the struct of one that comes late are still there for it to wait in. */
void arch_start_cpus(unsigned limit)
{
	bool ok = boot_low_page != 0;

	for (unsigned i = 0; ok && i < facts.cpu_count; i++) {
		unsigned id = facts.cpus[i];
		if (cpu_count >= limit || cpu_count == CPUS_MAX)
			break;
		if (id == cpus[0].hardware_id || id == APIC_ID_ALL)
			continue;
		ok = cpu_start(&cpus[cpu_count], id);
	}
	if (ok)
		kernel_map_drop_identity();
}
