/* SPDX-License-Identifier: ISC */
/*
 * faults.h: the tests of faults as calls, by file; faults.c has the table.
 */
#pragma once
#include "actor.h"

/* answers.c: what a handler learns, and what it may answer. */
void changed_registers(void);
void unchanged(void);
void not_answered(void);
void kept(void);
void kept_closed(void);
void violation(void);
void two_at_once(void);
void one_answered_one_not(void);
void bad_answers(void);
void no_buffers(void);
void not_forged(void);

/* wait.c: what may happen to a thread while it waits for its handler. */
void interrupted(void);
void suspended(void);
void stepped(void);
void old_timer(void);
void looked_into(void);
void upcall_first(void);
void exec_keeps(void);
void exec_over_own_handler(void);
void exec_in_hand(void);

/* ends.c: handlers, senders and programs that end. */
void handler_dies(void);
void handler_succeeded(void);
void handler_thread_ends(void);
void channel_closes(void);
void sender_killed(void);
void sender_revoked(void);
void taken_back(void);
void program_dies(void);
void own_handler(void);
void own_handler_gives_up(void);

/* rules.c: process_faults itself. */
void rights_needed(void);
void one_handler(void);
void ended_process(void);
void capability_mode(void);
void handle_limits(void);

/* storm.c */
void storm(void);
