/* SPDX-License-Identifier: ISC */
/*
 * trap.c: what a vector means. Faults of programs become struct fault_info for
 * kernel_fault, interrupts go to kernel_interrupt; TLB requests and early timer ticks are
 * served here without the lock, and the program goes on. A trap in the kernel is a panic,
 * except in arch_copy_*. Spec: Intel SDM volume 3, chapter 6.
 */
#include "log.h"
#include "private.h"

enum {
	TRAP_DIVIDE = 0,
	TRAP_DEBUG = 1,
	TRAP_NMI = 2,
	TRAP_BREAKPOINT = 3,
	TRAP_OVERFLOW = 4,
	TRAP_BOUND = 5,
	TRAP_OPCODE = 6,
	TRAP_NO_FPU = 7,
	TRAP_STACK = 12,
	TRAP_PROTECTION = 13,
	TRAP_PAGE = 14,
	TRAP_X87 = 16,
	TRAP_ALIGNMENT = 17,
	TRAP_MACHINE = 18,
	TRAP_SIMD = 19,
	TRAP_EXCEPTIONS = 32,
	PIC_VECTORS_END = 48,
};

struct gate {
	uint16_t offset0, selector;
	uint8_t ist, type;
	uint16_t offset1;
	uint32_t offset2, reserved;
};

static struct gate idt[256];
static bool stopping; /* a CPU panicked and wants the others still */
extern char trap_stubs[];
extern char copy_begin[], copy_end[], copy_fault[], copy_long[], copy_long_fault[];

void idt_setup(void)
{
	for (unsigned i = 0; i < 256; i++) {
		uint64_t entry = (uint64_t)trap_stubs + i * 16;
		idt[i] = (struct gate){.offset0 = (uint16_t)entry,
				       .selector = KERNEL_CS,
				       .type = i == TRAP_BREAKPOINT ? 0xee : 0x8e,
				       .offset1 = (uint16_t)(entry >> 16),
				       .offset2 = (uint32_t)(entry >> 32)};
	}
	idt[TRAP_NMI].ist = IST_NMI;
	idt[TRAP_MACHINE].ist = IST_MACHINE;
	idt[8].ist = IST_DOUBLE;
}

void idt_load(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = {sizeof(idt) - 1, (uint64_t)idt};
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

static void page_fault_decode(const struct regs *r, struct fault_info *f)
{
	f->reason = FAULT_PAGE;
	f->address = read_cr2();
	f->access = r->error & 1u << 4 ? PROT_X : r->error & 1u << 1 ? PROT_W : PROT_R;
}

static enum fault_reason trap_reason(uint64_t vector)
{
	switch (vector) {
	case TRAP_DIVIDE: return FAULT_DIVIDE;
	case TRAP_DEBUG: return FAULT_STEP;
	case TRAP_BREAKPOINT: return FAULT_BREAKPOINT;
	case TRAP_OVERFLOW:
	case TRAP_BOUND: return FAULT_OVERFLOW;
	case TRAP_OPCODE: return FAULT_OPCODE;
	case TRAP_NO_FPU:
	case TRAP_X87:
	case TRAP_SIMD: return FAULT_FLOAT;
	case TRAP_STACK: return FAULT_STACK;
	case TRAP_ALIGNMENT: return FAULT_ALIGNMENT;
	}
	return FAULT_PROTECTION;
}

/* One of the CPU's own. Returns when it was served without the lock. */
static noinline void local_interrupt(uint64_t vector)
{
	switch (vector) {
	case VECTOR_TIMER:
		lapic_eoi();
		if (lapic_timer_due())
			kernel_interrupt(0);
		return;
	case VECTOR_RESCHED: lapic_eoi(); kernel_interrupt(0);
	case VECTOR_TLB:
		arch_tlb_serve();
		lapic_eoi();
		return;
	case VECTOR_ERROR: lapic_eoi(); return;
	}
	/* Another one is spurious. */
}

static inline void interrupt(uint64_t vector)
{
	if (vector < PIC_VECTORS_END || vector > VECTOR_DEVICE_LAST) {
		local_interrupt(vector);
		return;
	}
	ioapic_before_eoi((unsigned)vector);
	lapic_eoi();
	kernel_interrupt((unsigned)vector);
}

static noinline void trap_fault(struct regs *r)
{
	struct fault_info f = {.code = r->error};

	if (r->vector == TRAP_PAGE)
		page_fault_decode(r, &f);
	else
		f.reason = trap_reason(r->vector);
	kernel_fault(this_cpu()->cur, &f);
}

void trap_user(struct regs *r)
{
	if (r->vector >= TRAP_EXCEPTIONS)
		interrupt(r->vector);
	else
		trap_fault(r);
}

/* The thread's saved instruction pointer is no user address: its fault, at its next step. */
void arch_bad_rip(struct thread *cur)
{
	struct fault_info f = {.reason = FAULT_PROTECTION, .address = cur->regs.rip};

	cur->regs.vector = TRAP_PROTECTION;
	kernel_fault(cur, &f);
}

static bool copy_fixup(struct regs *r)
{
	uint64_t address = r->vector == TRAP_PAGE ? read_cr2() : 0;

	if (r->rip < (uint64_t)copy_begin || r->rip >= (uint64_t)copy_end)
		return false;
	if ((r->vector != TRAP_PAGE && r->vector != TRAP_PROTECTION) || address >= USER_HI)
		return false;
	r->rax = address;
	r->rip = (uint64_t)(r->rip < (uint64_t)copy_long ? copy_fault : copy_long_fault);
	return true;
}

void trap_kernel(struct regs *r)
{
	if (r->vector >= TRAP_EXCEPTIONS) {
		assert(!this_cpu()->cur); /* only the idle loop has interrupts on */
		interrupt(r->vector);
		return;
	}
	if (!copy_fixup(r))
		trap_fatal(r);
}

void trap_fatal(struct regs *r)
{
	dump_ended(r);
	if (r->vector == TRAP_NMI && __atomic_load_n(&stopping, __ATOMIC_ACQUIRE))
		for (;;)
			__asm__ volatile("cli; hlt");
	panic("trap %lu error %lx at %lx on CPU %u", r->vector, r->error, r->rip,
	      this_cpu()->index);
}

void arch_stop_cpus(void)
{
	__atomic_store_n(&stopping, true, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < cpu_count; i++)
		if (&cpus[i] != this_cpu() && cpus[i].online)
			lapic_send(cpus[i].hardware_id, IPI_NMI);
}
