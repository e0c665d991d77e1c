/* SPDX-License-Identifier: ISC */
/*
 * dump.c: the last words of a kernel that failed: registers, and the stack's words that look
 * like return addresses, by name. The kernel is built without frame pointers, so a line of the
 * trace is a guess: an old address that was not overwritten shows too.
 * The table of names is described in tools/ksyms.py; the first link has none.
 */
#include "log.h"
#include "private.h"

#define TRACE_WORDS 512
#define TRACE_LINES 24

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
	klog(LOG_BOOT, LOG_ERROR, "%s %lx %s+0x%lx", what, address, name, offset);
}

/* The top of the kernel stack that `sp` lies in, or 0. */
static uint64_t stack_end(uint64_t sp)
{
	const struct cpu *c = this_cpu();
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

static void dump_stack(uint64_t sp)
{
	uint64_t end = stack_end(sp);
	unsigned lines = 0;

	sp &= ~7ull;
	for (unsigned i = 0; i < TRACE_WORDS && sp < end && lines < TRACE_LINES; i++, sp += 8) {
		uint64_t word = *(const uint64_t *)sp;
		if (is_text(word)) {
			dump_address("  perhaps from", word);
			lines++;
		}
	}
}

/* NULL: only the stack of the caller. */
void arch_dump(const struct regs *r)
{
	if (!r) {
		dump_stack((uint64_t)__builtin_frame_address(0));
		return;
	}
#define LINE(...) klog(LOG_BOOT, LOG_ERROR, __VA_ARGS__)
	LINE("rax %016lx rbx %016lx rcx %016lx rdx %016lx", r->rax, r->rbx, r->rcx, r->rdx);
	LINE("rsi %016lx rdi %016lx rbp %016lx rsp %016lx", r->rsi, r->rdi, r->rbp, r->rsp);
	LINE("r8  %016lx r9  %016lx r10 %016lx r11 %016lx", r->r8, r->r9, r->r10, r->r11);
	LINE("r12 %016lx r13 %016lx r14 %016lx r15 %016lx", r->r12, r->r13, r->r14, r->r15);
	LINE("rip %016lx flags %lx cs %lx cr2 %016lx cr3 %lx", r->rip, r->rflags, r->cs, read_cr2(),
	     read_cr3());
#undef LINE
	if ((r->cs & 3) == 0) {
		if (is_text(r->rip))
			dump_address("at", r->rip);
		dump_stack(r->rsp);
	}
}
