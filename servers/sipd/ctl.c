/* SPDX-License-Identifier: ISC */
/* ctl.c: srvID/ctl: the table of commands, their two ends, and those that change a silo's life. */
#include "servers/sipd/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct silo *call_silo(struct p9_call *call)
{
	return silo_by_id(call->ctx, call->obj);
}

/* A server of init: its settings and its life are init's. */
static int foreign_refuse(struct p9_call *call, enum audit_action action)
{
	audit(call->ctx, &call->req->from, action, call->obj, -EPERM);
	return p9_tree_fail(call, EPERM, "init keeps this one; only kill is possible");
}

int ctl_begin(struct p9_call *call, enum audit_action action, bool idle, struct silo **out)
{
	const struct identity *who = &call->req->from;
	struct silo *s = call_silo(call);
	int err;

	if (!s)
		return -ENOENT;
	err = gate(call, MODE_SPAWN, action, call->obj);
	if (err)
		return p9_tree_fail(call, -err, "the asker's silo lacks SPAWN in its mode");
	if (s->slot->flags & SLOT_FOREIGN)
		return foreign_refuse(call, action);
	if (s->slot->desc.mode & ~who->mode) {
		audit(call->ctx, who, action, call->obj, -EPERM);
		return p9_tree_fail(call, EPERM, "mode %03o of this silo exceeds the asker's %03o",
				    s->slot->desc.mode, who->mode);
	}
	if (idle && !life_idle(&s->slot->life)) {
		audit(call->ctx, who, action, call->obj, -EBUSY);
		return p9_tree_fail(call, EBUSY, "not while it is %s",
				    life_state_name(s->slot->life.state));
	}
	*out = s;
	return 0;
}

int ctl_done(struct p9_call *call, struct silo *s, enum audit_action action, int err,
	     const char *reason)
{
	audit(call->ctx, &call->req->from, action, call->obj, err);
	if (err < 0)
		return p9_tree_fail(call, -err, "%s", reason);
	s->slot->error[0] = '\0';
	return 0;
}

int ctl_join(int argc, char **argv, int first, char *text)
{
	size_t used = 0;

	text[0] = '\0';
	for (int i = first; i < argc; i++) {
		int n = snprintf(text + used, CTL_TEXT_MAX - used, "%s%s", i > first ? " " : "",
				 argv[i]);

		if (n < 0 || (size_t)n >= CTL_TEXT_MAX - used)
			return -E2BIG;
		used += (size_t)n;
	}
	return 0;
}

/* ---- life ------------------------------------------------------------------------------- */

/* What life_step's refusals mean. */
static int life_refusal(struct silo *s, int err, char *reason)
{
	const char *state = life_state_name(s->slot->life.state);

	switch (err) {
	case -EEXIST: snprintf(reason, SILO_REASON_MAX, "it is %s already", state); break;
	case -EBUSY: snprintf(reason, SILO_REASON_MAX, "it is still %s", state); break;
	default: snprintf(reason, SILO_REASON_MAX, "not from state %s", state); break;
	}
	return err;
}

static int life_command(struct p9_call *call, uint32_t digits, enum audit_action action,
			enum life_event event)
{
	char reason[SILO_REASON_MAX];
	struct silo *s = call_silo(call);
	int err;

	if (!s)
		return -ENOENT;
	err = gate(call, digits, action, call->obj);
	if (err)
		return p9_tree_fail(call, -err, "the asker's silo lacks a digit of its mode: %03o",
				    digits);
	if (s->slot->flags & SLOT_FOREIGN)
		return foreign_refuse(call, action);
	if (event == LIFE_START && !*silo_text(&s->slot->desc, s->slot->desc.exec))
		return ctl_done(call, s, action, -EINVAL, "no module: say `module NAME` first");
	if (event == LIFE_START)
		s->slot->error[0] = '\0';
	err = silo_happen(s, event);
	if (err)
		return ctl_done(call, s, action, life_refusal(s, err, reason), reason);
	audit(call->ctx, &call->req->from, action, call->obj, 0);
	return 0;
}

static int run_start(struct p9_call *call, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return life_command(call, MODE_SPAWN, AUDIT_SPAWN, LIFE_START);
}

static int run_stop(struct p9_call *call, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return life_command(call, MODE_STOP, AUDIT_STOP, LIFE_STOP);
}

