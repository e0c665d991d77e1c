/* SPDX-License-Identifier: ISC */
/*
 * thread.c: a thread's registers and extended state as others may see and set them.
 *
 * While a CPU has a thread `loaded`, its bases and extended state are in the processor; the
 * general registers are in `regs` whenever it is not in user mode. `nobody` stands for no
 * thread: what is saved there is never read. Whatever is restored later was checked here:
 * a value that would fault in arch_leave must not get into regs or into the XSAVE area.
 */
#include "memory.h"
#include "private.h"
#include "process.h"
#include "silo.h"

#define XCR0_ALWAYS  3ull /* x87, SSE: SSE works whatever XCR0 says, so it is always saved */
#define XCR0_AVX     (1ull << 2)
#define XCR0_AVX512  (7ull << 5)
#define XSAVE_LEGACY 512
#define XSAVE_MIN    (XSAVE_LEGACY + 64)

/* The parts of an XSAVE area (standard format) that are checked. */
struct xsave {
	uint16_t fcw, fsw;
	uint8_t legacy0[20];
	uint32_t mxcsr, mxcsr_mask;
	uint8_t legacy1[XSAVE_LEGACY - 32];
	uint64_t xstate_bv, xcomp_bv, reserved[6];
};
_Static_assert(sizeof(struct xsave) == XSAVE_MIN, "xsave");

static uint8_t nobody_fpu[PAGE_SIZE] __attribute__((aligned(64)));
struct thread nobody = {.arch = {.fpu = nobody_fpu}};

static uint64_t xcr0_supported; /* components that we save and the processor has */

static uint64_t xcr0_sane(uint64_t wanted, uint64_t possible)
{
	uint64_t got = (wanted & possible) | XCR0_ALWAYS;

	if (!(got & XCR0_AVX) || (got & XCR0_AVX512) != XCR0_AVX512)
		got &= ~XCR0_AVX512;
	return got;
}

uint64_t arch_xcr0(void)
{
	if (!xcr0_supported)
		xcr0_supported = xcr0_sane(XCR0_ALWAYS | XCR0_AVX | XCR0_AVX512, cpuid(13, 0).a);
	return xcr0_supported;
}

/* The end of the last component in the standard format; at most a page for those that we save. */
uint64_t arch_fpu_size(void)
{
	static uint64_t size;

	if (size)
		return size;
	size = XSAVE_MIN;
	for (uint32_t i = 2; i < 8; i++) {
		struct cpuid part = cpuid(13, i);
		if (arch_xcr0() & 1ull << i && part.a + part.b > size)
			size = part.a + part.b;
	}
	assert(size <= PAGE_SIZE);
	return size;
}

static uint32_t mxcsr_mask(void)
{
	static struct xsave area __attribute__((aligned(64)));

	if (!area.mxcsr_mask) {
		__asm__ volatile("fxsave64 %0" : "=m"(area));
		if (!area.mxcsr_mask)
			area.mxcsr_mask = 0xffbf;
	}
	return area.mxcsr_mask;
}

static bool canonical(uint64_t a)
{
	return (uint64_t)((int64_t)(a << 16) >> 16) == a;
}

/* The state that this CPU holds is no longer the thread's: arch_leave loads all anew. */
static void state_drop(struct thread *t)
{
	if (this_cpu()->loaded == t)
		this_cpu()->loaded = &nobody;
}

/* What the thread's silo leaves it. */
static uint64_t control_word(const struct silo *s)
{
	uint64_t flips = (s->flags & SILO_NO_TSC ? CR4_TSD : 0) |
			 (s->flags & SILO_NO_FSGSBASE ? CR4_FSGSBASE : 0);

	return xcr0_sane(s->xcr0, arch_xcr0()) | flips << 32;
}

static uint32_t thread_xcr0(const struct thread *t)
{
	return (uint32_t)t->arch.control;
}

