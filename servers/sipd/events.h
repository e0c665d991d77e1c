/* SPDX-License-Identifier: ISC */
/*
 * events.h: the lines of /dev/sip/events and /dev/sip/audit. Pure.
 *
 * A line of `events` has SIP_EVENT_LEN bytes, always, so that a ring of SIP_EVENTS of them keeps
 * exactly that many, and a count of dropped bytes is one of dropped events:
 *
 *	TICK(20) SILO(10) KIND(8) DATA0(16 hex) DATA1(16 hex)
 *
 * TICK is ns since boot. crashed: DATA0 = reason << 32 | subcode, DATA1 = address.
 *
 * Spec: docs/control-tree.md.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define SIP_EVENTS    256u
#define SIP_EVENT_LEN 75u /* with its line end */

enum sip_event {
	SIP_STARTED,
	SIP_STOPPED,
	SIP_KILLED,
	SIP_CRASHED,
	SIP_PAUSED,
	SIP_RESUMED,
	SIP_EVENT_KINDS
};

enum audit_action {
	AUDIT_GRANT,
	AUDIT_REVOKE,
	AUDIT_DENIED,
	AUDIT_PLEDGE,
	AUDIT_UNVEIL,
	AUDIT_SANDBOX,
	AUDIT_SPAWN,
	AUDIT_STOP,
	AUDIT_LIMIT,
	AUDIT_MODE,
	AUDIT_CONFIG,
	AUDIT_READ,
	AUDIT_ACTIONS
};

const char *sip_event_name(enum sip_event kind);
const char *audit_action_name(enum audit_action action);

/* Write one line to out, SIP_EVENT_LEN bytes and a NUL. Returns SIP_EVENT_LEN. */
size_t sip_event_line(char out[SIP_EVENT_LEN + 1], uint64_t tick, uint32_t silo,
		      enum sip_event kind, uint64_t data0, uint64_t data1);
