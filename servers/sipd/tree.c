/* SPDX-License-Identifier: ISC */
/*
 * tree.c: /dev/sip as tables. What a file says is gathered in facts.c; what writing to it does is
 * in ctl.c and clone.c.
 *
 * Gates: reading needs LIST in the mode of the asker's silo; writing needs the digit of the command
 * (gate.c). The names of files are for everybody who has the namespace.
 *
 * Spec: docs/control-tree.md.
 */
#include "servers/sipd/facts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sys/log.h"
#include "sys/sys.h"

/* ---- who may open ----------------------------------------------------------------------- */

static int read_open(struct p9_call *call, uint32_t oflags)
{
	if ((oflags & P9_O_ACCMODE) == P9_O_WRONLY)
		return 0; /* each command has its gate */
	return gate(call, MODE_LIST, AUDIT_READ, call->obj);
}

static int silo_check(struct p9_call *call)
{
	return call_silo(call) ? 0 : -ENOENT;
}

/* ---- /dev/sip --------------------------------------------------------------------------- */

static int run_rescan(struct p9_call *call, int argc, char **argv)
{
	struct sipd *d = call->ctx;
	int err = gate(call, MODE_SPAWN, AUDIT_SPAWN, 0);
	unsigned added;

	(void)argc;
	(void)argv;
	if (err)
		return p9_tree_fail(call, -err, "rescan needs SPAWN in the asker's mode");
	added = descriptions_read(d);
	silos_start_boot(d);
	audit(d, &call->req->from, AUDIT_SPAWN, 0, 0);
	log_print("sipd: rescan: %u new descriptions", added);
	return 0;
}

/* The whole status, to the kernel's log. */
static int run_dump(struct p9_call *call, int argc, char **argv)
{
	struct p9_text text = {0};
	char *line, *end;
	int err = gate(call, MODE_LIST, AUDIT_READ, 0);

	(void)argc;
	(void)argv;
	if (err)
		return p9_tree_fail(call, -err, "dump needs LIST in the asker's mode");
	facts_all(call->ctx, &text);
	p9_text_add(&text, "", 1);
	for (line = text.ptr; !text.failed && *line; line = end) {
		end = line + strcspn(line, "\n");
		log_print("%.*s", (int)(end - line), line);
		end += *end != '\0';
	}
	err = text.failed ? -ENOMEM : 0;
	p9_text_free(&text);
	return err;
}

/* The words of the kernel's boot option log=. */
static const char *const log_subsystems[] = {"boot",   "memory", "ipc",	 "sched",
					     "device", "silo",	 "user", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};

static int word_index(const char *const *words, const char *word)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(words[i], word))
			return i;
	return -EINVAL;
}

static int run_log(struct p9_call *call, int argc, char **argv)
{
	struct sipd *d = call->ctx;
	int subsystem = word_index(log_subsystems, argv[1]);
	int level = word_index(log_levels, argv[2]);
	int64_t err = gate(call, MODE_LIST | MODE_STOP | MODE_SPAWN, AUDIT_CONFIG, 0);

	(void)argc;
	if (err)
		return p9_tree_fail(call, (int)-err, "log needs all control digits");
	if (subsystem < 0 || level < 0)
		return p9_tree_fail(call, EINVAL, "no such subsystem or level");
	err = sys_machine_control(d->log, MACHINE_LOG_LEVEL, (uint64_t)(subsystem << 8 | level));
	audit(d, &call->req->from, AUDIT_CONFIG, 0, (int)err);
	return err ? p9_tree_fail(call, (int)-err, "the kernel refuses") : 0;
}

static const struct p9_command top_commands[] = {
	{"rescan", 0, 0, run_rescan, "rescan"},
	{"dump", 0, 0, run_dump, "dump"},
	{"log", 2, 2, run_log, "log SUBSYSTEM LEVEL"},
	{NULL, 0, 0, NULL, NULL},
};

static int text_status(struct p9_call *call, struct p9_text *out)
{
	facts_all(call->ctx, out);
	return 0;
}

