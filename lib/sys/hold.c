/* SPDX-License-Identifier: ISC */
/* hold.c: see hold.h. Names of calls are those of abi/calls.abi. */
#include "sys/hold.h"
#include <stddef.h>
#include "abi/types.h"
#include "sys_table.h"

#define FAULTS_END 0x20u

static const char *call_name(uint64_t number)
{
#define CALL_CASE(n, name, kinds)                                                                  \
	case n: return #name;
	switch (number) {
		SYS_TABLE(CALL_CASE)
	}
#undef CALL_CASE
	return NULL;
}

const char *hold_kind(uint64_t where, const char **detail)
{
	*detail = NULL;
	if (!where)
		return "timer";
	if (where < FAULTS_END)
		return "fault";
	if (where < SYSCALL_BASE)
		return "interrupt";
	*detail = call_name(where);
	return "call";
}
