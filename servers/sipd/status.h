/* SPDX-License-Identifier: ISC */
/*
 * status.h: the text of srvID/status, srvID/limits and of a line of /dev/sip/status. Pure: facts go
 * in, text comes out.
 *
 * A line is `key value...`; a value that is not there is `-`. The keys stand in one table
 * (status.c), in the order of the file, and tests/golden/sip_status.txt holds what they look like:
 * programs parse this. New keys go to the end.
 *
 * Spec: docs/control-tree.md.
 */
#pragma once
#include "9p/tree.h"
#include "abi/types.h"
#include "servers/sipd/life.h"

/* All strings may be NULL or "": shown as `-`. */
struct status_facts {
	uint32_t id;
	const char *title, *label;
	enum silo_family family;
	uint32_t mode;	    /* of the kernel, or of the description while there is no silo */
	const char *state;  /* life_state_name, or the kernel's for servers of init */
	const char *waits;  /* "need devd" */
	uint64_t retry_ms;  /* until it is started again; 0: nothing is due */
	uint64_t pid;	    /* 0: no process */
	const char *module; /* path */
	uint32_t owner;	    /* silo; 0: none */
	uint64_t uptime_ms; /* 0: it does not run */
	uint32_t starts, restarts, budget_left;
	struct silo_restart_policy policy;
	uint32_t heartbeat_ms;
	bool ended; /* a process of it has ended: */
	int32_t exit_code;
	const char *crash; /* "page-fault"; NULL: it did not crash */
	uint64_t crash_code, crash_address, crash_ip, ended_ms;
	const char *health;
	uint64_t requests, errors;
	bool used; /* usage is known: */
	uint64_t usage[RES_KINDS], peak[RES_KINDS], refused[RES_KINDS];
	uint64_t limits[LIMIT_KEYS];
	uint64_t cpu_ns, throttled_ns;
	const char *provides, *needs, *devices; /* words */
	bool keeper, sandbox, strict;
	uint32_t unveils;
	const char *console, *notes;
	uint64_t output_dropped; /* bytes */
	const char *error;
};

/* All of srvID/status. */
void status_text(const struct status_facts *f, struct p9_text *out);
/* srvID/limits: `key LIMIT used USED peak PEAK refused N`, a limit of 0 is `none`. */
void status_limits(const struct status_facts *f, struct p9_text *out);
/* One line: id label type state pid uptime_ms restarts memory health. */
void status_line(const struct status_facts *f, struct p9_text *out);
/* What the columns are. */
void status_head(struct p9_text *out);