static struct p9_log *log_events(struct p9_call *call)
{
	return &((struct sipd *)call->ctx)->events;
}

static struct p9_log *log_audit(struct p9_call *call)
{
	return &((struct sipd *)call->ctx)->audit;
}

static int text_types(struct p9_call *call, struct p9_text *out)
{
	(void)call;
	p9_text_printf(out, "type ceiling tier memory\n");
	for (int i = 0; i < SILO_FAMILY_COUNT; i++) {
		p9_text_printf(out, "%s %03o ", silo_family_name(i), silo_mode_ceiling(i));
		if (i == SILO_USR || i == SILO_WASM)
			p9_text_printf(out, "user %llu\n", SIPD_USER_MEMORY);
		else
			p9_text_printf(out, "system none\n");
	}
	return 0;
}

/* ---- modules: programs of the boot archive ---------------------------------------------- */

static int modules_next(void *ctx, uint32_t after, uint32_t *obj, char *name)
{
	struct sipd *d = ctx;

	if (after >= d->modules)
		return -ENOENT;
	*obj = after + 1;
	snprintf(name, P9_NAME_MAX + 1, "%s", d->module[after].name);
	return 0;
}

static int modules_find(void *ctx, struct p9_str name, uint32_t *obj)
{
	struct sipd *d = ctx;

	for (unsigned i = 0; i < d->modules; i++) {
		if (!p9_str_equal(name, d->module[i].name))
			continue;
		*obj = i + 1;
		return 0;
	}
	return -ENOENT;
}

static int text_module(struct p9_call *call, struct p9_text *out)
{
	struct sipd *d = call->ctx;
	const struct module *m = &d->module[call->obj - 1];
	const char *kind = "unknown";

	if (m->size >= 4 && !memcmp(m->data, "\177ELF", 4))
		kind = "elf";
	else if (m->size >= 4 && !memcmp(m->data, "CMOD", 4))
		kind = "cmod";
	p9_text_printf(out, "name %s\npath /boot/bin/%s\nkind %s\nsize %u\n", m->name, m->name,
		       kind, m->size);
	return 0;
}

/* ---- caps/PID --------------------------------------------------------------------------- */

static int pids_next(void *ctx, uint32_t after, uint32_t *obj, char *name)
{
	handle_t silo;
	uint64_t pid;

	if (process_after(ctx, after, &pid, &silo) || pid > UINT32_MAX)
		return -ENOENT;
	*obj = (uint32_t)pid;
	snprintf(name, P9_NAME_MAX + 1, "%u", *obj);
	return 0;
}

/* A decimal number without sign or leading zero. */
static int number_of(struct p9_str name, uint32_t *out)
{
	uint64_t n = 0;

	if (!name.len || name.len > 10 || name.ptr[0] == '0')
		return -ENOENT;
	for (uint32_t i = 0; i < name.len; i++) {
		if (name.ptr[i] < '0' || name.ptr[i] > '9')
			return -ENOENT;
		n = n * 10 + (uint64_t)(name.ptr[i] - '0');
	}
	*out = (uint32_t)n;
	return n > UINT32_MAX ? -ENOENT : 0;
}

static int pids_find(void *ctx, struct p9_str name, uint32_t *obj)
{
	handle_t silo;
	uint64_t pid;

	if (number_of(name, obj) || process_after(ctx, *obj - 1, &pid, &silo) || pid != *obj)
		return -ENOENT;
	return 0;
}

static int text_pid_caps(struct p9_call *call, struct p9_text *out)
{
	return facts_handles(call->ctx, call->obj, out);
}

/* ---- servers/srvID ---------------------------------------------------------------------- */

static int silos_next(void *ctx, uint32_t after, uint32_t *obj, char *name)
{
	struct silo *s = silo_after(ctx, after);

	if (!s)
		return -ENOENT;
	*obj = s->id;
	snprintf(name, P9_NAME_MAX + 1, "srv%u", s->id);
	return 0;
}

