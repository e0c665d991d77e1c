/* SPDX-License-Identifier: ISC */
/*
 * info.h: the information page, mapped read-only into every address space at USER_INFO_PAGE: time
 * without a call, and what the program may use. One page for each set of what a silo can withhold
 * (SILO_NO_TSC, SILO_NO_FSGSBASE), alike in all else.
 */
#pragma once
#include "base.h"

#define INFO_WITHHOLDS (SILO_NO_TSC | SILO_NO_FSGSBASE)

void info_init(void);		    /* after arch_init */
paddr_t info_frame(uint32_t flags); /* the page for these silo flags; 0: not made yet */
void info_cpu_online(void);	    /* one more */
void info_wall_set(uint64_t offset);
uint64_t cycles_to_ns(uint64_t cycles), ns_to_cycles(uint64_t ns);
