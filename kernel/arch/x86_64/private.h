/* SPDX-License-Identifier: ISC */
/*
 * private.h: what the files of this architecture tell each other. Portable code
 * sees arch.h and regs.h only.
 */
#pragma once
#include "asm_offsets.h"
#include "cpu.h"
#include "thread.h"
#include "x86.h"

/* ---- per CPU ---- */
/* Reached through gs at a constant distance from struct cpu: arrays of the same stride. */
union entry_area {
	struct {
		uint64_t rip, cs, rflags, rsp, ss; /* ready-made frame: IRETQ to the upcall entry */
		uint64_t control;		   /* what the registers hold: control.inc */
	};
	char stride[sizeof(struct cpu)];
};
union tss {
	struct {
		uint32_t reserved0;
		uint64_t rsp[3];
		uint64_t reserved1;
		uint64_t ist[7];
		uint64_t reserved2;
		uint16_t reserved3, iomap;
	} __attribute__((packed));
	char stride[sizeof(struct cpu)];
};
extern union entry_area entry_areas[CPUS_MAX];
extern union tss tss_table[CPUS_MAX];

enum ist { IST_NMI = 1, IST_MACHINE, IST_DOUBLE, IST_COUNT = 3 };

struct arch_cpu {
	uint64_t gdt[8];
	uint64_t timer_deadline; /* what the timer was set for; its count may end before */
};

extern struct thread nobody; /* `loaded` of a CPU that holds no thread's state */

void cpu_check_features(void); /* panics when a required one is missing */
/* Tables, registers and features of the CPU that runs this. Stacks must be set. */
void cpu_setup(struct cpu *c, uint64_t stack_top, uint64_t ist_base);
extern bool cpu_has_gigabyte;
extern uint64_t cr4_normal; /* while nothing is withheld from the thread that runs */

/* ---- boot ---- */
extern paddr_t boot_low_page; /* below 1 MiB, for starting CPUs; 0: none */
noreturn void arch_boot(uint32_t magic, uint32_t info);
void boot_collect(uint32_t magic, uint32_t info); /* fills `boot` */
/* Kernel page tables for good: sections with their protection, all RAM in the direct map. */
void kernel_map_init(void);
void kernel_map_drop_identity(void);
extern struct arch_aspace kernel_space;
/* Kernel stack of `len` bytes with an unmapped page below; top. */
uint64_t kernel_stack_make(uint64_t len);
bool direct_mapped(paddr_t pa, uint64_t len);

/* ---- traps ---- */
void idt_setup(void);
void idt_load(void);
void trap_user(struct regs *r);
void trap_kernel(struct regs *r);
noreturn void trap_fatal(struct regs *r);
noreturn void arch_bad_rip(struct thread *cur);
void arch_stop_cpus(void);

/* ---- dump.c: into the log, for a panic ---- */
void dump_ended(const struct regs *r); /* this CPU does not come back from the trap of r */
void arch_dump(const struct regs *r);
void arch_dump_here(void);   /* that trap's registers and stack, or the caller's stack */
void arch_dump_others(void); /* where the other CPUs were, once they have stopped */

/* ---- interrupt controllers, time ---- */
struct acpi_facts {
	paddr_t lapic;
	unsigned cpu_count;
	uint8_t cpus[CPUS_MAX]; /* APIC ids of usable CPUs, as listed */
	unsigned ioapic_count;
	struct ioapic_fact {
		paddr_t base;
		uint32_t first;
	} ioapics[8];
	paddr_t hpet;
	uint16_t pm_timer; /* port */
	bool pm_timer_wide;
};
void acpi_read(struct acpi_facts *f);
void lapic_init(paddr_t base);
void lapic_enable(void);
unsigned lapic_id(void);
extern char *lapic; /* registers */
#define LAPIC_EOI 0x0b0
static inline void lapic_eoi(void)
{
	mmio_write32(lapic + LAPIC_EOI, 0);
}
void lapic_send(unsigned apic_id, uint32_t command);
#define IPI_NMI	    0x4400u
#define IPI_INIT    0xc500u
#define IPI_STARTUP 0x4600u
void lapic_timer_start(uint32_t count);
void lapic_timer_clock(uint64_t ticks, uint64_t ns); /* that many ticks took so long */
uint32_t lapic_timer_left(void);
bool lapic_timer_due(void); /* false: set again, the deadline is still ahead */
void pic_off(void);
void unlock_idle(void);
void ioapic_init(const struct acpi_facts *f);
extern uint16_t vector_line[256]; /* line + 1 of level-triggered vectors; 0: none */
void ioapic_vector_mask(unsigned vector);
static inline void ioapic_before_eoi(unsigned vector)
{
	if (vector_line[vector])
		ioapic_vector_mask(vector);
}
void time_init(const struct acpi_facts *f);
void delay_us(uint64_t us);
