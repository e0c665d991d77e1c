/* SPDX-License-Identifier: ISC */
/*
 * boot.S: from the loader to C. Two ways in, both in 32-bit protected mode without paging:
 * PVH (ELF note 18, ebx = hvm_start_info) and Multiboot2 (eax = magic, ebx = information).
 * Builds the first page tables: 1 GiB at 0 and at the kernel's base, 4 GiB of direct map (not
 * executable), all in 2 MiB pages. kernel_map_init replaces all but the direct map.
 * Other CPUs come in by the trampoline, which is copied below 1 MiB.
 */
#include "asm_offsets.h"

#define PHYS(x) ((x) - KERNEL_VIRT)

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, 18			/* "Xen", 4 bytes, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long PHYS(pvh_entry)

	.section .multiboot2, "a", @progbits
	.balign 8
mb2_header:
	.long 0xe85250d6, 0, mb2_end - mb2_header
	.long -(0xe85250d6 + (mb2_end - mb2_header))
	.balign 8
	.short 3, 0			/* entry address */
	.long 12, PHYS(mb2_entry)
	.balign 8
	.short 6, 0			/* modules on page boundaries */
	.long 8
	.balign 8
	.short 0, 0
	.long 8
mb2_end:

	.section .text.boot, "ax"
	.code32
	.globl pvh_entry, mb2_entry
pvh_entry:
	mov $BOOT_PVH, %eax
mb2_entry:
	cli
	cld
	mov %eax, %edi
	mov %ebx, %esi
	mov $PHYS(boot_stack_top), %esp

	/* Long mode and NX, or nothing. */
	mov $0x80000000, %eax
	cpuid
	cmp $0x80000001, %eax
	jb no_long_mode
	mov $0x80000001, %eax
	cpuid
	and $(1 << 29 | 1 << 20), %edx
	cmp $(1 << 29 | 1 << 20), %edx
	jne no_long_mode

	/* ident_pd: 1 GiB, executable. direct_pd: 4 GiB, not executable. */
	xor %ecx, %ecx
1:	mov %ecx, %eax
	shl $21, %eax
	or $0x183, %eax			/* P W PS G */
	cmp $512, %ecx
	jae 2f
	mov %eax, %edx
	and $~0x100, %edx		/* not global: it goes away */
	mov %edx, PHYS(ident_pd)(, %ecx, 8)
2:	mov %eax, PHYS(direct_pd)(, %ecx, 8)
	movl $0x80000000, PHYS(direct_pd) + 4(, %ecx, 8)
	inc %ecx
	cmp $2048, %ecx
	jb 1b

	movl $PHYS(ident_pd) + 3, PHYS(ident_pdpt)
	movl $PHYS(ident_pd) + 3, PHYS(kernel_pdpt) + 510 * 8
	movl $PHYS(direct_pd) + 0x0003, PHYS(direct_pdpt)
	movl $PHYS(direct_pd) + 0x1003, PHYS(direct_pdpt) + 8
	movl $PHYS(direct_pd) + 0x2003, PHYS(direct_pdpt) + 16
	movl $PHYS(direct_pd) + 0x3003, PHYS(direct_pdpt) + 24
	movl $PHYS(ident_pdpt) + 3, PHYS(boot_root)
	movl $PHYS(direct_pdpt) + 3, PHYS(boot_root) + 256 * 8
	movl $PHYS(kernel_pdpt) + 3, PHYS(boot_root) + 511 * 8

	mov $PHYS(boot_start64), %ebp
	jmp enter_long

/* Paging on and to %ebp in 64-bit mode; keeps edi and esi. */
enter_long:
	lgdt PHYS(boot_gdt_pointer)
	mov %cr4, %eax
	or $0x20, %eax			/* PAE */
	mov %eax, %cr4
	mov $PHYS(boot_root), %eax
	mov %eax, %cr3
	mov $0xc0000080, %ecx		/* EFER: LME, NXE */
	rdmsr
	or $0x900, %eax
	wrmsr
	mov %cr0, %eax
	and $~0x60000000, %eax		/* caches on */
	or $0x80010001, %eax		/* PG WP PE */
	mov %eax, %cr0
	ljmp $KERNEL_CS, $PHYS(1f)
	.code64
1:	mov $KERNEL_DS, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	xor %eax, %eax
	mov %eax, %fs
	mov %eax, %gs
	mov %ebp, %eax
	jmp *%rax

/* Still at physical addresses. */
boot_start64:
	movabs $1f, %rax
	jmp *%rax
1:	mov $boot_stack_top - 8, %rsp
	xor %ebp, %ebp
	jmp arch_boot

ap_start64:
	movabs $1f, %rax
	jmp *%rax
1:	mov ap_stack_top, %rsp
	xor %ebp, %ebp
	jmp ap_main

	.code32
no_long_mode:
	mov $PHYS(no_long_mode_text), %esi
	mov $0x3f8, %edx
1:	lodsb
	test %al, %al
	jz 3f
	mov $100000, %ecx
2:	pause
	dec %ecx
	jnz 2b
	outb %al, %dx
	jmp 1b
3:	hlt
	jmp 3b

ap_start32:
	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %ss
	mov $PHYS(ap_start64), %ebp
	jmp enter_long

/* Copied to a page below 1 MiB; starts there in real mode with cs = page / 16, ip = 0. */
	.section .rodata
	.globl trampoline_start, trampoline_end
	.balign 8
	.code16
trampoline_start:
	cli
	mov %cs, %ax
	mov %ax, %ds
	lgdtl trampoline_gdt - trampoline_start
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	ljmpl $0x18, $PHYS(ap_start32)
	.balign 8
trampoline_gdt:
	.short boot_gdt_end - boot_gdt - 1
	.long PHYS(boot_gdt)
trampoline_end:
	.code64

	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* 0x08: 64-bit code */
	.quad 0x00cf93000000ffff	/* 0x10: data */
	.quad 0x00cf9b000000ffff	/* 0x18: 32-bit code */
boot_gdt_end:
boot_gdt_pointer:
	.short boot_gdt_end - boot_gdt - 1
	.long PHYS(boot_gdt)
no_long_mode_text:
	.asciz "\r\nBulkhead: this processor has no 64-bit mode or no NX\r\n"

	.section .bss.page, "aw", @nobits
	.balign 4096
	.globl boot_root, kernel_root, ident_pdpt, direct_pdpt, direct_pd, kernel_pdpt
	.globl boot_stack_guard, boot_stack_top, boot_ist
boot_root:	.skip 4096		/* with identity map: for starting CPUs */
kernel_root:	.skip 4096		/* for good */
ident_pdpt:	.skip 4096
ident_pd:	.skip 4096
direct_pdpt:	.skip 4096
direct_pd:	.skip 4 * 4096
kernel_pdpt:	.skip 4096
boot_stack_guard: .skip 4096
		.skip KERNEL_STACK_SIZE
boot_stack_top:
boot_ist:	.skip 3 * IST_STACK_SIZE

	.section .note.GNU-stack, "", @progbits
