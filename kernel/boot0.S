/* SPDX-License-Identifier: ISC */
/* The flat image of boot0, the first program, inside the kernel's image. */
	.section .rodata
	.balign 4096
	.globl boot0_image
boot0_image:
	.incbin BOOT0_BIN
	.balign 4096
	.section .note.GNU-stack, "", @progbits
