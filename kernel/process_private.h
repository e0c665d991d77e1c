/* SPDX-License-Identifier: ISC */
/*
 * process_private.h: what process.c and exec.c share.
 */
#pragma once
#include "process.h"

bool process_args_valid(const struct process_args *a);
/* Take over what the arguments say of the program: entries, shim, name. */
void process_program_set(struct process *p, const struct process_args *a);
/* The account is the process's no more; it may become another's. */
void process_account_leave(struct account *a, const struct process *p);
