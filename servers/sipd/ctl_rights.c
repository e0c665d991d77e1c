/* SPDX-License-Identifier: ISC */
/*
 * ctl_rights.c: commands that say what a silo may: mode, capabilities, limits, devices, paths.
 *
 * What is granted here is never more than the asker has: a mode beyond the asker's is refused. A
 * capability name is a set of mode bits, or a descriptor; a name behind which no object stands yet
 * is refused, not stored. What is stored and not enforced says so in status.
 */
#include "servers/sipd/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "servers/sipd/args.h"

#define CONSOLE_PATH "/dev/cons"

/* ---- mode ------------------------------------------------------------------------------- */

/* May the silo have this mode, on the word of this asker? */
static int mode_check(struct p9_call *call, const struct silo_desc *desc, uint16_t mode,
		      char *reason)
{
	uint32_t own = call->req->from.mode;

	if (mode & ~own) {
		snprintf(reason, SILO_REASON_MAX, "mode %03o exceeds the asker's %03o", mode, own);
		return -EPERM;
	}
	return silo_check_mode(desc->family, silo_tier_of(desc->id), mode, reason);
}

int ctl_mode(struct p9_call *call, int argc, char **argv)
{
	char reason[SILO_REASON_MAX];
	struct silo *s;
	uint16_t mode;
	int err = ctl_begin(call, AUDIT_MODE, true, &s);

	(void)argc;
	if (err)
		return err;
	err = silo_parse_mode(argv[1], strlen(argv[1]), &mode, reason);
	if (!err)
		err = mode_check(call, &s->slot->desc, mode, reason);
	if (!err)
		s->slot->desc.mode = mode;
	return ctl_done(call, s, AUDIT_MODE, err, reason);
}

/* Only clears, and at once. */
int ctl_pledge(struct p9_call *call, int argc, char **argv)
{
	char reason[SILO_REASON_MAX];
	struct silo *s;
	uint16_t mode;
	int err = ctl_begin(call, AUDIT_PLEDGE, false, &s);

	(void)argc;
	if (err)
		return err;
	err = silo_parse_mode(argv[1], strlen(argv[1]), &mode, reason);
	if (!err && s->slot->life.state == LIFE_LOADING) {
		err = -EBUSY;
		snprintf(reason, sizeof(reason), "not while it is loading");
	}
	if (!err && s->silo != HANDLE_NONE &&
	    (err = (int)sys_silo_pledge(s->silo, s->slot->desc.mode & mode)))
		snprintf(reason, sizeof(reason), "the kernel refuses");
	if (!err)
		s->slot->desc.mode &= mode;
	return ctl_done(call, s, AUDIT_PLEDGE, err, reason);
}

int ctl_family(struct p9_call *call, int argc, char **argv)
{
	char reason[SILO_REASON_MAX];
	enum silo_family family;
	struct silo *s;
	int err = ctl_begin(call, AUDIT_MODE, true, &s);

	(void)argc;
	if (err)
		return err;
	err = silo_parse_family(argv[1], strlen(argv[1]), &family, reason);
	if (!err)
		err = silo_check_mode(family, silo_tier_of(s->id), s->slot->desc.mode, reason);
	if (!err)
		s->slot->desc.family = family;
	return ctl_done(call, s, AUDIT_MODE, err, reason);
}

/* ---- capabilities ----------------------------------------------------------------------- */

static const struct capability {
	const char *name;
	uint16_t mode; /* the bits that it is; 0 and not console: no object yet */
	bool console;
} capabilities[] = {
	{"DeviceAccess", MODE_IO, false},
	{"IOPort", MODE_IO, false},
	{"DMA", MODE_DMA, false},
	{"Interrupt", MODE_INTERRUPT, false},
	{"PCI", MODE_IO | MODE_INTERRUPT | MODE_DMA, false},
	{"Device", MODE_IO, false},
	{"IoPortRange", MODE_IO, false},
	{"InterruptLine", MODE_INTERRUPT, false},
	{"Namespace", MODE_LOOKUP, false},
	{"Console", 0, true},
	{"Nic", 0, false},
	{"FileSystem", 0, false},
	{"Keyboard", 0, false},
	{"Volume", 0, false},
	{"File", 0, false},
};

