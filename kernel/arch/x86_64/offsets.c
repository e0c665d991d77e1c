/* SPDX-License-Identifier: ISC */
/*
 * offsets.c: proves asm_offsets.h against the structures. No code.
 */
#include "aspace.h"
#include "channel.h"
#include "queue.h"
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
SAME(AREA_CONTROL, union entry_area, control);
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
SAME(T_CONTROL, struct thread, arch.control);
SAME(T_UPCALL, struct thread, arch.upcall);
SAME(T_ASPACE, struct thread, aspace);
SAME(ASPACE_ARCH, struct aspace, arch);
SAME(SPACE_ROOT, struct arch_aspace, root);
SAME(SPACE_CPUS, struct arch_aspace, cpus);

SAME(CPU_RESCHED, struct cpu, resched);
SAME(CPU_RESCHED + 1, struct cpu, attention);
SAME(CPU_BASES_OFF, struct cpu, bases_off);
_Static_assert(CPU_BASES_OFF == CPU_RESCHED + 2, "one comparison of four bytes");
SAME(CPU_RESCHED + 3, struct cpu, zero);
SAME(CPU_PAYER, struct cpu, payer);
SAME(T_PROCESS, struct thread, process);
SAME(T_MSG, struct thread, msg);
SAME(T_RUN, struct thread, run);
SAME(T_BAND, struct thread, band);
SAME(T_OWN_BAND, struct thread, own_band);
SAME(T_DYING, struct thread, dying);
SAME(T_DYING + 1, struct thread, interrupted);
SAME(T_SUSPENDED, struct thread, suspended);
SAME(T_CPUS, struct thread, cpus);
SAME(T_CPU, struct thread, cpu);
SAME(T_PAYER, struct thread, payer);
SAME(T_NODE, struct thread, node);
SAME(T_TIMER_DEADLINE, struct thread, timer.deadline);
SAME(T_TIMER_ARMED, struct thread, timer.armed);
SAME(T_CHANNEL, struct thread, call_channel);
SAME(T_SERVER, struct thread, server);
SAME(T_CALL_NODE, struct thread, call_node);
SAME(T_CALL_TAG, struct thread, call_tag);
SAME(T_CALL_BADGE, struct thread, call_badge);
SAME(T_CLIENT, struct thread, client);
SAME(T_SOURCE, struct thread, source);
SAME(T_WANTS, struct thread, wants_registers);
_Static_assert(RUN_RUNNING == THREAD_RUNNING && RUN_REPLY == THREAD_REPLY &&
		       RUN_QUEUE == THREAD_QUEUE,
	       "thread_run");
SAME(P_CAPABILITY, struct process, capability);
SAME(P_SILO, struct process, silo);
SAME(P_CHUNK, struct process, table.chunk);
SAME(P_SLOTS, struct process, table.slots);
SAME(P_IDENTITY, struct process, identity);
SAME(SLOT_CAP, struct handle_slot, cap);
SAME(SLOT_GEN, struct handle_slot, gen);
_Static_assert(sizeof(struct handle_slot) == 16 && SLOTS_PER_CHUNK == 256 && HANDLE_SLOT_BITS == 14,
	       "LOOKUP");
SAME(CAP_OBJECT, struct cap, object);
SAME(CAP_RIGHTS, struct cap, rights);
SAME(OBJECT_TYPE, struct object, type);
_Static_assert(offsetof(struct sender, object) == 0 && offsetof(struct queue, object) == 0,
	       "objects come first");
_Static_assert(TYPE_SENDER == OBJ_SENDER && TYPE_QUEUE == OBJ_QUEUE && MAY_WRITE == RIGHT_WRITE &&
		       MAY_WAIT == RIGHT_WAIT,
	       "types and rights");
SAME(S_CHANNEL, struct sender, channel);
SAME(S_BADGE, struct sender, badge);
SAME(S_KILLED, struct sender, killed);
SAME(CH_UNANSWERED, struct channel, unanswered);
SAME(CH_WATCH, struct channel, watch);
SAME(W_QUEUE, struct watch, queue);
SAME(Q_WAITERS, struct queue, waiters);
SAME(Q_READY, struct queue, ready);
SAME(MSG_PAGE_DATA, struct message_page, data);
_Static_assert(RESULT_RESTART == K_RESTART && RESULT_RESTART == K_DONE + 1, "results");
SAME(LOCK_LOCKED, struct kernel_lock, locked);
SAME(LOCK_WAITING, struct kernel_lock, waiting);
_Static_assert(CR4_FSGSBASE == 1ull << CR4_BIT_FSGSBASE && MSR_GS_BASE == GS_BASE_MSR, "registers");
_Static_assert(KERNEL_BASE == KERNEL_VIRT, "kernel base");
_Static_assert(SYSCALL_FIRST == SYSCALL_BASE && SYSCALL_VECTOR == VECTOR_SYSCALL, "numbers");
_Static_assert(CPUS_MAX <= 64, "masks of CPUs are words");
