/* SPDX-License-Identifier: ISC */
/*
 * arch.h: all that the portable kernel asks of a machine.
 *
 * Entry: a trap or interrupt from user mode stores all registers in cur->regs
 * (cpu->cur) and calls kernel_fault or kernel_interrupt on the CPU's only kernel
 * stack, interrupts off, lock not held. Those take the lock, do their work,
 * choose cpu->cur and leave by arch_leave(), which drops the lock and enters the
 * program or idles. System calls: see syscall_table in cpu.h. An
 * interrupt that arrives in the idle loop enters with cpu->cur NULL. A trap in
 * the kernel is a panic, except inside arch_copy.
 */
#pragma once
#include "base.h"
#include "arch/regs.h" /* struct regs, regs_* accessors, struct arch_thread, struct arch_aspace */

struct cpu;
struct thread;
struct process;
struct account;

/* ---- boot ---- */
struct boot_info {
	struct phys_range usable[64]; /* RAM less image, archive, command line */
	unsigned usable_count;
	struct phys_range ram[64]; /* all that the memory map calls usable */
	unsigned ram_count;
	paddr_t archive;
	uint64_t archive_len;
	paddr_t rsdp; /* 0: not told; search */
	char cmdline[1024];
};
extern struct boot_info boot;
#define CPUS_MAX 32

noreturn void kernel_main(void);      /* called on CPU 0 with `boot` filled, interrupts off */
void arch_init(void);		      /* after frame_init: IDT, APIC, timer calibration, features */
void arch_start_cpus(unsigned limit); /* each calls kernel_cpu_main(cpu) */
noreturn void kernel_cpu_main(struct cpu *c);
noreturn void arch_reset(void);

static inline void *phys_to_virt(paddr_t pa);	      /* direct map of all RAM; in regs.h */
static inline paddr_t virt_to_phys(const void *p);    /* direct map addresses only */
void *arch_map_registers(paddr_t base, uint64_t len); /* for the kernel's own; uncached */

/* ---- leaving ---- */
noreturn void arch_leave(void); /* lock held: load cpu->cur's state, unlock, go; idle when NULL */

/* ---- per CPU ---- */
static inline struct cpu *this_cpu(void); /* in regs.h */
void arch_ipi(struct cpu *c);		  /* make it enter kernel_interrupt (reschedule) */
static inline void arch_relax(void);
static inline uint64_t arch_cycles(void); /* TSC; in regs.h, as are the two others of time */

/* ---- thread and process state ---- */
/* regs zeroed for user mode, entry, sp, argument; extended state initial. -ENOMEM. */
must_check int arch_thread_init(struct thread *t, const struct thread_args *a);
void arch_thread_free(struct thread *t);
/* It has not run yet, and belongs to another silo now, which may leave it less. */
void arch_thread_silo_changed(struct thread *t);
void arch_bases_save(struct thread *t); /* into its state, for arch_regs_get; it is current */
void arch_regs_get(struct thread *t, struct thread_regs *out);
must_check int arch_regs_set(struct thread *t, const struct thread_regs *in); /* -EINVAL */
int64_t arch_fpu_get(struct thread *t, void *buf, uint64_t len); /* bytes; kernel memory */
must_check int arch_fpu_set(struct thread *t, const void *buf, uint64_t len); /* -EINVAL */
uint64_t arch_fpu_size(void);
uint64_t arch_xcr0(void); /* supported components */
void arch_single_step(struct thread *t, bool on);
/* Rewind to the system call instruction, the number and arguments as they were. */
void arch_restart_syscall(struct thread *t);

/* ---- address spaces ---- */
#define ARCH_R	      1u
#define ARCH_W	      2u
#define ARCH_X	      4u
#define ARCH_UNCACHED 8u

must_check int arch_aspace_init(struct arch_aspace *a, struct account *pay);
/* At most `budget` of its tables; true: all is gone. Nothing may be mapped, no CPU on it. */
must_check bool arch_aspace_free(struct arch_aspace *a, unsigned budget);
/* Map a page; allocates tables. A present entry is replaced (caller flushes). -ENOMEM. */
must_check int arch_map(struct arch_aspace *a, uint64_t va, paddr_t pa, uint32_t prot);
/* Clear an entry. Answers the frame that was there (0: none) and whether it was dirty. */
paddr_t arch_unmap(struct arch_aspace *a, uint64_t va, bool *dirty);
/* Change protection of a present entry; true when it was present. */
bool arch_protect(struct arch_aspace *a, uint64_t va, uint32_t prot);
/* Frame and protection of a present user entry, or 0. */
paddr_t arch_lookup(struct arch_aspace *a, uint64_t va, uint32_t *prot);
/* Where the direct map has the page of a present user entry that may be written and is no
 * register's; else NULL. */
void *arch_writable(const struct arch_aspace *a, uint64_t va);
const void *arch_readable(const struct arch_aspace *a, uint64_t va); /* the same to read */
/* Skip empty tables: next address >= va that may have a present entry, or `end`. Costs at most
 * COST_SKIP (slice.h): behind a table with nothing in it the search goes on with the next call. */
uint64_t arch_next_present(struct arch_aspace *a, uint64_t va, uint64_t end);
/* No CPU uses these translations when it returns (waits; other CPUs serve it even while they
 * wait for the lock). pages > 64 or 0: the whole address space. */
void arch_tlb_flush(struct arch_aspace *a, uint64_t va, uint64_t pages);
void arch_tlb_serve(void); /* called by lock waiters */

/* Copy with faults caught: bytes NOT copied. The user side lies below USER_HI (checked by the
 * caller). *fault is the address that failed. Current address space must be the user's. */
uint64_t arch_copy_in(void *dst, uint64_t src, uint64_t len, uint64_t *fault);
uint64_t arch_copy_out(uint64_t dst, const void *src, uint64_t len, uint64_t *fault);
/* Make `a` the current address space of this CPU (system calls run on cur's own already). */
void arch_aspace_use(struct arch_aspace *a);

/* ---- interrupts ---- */
/* A line (global system interrupt): route, trigger, polarity; starts masked. */
must_check int arch_line_setup(unsigned line, bool level, bool low, unsigned vector);
void arch_line_mask(unsigned line, bool masked);
unsigned arch_line_count(void);
#define VECTOR_DEVICE_FIRST 0x30
#define VECTOR_DEVICE_LAST  0xdf
void arch_msi_message(unsigned vector, uint64_t *address, uint32_t *data);
/* The device interrupt vector reached arch; it calls irq_raise(vector) with the lock held. */

/* ---- time ---- */
static inline uint64_t arch_now(void); /* ns since boot, monotonic over CPUs */
static inline uint64_t arch_time_at(uint64_t cycles);
void arch_timer_set(uint64_t deadline); /* this CPU's one-shot; DEADLINE_NEVER: off */
void arch_timer_start(uint64_t deadline, uint64_t now); /* the same for who knows the time */
void arch_time_params(uint64_t *tsc_base, uint32_t *mult, uint32_t *shift);
bool arch_hw_random(uint64_t *out); /* RDRAND/RDSEED; false: none */

/* ---- ports ---- */
uint32_t arch_port_read(uint16_t port, unsigned width);
void arch_port_write(uint16_t port, unsigned width, uint32_t value);

/* ---- debug UART ---- */
void arch_uart_init(void);
void arch_uart_put(char c); /* bounded wait for room */
int arch_uart_get(void);    /* -1: nothing there */
#define UART_PORT_BASE 0x3f8
#define UART_LINE      4
