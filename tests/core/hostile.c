/* SPDX-License-Identifier: ISC */
/*
 * hostile.c: what a program does that wants to break the kernel: objects that die under those who
 * use them. Each test is one way in that once was open; with memory=poison the kernel stumbles
 * over what it has freed.
 */
#include <stdlib.h>
#include <string.h>
#include "core.h"

/* ---- threads --------------------------------------------------------------------------------- */

/* The message page is wanted where something is mapped already. */
static void message_page_taken(void)
{
	struct thread_args args = {.entry = 0x400000, .sp = 0x400000};
	uint64_t threads = core_usage(core_silo, RES_THREADS);

	args.msg = (uint64_t)core_map(PAGE_SIZE, PROT_R | PROT_W, NULL);
	for (int i = 0; i < 10; i++)
		REFUSED(sys_thread_create(core_process, &args), EEXIST);
	CHECK_EQ(core_usage(core_silo, RES_THREADS), threads);
	core_unmap((void *)args.msg, PAGE_SIZE);
}

const struct core_test core_tests[] = {{"message_page_taken", message_page_taken}, {NULL, NULL}};

const struct core_role core_roles[] = {{NULL, NULL}};
