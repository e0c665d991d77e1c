/* SPDX-License-Identifier: ISC */
/*
 * image.h: the head of boot0's flat image, for the kernel that maps it.
 *
 * The image lies at BOOT0_ADDRESS: text_len bytes read and execute (this head first), data_len
 * bytes read and write, bss_len bytes of zeros. All three are whole pages. entry is an address.
 * The kernel enters it with rdi = the bootstrap block and rsp = the top of a 64 KiB stack.
 */
#pragma once

#define BOOT0_MAGIC   0x30544f42 /* "BOT0" */
#define BOOT0_VERSION 1
#define BOOT0_ADDRESS 0x400000

#ifndef __ASSEMBLER__
#include <stdint.h>

struct boot0_header {
	uint32_t magic, version;
	uint64_t text_len, data_len, bss_len;
	uint64_t entry;
};
_Static_assert(sizeof(struct boot0_header) == 40, "boot0_header");
#endif
