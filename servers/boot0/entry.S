/* SPDX-License-Identifier: ISC */
/* entry.S: the image's head and the first instructions. rdi: the bootstrap block. */
#include "servers/boot0/image.h"

	.section .header, "a"
	.long BOOT0_MAGIC, BOOT0_VERSION
	.quad boot0_text_len
	.quad boot0_data_len
	.quad boot0_bss_len
	.quad boot0_start

	.text
	.globl boot0_start
boot0_start:
	xor	%ebp, %ebp
	and	$-16, %rsp
	call	boot0_main
	ud2

	.section .note.GNU-stack, "", @progbits
