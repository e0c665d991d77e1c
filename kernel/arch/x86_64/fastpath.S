/* SPDX-License-Identifier: ISC */
/*
 * fastpath.S: ipc_call and ipc_reply_wait when they do no more than switch.
 *
 * The same steps as sys_ipc_call (call.c) and sys_ipc_reply_wait (request.c), for messages of
 * up to six words and FAST_BYTES bytes without handles or buffers, to a server that waits at its
 * queue, or back to a client that this CPU may run. The words stay in rdx r10 r8 r9 r12 r13
 * all the way. First everything is checked, with rdi rsi and the words untouched; whatever
 * does not fit goes to slow_call, as if this file were not there. Then nothing can fail.
 *
 * A call's deadline costs nothing here once the thread's timer stands in the heap: it stays
 * there after the answer, and when it fires it looks up the deadline of the wait in hand
 * (thread_timeout). Only a deadline before the timer's needs the slow path.
 *
 * On entry (from syscall_entry): lock held, rsp = cur, rip rflags rsp rax rbx rbp r14 r15 and
 * the vector saved in cur->regs. What must be equal in C is asserted in offsets.c.
 */
#include "asm_offsets.h"
#include "control.inc"
#include "syscall_numbers.h"

	.text
	.code64

	/* Handle number in \handle (32 bits): capability to rcx, process to rbx. Clobbers rax. */
	.macro LOOKUP handle
	mov T_PROCESS(%rsp), %rbx
	mov \handle, %eax
	and $0x3fff, %eax
	cmp P_SLOTS(%rbx), %eax
	jae not_fast
	mov %eax, %ecx
	shr $8, %ecx
	mov P_CHUNK(%rbx, %rcx, 8), %rcx
	movzbl %al, %eax
	shl $4, %eax
	add %rax, %rcx
	mov \handle, %eax
	shr $14, %eax
	cmp SLOT_GEN(%rcx), %eax
	jne not_fast
	mov SLOT_CAP(%rcx), %rcx
	test %rcx, %rcx
	jz not_fast
	cmpb $0, P_CAPABILITY(%rbx)
	jne not_fast
	.endm

	/* May \to go on here at once, by SYSRETQ? Clobbers rax. */
	.macro CAN_SWITCH to
	mov %gs:CPU_INDEX, %eax
	bt %rax, T_CPUS(\to)
	jnc not_fast
	cmpl $0, T_SUSPENDED(\to)
	jne not_fast
	cmpl $SYSCALL_VECTOR, R_VECTOR(\to)
	jne not_fast
	.endm

	.macro CHECK_QUIET
	cmpw $0, T_DYING(%rsp)
	jne not_fast
	cmpl $0, %gs:CPU_RESCHED		/* and `attention`, `bases_off` */
	jne not_fast
	.endm

	/* From cur (rsp) to r15: what entry.S does in `exchange`, with the words in place.
	 * Clobbers rax rbx rcx rbp r11 r14. */
	.macro SWITCH_STATE
	mov %rdx, %r14
	mov T_FPU(%rsp), %rcx
	mov %gs:area_offset + AREA_CONTROL, %rax
	xor %edx, %edx
	xsave64 (%rcx)
	mov T_GS(%r15), %rbx
	swapgs
	rdgsbase %r11
	wrgsbase %rbx
	swapgs
	mov %r11, T_GS(%rsp)
	rdfsbase %r11
	mov %r11, T_FS(%rsp)
	mov T_FS(%r15), %r11
	wrfsbase %r11
	mov T_CONTROL(%r15), %rbx
	cmp %rbx, %rax
	je 1f
	mov %rbx, %rax
	CHANGE_CONTROL %rbx
1:	mov T_FPU(%r15), %rcx
	xrstor64 (%rcx)
	mov %r14, %rdx
	mov T_ASPACE(%r15), %rbx
	mov %gs:CPU_SPACE, %r11
	add $ASPACE_ARCH, %rbx
	cmp %rbx, %r11
	je 2f
	mov %gs:CPU_INDEX, %ecx
	mov SPACE_ROOT(%rbx), %rax
	btr %rcx, SPACE_CPUS(%r11)
	bts %rcx, SPACE_CPUS(%rbx)
	mov %rbx, %gs:CPU_SPACE
	mov %rax, %cr3
