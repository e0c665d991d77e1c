/* SPDX-License-Identifier: ISC */
/*
 * cleanup.c: long work that nobody waits for, a slice at a time: dead address
 * spaces first, because they hold VMOs, then dead VMOs, then what calls of dead
 * threads left unfinished.
 */
#include "aspace_private.h"
#include "cpu.h"
#include "work.h"

bool cleanup_pending;

bool memory_cleanup_slice(void)
{
	struct slice s = {SLICE_CALL};

	return aspace_cleanup(&s) || vmo_cleanup(&s) || work_reap_one();
}
