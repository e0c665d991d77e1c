/* SPDX-License-Identifier: ISC */
/*
 * offsets.c: proves asm_offsets.h against the structures. No code.
 */
#include "aspace.h"
#include "private.h"

#define SAME(number, type, field)                                                                  \
	_Static_assert((number) == offsetof(type, field), #type " " #field)

SAME(CPU_SELF, struct cpu, self);
SAME(CPU_CUR, struct cpu, cur);
SAME(CPU_SCRATCH, struct cpu, scratch);
SAME(CPU_STACK_TOP, struct cpu, stack_top);
SAME(CPU_LOADED, struct cpu, loaded);
SAME(CPU_SPACE, struct cpu, space);
SAME(CPU_INDEX, struct cpu, index);

SAME(AREA_RIP, union entry_area, rip);
SAME(AREA_RFLAGS, union entry_area, rflags);
SAME(AREA_RSP, union entry_area, rsp);
SAME(AREA_XCR0, union entry_area, xcr0);
SAME(TSS_RSP0, union tss, rsp);
_Static_assert(sizeof(union entry_area) == sizeof(struct cpu), "stride");
_Static_assert(sizeof(union tss) == sizeof(struct cpu), "stride");
_Static_assert(offsetof(union tss, iomap) == 102, "tss");

#define REG(number, field) SAME(number, struct thread, regs.field)
REG(T_REGS, r15);
REG(R_R15, r15);
REG(R_R14, r14);
REG(R_R13, r13);
REG(R_R12, r12);
REG(R_RBP, rbp);
REG(R_RBX, rbx);
REG(R_R11, r11);
REG(R_R10, r10);
REG(R_R9, r9);
REG(R_R8, r8);
REG(R_RAX, rax);
REG(R_RCX, rcx);
REG(R_RDX, rdx);
REG(R_RSI, rsi);
REG(R_RDI, rdi);
REG(R_VECTOR, vector);
REG(R_RIP, rip);
REG(R_RFLAGS, rflags);
REG(R_RSP, rsp);
_Static_assert(REGS_SIZE == sizeof(struct regs), "regs");
/* The processor aligns the stack to 16 bytes before it pushes a trap's frame. */
_Static_assert(R_END % 16 == 0, "trap frames end where regs ends");

SAME(T_FS, struct thread, arch.fs);
SAME(T_GS, struct thread, arch.gs);
SAME(T_FPU, struct thread, arch.fpu);
SAME(T_XCR0, struct thread, arch.xcr0);
SAME(T_UPCALL, struct thread, arch.upcall);
SAME(T_ASPACE, struct thread, aspace);
SAME(ASPACE_ARCH, struct aspace, arch);
SAME(SPACE_ROOT, struct arch_aspace, root);
SAME(SPACE_CPUS, struct arch_aspace, cpus);

_Static_assert(offsetof(struct kernel_lock, owner) == 4 &&
		       offsetof(struct kernel_lock, locked) == 8 &&
		       offsetof(struct kernel_lock, odd) == 12,
	       "unlock in entry.S");
_Static_assert(KERNEL_BASE == KERNEL_VIRT, "kernel base");
_Static_assert(SYSCALL_FIRST == SYSCALL_BASE && SYSCALL_VECTOR == VECTOR_SYSCALL, "numbers");
_Static_assert(CPUS_MAX <= 64, "masks of CPUs are words");