2:	lea R_END(%r15), %rax
	mov %rax, %gs:tss_offset + TSS_RSP0
	mov T_UPCALL(%r15), %rax
	mov %rax, %gs:area_offset + AREA_RIP
	mov %r15, %gs:CPU_LOADED
	mov %r15, %gs:CPU_CUR
	mov %gs:CPU_SELF, %rax
	movb $RUN_RUNNING, T_RUN(%r15)
	mov %rax, T_CPU(%r15)
	.endm

	/* Unlock and enter r15. rdi, rsi and the words are what it gets. */
	.macro LEAVE
	movl $0, kernel_lock + LOCK_LOCKED
	mov R_RIP(%r15), %rcx
	mov R_RFLAGS(%r15), %r11
	mov R_RBX(%r15), %rbx
	mov R_RBP(%r15), %rbp
	mov R_R14(%r15), %r14
	mov R_RSP(%r15), %rsp
	mov R_R15(%r15), %r15
	xor %eax, %eax
	swapgs
	sysretq
	.endm

	/* Bytes of the message \tag from cur's page to r15's, from the last word down; zeros stand
	 * for what is behind the last byte. Clobbers rax rbx rcx rbp r11. */
	.macro COPY_DATA tag
	mov \tag, %ecx
	and $0x1fff, %ecx
	jz 4f
	mov T_MSG(%rsp), %rbx
	mov T_MSG(%r15), %r11
	lea 7(%rcx), %ebp
	shr $3, %ebp
	mov MSG_PAGE_DATA - 8(%rbx, %rbp, 8), %rax
	neg %ecx
	shl $3, %ecx
	shl %cl, %rax
	shr %cl, %rax
	jmp 5f
3:	mov MSG_PAGE_DATA - 8(%rbx, %rbp, 8), %rax
5:	mov %rax, MSG_PAGE_DATA - 8(%r11, %rbp, 8)
	dec %ebp
	jnz 3b
4:
	.endm

	.globl fast_call, fast_reply_wait
	.balign 64
fast_call:
	cmp $-1, %r14				/* no deadline, or a timer looks in time */
	je 5f
	cmpb $0, T_TIMER_ARMED(%rsp)
	je not_fast
	cmp %r14, T_TIMER_DEADLINE(%rsp)
	ja not_fast
5:
	test $0x1e000, %esi			/* no handles, no buffers */
	jnz not_fast
	mov %esi, %eax
	and $0x1fff, %eax
	cmp $FAST_BYTES, %eax
	ja not_fast
	CHECK_QUIET
	LOOKUP %edi
	mov CAP_RIGHTS(%rcx), %ebp
	test $MAY_WRITE, %ebp
	jz not_fast
	mov CAP_OBJECT(%rcx), %rcx		/* the sender */
	cmpb $TYPE_SENDER, OBJECT_TYPE(%rcx)
	jne not_fast
	cmpb $0, S_KILLED(%rcx)
	jne not_fast
	mov S_CHANNEL(%rcx), %r11		/* a dead channel is in no queue */
	mov CH_WATCH(%r11), %rax
	test %rax, %rax
	jz not_fast
	mov W_QUEUE(%rax), %rax
	mov Q_WAITERS(%rax), %r14		/* first waiter's node */
	add $Q_WAITERS, %rax
	cmp %rax, %r14
	je not_fast
	lea -T_NODE(%r14), %r15			/* the server */
	cmpb $0, T_WANTS(%r15)
	je not_fast
	CAN_SWITCH %r15
	cmpl $0x7fff, R_RIP + 4(%r15)
	ja not_fast

	mov (%r14), %rax			/* out of the queue's waiters */
	mov 8(%r14), %r14
	mov %rax, (%r14)
	mov %r14, 8(%rax)
	mov %r11, T_CHANNEL(%rsp)		/* the client waits for its reply */
	mov S_BADGE(%rcx), %rax
	mov %r15, T_SERVER(%rsp)
	mov %rax, T_CALL_BADGE(%rsp)
	mov %rsi, T_CALL_TAG(%rsp)
	movb $RUN_REPLY, T_RUN(%rsp)
	lea CH_UNANSWERED(%r11), %rdi
	lea T_CALL_NODE(%rsp), %rcx
	mov 8(%rdi), %r14
	mov %rdi, (%rcx)
	mov %r14, 8(%rcx)
	mov %rcx, (%r14)
	mov %rcx, 8(%rdi)
	mov T_MSG(%r15), %rdi			/* identity */
	mov %rax, (%rdi)
	mov P_IDENTITY + 8(%rbx), %rcx
	mov %rcx, 8(%rdi)
	mov P_IDENTITY + 20(%rbx), %ecx
	mov %ebp, 16(%rdi)
	mov %ecx, 20(%rdi)
	mov P_IDENTITY + 24(%rbx), %rcx
	mov %rcx, 24(%rdi)
	mov P_IDENTITY + 32(%rbx), %rcx
	mov %rcx, 32(%rdi)
	mov %rsi, %rdi				/* tag, badge */
	mov %rax, %rsi
	mov %rsp, T_CLIENT(%r15)		/* the server works for the client */
	mov T_PAYER(%rsp), %rcx
	mov %rcx, T_PAYER(%r15)
	movzbl T_BAND(%rsp), %eax
	movzbl T_OWN_BAND(%r15), %ecx
	cmp %ecx, %eax
	cmova %ecx, %eax
	mov %al, T_BAND(%r15)
	incq stat_ipc_calls
	COPY_DATA %edi
	SWITCH_STATE
	LEAVE

