/* SPDX-License-Identifier: ISC */
/*
 * facts.c: from silos to the facts of status.h. Everything is asked for when a file is read:
 * nothing shown is older than that, but for a server's own figures (its last ping) and what a dead
 * process left.
 */
#include "servers/sipd/facts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "sys/hold.h"
#include "sys/info.h"

#define INFOS 16

/* Add a word to a list in a buffer; what does not fit is cut. */
__attribute__((format(printf, 3, 4))) static void word_add(char *buf, size_t size, const char *fmt,
							   ...)
{
	size_t used = strlen(buf);
	va_list args;

	if (used && used + 1 < size)
		buf[used++] = ' ', buf[used] = '\0';
	va_start(args, fmt);
	vsnprintf(buf + used, size - used, fmt, args);
	va_end(args);
}

static void device_words(const struct slot *slot, char *buf, size_t size)
{
	for (uint32_t i = 0; i < slot->desc.devices; i++) {
		const struct silo_device *dev = &slot->desc.device[i];

		switch (dev->kind) {
		case SILO_IRQ: word_add(buf, size, "irq:%u", dev->irq); break;
		case SILO_PORT: word_add(buf, size, "port:0x%x+%u", dev->port, dev->ports); break;
		case SILO_PCI:
			if (dev->match & SILO_PCI_ID)
				word_add(buf, size, "pci:id=%04x:%04x", dev->vendor, dev->device);
			else
				word_add(buf, size, "pci:class=%04x", dev->class_code);
			break;
		}
	}
	for (unsigned i = 0; i < SIPD_BOUND_MAX; i++)
		if (slot->bound[i][0])
			word_add(buf, size, "%s", slot->bound[i]);
}

static void words_gather(const struct slot *slot, struct facts *out)
{
	const struct silo_desc *desc = &slot->desc;

	out->provides[0] = out->needs[0] = out->devices[0] = '\0';
	for (uint32_t i = 0; i < desc->provide_count; i++)
		word_add(out->provides, sizeof(out->provides), "%s",
			 silo_text(desc, desc->provides[i]));
	for (uint32_t i = 0; i < desc->need_count; i++)
		word_add(out->needs, sizeof(out->needs), "%s", desc->needs[i]);
	device_words(slot, out->devices, sizeof(out->devices));
	out->f.provides = out->provides;
	out->f.needs = out->needs;
	out->f.devices = out->devices;
}

static const char *const kernel_states[SILO_STATES] = {
	[SILO_CREATED] = "created",	[SILO_LOADING] = "loading", [SILO_READY] = "ready",
	[SILO_RUNNING] = "running",	[SILO_PAUSED] = "paused",   [SILO_STOPPING] = "stopping",
	[SILO_STOPPED] = "stopped",	[SILO_CRASHED] = "crashed", [SILO_ZOMBIE] = "zombie",
	[SILO_DESTROYED] = "destroyed",
};

/* What the kernel knows; without a kernel silo what was asked for. */
static void kernel_gather(struct silo *s, struct status_facts *f)
{
	const struct silo_desc *desc = &s->slot->desc;
	bool foreign = s->slot->flags & SLOT_FOREIGN;
	struct silo_info info;

	f->mode = desc->mode;
	f->state = life_state_name(s->slot->life.state);
	for (unsigned i = 0; i < SILO_LIMIT_COUNT; i++)
		f->limits[silo_limit_key((enum silo_limit)i)] = desc->limits.value[i];
	f->limits[LIMIT_DMA] = desc->dma;
	if (s->slot->life.state == LIFE_LOADING || s->silo == HANDLE_NONE ||
	    sys_silo_info(s->silo, &info) < 0) {
		if (foreign)
			f->state = "stopped"; /* init never started it */
		return;
	}
	f->used = true;
	f->mode = info.mode;
	memcpy(f->usage, info.usage, sizeof(f->usage));
	memcpy(f->peak, info.peak, sizeof(f->peak));
	memcpy(f->refused, info.refused, sizeof(f->refused));
	memcpy(f->limits, info.limits, sizeof(f->limits));
	f->cpu_ns = info.cpu_ns;
	f->throttled_ns = info.throttled_ns;
	if (foreign) {
		f->pid = info.main_pid;
		f->state = info.state < SILO_STATES ? kernel_states[info.state] : "?";
	} else if (info.state == SILO_ZOMBIE) {
		f->state = "zombie"; /* ended, and its DMA memory is in quarantine */
	}
}

