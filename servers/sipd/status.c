/* SPDX-License-Identifier: ISC */
/* status.c: one table of keys, a function a value; see status.h. */
#include "servers/sipd/status.h"

#include <inttypes.h>

static void word(struct p9_text *out, const char *value)
{
	p9_text_printf(out, " %s", value && *value ? value : "-");
}

static void number(struct p9_text *out, uint64_t value)
{
	p9_text_printf(out, " %" PRIu64, value);
}

static void v_id(const struct status_facts *f, struct p9_text *out)
{
	number(out, f->id);
}

static void v_name(const struct status_facts *f, struct p9_text *out)
{
	word(out, f->title);
}

static void v_label(const struct status_facts *f, struct p9_text *out)
{
	word(out, f->label);
}

static void v_type(const struct status_facts *f, struct p9_text *out)
{
	word(out, silo_family_name(f->family));
}

static void v_tier(const struct status_facts *f, struct p9_text *out)
{
	word(out, silo_tier_name(silo_tier_of(f->id)));
}

static void v_mode(const struct status_facts *f, struct p9_text *out)
{
	p9_text_printf(out, " %03" PRIo32, f->mode);
}

static void v_state(const struct status_facts *f, struct p9_text *out)
{
	word(out, f->state);
}

static void v_waits(const struct status_facts *f, struct p9_text *out)
{
	if (f->retry_ms)
		p9_text_printf(out, " restart in %" PRIu64 " ms", f->retry_ms);
	else
		word(out, f->waits);
}

static void v_pid(const struct status_facts *f, struct p9_text *out)
{
	number(out, f->pid);
}

static void v_module(const struct status_facts *f, struct p9_text *out)
{
	word(out, f->module);
}

static void v_owner(const struct status_facts *f, struct p9_text *out)
{
	number(out, f->owner);
}

static void v_uptime(const struct status_facts *f, struct p9_text *out)
{
	number(out, f->uptime_ms);
}

static void v_starts(const struct status_facts *f, struct p9_text *out)
{
	number(out, f->starts);
}

static void v_restarts(const struct status_facts *f, struct p9_text *out)
{
	number(out, f->restarts);
}

static void v_budget(const struct status_facts *f, struct p9_text *out)
{
	p9_text_printf(out, " %" PRIu32 " of %" PRIu32 " in %" PRIu32 " s", f->budget_left,
		       f->policy.budget, f->policy.window_s);
}

static void v_policy(const struct status_facts *f, struct p9_text *out)
{
	word(out, silo_restart_name(f->policy.when));
}

static void v_heartbeat(const struct status_facts *f, struct p9_text *out)
{
	number(out, f->heartbeat_ms);
}

static void v_exit(const struct status_facts *f, struct p9_text *out)
{
	if (f->ended && !f->crash)
		p9_text_printf(out, " %" PRId32, f->exit_code);
	else
		word(out, NULL);
}

static void v_crash(const struct status_facts *f, struct p9_text *out)
{
	if (f->ended && f->crash)
		p9_text_printf(
			out, " %s code 0x%" PRIx64 " address 0x%" PRIx64 " instruction 0x%" PRIx64,
			f->crash, f->crash_code, f->crash_address, f->crash_ip);
	else
		word(out, NULL);
}

static void v_ended(const struct status_facts *f, struct p9_text *out)
{
	if (f->ended)
		number(out, f->ended_ms);
	else
		word(out, NULL);
}

static void v_health(const struct status_facts *f, struct p9_text *out)
{
	word(out, f->health);
}

static void v_requests(const struct status_facts *f, struct p9_text *out)
{
	number(out, f->requests);
}

static void v_errors(const struct status_facts *f, struct p9_text *out)
{
	number(out, f->errors);
}

/* USED of LIMIT peak PEAK refused N */
static void usage(const struct status_facts *f, struct p9_text *out, enum resource r)
{
	if (!f->used) {
		word(out, NULL);
		return;
	}
	p9_text_printf(out, " %" PRIu64 " of ", f->usage[r]);
	if (f->limits[r])
		p9_text_printf(out, "%" PRIu64, f->limits[r]);
	else
		p9_text_printf(out, "none");
	p9_text_printf(out, " peak %" PRIu64 " refused %" PRIu64, f->peak[r], f->refused[r]);
}

static void v_memory(const struct status_facts *f, struct p9_text *out)
{
	usage(f, out, RES_MEMORY);
}

static void v_processes(const struct status_facts *f, struct p9_text *out)
{
	usage(f, out, RES_PROCESSES);
}

static void v_threads(const struct status_facts *f, struct p9_text *out)
{
	usage(f, out, RES_THREADS);
}

static void v_handles(const struct status_facts *f, struct p9_text *out)
{
	usage(f, out, RES_HANDLES);
}

static void v_messages(const struct status_facts *f, struct p9_text *out)
{
	usage(f, out, RES_MESSAGES);
}

static void v_dma(const struct status_facts *f, struct p9_text *out)
{
	usage(f, out, RES_DMA);
}

static void v_cpu(const struct status_facts *f, struct p9_text *out)
{
	if (f->used)
		p9_text_printf(out, " %" PRIu64 " throttled %" PRIu64, f->cpu_ns, f->throttled_ns);
	else
		word(out, NULL);
}

static void v_provides(const struct status_facts *f, struct p9_text *out)
{
	word(out, f->provides);
}

