/* SPDX-License-Identifier: ISC */
/*
 * dump.c: the last words of a kernel that failed: registers, and the stack's words that look
 * like return addresses, by name; then the same, in short, of each other CPU. The kernel is built
 * without frame pointers, so a line of the trace is a guess: an old address that was not
 * overwritten shows too.
 * The table of names is described in tools/ksyms.py; the first link has none.
 */
#include "log.h"
#include "private.h"

#define TRACE_WORDS 512
#define TRACE_LINES 24
#define OTHER_LINES 8
#define STOP_NS	    1000000000ull /* for the other CPUs */

#define LINE(...) klog(LOG_BOOT, LOG_ERROR, __VA_ARGS__)

struct symbol_table {
	uint32_t count, version;
	struct {
		uint64_t address;
		uint32_t name, size;
	} entry[];
};
extern const struct symbol_table ksyms_start __attribute__((weak));
extern char image_start[], text_end[];
extern char boot_stack_top[];

/* Name of the function around `address` and the distance from its start. */
static const char *symbol_find(uint64_t address, uint64_t *offset)
{
	const struct symbol_table *t = &ksyms_start;
	uint32_t low = 0, high;

	*offset = address - (uint64_t)image_start;
	if (!t || !t->count || address < t->entry[0].address)
		return "text";
	for (high = t->count; high - low > 1;) {
		uint32_t mid = low + (high - low) / 2;
		if (t->entry[mid].address <= address)
			low = mid;
		else
			high = mid;
	}
	*offset = address - t->entry[low].address;
	return (const char *)t + t->entry[low].name;
}

static bool is_text(uint64_t address)
{
	return address >= (uint64_t)image_start && address < (uint64_t)text_end;
}

static void dump_address(const char *what, uint64_t address)
{
	uint64_t offset;
	const char *name = symbol_find(address, &offset);
	LINE("%s %lx %s+0x%lx", what, address, name, offset);
}

/* The top of the kernel stack of c's that `sp` lies in, or 0. */
static uint64_t stack_end(const struct cpu *c, uint64_t sp)
{
	uint64_t tops[2 + IST_COUNT] = {(uint64_t)boot_stack_top, (uint64_t)c->stack_top};

	for (int i = 0; i < IST_COUNT; i++)
		tops[2 + i] = tss_table[c->index].ist[i];
	for (unsigned i = 0; i < array_len(tops); i++) {
		uint64_t size = i < 2 ? KERNEL_STACK_SIZE : IST_STACK_SIZE;
		if (sp <= tops[i] && tops[i] - sp < size)
			return tops[i];
	}
	return 0;
}

static void dump_stack(const struct cpu *c, uint64_t sp, unsigned lines)
{
	uint64_t end = stack_end(c, sp);

	sp &= ~7ull;
	for (unsigned i = 0; i < TRACE_WORDS && sp < end && lines; i++, sp += 8) {
		uint64_t word = *(const uint64_t *)sp;
		if (is_text(word)) {
			dump_address("  perhaps from", word);
			lines--;
		}
	}
}

void arch_dump(const struct regs *r)
{
	LINE("rax %016lx rbx %016lx rcx %016lx rdx %016lx", r->rax, r->rbx, r->rcx, r->rdx);
	LINE("rsi %016lx rdi %016lx rbp %016lx rsp %016lx", r->rsi, r->rdi, r->rbp, r->rsp);
	LINE("r8  %016lx r9  %016lx r10 %016lx r11 %016lx", r->r8, r->r9, r->r10, r->r11);
	LINE("r12 %016lx r13 %016lx r14 %016lx r15 %016lx", r->r12, r->r13, r->r14, r->r15);
	LINE("rip %016lx flags %lx cs %lx cr2 %016lx cr3 %lx", r->rip, r->rflags, r->cs, read_cr2(),
	     read_cr3());
}

/* ---- CPUs ------------------------------------------------------------------------------------ */

static const struct regs *ended[CPUS_MAX]; /* by what trap each CPU came to its end */

void dump_ended(const struct regs *r)
{
	__atomic_store_n(&ended[this_cpu()->index], r, __ATOMIC_RELEASE);
}

void arch_dump_here(void)
{
	const struct regs *r = ended[this_cpu()->index];

	if (!r) {
		dump_stack(this_cpu(), (uint64_t)__builtin_frame_address(0), TRACE_LINES);
		return;
	}
	arch_dump(r);
	if (r->cs & 3)
		return;
	if (is_text(r->rip))
		dump_address("at", r->rip);
	dump_stack(this_cpu(), r->rsp, TRACE_LINES);
}

static void dump_other(const struct cpu *c, uint64_t deadline)
{
	const struct regs *r;

	while (!(r = __atomic_load_n(&ended[c->index], __ATOMIC_ACQUIRE)) && arch_now() < deadline)
		arch_relax();
	if (!r) {
		LINE("CPU %u does not stop", c->index);
	} else if (!c->cur && !(r->cs & 3) && r->rflags & RFLAGS_IF) {
		LINE("CPU %u was idle", c->index);
	} else {
		LINE("CPU %u, ring %lu", c->index, r->cs & 3);
		if (is_text(r->rip))
			dump_address("  at", r->rip);
		else
			LINE("  at %lx", r->rip);
		dump_stack(c, r->rsp, OTHER_LINES);
	}
}

void arch_dump_others(void)
{
	uint64_t deadline = arch_now() + STOP_NS;

	for (unsigned i = 0; i < cpu_count; i++)
		if (&cpus[i] != this_cpu() && cpus[i].online)
			dump_other(&cpus[i], deadline);
}