static void ending_gather(const struct slot *slot, struct status_facts *f)
{
	const struct ending *last = &slot->last;

	f->ended = last->pid != 0;
	f->exit_code = last->code;
	if (last->hung)
		f->crash = "hung";
	else if (last->reason != FAULT_NONE)
		f->crash = fault_name(last->reason);
	f->crash_code = last->fault_code;
	f->crash_address = last->address;
	f->crash_ip = last->rip;
	f->ended_ms = last->at / NS_PER_MS;
}

static void life_gather(struct silo *s, struct status_facts *f, uint64_t now)
{
	const struct slot *slot = s->slot;
	const struct life *life = &slot->life;
	bool foreign = slot->flags & SLOT_FOREIGN;

	if (life->state == LIFE_WAITING)
		f->waits = s->waits;
	if ((life->state == LIFE_BACKOFF || life->state == LIFE_EXHAUSTED) && life->when > now)
		f->retry_ms = (life->when - now) / NS_PER_MS + 1;
	if (!foreign)
		f->pid = slot->pid;
	if (slot->started && (life_active(life) || foreign))
		f->uptime_ms = (now - slot->started) / NS_PER_MS + 1;
	f->starts = slot->starts;
	f->restarts = foreign ? (slot->starts ? slot->starts - 1 : 0) : life->record.total;
	f->policy = slot->desc.restart;
	f->budget_left = restart_left(&slot->desc.restart, &life->record, now);
}

void facts_gather(struct silo *s, struct facts *out)
{
	struct slot *slot = s->slot;
	const struct silo_desc *desc = &slot->desc;
	struct status_facts *f = &out->f;

	*f = (struct status_facts){.id = s->id,
				   .title = slot->title,
				   .label = desc->name,
				   .family = desc->family,
				   .module = silo_text(desc, desc->exec),
				   .owner = slot->owner_silo,
				   .heartbeat_ms = desc->heartbeat_ms,
				   .keeper = desc->keeper,
				   .strict = desc->strict,
				   .sandbox = slot->flags & SLOT_SANDBOX,
				   .unveils = desc->unveils,
				   .console = slot->console,
				   .notes = slot->notes,
				   .output_dropped = output_dropped(s),
				   .error = slot->error};
	words_gather(slot, out);
	kernel_gather(s, f);
	life_gather(s, f, time_now());
	ending_gather(slot, f);
	f->health = slot->flags & SLOT_FOREIGN ? "unknown" : health_word(s);
	f->requests = s->requests;
	f->errors = s->errors;
}

/* ---- totals ----------------------------------------------------------------------------- */

/* "yes", "no", or that nothing of the kind is in use. */
static const char *dma_confined(struct sipd *d)
{
	bool any = false, all = true;

	for (unsigned i = 0; i < SIPD_SILOS; i++) {
		const struct silo *s = &d->silo[i];

		if (!s->slot || !life_active(&s->slot->life))
			continue;
		for (unsigned j = 0; j < s->slot->leases; j++) {
			any |= s->slot->lease[j].dma;
			all &= !s->slot->lease[j].dma || s->slot->lease[j].confined;
		}
	}
	return !any ? "no device in use" : all ? "yes" : "no";
}

/* With the boot word lock=measure: for how long the kernel was busy with one thing, and which. */
static void hold_line(const struct system_info *info, struct p9_text *out)
{
	const char *name, *kind = hold_kind(info->hold_where, &name);

	p9_text_printf(out, "lock_hold_max %" PRIu64 " %s", info->hold_max, kind);
	if (name)
		p9_text_printf(out, " %s\n", name);
	else
		p9_text_printf(out, " %" PRIu64 "\n", info->hold_where);
}