void arch_thread_silo_changed(struct thread *t)
{
	struct xsave *x = t->arch.fpu;

	t->arch.control = control_word(t->process->silo);
	x->xstate_bv &= thread_xcr0(t); /* what is withheld starts anew */
	state_drop(t);
}

int arch_thread_init(struct thread *t, const struct thread_args *a)
{
	uint64_t upcall = t->process->upcall;
	struct xsave *x;

	assert(((uint64_t)&t->regs & 15) == 0); /* where traps store */
	if (!canonical(a->fs) || !canonical(a->gs) || upcall >= USER_HI)
		return -EINVAL;
	if (!t->arch.fpu) {
		paddr_t frame = frame_alloc(t->object.account, FRAME_KERNEL);
		if (!frame)
			return -ENOMEM;
		t->arch.fpu = phys_to_virt(frame);
	}
	state_drop(t);
	x = t->arch.fpu;
	memset(x, 0, sizeof(*x));
	x->fcw = 0x37f;
	x->mxcsr = 0x1f80; /* XRSTOR reads it even when xstate_bv says initial */
	t->arch.fs = a->fs;
	t->arch.gs = a->gs;
	t->arch.control = control_word(t->process->silo);
	t->arch.upcall = upcall;
	t->regs = (struct regs){.rip = a->entry,
				.rsp = a->sp,
				.rdi = a->arg,
				.cs = USER_CS,
				.ss = USER_DS,
				.rflags = RFLAGS_FIXED | RFLAGS_IF};
	return 0;
}

void arch_thread_free(struct thread *t)
{
	state_drop(t);
	for (unsigned i = 0; i < cpu_count; i++)
		assert(cpus[i].loaded != t);
	if (t->arch.fpu)
		frame_put((uint64_t)t->arch.fpu - DIRECT_BASE);
	t->arch.fpu = NULL;
}

/* The kernel's own instructions on bases need CR4 as usual; arch_leave changes it back. */
static uint64_t control_normal(void)
{
	struct cpu *c = this_cpu();
	union entry_area *area = &entry_areas[c->index];

	if (c->bases_off) {
		write_cr4(cr4_normal);
		c->bases_off = false;
		area->control = (uint32_t)area->control;
	}
	return (uint32_t)area->control;
}

static void bases_save(struct thread *t)
{
	uint64_t fs, gs;

	__asm__ volatile("rdfsbase %0\n\t"
			 "swapgs\n\t"
			 "rdgsbase %1\n\t"
			 "swapgs"
			 : "=r"(fs), "=r"(gs));
	t->arch.fs = fs;
	t->arch.gs = gs;
}

/* Lock held. What arch_leave does when it changes threads. */
static void state_save(struct thread *t)
{
	uint64_t xcr0 = control_normal();

	__asm__ volatile("xsave64 (%0)"
			 :
			 : "r"(t->arch.fpu), "a"((uint32_t)xcr0), "d"(0)
			 : "memory");
	bases_save(t);
}

void arch_bases_save(struct thread *t)
{
	if (this_cpu()->loaded != t)
		return;
	if (unlikely(this_cpu()->bases_off)) {
		state_save(t);
		state_drop(t);
		return;
	}
	bases_save(t);
}

void arch_release(void)
{
	struct cpu *c = this_cpu();

	assert(!c->cur);
	if (c->loaded != &nobody)
		state_save(c->loaded);
	c->loaded = &nobody;
	arch_aspace_use(&kernel_space);
}

