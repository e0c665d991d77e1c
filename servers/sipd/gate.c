/* SPDX-License-Identifier: ISC */
/*
 * gate.c: who may control silos, and the record of who did. The digits are those of the asker's
 * silo, as the kernel wrote them into the message: LIST to look, STOP to end and pause, SPAWN to
 * make and start. Nobody's name, path or parent counts.
 *
 * Of one silo at most DENIALS refusals a minute are recorded; `audited` counts all.
 *
 * A line of the audit is: TICK actor=SILO:PID action target=SILO result=NAME, TICK in ns since
 * boot. Every change is one, and every refusal within that bound.
 */
#include "servers/sipd/sipd.h"

#include <errno.h>
#include "sys/error.h"
#include "sys/info.h"

#define DENIALS	   32u /* of one silo that are recorded in a minute */
#define DENIALS_NS (60 * NS_PER_S)

void audit(struct sipd *d, const struct identity *who, enum audit_action action, uint32_t target,
	   int result)
{
	d->audited++;
	p9_log_printf(&d->audit, "%020llu actor=%u:%llu %s target=%u result=%s\n",
		      (unsigned long long)time_now(), who->silo, (unsigned long long)who->pid,
		      audit_action_name(action), target, result < 0 ? error_name(result) : "ok");
}

/* One who is refused all the time is not to push everybody else out of the record. */
static bool denial_counts(struct sipd *d, const struct identity *who)
{
	struct silo *s = silo_by_id(d, who->silo);
	uint64_t now = time_now();

	if (!s)
		return true;
	if (now - s->denied_since >= DENIALS_NS) {
		s->denied_since = now;
		s->denied = 0;
	}
	return s->denied < DENIALS && ++s->denied;
}

int gate(struct p9_call *call, uint32_t digits, enum audit_action action, uint32_t target)
{
	struct sipd *d = call->ctx;
	const struct identity *who = &call->req->from;

	if ((who->mode & digits) == digits)
		return 0;
	if (denial_counts(d, who))
		audit(d, who, action == AUDIT_READ ? AUDIT_DENIED : action, target, -EPERM);
	else
		d->audited++;
	return -EPERM;
}

void event_note(struct sipd *d, enum sip_event kind, uint32_t silo, uint64_t data0, uint64_t data1)
{
	char line[SIP_EVENT_LEN + 1];
	size_t len = sip_event_line(line, time_now(), silo, kind, data0, data1);

	p9_log_append(&d->events, line, (uint32_t)len);
}
