/* SPDX-License-Identifier: ISC */
/* state.c: memory that outlives the program. */
#include <stdlib.h>
#include "serve/serve.h"
#include "sys/boot.h"
#include "sys/log.h"

void *serve_state(uint64_t len)
{
	struct map_args args = {.vmo = boot_handle("state"),
				.flags = PROT_R | PROT_W,
				.len = (len + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1)};
	int64_t at = -1;

	if (args.vmo != HANDLE_NONE)
		at = sys_aspace_map(boot_handle("aspace"), &args);
	if (at >= 0)
		return (void *)at;
	log_print("no state memory: nothing will outlive this process");
	return calloc(1, len);
}