not_fast:
	mov R_RAX(%rsp), %rax
	jmp slow_call

	.balign 64
fast_reply_wait:
	cmp $-1, %r14				/* no deadline */
	jne not_fast
	test %r15d, %r15d			/* REPLY_CURRENT */
	jnz not_fast
	test $0x1e000, %esi			/* no handles, no buffers */
	jnz not_fast
	mov %esi, %eax
	and $0x1fff, %eax
	cmp $FAST_BYTES, %eax
	ja not_fast
	CHECK_QUIET
	LOOKUP %edi
	testb $MAY_WAIT, CAP_RIGHTS(%rcx)
	jz not_fast
	mov CAP_OBJECT(%rcx), %rcx
	cmpb $TYPE_QUEUE, OBJECT_TYPE(%rcx)
	jne not_fast
	lea Q_READY(%rcx), %rax			/* nothing else to do */
	cmp %rax, (%rax)
	jne not_fast
	mov T_CLIENT(%rsp), %r15
	test %r15, %r15
	jz not_fast
	CAN_SWITCH %r15
	mov %gs:CPU_PAYER, %rax			/* it pays already */
	cmp %rax, T_PAYER(%r15)
	jne not_fast
	cmpl $0x7fff, R_RIP + 4(%r15)
	ja not_fast

	mov T_CALL_NODE(%r15), %rax		/* the client is answered */
	mov T_CALL_NODE + 8(%r15), %r11
	mov %rax, (%r11)
	mov %r11, 8(%rax)
	xor %edi, %edi
	mov %rdi, T_SERVER(%r15)
	mov %rdi, T_CHANNEL(%r15)
	mov %rdi, T_CLIENT(%rsp)		/* the server waits */
	mov %rcx, T_SOURCE(%rsp)
	movb $1, T_WANTS(%rsp)
	movb $RUN_QUEUE, T_RUN(%rsp)
	lea T_NODE(%rsp), %rax
	add $Q_WAITERS, %rcx
	mov 8(%rcx), %r11
	mov %rcx, (%rax)
	mov %r11, 8(%rax)
	mov %rax, (%r11)
	mov %rax, 8(%rcx)
	mov P_SILO(%rbx), %rax
	movzbl T_OWN_BAND(%rsp), %ecx
	mov %rax, T_PAYER(%rsp)
	mov %cl, T_BAND(%rsp)
	COPY_DATA %esi
	SWITCH_STATE
	LEAVE

	.section .note.GNU-stack, "", @progbits
