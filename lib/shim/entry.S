/* SPDX-License-Identifier: ISC */
/*
 * entry.S: the ways into the shim: start of the process, foreign system calls, faults, start of a
 * further thread. Offsets against gs are those of struct thread_block and state.h.
 *
 * A foreign call arrives with all registers as the program left them, RCX = its return address.
 * Linux keeps every register but RAX, RCX and R11, so R11 is the only free one. The shim never
 * runs on the program's stack: a thread that ends may have unmapped it. Nothing here may execute
 * a system call with a number below 0x4000: it would come back and overwrite gs:64.
 *
 * Spec: docs/shim.md.
 */
#include "syscall_numbers.h"

#define INFO_PAGE	0x7ffffffe0000
#define INFO_TSC_BASE	8
#define INFO_MULT	16
#define INFO_SHIFT	20
#define BLOCK_BUSY	0
#define BLOCK_REASON	4
#define BLOCK_RIP	24
#define BLOCK_RFLAGS	32
#define BLOCK_FAULT_RSP	40
#define BLOCK_RSP	64
#define BLOCK_STACK	72
#define BLOCK_TID	80
#define BLOCK_SAVE0	96
#define BLOCK_SAVE1	104
#define BLOCK_SAVE2	112
#define BLOCK_SELF	120
#define BUSY_DECLINED	2
#define REASON_BREAKPOINT 10
#define REASON_INTERRUPT 16
#define RFLAGS_TF	0x100
#define LINUX_EFAULT	14
#define LINUX_getpid	39
#define LINUX_clone	56
#define LINUX_gettid	186
#define LINUX_clock_gettime 228

	.section .header, "a"
	.globl shim_base
	.hidden shim_base
shim_base:
	.long 0x4d485342, 1
	.long shim_start - shim_base
	.long shim_upcall - shim_base
	.long shim_fault - shim_base
	.long shim_text_end - shim_base
	.long shim_main_block - shim_base
	.long shim_end - shim_base

	.text
	.globl shim_start
	.hidden shim_start
shim_start:
	mov	%rsp, %rbx
	mov	%rsp, %rdi
	lea	shim_main_stack_top(%rip), %rsp
	call	shim_init
	mov	%rbx, %rsp
	xor	%edx, %edx		/* no function for atexit */
	xor	%ebp, %ebp
	jmp	*%rax

	.globl shim_upcall
	.hidden shim_upcall
	.p2align 4
shim_upcall:
	cmp	$LINUX_clock_gettime, %rax
	je	clock_fast
	cmp	$LINUX_gettid, %rax
	je	2f
	cmp	$LINUX_getpid, %rax
	je	1f
	mov	%rsp, %gs:BLOCK_RSP
	mov	%gs:BLOCK_STACK, %rsp
	push	%rcx
	push	%rdi
	push	%rsi
	push	%rdx
	push	%r8
	push	%r9
	push	%r10
	push	%rax
	cmp	$LINUX_clone, %rax
	je	3f
	mov	%r10, %rcx
	call	shim_call		/* the number is the seventh argument */
leave:
	add	$8, %rsp
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdx
	pop	%rsi
	pop	%rdi
	pop	%rcx
	mov	%gs:BLOCK_RSP, %rsp
	jmp	*%rcx
1:	mov	shim_state+8(%rip), %eax /* pid */
	jmp	*%rcx
2:	mov	%gs:BLOCK_TID, %eax
	jmp	*%rcx
3:	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, %rdi
	call	shim_clone
	add	$48, %rsp
	jmp	leave

	/* A new thread: rsp is the parent's frame, copied to this thread's shim stack. */
	.globl shim_child
	.hidden shim_child
shim_child:
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	xor	%eax, %eax
	jmp	leave

	/* clock_gettime(CLOCK_MONOTONIC): rdi clock, rsi timespec. */
	.p2align 4
clock_fast:
	cmp	$1, %edi
	jne	clock_slow
	movabs	$INFO_PAGE, %r11
	cmpl	$0, INFO_MULT(%r11)	/* no counter in this silo */
	je	clock_slow
	mov	%rdx, %gs:BLOCK_SAVE1
	mov	%rcx, %gs:BLOCK_SAVE2
	rdtsc
	shl	$32, %rdx
	or	%rdx, %rax
	sub	INFO_TSC_BASE(%r11), %rax
	mov	INFO_MULT(%r11), %edx
	mov	INFO_SHIFT(%r11), %ecx
	mul	%rdx
	shrd	%cl, %rdx, %rax
	mov	%gs:BLOCK_SAVE2, %rcx
	xor	%edx, %edx
	mov	$1000000000, %r11d
	div	%r11
fast_store:
	mov	%rax, (%rsi)
	mov	%rdx, 8(%rsi)
