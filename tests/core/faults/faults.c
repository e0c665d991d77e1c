/* SPDX-License-Identifier: ISC */
/*
 * faults.c: faults as calls (docs/ipc.md): the table. The first thread is mostly the handler, and
 * actors fault.
 */
#include "faults.h"

static void nothing_leaks(void);

const struct core_test core_tests[] = {
	{"changed_registers", changed_registers},
	{"unchanged", unchanged},
	{"not_answered", not_answered},
	{"kept", kept},
	{"kept_closed", kept_closed},
	{"violation", violation},
	{"two_at_once", two_at_once},
	{"one_answered_one_not", one_answered_one_not},
	{"bad_answers", bad_answers},
	{"no_buffers", no_buffers},
	{"not_forged", not_forged},
	{"interrupted", interrupted},
	{"suspended", suspended},
	{"stepped", stepped},
	{"old_timer", old_timer},
	{"looked_into", looked_into},
	{"upcall_first", upcall_first},
	{"exec_keeps", exec_keeps},
	{"exec_over_own_handler", exec_over_own_handler},
	{"exec_in_hand", exec_in_hand},
	{"handler_dies", handler_dies},
	{"handler_succeeded", handler_succeeded},
	{"handler_thread_ends", handler_thread_ends},
	{"channel_closes", channel_closes},
	{"sender_killed", sender_killed},
	{"sender_revoked", sender_revoked},
	{"taken_back", taken_back},
	{"program_dies", program_dies},
	{"own_handler", own_handler},
	{"own_handler_gives_up", own_handler_gives_up},
	{"rights_needed", rights_needed},
	{"one_handler", one_handler},
	{"ended_process", ended_process},
	{"capability_mode", capability_mode},
	{"handle_limits", handle_limits},
	{"nothing_leaks", nothing_leaks},
	{"storm", storm},
	{NULL, NULL},
};

const struct core_role core_roles[] = {{NULL, NULL}};

/* All of the above once more, when tables and heaps have grown to what they need. */
static void nothing_leaks(void)
{
	struct silo_info before;

	for (const struct core_test *t = core_tests; t->run != nothing_leaks; t++)
		t->run();
	for (const struct core_test *t = core_tests; t->run != nothing_leaks; t++) {
		OK(sys_silo_info(core_silo, &before));
		t->run();
		core_returns(core_silo, &before);
	}
}
