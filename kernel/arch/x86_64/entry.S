/* SPDX-License-Identifier: ISC */
/*
 * entry.S: every way into the kernel, and the way out.
 *
 * A program's registers are stored straight into its struct thread: system calls by moves,
 * traps because the TSS's rsp0 is the end of cur->regs. C then runs on the CPU's one stack.
 * Numbers that are not native calls go to the process's upcall entry by IRETQ through a
 * ready-made frame, all registers as they were; an entry of 0 faults at address 0.
 *
 * arch_leave runs with the lock held. When cur's state is loaded it only restores registers;
 * else it first exchanges extended state, bases, XCR0, page tables, upcall frame. Instructions
 * on these paths are counted: see docs/boot.md before adding one. Calls and answers that
 * switch between two threads have a path of their own: fastpath.S.
 */
#include "asm_offsets.h"
#include "control.inc"
#include "syscall_numbers.h"

	/* With the address remembered: without SMAP these become no-ops. */
	.macro user_access_on
	.pushsection .smap_sites, "a"
	.quad 777f
	.popsection
777:	stac
	.endm
	.macro user_access_off
	.pushsection .smap_sites, "a"
	.quad 777f
	.popsection
777:	clac
	.endm

	.macro SAVE_REST
	mov %rdi, R_RDI(%rsp)
	mov %rsi, R_RSI(%rsp)
	mov %rdx, R_RDX(%rsp)
	mov %r10, R_R10(%rsp)
	mov %r8, R_R8(%rsp)
	mov %r9, R_R9(%rsp)
	mov %r12, R_R12(%rsp)
	mov %r13, R_R13(%rsp)
	.endm

	.text
	.code64

/* ---- system calls ---- */
	.globl syscall_entry
	.balign 64
syscall_entry:
	cmp $SYSCALL_FIRST, %rax
	jb bounce
	cmp $SYSCALL_END, %rax
	jae bounce
	swapgs
	mov %rsp, %gs:CPU_SCRATCH
	mov %gs:CPU_CUR, %rsp
	mov %rcx, R_RIP(%rsp)
	mov %gs:CPU_SCRATCH, %rcx
	mov %r11, R_RFLAGS(%rsp)
	mov %rcx, R_RSP(%rsp)
	mov %rax, R_RAX(%rsp)
	mov %rbx, R_RBX(%rsp)
	mov %rbp, R_RBP(%rsp)
	mov %r14, R_R14(%rsp)
	mov %r15, R_R15(%rsp)
	movl $SYSCALL_VECTOR, R_VECTOR(%rsp)
	cmpl $0, kernel_lock + LOCK_WAITING
	jne contended
	lock btsl $0, kernel_lock + LOCK_LOCKED
	jc contended
	jmp *syscall_ways - 8 * SYSCALL_FIRST(, %rax, 8)

	/* Lock held, %rsp = cur, %rax the number, the other registers as the program left them but
	 * those saved above. The fast paths come here when a call is not for them. */
	.globl slow_call
slow_call:
	SAVE_REST
	mov %rsp, %rdi
	mov %gs:CPU_STACK_TOP, %rsp
dispatch:
	push %rdi
	call *syscall_table - 8 * SYSCALL_FIRST(, %rax, 8)
	pop %rdi
	cmp $RESULT_RESTART, %rax
	jle registers_set
	cmpw $0, %gs:CPU_RESCHED		/* cur still is, or this says so */
	jne value_slowly
	cmpw $0, T_DYING(%rdi)
	jne value_slowly
	/* The handler kept rbx, rbp and r12-r15, as a C function does, and the program's rip is
	 * below USER_HI, since the call was fetched from there. */
	movl $0, kernel_lock + LOCK_LOCKED
	mov R_RIP(%rdi), %rcx
	mov R_RFLAGS(%rdi), %r11
	mov R_RSI(%rdi), %rsi
	mov R_RDX(%rdi), %rdx
	mov R_R10(%rdi), %r10
	mov R_R8(%rdi), %r8
	mov R_R9(%rdi), %r9
	mov R_RSP(%rdi), %rsp
	mov R_RDI(%rdi), %rdi
	swapgs
	sysretq

value_slowly:
	mov %rax, R_RAX(%rdi)
leave_slowly:
	call kernel_leave

registers_set:
	jne 1f
	push %rdi
	call kernel_restart
	pop %rdi
1:	cmp %gs:CPU_CUR, %rdi
	jne leave_slowly
	cmpw $0, %gs:CPU_RESCHED
	jne leave_slowly
	cmpw $0, T_DYING(%rdi)
	je leave_loaded
	jmp leave_slowly

contended:
	SAVE_REST
	mov %rsp, %rdi
	mov %gs:CPU_STACK_TOP, %rsp
	push %rdi
	call lock_kernel_slow
	pop %rdi
	mov R_RAX(%rdi), %rax
	jmp dispatch