fast_store_end:
	xor	%eax, %eax
fast_leave:
	mov	%gs:BLOCK_SAVE1, %rdx
	jmp	*%rcx
clock_slow:
	mov	%rsp, %gs:BLOCK_RSP
	mov	%gs:BLOCK_STACK, %rsp
	push	%rcx
	push	%rdi
	push	%rsi
	push	%rdx
	push	%r8
	push	%r9
	push	%r10
	push	%rax
	mov	%r10, %rcx
	call	shim_call
	jmp	leave

	/* void shim_set_fs(base): by the kernel, which takes all registers (struct thread_regs). */
	.globl shim_set_fs
	.hidden shim_set_fs
shim_set_fs:
	sub	$160, %rsp
	mov	%rbx, 8(%rsp)
	mov	%rbp, 48(%rsp)
	lea	160(%rsp), %rax
	mov	%rax, 56(%rsp)
	mov	%r12, 96(%rsp)
	mov	%r13, 104(%rsp)
	mov	%r14, 112(%rsp)
	mov	%r15, 120(%rsp)
	lea	1f(%rip), %rax
	mov	%rax, 128(%rsp)
	movq	$2, 136(%rsp)
	mov	%rdi, 144(%rsp)
	mov	%gs:BLOCK_SELF, %rax
	mov	%rax, 152(%rsp)
	mov	%rsp, %rdi
	mov	$SYS_upcall_return, %eax
	syscall				/* comes back at 1; here only when that is refused */
	add	$160, %rsp
1:	ret

	/* int64_t shim_copy(dst, src, len) */
	.globl shim_copy
	.hidden shim_copy
	.p2align 4
shim_copy:
	mov	%rdx, %rcx
copy_move:
	rep movsb
copy_move_end:
	xor	%eax, %eax
	ret

/*
 * A fault. The kernel has filled the block and set busy; all registers but RIP and RFLAGS are the
 * faulting code's. A bad pointer of the program in copy_move or fast_store becomes -EFAULT. For
 * everything else the shim declines: busy = BUSY_DECLINED, and the instruction is run again, so
 * that the kernel meets the same fault and reports it as it is.
 */
	.globl shim_fault
	.hidden shim_fault
	.p2align 4
shim_fault:
	mov	%rax, %gs:BLOCK_SAVE0
	mov	%r11, %gs:BLOCK_SAVE2
	cmpl	$REASON_INTERRUPT, %gs:BLOCK_REASON
	je	6f
	mov	%gs:BLOCK_RIP, %rax
	lea	copy_move(%rip), %r11
	sub	%r11, %rax
	cmp	$(copy_move_end - copy_move), %rax
	jb	4f
	mov	%gs:BLOCK_RIP, %rax
	lea	fast_store(%rip), %r11
	sub	%r11, %rax
	cmp	$(fast_store_end - fast_store), %rax
	jb	5f
	movl	$BUSY_DECLINED, %gs:BLOCK_BUSY
	cmpl	$REASON_BREAKPOINT, %gs:BLOCK_REASON
	jne	7f
	decq	%gs:BLOCK_RIP		/* a trap: RIP stands behind int3 */
	jmp	7f
4:	movl	$0, %gs:BLOCK_BUSY
	mov	$-LINUX_EFAULT, %rax
	ret				/* shim_copy has nothing on the stack */
5:	movl	$0, %gs:BLOCK_BUSY
	mov	$-LINUX_EFAULT, %rax
	jmp	fast_leave
6:	movl	$0, %gs:BLOCK_BUSY	/* an interrupt: no signals here, go on */
7:	mov	%gs:BLOCK_SAVE2, %r11
	cmpq	$0, %gs:BLOCK_STACK	/* a native thread's block without a shim stack */
	je	8f
	mov	%gs:BLOCK_STACK, %rsp	/* two words above it are free for this */
	lea	16(%rsp), %rsp
	andq	$~RFLAGS_TF, %gs:BLOCK_RFLAGS
	push	%gs:BLOCK_RFLAGS
	mov	%gs:BLOCK_SAVE0, %rax
	popfq
	mov	%gs:BLOCK_FAULT_RSP, %rsp
	jmp	*%gs:BLOCK_RIP
8:	mov	%gs:BLOCK_SAVE0, %rax	/* the flags are lost */
	jmp	*%gs:BLOCK_RIP

	/*
	 * The private data, two pages: the main thread's stack from their start (so that running
	 * over meets the read-only text), its block, and what C has.
	 */
	.bss
	.p2align 12
	.skip	7168 - 16
	.globl shim_main_stack_top
	.hidden shim_main_stack_top
shim_main_stack_top:
	.skip	16
	.globl shim_main_block
	.hidden shim_main_block
shim_main_block:
	.skip	128

	.section .note.GNU-stack, "", @progbits