static int silos_find(void *ctx, struct p9_str name, uint32_t *obj)
{
	struct p9_str digits = {name.ptr + 3, name.len - 3};

	if (name.len < 4 || memcmp(name.ptr, "srv", 3) || number_of(digits, obj))
		return -ENOENT;
	return silo_by_id(ctx, *obj) ? 0 : -ENOENT;
}

static int text_silo_status(struct p9_call *call, struct p9_text *out)
{
	static struct facts facts;
	struct silo *s = call_silo(call);

	if (!s)
		return -ENOENT;
	facts_gather(s, &facts);
	status_text(&facts.f, out);
	return 0;
}

static int text_limits(struct p9_call *call, struct p9_text *out)
{
	static struct facts facts;
	struct silo *s = call_silo(call);

	if (!s)
		return -ENOENT;
	facts_gather(s, &facts);
	status_limits(&facts.f, out);
	return 0;
}

static int text_health(struct p9_call *call, struct p9_text *out)
{
	struct silo *s = call_silo(call);

	if (!s)
		return -ENOENT;
	facts_health(s, out);
	return 0;
}

static int text_ns(struct p9_call *call, struct p9_text *out)
{
	struct silo *s = call_silo(call);

	if (!s)
		return -ENOENT;
	facts_ns(s, out);
	return 0;
}

static int text_caps(struct p9_call *call, struct p9_text *out)
{
	struct silo *s = call_silo(call);

	if (!s)
		return -ENOENT;
	facts_caps(s, out);
	return 0;
}

static int text_core(struct p9_call *call, struct p9_text *out)
{
	struct silo *s = call_silo(call);

	if (!s)
		return -ENOENT;
	p9_text_add(out, s->core.ptr, s->core.len);
	return 0;
}

static int text_pid(struct p9_call *call, struct p9_text *out)
{
	static struct facts facts;
	struct silo *s = call_silo(call);

	if (!s)
		return -ENOENT;
	facts_gather(s, &facts);
	p9_text_printf(out, "%llu\n", (unsigned long long)facts.f.pid);
	return 0;
}

/* What the process has from its present silo, its new one would have: not more than the asker. */
static int process_permit(struct p9_call *call, uint32_t pid)
{
	struct silo_info info;
	handle_t silo;
	uint64_t found;
	int64_t err;

	if (!pid || process_after(call->ctx, pid - 1, &found, &silo) || found != pid)
		return -ESRCH;
	err = sys_silo_info(silo, &info);
	if (!err && info.mode & ~call->req->from.mode)
		err = -EPERM;
	return (int)err;
}

/* Attach a process that has not run to a silo that runs. */
static int line_pid(struct p9_call *call, char *line)
{
	struct p9_str text = {line, (uint32_t)strlen(line)};
	struct silo *s = call_silo(call);
	uint32_t pid;
	int64_t h, err;

	if (!s)
		return -ENOENT;
	err = gate(call, MODE_SPAWN, AUDIT_SPAWN, call->obj);
	if (err)
		return p9_tree_fail(call, (int)-err, "attaching needs SPAWN in the asker's mode");
	if (number_of(text, &pid))
		return p9_tree_fail(call, EINVAL, "a pid is a decimal number");
	if (s->slot->flags & SLOT_FOREIGN || s->slot->life.state != LIFE_RUNNING)
		return p9_tree_fail(call, EINVAL, "only to a silo of sipd's that runs");
	if (s->slot->desc.mode & ~call->req->from.mode)
		return p9_tree_fail(call, EPERM, "the silo's mode exceeds the asker's");
	err = process_permit(call, pid);
	if (err)
		return p9_tree_fail(call, (int)-err, "not process %u", pid);
	h = process_handle(call->ctx, pid);
	if (h < 0)
		return p9_tree_fail(call, (int)-h, "no process %u", pid);
	err = sys_silo_attach(s->silo, (handle_t)h);
	sys_handle_close((handle_t)h);
	audit(call->ctx, &call->req->from, AUDIT_SPAWN, call->obj, (int)err);
	return err ? p9_tree_fail(call, (int)-err, "process %u cannot be attached", pid) : 0;
}