static void machine_lines(const struct system_info *info, struct p9_text *out)
{
	p9_text_printf(out, "memory %" PRIu64 " of %" PRIu64 "\ncpus %" PRIu32 "\n",
		       info->memory_total - info->memory_free, info->memory_total, info->cpus);
	if (info->hold_max)
		hold_line(info, out);
}

static void totals(struct sipd *d, uint64_t processes, uint64_t restarts, unsigned silos,
		   struct p9_text *out)
{
	struct system_info info;

	p9_text_printf(out, "silos %u\nprocesses %" PRIu64 "\nrestarts %" PRIu64 "\n", silos,
		       processes, restarts);
	if (sys_system_info(d->log, &info) == 0)
		machine_lines(&info, out);
	p9_text_printf(out, "dma_confined %s\naudited %" PRIu64 "\n", dma_confined(d), d->audited);
	p9_text_printf(out, "error %s\n", d->error[0] ? d->error : "-");
}

void facts_all(struct sipd *d, struct p9_text *out)
{
	static struct facts facts;
	uint64_t processes = 0, restarts = 0;
	unsigned silos = 0;

	status_head(out);
	for (struct silo *s = silo_after(d, 0); s; s = silo_after(d, s->id)) {
		facts_gather(s, &facts);
		status_line(&facts.f, out);
		processes += facts.f.used ? facts.f.usage[RES_PROCESSES] : 0;
		restarts += facts.f.restarts;
		silos++;
	}
	p9_text_printf(out, "\n");
	totals(d, processes, restarts, silos, out);
}

/* ---- one silo --------------------------------------------------------------------------- */

void facts_health(struct silo *s, struct p9_text *out)
{
	bool foreign = s->slot->flags & SLOT_FOREIGN;

	p9_text_printf(out, "%s\n", foreign ? "unknown" : health_word(s));
	p9_text_printf(out, "last_error %s\nrequests %" PRIu64 "\nerrors %" PRIu64 "\n",
		       s->slot->error[0] ? s->slot->error : "-", s->requests, s->errors);
	if (!s->slot->desc.heartbeat_ms)
		p9_text_printf(out, "note no heartbeat: whether it answers is not known\n");
	else if (foreign)
		p9_text_printf(out, "note init pings this one\n");
}

static void unveil_lines(const struct silo_desc *desc, struct p9_text *out)
{
	for (uint32_t i = 0; i < desc->unveils; i++) {
		uint8_t p = desc->unveil[i].perms;

		p9_text_printf(out, "unveil %s %s%s%s%s%s not enforced\n",
			       silo_text(desc, desc->unveil[i].path), p ? "" : "-",
			       p & SILO_UNVEIL_READ ? "r" : "", p & SILO_UNVEIL_WRITE ? "w" : "",
			       p & SILO_UNVEIL_EXECUTE ? "x" : "",
			       p & SILO_UNVEIL_CREATE ? "c" : "");
	}
}

void facts_ns(struct silo *s, struct p9_text *out)
{
	const struct silo_desc *desc = &s->slot->desc;

	p9_text_printf(out, "root %s\n",
		       desc->mode & MODE_LOOKUP ? "/ of rootd, all of it"
						: "none: no LOOKUP in mode");
	for (uint32_t i = 0; i < desc->provide_count; i++)
		p9_text_printf(out, "provides %s\n", silo_text(desc, desc->provides[i]));
	unveil_lines(desc, out);
}

