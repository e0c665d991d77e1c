/* SPDX-License-Identifier: ISC */
/* bootstrap.c: a name in a bootstrap block. Apart from boot.c, so that it needs no libc start. */
#include "sys/boot.h"
#include <string.h>

handle_t bootstrap_find(const struct bootstrap *block, const char *name)
{
	uint32_t count = block->count < BOOTSTRAP_NAMES ? block->count : BOOTSTRAP_NAMES;

	for (uint32_t i = 0; i < count; i++)
		if (strncmp(block->handles[i].name, name, sizeof(block->handles[i].name)) == 0)
			return block->handles[i].handle;
	return HANDLE_NONE;
}