static int text_hip_mode(struct p9_call *call, struct p9_text *out)
{
	(void)call;
	p9_text_printf(out, "none\n");
	return 0;
}

static int line_hip_mode(struct p9_call *call, char *line)
{
	int err = gate(call, MODE_SPAWN, AUDIT_CONFIG, call->obj);

	if (err)
		return p9_tree_fail(call, -err, "hip_mode needs SPAWN in the asker's mode");
	if (!strcmp(line, "none"))
		return 0;
	if (!strcmp(line, "trusted") || !strcmp(line, "sev"))
		return p9_tree_fail(call, EOPNOTSUPP, "this machine has no hip mode '%s'", line);
	return p9_tree_fail(call, EINVAL, "hip_mode is none, trusted or sev");
}

static int text_hip_status(struct p9_call *call, struct p9_text *out)
{
	(void)call;
	p9_text_printf(out, "mode none\nattestation none: this machine has no hardware for it\n");
	return 0;
}

/* ---- the tables ------------------------------------------------------------------------- */

#define DIR	  (P9_S_IFDIR | 0555)
#define READ	  (P9_S_IFREG | 0444)
#define WRITE	  (P9_S_IFREG | 0222)
#define READWRITE (P9_S_IFREG | 0666)

#define SILO_TEXT(n, fn)                                                                           \
	{                                                                                          \
		.name = n, .mode = READ, .check = silo_check, .open = read_open, .text = fn        \
	}

static const struct p9_file silo_files[] = {
	{.name = "ctl", .mode = WRITE, .check = silo_check, .commands = silo_commands},
	SILO_TEXT("status", text_silo_status),
	SILO_TEXT("health", text_health),
	{.name = "pid",
	 .mode = READWRITE,
	 .check = silo_check,
	 .open = read_open,
	 .text = text_pid,
	 .line = line_pid},
	SILO_TEXT("ns", text_ns),
	SILO_TEXT("caps", text_caps),
	SILO_TEXT("limits", text_limits),
	{.name = "output",
	 .mode = READ,
	 .check = silo_check,
	 .open = output_open,
	 .close = output_close,
	 .read = output_read,
	 .flush = output_flush},
	SILO_TEXT("core", text_core),
	{.name = "hip_mode",
	 .mode = READWRITE,
	 .check = silo_check,
	 .open = read_open,
	 .text = text_hip_mode,
	 .line = line_hip_mode},
	SILO_TEXT("hip_status", text_hip_status),
	{.name = NULL},
};

static const struct p9_file silo_dir = {
	.name = "srv", .mode = DIR, .check = silo_check, .children = silo_files};
static const struct p9_objects silos = {&silo_dir, silos_next, silos_find};

static const struct p9_file clone_files[] = {
	{.name = "clone",
	 .mode = READWRITE,
	 .open = clone_open,
	 .close = clone_close,
	 .line = clone_line,
	 .read = clone_read},
	{.name = NULL},
};

static const struct p9_file pid_file = {
	.name = "pid", .mode = READ, .open = read_open, .text = text_pid_caps};
static const struct p9_objects pids = {&pid_file, pids_next, pids_find};

static const struct p9_file module_file = {
	.name = "module", .mode = READ, .open = read_open, .text = text_module};
static const struct p9_objects modules = {&module_file, modules_next, modules_find};

static const struct p9_file top_files[] = {
	{.name = "ctl", .mode = WRITE, .commands = top_commands},
	{.name = "status", .mode = READ, .open = read_open, .text = text_status},
	{.name = "events", .mode = READ, .open = read_open, .log = log_events},
	{.name = "audit", .mode = READ, .open = read_open, .log = log_audit},
	{.name = "types", .mode = READ, .text = text_types},
	{.name = "modules", .mode = DIR, .objects = &modules},
	{.name = "caps", .mode = DIR, .objects = &pids},
	{.name = "servers", .mode = DIR, .children = clone_files, .objects = &silos},
	{.name = NULL},
};

const struct p9_file sip_top = {.name = "/", .mode = DIR, .children = top_files};