void facts_caps(struct silo *s, struct p9_text *out)
{
	uint32_t mode = s->slot->desc.mode;

	if (mode & MODE_IO)
		p9_text_printf(out, "DeviceAccess\nIOPort\n");
	if (mode & MODE_DMA)
		p9_text_printf(out, "DMA\n");
	if (mode & MODE_INTERRUPT)
		p9_text_printf(out, "Interrupt\n");
	if ((mode & (MODE_IO | MODE_INTERRUPT | MODE_DMA)) == (MODE_IO | MODE_INTERRUPT | MODE_DMA))
		p9_text_printf(out, "PCI\n");
	if (mode & MODE_LOOKUP)
		p9_text_printf(out, "Namespace\n");
	if (s->slot->console[0])
		p9_text_printf(out, "Console %s\n", s->slot->console);
	if (s->slot->life.state == LIFE_LOADING)
		return;
	for (unsigned i = 0; i < s->slot->leases; i++)
		p9_text_printf(out, "Device %s\n", s->slot->lease[i].path);
}

/* ---- processes -------------------------------------------------------------------------- */

static void silo_process_after(handle_t silo, uint64_t after, uint64_t *best, handle_t *of)
{
	struct process_info info;

	if (sys_silo_processes(silo, &info, 1, after) != 1 || (*best && info.pid >= *best))
		return;
	*best = info.pid;
	*of = silo;
}

int process_after(struct sipd *d, uint64_t after, uint64_t *pid, handle_t *silo)
{
	*pid = 0;
	silo_process_after(d->root, after, pid, silo);
	for (unsigned i = 0; i < SIPD_SILOS; i++) {
		struct silo *s = &d->silo[i];

		if (s->slot && s->slot->life.state != LIFE_LOADING && s->silo != HANDLE_NONE)
			silo_process_after(s->silo, after, pid, silo);
	}
	return *pid ? 0 : -ENOENT;
}

int64_t process_handle(struct sipd *d, uint64_t pid)
{
	handle_t silo;
	uint64_t found;

	if (!pid || process_after(d, pid - 1, &found, &silo) || found != pid)
		return -ESRCH;
	return sys_process_open(silo, pid);
}

static const char *const type_names[OBJ_TYPES] = {
	[OBJ_NONE] = "none",	   [OBJ_VMO] = "vmo",	    [OBJ_ASPACE] = "aspace",
	[OBJ_PROCESS] = "process", [OBJ_THREAD] = "thread", [OBJ_CHANNEL] = "channel",
	[OBJ_SENDER] = "sender",   [OBJ_REPLY] = "reply",   [OBJ_QUEUE] = "queue",
	[OBJ_SIGNAL] = "signal",   [OBJ_SILO] = "silo",	    [OBJ_DEVICE] = "device",
	[OBJ_IRQ] = "irq",	   [OBJ_LOG] = "log",	    [OBJ_CLOCK] = "clock",
};

static const char *const right_names[] = {
	"read", "write", "execute", "map",    "grant", "revoke", "wait",   "manage", "seek",
	"stat", "ioctl", "connect", "accept", "bind",  "mmap",	 "inside", "wx",     "change"};

static void handle_line(const struct handle_info *info, struct p9_text *out)
{
	const char *between = "";

	p9_text_printf(out,
		       "%08" PRIx32 " %s object=%" PRIu64 " badge=%" PRIu64 " refs=%" PRIu32
		       " flags=%" PRIu32 " rights=",
		       info->handle, info->type < OBJ_TYPES ? type_names[info->type] : "?",
		       info->id, info->badge, info->refs, info->flags);
	for (unsigned i = 0; i < sizeof(right_names) / sizeof(right_names[0]); i++) {
		if (!(info->rights & 1u << i))
			continue;
		p9_text_printf(out, "%s%s", between, right_names[i]);
		between = ",";
	}
	p9_text_printf(out, "\n");
}

int facts_handles(struct sipd *d, uint64_t pid, struct p9_text *out)
{
	struct handle_info infos[INFOS];
	int64_t h = process_handle(d, pid), n;
	uint32_t slot = 0;

	if (h < 0)
		return (int)h;
	while ((n = sys_handle_list((handle_t)h, slot, infos, INFOS)) > 0) {
		for (int64_t i = 0; i < n; i++)
			handle_line(&infos[i], out);
		slot = (infos[n - 1].handle & (HANDLE_SLOTS_MAX - 1)) + 1;
	}
	sys_handle_close((handle_t)h);
	return n < 0 ? (int)n : 0;
}