static void v_needs(const struct status_facts *f, struct p9_text *out)
{
	word(out, f->needs);
}

static void v_devices(const struct status_facts *f, struct p9_text *out)
{
	word(out, f->devices);
}

static void v_keeper(const struct status_facts *f, struct p9_text *out)
{
	word(out, f->keeper ? "on" : "off");
}

static void v_strict(const struct status_facts *f, struct p9_text *out)
{
	word(out, f->strict ? "on" : "off");
}

static void v_sandbox(const struct status_facts *f, struct p9_text *out)
{
	word(out,
	     f->sandbox ? "on, not enforced: a program enters capability mode by itself" : "off");
}

static void v_unveil(const struct status_facts *f, struct p9_text *out)
{
	p9_text_printf(out, " %" PRIu32 " rules%s", f->unveils,
		       f->unveils ? ", not enforced: kept for the namespace's judges" : "");
}

static void v_console(const struct status_facts *f, struct p9_text *out)
{
	word(out, f->console);
}

static void v_dropped(const struct status_facts *f, struct p9_text *out)
{
	number(out, f->output_dropped);
}

static void v_notes(const struct status_facts *f, struct p9_text *out)
{
	word(out, f->notes);
}

static void v_error(const struct status_facts *f, struct p9_text *out)
{
	word(out, f->error);
}

static const struct status_key {
	const char *key;
	void (*value)(const struct status_facts *f, struct p9_text *out);
} keys[] = {
	{"id", v_id},
	{"name", v_name},
	{"label", v_label},
	{"type", v_type},
	{"tier", v_tier},
	{"mode", v_mode},
	{"state", v_state},
	{"waits", v_waits},
	{"pid", v_pid},
	{"module", v_module},
	{"owner", v_owner},
	{"uptime_ms", v_uptime},
	{"starts", v_starts},
	{"restarts", v_restarts},
	{"budget", v_budget},
	{"restart", v_policy},
	{"heartbeat_ms", v_heartbeat},
	{"exit", v_exit},
	{"crash", v_crash},
	{"ended_ms", v_ended},
	{"health", v_health},
	{"requests", v_requests},
	{"errors", v_errors},
	{"memory", v_memory},
	{"processes", v_processes},
	{"threads", v_threads},
	{"handles", v_handles},
	{"messages", v_messages},
	{"dma", v_dma},
	{"cpu_ns", v_cpu},
	{"provides", v_provides},
	{"needs", v_needs},
	{"devices", v_devices},
	{"keeper", v_keeper},
	{"strict", v_strict},
	{"sandbox", v_sandbox},
	{"unveil", v_unveil},
	{"console", v_console},
	{"output_dropped", v_dropped},
	{"notes", v_notes},
	{"error", v_error},
};

void status_text(const struct status_facts *f, struct p9_text *out)
{
	for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		p9_text_printf(out, "%s", keys[i].key);
		keys[i].value(f, out);
		p9_text_printf(out, "\n");
	}
}

/* ---- limits ----------------------------------------------------------------------------- */

static const char *const limit_names[LIMIT_KEYS] = {
	[LIMIT_MEMORY] = "memory",
	[LIMIT_PROCESSES] = "processes",
	[LIMIT_THREADS] = "threads",
	[LIMIT_HANDLES] = "handles",
	[LIMIT_MESSAGES] = "messages",
	[LIMIT_DMA] = "dma",
	[LIMIT_MEM_MIN] = "mem_min",
	[LIMIT_CPU_SHARES] = "cpu_shares",
	[LIMIT_CPU_QUOTA_US] = "cpu_quota_us",
	[LIMIT_CPU_PERIOD_US] = "cpu_period_us",
	[LIMIT_AFFINITY] = "affinity",
	[LIMIT_PROCESS_MEMORY] = "process_memory",
	[LIMIT_PROCESS_THREADS] = "process_threads",
	[LIMIT_PROCESS_HANDLES] = "process_handles",
};

void status_limits(const struct status_facts *f, struct p9_text *out)
{
	for (unsigned k = 0; k < LIMIT_KEYS; k++) {
		p9_text_printf(out, "%s ", limit_names[k]);
		if (f->limits[k])
			p9_text_printf(out, "%" PRIu64, f->limits[k]);
		else
			p9_text_printf(out, "none");
		if (k < RES_KINDS && f->used)
			p9_text_printf(out, " used %" PRIu64 " peak %" PRIu64 " refused %" PRIu64,
				       f->usage[k], f->peak[k], f->refused[k]);
		p9_text_printf(out, "\n");
	}
	p9_text_printf(out, "io_read_bps none, not enforced: no server accounts bandwidth\n"
			    "io_write_bps none, not enforced: no server accounts bandwidth\n");
}

/* ---- one line a silo -------------------------------------------------------------------- */

void status_head(struct p9_text *out)
{
	p9_text_printf(out, "id label type state pid uptime_ms restarts memory health\n");
}

void status_line(const struct status_facts *f, struct p9_text *out)
{
	p9_text_printf(out, "%" PRIu32, f->id);
	word(out, f->label);
	v_type(f, out);
	v_state(f, out);
	v_pid(f, out);
	v_uptime(f, out);
	v_restarts(f, out);
	if (f->used)
		number(out, f->usage[RES_MEMORY]);
	else
		word(out, NULL);
	v_health(f, out);
	p9_text_printf(out, "\n");
}
