/* SPDX-License-Identifier: ISC */
/*
 * gate.c: who may control silos, and the record of who did. The digits are those of the asker's
 * silo, as the kernel wrote them into the message: LIST to look, STOP to end and pause, SPAWN to
 * make and start. Nobody's name, path or parent counts.
 *
 * A line of the audit is: TICK actor=SILO:PID action target=SILO result=NAME, TICK in ns since
 * boot. Every refusal and every change is one.
 */
#include "servers/sipd/sipd.h"

#include <errno.h>
#include "sys/error.h"
#include "sys/info.h"

void audit(struct sipd *d, const struct identity *who, enum audit_action action, uint32_t target,
	   int result)
{
	d->audited++;
	p9_log_printf(&d->audit, "%020llu actor=%u:%llu %s target=%u result=%s\n",
		      (unsigned long long)time_now(), who->silo, (unsigned long long)who->pid,
		      audit_action_name(action), target, result < 0 ? error_name(result) : "ok");
}

int gate(struct p9_call *call, uint32_t digits, enum audit_action action, uint32_t target)
{
	struct sipd *d = call->ctx;
	const struct identity *who = &call->req->from;

	if ((who->mode & digits) == digits)
		return 0;
	audit(d, who, action == AUDIT_READ ? AUDIT_DENIED : action, target, -EPERM);
	return -EPERM;
}

void event_note(struct sipd *d, enum sip_event kind, uint32_t silo, uint64_t data0, uint64_t data1)
{
	char line[SIP_EVENT_LEN + 1];
	size_t len = sip_event_line(line, time_now(), silo, kind, data0, data1);

	p9_log_append(&d->events, line, (uint32_t)len);
}