bounce:
	swapgs
	mov %rsp, %gs:area_offset + AREA_RSP
	mov %r11, %gs:area_offset + AREA_RFLAGS
	mov %gs:CPU_SCRATCH + 8, %rsp		/* the frame's address */
	swapgs
	iretq

/* ---- leaving ---- */
	.globl arch_leave
	.balign 64
arch_leave:
	mov %gs:CPU_CUR, %rdi
	cmp %gs:CPU_LOADED, %rdi
	jne exchange
leave_loaded:
	movl $0, kernel_lock + LOCK_LOCKED
	cmpl $0x7fff, R_RIP + 4(%rdi)		/* SYSRETQ and IRETQ must not fault here */
	ja bad_rip
	cmpl $SYSCALL_VECTOR, R_VECTOR(%rdi)
	jne leave_iret
	mov R_RIP(%rdi), %rcx
	mov R_RFLAGS(%rdi), %r11
	mov R_RAX(%rdi), %rax
	mov R_RSI(%rdi), %rsi
	mov R_RDX(%rdi), %rdx
	mov R_R10(%rdi), %r10
	mov R_R8(%rdi), %r8
	mov R_R9(%rdi), %r9
	mov R_RBX(%rdi), %rbx
	mov R_RBP(%rdi), %rbp
	mov R_R12(%rdi), %r12
	mov R_R13(%rdi), %r13
	mov R_R14(%rdi), %r14
	mov R_R15(%rdi), %r15
	mov R_RSP(%rdi), %rsp
	mov R_RDI(%rdi), %rdi
	swapgs
	sysretq

leave_iret:
	lea T_REGS(%rdi), %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	add $16, %rsp
	swapgs
	iretq

bad_rip:
	mov %gs:CPU_STACK_TOP, %rsp
	jmp arch_bad_rip

/* Extended state and FS base of %rsi into memory. XCR0's value is in %eax; %rdx is 0 after. */
	.macro SAVE_EXTENDED
	mov T_FPU(%rsi), %rcx
	xor %edx, %edx
	xsave64 (%rcx)
	rdfsbase %r8
	mov %r8, T_FS(%rsi)
	.endm

/* From the page tables of %r9 to those of %r8. */
	.macro CHANGE_SPACE
	mov %gs:CPU_INDEX, %ecx
	btr %rcx, SPACE_CPUS(%r9)
	bts %rcx, SPACE_CPUS(%r8)
	mov SPACE_ROOT(%r8), %rax
	mov %r8, %gs:CPU_SPACE
	mov %rax, %cr3
	.endm

/* Extended state and bases: those of %rsi into memory, bases of %rdi into the processor. */
	.macro EXCHANGE_BASES
	SAVE_EXTENDED
	mov T_FS(%rdi), %r8
	wrfsbase %r8
	mov T_GS(%rdi), %r9
	swapgs
	rdgsbase %r8
	wrgsbase %r9
	swapgs
	mov %r8, T_GS(%rsi)
	.endm

exchange:
	test %rdi, %rdi
	jz idle
	mov %gs:CPU_LOADED, %rsi		/* `nobody` when none: saved in vain */
	mov %gs:area_offset + AREA_CONTROL, %rax
	cmp T_CONTROL(%rdi), %rax
	jne exchange_control
	EXCHANGE_BASES
1:	mov T_FPU(%rdi), %rcx
	xrstor64 (%rcx)
	mov T_ASPACE(%rdi), %r8
	add $ASPACE_ARCH, %r8
	mov %gs:CPU_SPACE, %r9
	cmp %r8, %r9
	je 2f
	CHANGE_SPACE
2:	lea R_END(%rdi), %rax
	mov %rax, %gs:tss_offset + TSS_RSP0
	mov T_UPCALL(%rdi), %rax
	mov %rax, %gs:area_offset + AREA_RIP
	mov %rdi, %gs:CPU_LOADED
	jmp leave_loaded

exchange_control:
	cmpb $0, %gs:CPU_BASES_OFF
	je 3f
	CONTROL_NORMAL %r8
3:	EXCHANGE_BASES
	mov T_CONTROL(%rdi), %rax
	CHANGE_CONTROL %r8
	jmp 1b

/* Nobody to run: give the state back to memory, stand on the kernel's own page tables, halt.
 * Interrupts leave from here through kernel_interrupt and do not come back. */
idle:
	mov %gs:CPU_LOADED, %rsi
	cmp $nobody, %rsi
	je 1f
	cmpb $0, %gs:CPU_BASES_OFF
	jne idle_control
4:	mov %gs:area_offset + AREA_CONTROL, %rax
	SAVE_EXTENDED
	swapgs
	rdgsbase %r8
	swapgs
	mov %r8, T_GS(%rsi)
	movq $nobody, %gs:CPU_LOADED
1:	mov $kernel_space, %r8
	mov %gs:CPU_SPACE, %r9
	cmp %r8, %r9
	je 2f
	CHANGE_SPACE
2:	mov %gs:CPU_STACK_TOP, %rsp
	call unlock_idle
