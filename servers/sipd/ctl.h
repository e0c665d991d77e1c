/* SPDX-License-Identifier: ISC */
/*
 * ctl.h: between the files of srvID/ctl: the two ends of every command. Private to servers/sipd.
 *
 * A command is: begin (the silo, the gate), the change or the refusal, done (audit, the line
 * `error` of status). Invariant: a command that is refused has changed nothing.
 */
#pragma once
#include "servers/sipd/sipd.h"

#define CTL_TEXT_MAX 2048u

/* The silo, if the asker may change it: SPAWN, and no more rights in its mode than the asker has,
 * since a change could turn them to the asker's use. idle: only while it has no process. */
SIPD_MUST int ctl_begin(struct p9_call *call, enum audit_action action, bool idle,
			struct silo **out);
/* The end: 0, or the refusal err (negative) with its reason. */
int ctl_done(struct p9_call *call, struct silo *s, enum audit_action action, int err,
	     const char *reason);
/* Words from `first` on, blanks between; CTL_TEXT_MAX bytes. */
SIPD_MUST int ctl_join(int argc, char **argv, int first, char *text);

/* ctl_set.c */
int ctl_name(struct p9_call *call, int argc, char **argv);
int ctl_label(struct p9_call *call, int argc, char **argv);
int ctl_module(struct p9_call *call, int argc, char **argv);
int ctl_arg(struct p9_call *call, int argc, char **argv);
int ctl_env(struct p9_call *call, int argc, char **argv);
int ctl_need(struct p9_call *call, int argc, char **argv);
int ctl_mount(struct p9_call *call, int argc, char **argv);
int ctl_restart(struct p9_call *call, int argc, char **argv);
int ctl_heartbeat(struct p9_call *call, int argc, char **argv);
int ctl_console(struct p9_call *call, int argc, char **argv);
int ctl_notes(struct p9_call *call, int argc, char **argv);

/* ctl_rights.c */
int ctl_mode(struct p9_call *call, int argc, char **argv);
int ctl_pledge(struct p9_call *call, int argc, char **argv);
int ctl_family(struct p9_call *call, int argc, char **argv);
int ctl_cap(struct p9_call *call, int argc, char **argv);
int ctl_capability(struct p9_call *call, int argc, char **argv);
int ctl_limit(struct p9_call *call, int argc, char **argv);
int ctl_bind(struct p9_call *call, int argc, char **argv);
int ctl_unbind(struct p9_call *call, int argc, char **argv);
int ctl_unveil(struct p9_call *call, int argc, char **argv);
int ctl_sandbox(struct p9_call *call, int argc, char **argv);
int ctl_hip(struct p9_call *call, int argc, char **argv);