void arch_regs_get(struct thread *t, struct thread_regs *out)
{
	const struct regs *r = &t->regs;
	bool call = r->vector == VECTOR_SYSCALL; /* rcx and r11 are in rip and rflags */

	*out = (struct thread_regs){
		.rax = r->rax,
		.rbx = r->rbx,
		.rcx = call ? r->rip : r->rcx,
		.rdx = r->rdx,
		.rsi = r->rsi,
		.rdi = r->rdi,
		.rbp = r->rbp,
		.rsp = r->rsp,
		.r8 = r->r8,
		.r9 = r->r9,
		.r10 = r->r10,
		.r11 = call ? r->rflags : r->r11,
		.r12 = r->r12,
		.r13 = r->r13,
		.r14 = r->r14,
		.r15 = r->r15,
		.rip = r->rip,
		.rflags = r->rflags,
		.fs = t->arch.fs,
		.gs = t->arch.gs,
	};
}

/* Into the processor, which holds the rest of its state already. */
static void bases_load(const struct thread *t)
{
	bool off = this_cpu()->bases_off;

	if (unlikely(off))
		write_cr4(cr4_normal);
	__asm__ volatile("wrfsbase %0\n\t"
			 "swapgs\n\t"
			 "wrgsbase %1\n\t"
			 "swapgs"
			 :
			 : "r"(t->arch.fs), "r"(t->arch.gs));
	if (unlikely(off))
		write_cr4(cr4_normal ^ t->arch.control >> 32);
}

int arch_regs_set(struct thread *t, const struct thread_regs *in)
{
	if (in->rip >= USER_HI || !canonical(in->fs) || !canonical(in->gs))
		return -EINVAL;
	t->regs = (struct regs){
		.rax = in->rax,
		.rbx = in->rbx,
		.rcx = in->rcx,
		.rdx = in->rdx,
		.rsi = in->rsi,
		.rdi = in->rdi,
		.rbp = in->rbp,
		.rsp = in->rsp,
		.r8 = in->r8,
		.r9 = in->r9,
		.r10 = in->r10,
		.r11 = in->r11,
		.r12 = in->r12,
		.r13 = in->r13,
		.r14 = in->r14,
		.r15 = in->r15,
		.rip = in->rip,
		.rflags = (in->rflags & RFLAGS_USER) | RFLAGS_FIXED | RFLAGS_IF,
		.cs = USER_CS,
		.ss = USER_DS,
		.vector = 0, /* leave by IRETQ: rcx and r11 count */
	};
	t->arch.fs = in->fs;
	t->arch.gs = in->gs;
	if (this_cpu()->loaded == t) /* upcall_return: it goes on at once */
		bases_load(t);
	return 0;
}

int64_t arch_fpu_get(struct thread *t, void *buf, uint64_t len)
{
	uint64_t size = arch_fpu_size();

	if (len < size)
		return -EINVAL;
	memcpy(buf, t->arch.fpu, size);
	return (int64_t)size;
}

int arch_fpu_set(struct thread *t, const void *buf, uint64_t len)
{
	struct xsave x;

	if (len != arch_fpu_size())
		return -EINVAL;
	memcpy(&x, buf, sizeof(x));
	if (x.xstate_bv & ~(uint64_t)thread_xcr0(t) || x.xcomp_bv || x.mxcsr & ~mxcsr_mask())
		return -EINVAL;
	for (unsigned i = 0; i < array_len(x.reserved); i++)
		if (x.reserved[i])
			return -EINVAL;
	memcpy(t->arch.fpu, buf, len);
	memcpy(t->arch.fpu, &x, sizeof(x)); /* what was checked, should buf change meanwhile */
	state_drop(t);
	return 0;
}

void arch_single_step(struct thread *t, bool on)
{
	t->regs.rflags = on ? t->regs.rflags | RFLAGS_TF : t->regs.rflags & ~RFLAGS_TF;
}

/* SYSCALL is two bytes long; number and arguments still are in regs. */
void arch_restart_syscall(struct thread *t)
{
	if (t->regs.vector == VECTOR_SYSCALL) /* a faulting instruction runs again by itself */
		t->regs.rip -= 2;
}

/* For the idle loop: the lock is given up on the CPU's own stack. */
void unlock_idle(void)
{
	unlock_kernel();
}
