/* SPDX-License-Identifier: ISC */
/*
 * boot.c: finding the bootstrap block by the auxiliary vector. The block lies in memory that the
 * program may write, so nothing in it is trusted beyond what the program itself can do.
 */
#include "sys/boot.h"
#include <stddef.h>
#include <sys/auxv.h>

const struct bootstrap *boot_block(void)
{
	const struct bootstrap *block = (const struct bootstrap *)getauxval(AT_BOOTSTRAP);

	if (!block || block->magic != BOOTSTRAP_MAGIC || block->version != BOOTSTRAP_VERSION)
		return NULL;
	return block;
}

handle_t boot_handle(const char *name)
{
	const struct bootstrap *block = boot_block();

	return block ? bootstrap_find(block, name) : HANDLE_NONE;
}