static const struct capability *capability_find(const char *name)
{
	for (unsigned i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
		if (!strcmp(capabilities[i].name, name))
			return &capabilities[i];
	return NULL;
}

static int cap_change(struct p9_call *call, const char *name, bool add)
{
	enum audit_action action = add ? AUDIT_GRANT : AUDIT_REVOKE;
	const struct capability *c = capability_find(name);
	char reason[SILO_REASON_MAX] = "";
	struct silo_desc *desc;
	struct silo *s;
	uint16_t mode;
	int err = ctl_begin(call, action, true, &s);

	if (err)
		return err;
	desc = &s->slot->desc;
	if (!c) {
		snprintf(reason, sizeof(reason), "no capability '%.40s'", name);
		return ctl_done(call, s, action, -EINVAL, reason);
	}
	if (!c->mode && !c->console) {
		snprintf(reason, sizeof(reason), "no object stands behind %s: it comes by name",
			 name);
		return ctl_done(call, s, action, -EOPNOTSUPP, reason);
	}
	mode = add ? desc->mode | c->mode : (uint16_t)(desc->mode & ~c->mode);
	err = mode_check(call, desc, mode, reason);
	if (!err) {
		desc->mode = mode;
		if (c->console)
			snprintf(s->slot->console, sizeof(s->slot->console), "%s",
				 add ? CONSOLE_PATH : "");
	}
	return ctl_done(call, s, action, err, reason);
}

int ctl_cap(struct p9_call *call, int argc, char **argv)
{
	(void)argc;
	if (!strcmp(argv[1], "add"))
		return cap_change(call, argv[2], true);
	if (!strcmp(argv[1], "remove"))
		return cap_change(call, argv[2], false);
	return p9_tree_fail(call, EINVAL, "usage: cap add|remove CAPABILITY");
}

int ctl_capability(struct p9_call *call, int argc, char **argv)
{
	(void)argc;
	return cap_change(call, argv[1], true);
}

/* ---- limits ----------------------------------------------------------------------------- */

static int limit_apply(struct silo *s, enum limit_key key, uint64_t value, char *reason)
{
	int err = 0;

	if (s->slot->life.state == LIFE_LOADING)
		err = -EBUSY;
	else if (s->silo != HANDLE_NONE)
		err = (int)sys_silo_limit(s->silo, key, value);
	if (err)
		snprintf(reason, SILO_REASON_MAX, "%s",
			 err == -EBUSY ? "not while it is loading" : "the kernel refuses");
	return err;
}

int ctl_limit(struct p9_call *call, int argc, char **argv)
{
	char reason[SILO_REASON_MAX] = "too long", text[CTL_TEXT_MAX];
	struct silo_limits limits;
	enum silo_limit key = SILO_MEMORY;
	struct silo *s;
	uint64_t value;
	bool dma = !strcmp(argv[1], "dma");
	int err = ctl_begin(call, AUDIT_LIMIT, false, &s);

	if (err)
		return err;
	limits = s->slot->desc.limits;
	err = ctl_join(argc, argv, 1, text);
	if (!err && dma) {
		snprintf(reason, sizeof(reason), "limit dma takes a size");
		err = silo_parse_size(argv[2], strlen(argv[2]), &value);
	} else if (!err) {
		err = silo_parse_limit(text, strlen(text), &key, &value, reason);
	}
	if (!err && !dma) {
		limits.value[key] = value;
		limits.given |= 1u << key;
		err = silo_check_limits(&limits, reason);
	}
	if (!err)
		err = limit_apply(s, dma ? LIMIT_DMA : silo_limit_key(key), value, reason);
	if (!err && dma)
		s->slot->desc.dma = value;
	else if (!err)
		s->slot->desc.limits = limits;
	return ctl_done(call, s, AUDIT_LIMIT, err, reason);
}

/* ---- devices ---------------------------------------------------------------------------- */

/* A platform device's name ("uart1") or a function's address ("00:1f.2"). */
static bool device_named(const char *word)
{
	size_t len = strlen(word);

	return len > 0 && len < SIPD_BOUND_LEN && !strchr(word, '/') && strcmp(word, ".") &&
	       strcmp(word, "..");
}

static int bind_name(struct silo *s, const char *name, char *reason)
{
	for (unsigned i = 0; i < SIPD_BOUND_MAX; i++) {
		if (s->slot->bound[i][0])
			continue;
		snprintf(s->slot->bound[i], SIPD_BOUND_LEN, "%s", name);
		return 0;
	}
	snprintf(reason, SILO_REASON_MAX, "more than %u devices", SIPD_BOUND_MAX);
	return -E2BIG;
}

static int bind_parsed(struct silo_desc *desc, const char *text, char *reason)
{
	struct silo_device device;
	int err = silo_parse_device(text, strlen(text), &device, reason);

	if (err)
		return err;
	if (desc->devices == SILO_DEVICES_MAX) {
		snprintf(reason, SILO_REASON_MAX, "more than %u devices", SILO_DEVICES_MAX);
		return -E2BIG;
	}
	desc->device[desc->devices++] = device;
	return 0;
}

/* `IRQ 11`, a PCI address or a platform name, or what a description has behind `device`. */
int ctl_bind(struct p9_call *call, int argc, char **argv)
{
	char reason[SILO_REASON_MAX] = "too long", text[CTL_TEXT_MAX];
	struct silo *s;
	bool irq = !strcmp(argv[1], "IRQ") || !strcmp(argv[1], "irq");
	uint16_t need = irq ? MODE_INTERRUPT : MODE_IO;
	int err = ctl_begin(call, AUDIT_GRANT, true, &s);

	if (err)
		return err;
	if (irq)
		argv[1] = "irq";
	err = ctl_join(argc, argv, 1, text);
	if (!err && !(s->slot->desc.mode & need)) {
		snprintf(reason, sizeof(reason), "a device needs bit %03o of mode", need);
		err = -EPERM;
	}
	if (!err && argc == 2 && device_named(argv[1]))
		err = bind_name(s, argv[1], reason);
	else if (!err)
		err = bind_parsed(&s->slot->desc, text, reason);
	return ctl_done(call, s, AUDIT_GRANT, err, reason);
}

/* Without a word: all devices. */
int ctl_unbind(struct p9_call *call, int argc, char **argv)
{
	struct silo *s;
	int err = ctl_begin(call, AUDIT_REVOKE, true, &s);

	if (err)
		return err;
	if (argc == 1) {
		s->slot->desc.devices = 0;
		memset(s->slot->bound, 0, sizeof(s->slot->bound));
		return ctl_done(call, s, AUDIT_REVOKE, 0, "");
	}
	for (unsigned i = 0; i < SIPD_BOUND_MAX; i++) {
		if (strcmp(s->slot->bound[i], argv[1]))
			continue;
		s->slot->bound[i][0] = '\0';
		return ctl_done(call, s, AUDIT_REVOKE, 0, "");
	}
	return ctl_done(call, s, AUDIT_REVOKE, -ENOENT, "that device is not bound by name");
}

/* ---- paths ------------------------------------------------------------------------------ */

int ctl_unveil(struct p9_call *call, int argc, char **argv)
{
	char reason[SILO_REASON_MAX] = "too long", path[SILO_PATH_MAX + 1], text[CTL_TEXT_MAX];
	struct silo_desc *desc;
	struct silo *s;
	uint8_t perms;
	int err = ctl_begin(call, AUDIT_UNVEIL, false, &s);

	if (err)
		return err;
	desc = &s->slot->desc;
	err = ctl_join(argc, argv, 1, text);
	if (!err)
		err = silo_parse_unveil(text, strlen(text), path, &perms, reason);
	if (!err && s->slot->life.state == LIFE_LOADING) {
		snprintf(reason, sizeof(reason), "not while it is loading");
		err = -EBUSY;
	}
	if (!err && (desc->unveils == SILO_UNVEIL_MAX ||
		     strlen(path) + 1 > SILO_TEXT_MAX - desc->text_len)) {
		snprintf(reason, sizeof(reason), "more than %u rules, or too much text",
			 SILO_UNVEIL_MAX);
		err = -E2BIG;
	}
	if (!err) {
		memcpy(desc->text + desc->text_len, path, strlen(path) + 1);
		desc->unveil[desc->unveils++] =
			(struct silo_unveil){(uint16_t)desc->text_len, perms};
		desc->text_len += (uint32_t)strlen(path) + 1;
	}
	return ctl_done(call, s, AUDIT_UNVEIL, err, reason);
}

int ctl_sandbox(struct p9_call *call, int argc, char **argv)
{
	struct silo *s;
	int err = ctl_begin(call, AUDIT_SANDBOX, false, &s);

	(void)argc;
	(void)argv;
	if (err)
		return err;
	s->slot->flags |= SLOT_SANDBOX;
	return ctl_done(call, s, AUDIT_SANDBOX, 0, "");
}

int ctl_hip(struct p9_call *call, int argc, char **argv)
{
	struct silo *s;
	int err = ctl_begin(call, AUDIT_CONFIG, false, &s);

	(void)argc;
	(void)argv;
	return err ? err
		   : ctl_done(call, s, AUDIT_CONFIG, -EOPNOTSUPP,
			      "this machine offers no attestation to bind a token to");
}
