/* SPDX-License-Identifier: ISC */
/* events.c: names and the fixed line; see events.h. */
#include "servers/sipd/events.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const event_names[SIP_EVENT_KINDS] = {
	[SIP_STARTED] = "started", [SIP_STOPPED] = "stopped", [SIP_KILLED] = "killed",
	[SIP_CRASHED] = "crashed", [SIP_PAUSED] = "paused",   [SIP_RESUMED] = "resumed",
};

static const char *const action_names[AUDIT_ACTIONS] = {
	[AUDIT_GRANT] = "grant",   [AUDIT_REVOKE] = "revoke", [AUDIT_DENIED] = "denied",
	[AUDIT_PLEDGE] = "pledge", [AUDIT_UNVEIL] = "unveil", [AUDIT_SANDBOX] = "sandbox",
	[AUDIT_SPAWN] = "spawn",   [AUDIT_STOP] = "stop",     [AUDIT_LIMIT] = "limit",
	[AUDIT_MODE] = "mode",	   [AUDIT_CONFIG] = "config", [AUDIT_READ] = "read",
};

const char *sip_event_name(enum sip_event kind)
{
	return (unsigned)kind < SIP_EVENT_KINDS ? event_names[kind] : "?";
}

const char *audit_action_name(enum audit_action action)
{
	return (unsigned)action < AUDIT_ACTIONS ? action_names[action] : "?";
}

size_t sip_event_line(char out[SIP_EVENT_LEN + 1], uint64_t tick, uint32_t silo,
		      enum sip_event kind, uint64_t data0, uint64_t data1)
{
	int len = snprintf(out, SIP_EVENT_LEN + 1,
			   "%020" PRIu64 " %10" PRIu32 " %-8s %016" PRIx64 " %016" PRIx64 "\n",
			   tick, silo, sip_event_name(kind), data0, data1);

	return len > 0 ? (size_t)len : 0;
}
