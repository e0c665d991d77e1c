/* SPDX-License-Identifier: ISC */
/*
 * regs.h: x86_64: what the portable kernel must see of the machine.
 *
 * struct regs is the first field of a thread's `regs`; entry code stores into it
 * by fixed offsets (asserted in asm_offsets.h). System call arguments are in
 * rdi rsi rdx r10 r8 r9, the number and the result in rax; message words in
 * rdx r10 r8 r9 r12 r13.
 */
#pragma once
#include "base.h"

struct regs {
	uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	uint64_t vector, error; /* of the last trap; vector VECTOR_SYSCALL for a system call */
	uint64_t rip, cs, rflags, rsp, ss;
};
#define VECTOR_SYSCALL 0x100

struct arch_thread {
	uint64_t fs, gs;
	void *fpu;	  /* XSAVE area, one frame */
	uint64_t control; /* low half: XCR0; high half: bits of CR4 that are not as usual */
	uint64_t upcall;  /* copy of the process's, for the CPU's frame */
};

struct arch_aspace {
	paddr_t root;
	uint64_t cpus; /* CPUs on which it is loaded */
	struct account *account;
	uint64_t flushes; /* [K] counts arch_tlb_flush: while it stays, no present entry was taken
			     away or restricted */
};

#define DIRECT_BASE 0xffff800000000000ull
#define KERNEL_BASE 0xffffffff80000000ull

static inline void *phys_to_virt(paddr_t pa)
{
	return (void *)(DIRECT_BASE + pa);
}
static inline paddr_t virt_to_phys(const void *p)
{
	return (uint64_t)p - DIRECT_BASE;
}
static inline struct cpu *this_cpu(void)
{
	struct cpu *c;
	__asm__("mov %%gs:0, %0" : "=r"(c)); /* cpu->self */
	return c;
}
/* The clock: ns = (tsc - base) * mult >> shift; shift is at most 32 (time.c). */
struct arch_clock {
	uint64_t base, mult, shift;
};
extern struct arch_clock arch_clock;

static inline uint64_t arch_cycles(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}
/* The time, in ns, when the counter stood at `cycles`. */
static inline uint64_t arch_time_at(uint64_t cycles)
{
	uint64_t ns = cycles - arch_clock.base, high;

	__asm__("mulq %3\n\tshrdq %%cl, %1, %0"
		: "+a"(ns), "=&d"(high)
		: "c"(arch_clock.shift), "rm"(arch_clock.mult)
		: "cc");
	return ns;
}
static inline uint64_t arch_now(void)
{
	return arch_time_at(arch_cycles());
}
static inline void arch_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

/* Lock held, no current thread: give back to memory what this CPU still holds of the last one, and
 * leave its address space. To be called before the lock is dropped other than by arch_leave: from
 * then on another CPU may run or free that thread. */
void arch_release(void);

/* Copy `words` times 8 bytes upwards; answers the end of dst. */
static inline char *arch_copy_words(char *dst, const char *src, uint64_t words)
{
	__asm__ volatile("rep movsq" : "+D"(dst), "+S"(src), "+c"(words) : : "memory");
	return dst;
}

/* Set `words` times 8 bytes to 0. */
static inline void arch_zero_words(void *dst, uint64_t words)
{
	__asm__ volatile("rep stosq" : "+D"(dst), "+c"(words) : "a"(0) : "memory");
}

/* Message words and results, by position. */
#define REGS_WORD0(r)	 ((r)->rdx)
#define REGS_WORD1(r)	 ((r)->r10)
#define REGS_WORD2(r)	 ((r)->r8)
#define REGS_WORD3(r)	 ((r)->r9)
#define REGS_WORD4(r)	 ((r)->r12)
#define REGS_WORD5(r)	 ((r)->r13)
#define REGS_ARG0(r)	 ((r)->rdi)
#define REGS_ARG1(r)	 ((r)->rsi)
#define REGS_DEADLINE(r) ((r)->r14)
#define REGS_REPLY(r)	 ((r)->r15)
#define REGS_NUMBER(r)	 ((r)->rax)
#define REGS_RESULT(r)	 ((r)->rax)
#define REGS_IP(r)	 ((r)->rip)
#define REGS_SP(r)	 ((r)->rsp)

/* A received message: what, tag, badge. Words are set apart. */
static inline void regs_message(struct regs *r, uint64_t tag, uint64_t badge)
{
	r->rax = IPC_MESSAGE;
	r->rdi = tag;
	r->rsi = badge;
}
/* A received event. */
static inline void regs_event(struct regs *r, uint32_t kind, uint64_t key, uint64_t count,
			      uint64_t data0, uint64_t data1)
{
	r->rax = IPC_EVENT;
	r->rdi = kind;
	r->rsi = key;
	r->rdx = count;
	r->r10 = data0;
	r->r8 = data1;
}
static inline void regs_words_set(struct regs *r, const uint64_t w[6])
{
	r->rdx = w[0];
	r->r10 = w[1];
	r->r8 = w[2];
	r->r9 = w[3];
	r->r12 = w[4];
	r->r13 = w[5];
}
static inline void regs_words_get(const struct regs *r, uint64_t w[6])
{
	w[0] = r->rdx;
	w[1] = r->r10;
	w[2] = r->r8;
	w[3] = r->r9;
	w[4] = r->r12;
	w[5] = r->r13;
}

#define RFLAGS_IF 0x200ull
/* The program's place, for a fault record; and a clean start at an upcall entry. */
static inline void regs_save_user(const struct regs *r, uint64_t *rip, uint64_t *rflags,
				  uint64_t *rsp)
{
	*rip = r->rip;
	*rflags = r->rflags;
	*rsp = r->rsp;
}
static inline void regs_enter_user(struct regs *r, uint64_t entry)
{
	r->rip = entry;
	r->rflags = RFLAGS_IF | 2;
	r->vector = 0; /* leave by iretq: rcx and r11 are the program's */
}
