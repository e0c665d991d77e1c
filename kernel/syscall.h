/* SPDX-License-Identifier: ISC */
/*
 * syscall.h: for files that implement system calls: the generated prototypes.
 */
#pragma once
#include "base.h"
#include "syscalls.h" /* generated */

struct object;
uint64_t sender_badge(const struct object *o);

/* Counters that system_info shows. [K] */
extern uint64_t stat_switches, stat_ipc_calls, stat_faults, stat_interrupts;
