/* SPDX-License-Identifier: ISC */
/*
 * hold.h: the words for hold_where of struct system_info, for whoever shows it.
 */
#pragma once
#include <stdint.h>

/* "call", "fault", "interrupt" or "timer"; *detail the name of a call, else NULL. Constant. */
const char *hold_kind(uint64_t where, const char **detail);