/* Also a server of init can be ended: init starts its successor. sipd itself ends in the middle of
 * this, and its record with it. */
static int run_kill(struct p9_call *call, int argc, char **argv)
{
	struct silo *s = call_silo(call);
	int64_t err;

	(void)argc;
	(void)argv;
	if (!s || !(s->slot->flags & SLOT_FOREIGN))
		return life_command(call, MODE_STOP, AUDIT_STOP, LIFE_KILL);
	err = gate(call, MODE_STOP, AUDIT_STOP, call->obj);
	if (err)
		return p9_tree_fail(call, (int)-err, "the asker's silo lacks STOP in its mode");
	err = s->silo == HANDLE_NONE ? -ENXIO : sys_silo_control(s->silo, SILO_OP_KILL, 0);
	if (err == -EINVAL)
		err = 0; /* it has ended already */
	audit(call->ctx, &call->req->from, AUDIT_STOP, call->obj, (int)err);
	return err ? p9_tree_fail(call, (int)-err, "it cannot be ended") : 0;
}

/* One that the prompt needs would take it away, and nothing would bring another: it does not end.
 */
static int run_suspend(struct p9_call *call, int argc, char **argv)
{
	struct silo *s = call_silo(call);

	(void)argc;
	(void)argv;
	if (s && call->req->from.mode & MODE_STOP && !(s->slot->flags & SLOT_FOREIGN) &&
	    prompt_needs(s)) {
		audit(call->ctx, &call->req->from, AUDIT_STOP, call->obj, -EBUSY);
		return p9_tree_fail(call, EBUSY, "the prompt needs it; it can be stopped");
	}
	return life_command(call, MODE_STOP, AUDIT_STOP, LIFE_SUSPEND);
}

static int run_resume(struct p9_call *call, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return life_command(call, MODE_STOP, AUDIT_SPAWN, LIFE_RESUME);
}

static int run_destroy(struct p9_call *call, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return life_command(call, MODE_STOP, AUDIT_STOP, LIFE_DESTROY);
}

static int run_restart(struct p9_call *call, int argc, char **argv)
{
	if (argc > 1)
		return ctl_restart(call, argc, argv);
	return life_command(call, MODE_STOP | MODE_SPAWN, AUDIT_SPAWN, LIFE_AGAIN);
}

const struct p9_command silo_commands[] = {
	{"name", 1, 1, ctl_name, "name S"},
	{"label", 1, 1, ctl_label, "label S"},
	{"cap", 2, 2, ctl_cap, "cap add|remove CAPABILITY"},
	{"capability", 1, 1, ctl_capability, "capability CAPABILITY"},
	{"bind", 1, 4, ctl_bind, "bind DEVICE"},
	{"unbind", 0, 1, ctl_unbind, "unbind [DEVICE]"},
	{"arg", 1, -1, ctl_arg, "arg WORD..."},
	{"env", 1, 1, ctl_env, "env KEY=VALUE"},
	{"module", 1, 1, ctl_module, "module NAME|PATH"},
	{"mode", 1, 1, ctl_mode, "mode OOO"},
	{"pledge", 1, 1, ctl_pledge, "pledge OOO"},
	{"unveil", 2, 2, ctl_unveil, "unveil PATH RWXC"},
	{"sandbox", 0, 0, ctl_sandbox, "sandbox"},
	{"limit", 2, 2, ctl_limit, "limit KEY N"},
	{"need", 1, 1, ctl_need, "need SILO"},
	{"mount", 1, 1, ctl_mount, "mount PATH"},
	{"family", 1, 1, ctl_family, "family F"},
	{"restart", 0, -1, run_restart, "restart [POLICY [budget N] [window S] [backoff-max MS]]"},
	{"heartbeat", 1, 1, ctl_heartbeat, "heartbeat MS"},
	{"console", 1, 1, ctl_console, "console PATH|none"},
	{"start", 0, 0, run_start, "start"},
	{"stop", 0, 0, run_stop, "stop"},
	{"kill", 0, 0, run_kill, "kill"},
	{"suspend", 0, 0, run_suspend, "suspend"},
	{"resume", 0, 0, run_resume, "resume"},
	{"destroy", 0, 0, run_destroy, "destroy"},
	{"notes", 0, -1, ctl_notes, "notes TEXT"},
	{"hip", 1, -1, ctl_hip, "hip attach TOKEN"},
	{NULL, 0, 0, NULL, NULL},
};