3:	sti
	hlt
	jmp 3b

idle_control:
	CONTROL_NORMAL %r8
	jmp 4b

/* ---- traps and interrupts ---- */
	.globl trap_stubs
	.balign 16
trap_stubs:
	.set vector, 0
	.rept 256
	.balign 16
	.if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21 && \
		vector != 29 && vector != 30
	push $0
	.endif
	push $vector
	.if vector == 2 || vector == 8 || vector == 18
	jmp trap_ist
	.else
	jmp trap_common
	.endif
	.set vector, vector + 1
	.endr

	.macro PUSH_REGS
	push %rdi
	push %rsi
	push %rdx
	push %rcx
	push %rax
	push %r8
	push %r9
	push %r10
	push %r11
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	.endm

	.balign 16
trap_common:
	testb $3, 24(%rsp)
	jz trap_in_kernel
	swapgs
	PUSH_REGS
	cld
	user_access_off
	mov %rsp, %rdi
	mov %gs:CPU_STACK_TOP, %rsp
	sub $8, %rsp
	call trap_user
	mov %gs:CPU_CUR, %rdi			/* it was served without the lock: go on */
	jmp leave_iret

trap_in_kernel:
	PUSH_REGS
	cld
	user_access_off
	mov %rsp, %rdi
	mov %rsp, %rbp
	and $-16, %rsp
	call trap_kernel
	mov %rbp, %rsp
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rax
	pop %rcx
	pop %rdx
	pop %rsi
	pop %rdi
	add $16, %rsp
	iretq

/* NMI, machine check, double fault: on stacks of their own, whose top word is the CPU. */
trap_ist:
	PUSH_REGS
	cld
	user_access_off
	mov REGS_SIZE(%rsp), %rax
	mov %rax, %rdx
	shr $32, %rdx
	mov $GS_BASE_MSR, %ecx			/* FSGSBASE may be off */
	wrmsr
	mov %rsp, %rdi
	call trap_fatal

/* ---- copies to and from programs ---- */
/* arch_copy_*(dst, src, len, fault): bytes not copied. A fault inside counts the word, or 64-byte
 * block, that it stopped in as not copied; trap_kernel puts its address in %rax. A long copy has a
 * string instruction: one for each word, where the loop has two and a half. */
	.set COPY_LONG, 512
	.globl arch_copy_in, arch_copy_out, copy_begin, copy_end, copy_fault
	.globl copy_long, copy_long_fault
	.balign 16
arch_copy_in:
arch_copy_out:
	user_access_on
copy_begin:
	cmp $64, %rdx
	jb 2f
	cmp $COPY_LONG, %rdx
	jae copy_long
1:	mov (%rsi), %rax
	mov %rax, (%rdi)
	mov 8(%rsi), %rax
	mov %rax, 8(%rdi)
	mov 16(%rsi), %rax
	mov %rax, 16(%rdi)
	mov 24(%rsi), %rax
	mov %rax, 24(%rdi)
	mov 32(%rsi), %rax
	mov %rax, 32(%rdi)
	mov 40(%rsi), %rax
	mov %rax, 40(%rdi)
	mov 48(%rsi), %rax
	mov %rax, 48(%rdi)
	mov 56(%rsi), %rax
	mov %rax, 56(%rdi)
	add $64, %rsi
	add $64, %rdi
	sub $64, %rdx
	cmp $64, %rdx
	jae 1b
2:	cmp $8, %rdx
	jb 4f
3:	mov (%rsi), %rax
	mov %rax, (%rdi)
	add $8, %rsi
	add $8, %rdi
	sub $8, %rdx
	cmp $8, %rdx
	jae 3b
4:	test %rdx, %rdx
	jz copy_done
5:	movb (%rsi), %al
	movb %al, (%rdi)
	inc %rsi
	inc %rdi
	dec %rdx
	jnz 5b
copy_done:
	user_access_off
	xor %eax, %eax
	ret
copy_long:
	mov %rcx, %r8
	mov %rdx, %rcx
	shr $3, %rcx
	and $7, %edx
	rep movsq				/* a fault in it leaves what is to do in %rcx */
	mov %r8, %rcx
	jmp 4b
copy_end:
copy_fault:
	user_access_off
	mov %rax, (%rcx)
	mov %rdx, %rax
	ret
copy_long_fault:
	user_access_off
	mov %rax, (%r8)
	lea (%rdx,%rcx,8), %rax
	ret

	/* Where a call goes with the lock held: its fast path, or slow_call. */
	.section .rodata
	.balign 8
syscall_ways:
	.set number, SYSCALL_FIRST
	.rept SYSCALL_END - SYSCALL_FIRST
	.if number == SYS_ipc_call
	.quad fast_call
	.elseif number == SYS_ipc_reply_wait
	.quad fast_reply_wait
	.else
	.quad slow_call
	.endif
	.set number, number + 1
	.endr

	.section .note.GNU-stack, "", @progbits
