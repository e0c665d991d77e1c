/* SPDX-License-Identifier: ISC */
/*
 * ctl_set.c: commands that say what a silo is: names, program, words, needs, restarts.
 *
 * Strings live in the description's one text; a string that was replaced stays there as waste until
 * `module` begins anew. Who may lie: the asker, in every word; lengths are checked here, forms by
 * lib/silo, so that a command takes exactly what a description takes.
 */
#include "servers/sipd/ctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEARTBEAT_MIN 10u
#define HEARTBEAT_MAX 3600000u

/* Keep a string in the description: its offset or -E2BIG. */
static int text_keep(struct silo_desc *desc, const char *text)
{
	size_t len = strlen(text) + 1;
	uint32_t at = desc->text_len;

	if (at > SILO_TEXT_MAX || len > SILO_TEXT_MAX - at)
		return -E2BIG;
	memcpy(desc->text + at, text, len);
	desc->text_len += (uint32_t)len;
	return (int)at;
}

/* A new program: its path, and the strings of what stays; arguments and waste go. */
static int program_set(struct silo_desc *desc, const char *path)
{
	static struct silo_desc old;
	int at;

	old = *desc;
	desc->text_len = 0;
	desc->args = 0;
	at = text_keep(desc, path);
	desc->exec = at < 0 ? 0 : (uint16_t)at;
	for (uint32_t i = 0; i < old.envs && at >= 0; i++)
		desc->env[i] = (uint16_t)(at = text_keep(desc, silo_text(&old, old.env[i])));
	for (uint32_t i = 0; i < old.provide_count && at >= 0; i++)
		desc->provides[i] =
			(uint16_t)(at = text_keep(desc, silo_text(&old, old.provides[i])));
	for (uint32_t i = 0; i < old.unveils && at >= 0; i++)
		desc->unveil[i].path =
			(uint16_t)(at = text_keep(desc, silo_text(&old, old.unveil[i].path)));
	if (at < 0)
		*desc = old;
	return at < 0 ? at : 0;
}

int ctl_name(struct p9_call *call, int argc, char **argv)
{
	char reason[SILO_REASON_MAX], name[SILO_LABEL_MAX + 1];
	struct silo *s;
	int err = ctl_begin(call, AUDIT_CONFIG, true, &s);

	(void)argc;
	if (err)
		return err;
	err = silo_parse_label(argv[1], strlen(argv[1]), name, reason);
	if (!err)
		memcpy(s->slot->title, name, strlen(name) + 1);
	return ctl_done(call, s, AUDIT_CONFIG, err, reason);
}

int ctl_label(struct p9_call *call, int argc, char **argv)
{
	char reason[SILO_REASON_MAX], label[SILO_LABEL_MAX + 1];
	struct silo *s, *other;
	int err = ctl_begin(call, AUDIT_CONFIG, true, &s);

	(void)argc;
	if (err)
		return err;
	err = silo_parse_label(argv[1], strlen(argv[1]), label, reason);
	other = err ? NULL : silo_by_label(call->ctx, label);
	if (other && other != s) {
		err = -EEXIST;
		snprintf(reason, sizeof(reason), "srv%u has this label", other->id);
	}
	if (!err)
		memcpy(s->slot->desc.name, label, strlen(label) + 1);
	return ctl_done(call, s, AUDIT_CONFIG, err, reason);
}

/* A name is a program of the boot archive, a path any file. Its words begin anew. */
int ctl_module(struct p9_call *call, int argc, char **argv)
{
	char reason[SILO_REASON_MAX] = "", path[SILO_PATH_MAX + 1];
	struct silo_desc *desc;
	struct silo *s;
	int err = ctl_begin(call, AUDIT_CONFIG, true, &s);

	(void)argc;
	if (err)
		return err;
	desc = &s->slot->desc;
	if (argv[1][0] != '/' && !module_find(call->ctx, argv[1])) {
		snprintf(reason, sizeof(reason), "no module '%.60s' in /dev/sip/modules", argv[1]);
		err = -ENOENT;
	} else if (strlen(argv[1]) + strlen("/boot/bin/") > SILO_PATH_MAX) {
		snprintf(reason, sizeof(reason), "a path is longer than %u bytes", SILO_PATH_MAX);
		err = -E2BIG;
	}
	if (err)
		return ctl_done(call, s, AUDIT_CONFIG, err, reason);
	snprintf(path, sizeof(path), "%s%s", argv[1][0] == '/' ? "" : "/boot/bin/", argv[1]);
	err = program_set(desc, path);
	return ctl_done(call, s, AUDIT_CONFIG, err, "no room for the path");
}

int ctl_arg(struct p9_call *call, int argc, char **argv)
{
	struct silo_desc *desc;
	struct silo *s;
	uint32_t text_len, args;
	int err = ctl_begin(call, AUDIT_CONFIG, true, &s);

	if (err)
		return err;
	desc = &s->slot->desc;
	text_len = desc->text_len;
	args = desc->args;
	for (int i = 1; i < argc && err >= 0; i++) {
		err = desc->args < SILO_ARGS_MAX ? text_keep(desc, argv[i]) : -E2BIG;
		if (err >= 0)
			desc->arg[desc->args++] = (uint16_t)err;
	}
	if (err < 0) {
		desc->text_len = text_len;
		desc->args = args;
	}
	return ctl_done(call, s, AUDIT_CONFIG, err < 0 ? err : 0, "too many arguments");
}

/* The number of an environment line with this key, or the number of lines. */
static uint32_t env_find(const struct silo_desc *desc, const char *line, size_t key_len)
{
	uint32_t i = 0;

	while (i < desc->envs && strncmp(silo_text(desc, desc->env[i]), line, key_len + 1))
		i++;
	return i;
}

int ctl_env(struct p9_call *call, int argc, char **argv)
{
	const char *equals = strchr(argv[1], '=');
	struct silo_desc *desc;
	struct silo *s;
	uint32_t i;
	int err = ctl_begin(call, AUDIT_CONFIG, true, &s);

	(void)argc;
	if (err)
		return err;
	desc = &s->slot->desc;
	if (!equals || equals == argv[1])
		return ctl_done(call, s, AUDIT_CONFIG, -EINVAL, "env takes KEY=VALUE");
	i = env_find(desc, argv[1], (size_t)(equals - argv[1]));
	err = i < SILO_ENV_MAX ? text_keep(desc, argv[1]) : -E2BIG;
	if (err < 0)
		return ctl_done(call, s, AUDIT_CONFIG, err, "too much environment");
	desc->env[i] = (uint16_t)err;
	desc->envs += i == desc->envs;
	return ctl_done(call, s, AUDIT_CONFIG, 0, "");
}

int ctl_need(struct p9_call *call, int argc, char **argv)
{
	char reason[SILO_REASON_MAX], label[SILO_LABEL_MAX + 1];
	struct silo_desc *desc;
	struct silo *s;
	int err = ctl_begin(call, AUDIT_CONFIG, true, &s);

	(void)argc;
	if (err)
		return err;
	desc = &s->slot->desc;
	err = silo_parse_label(argv[1], strlen(argv[1]), label, reason);
	if (!err && !strcmp(label, desc->name)) {
		snprintf(reason, sizeof(reason), "a silo cannot need itself");
		err = -EINVAL;
	}
	for (uint32_t i = 0; !err && i < desc->need_count; i++)
		if (!strcmp(desc->needs[i], label))
			return ctl_done(call, s, AUDIT_CONFIG, 0, "");
	if (!err && desc->need_count == SILO_NEEDS_MAX) {
		snprintf(reason, sizeof(reason), "more than %u needs", SILO_NEEDS_MAX);
		err = -E2BIG;
	}
	if (!err)
		memcpy(desc->needs[desc->need_count++], label, strlen(label) + 1);
	return ctl_done(call, s, AUDIT_CONFIG, err, reason);
}

/* A path that it provides: sipd mounts its channel there. */
int ctl_mount(struct p9_call *call, int argc, char **argv)
{
	char reason[SILO_REASON_MAX], path[SILO_PATH_MAX + 1], text[CTL_TEXT_MAX];
	struct silo_desc *desc;
	struct silo *s;
	uint8_t perms;
	int err = ctl_begin(call, AUDIT_GRANT, true, &s);

	(void)argc;
	if (err)
		return err;
	desc = &s->slot->desc;
	/* The form of a path is that of an unveil rule. */
	snprintf(text, sizeof(text), "%.*s r", (int)SILO_PATH_MAX + 1, argv[1]);
	err = silo_parse_unveil(text, strlen(text), path, &perms, reason);
	if (!err && !(desc->mode & MODE_BIND)) {
		snprintf(reason, sizeof(reason), "mount needs the bind bit of mode (002)");
		err = -EPERM;
	}
	if (!err && desc->provide_count == SILO_PROVIDES_MAX) {
		snprintf(reason, sizeof(reason), "more than %u paths", SILO_PROVIDES_MAX);
		err = -E2BIG;
	}
	if (!err && (err = text_keep(desc, path)) >= 0) {
		desc->provides[desc->provide_count++] = (uint16_t)err;
		place_close(&s->place,
			    &s->slot->ids.place); /* its badges go by the number of paths */
		err = 0;
	}
	return ctl_done(call, s, AUDIT_GRANT, err, reason);
}

int ctl_restart(struct p9_call *call, int argc, char **argv)
{
	char reason[SILO_REASON_MAX] = "too long", text[CTL_TEXT_MAX];
	struct silo_restart_policy policy = SILO_RESTART_DEFAULT;
	struct silo *s;
	int err = ctl_begin(call, AUDIT_CONFIG, false, &s);

	if (err)
		return err;
	err = ctl_join(argc, argv, 1, text);
	if (!err)
		err = silo_parse_restart(text, strlen(text), &policy, reason);
	if (!err)
		s->slot->desc.restart = policy;
	return ctl_done(call, s, AUDIT_CONFIG, err, reason);
}

int ctl_heartbeat(struct p9_call *call, int argc, char **argv)
{
	struct silo *s;
	uint64_t ms;
	int err = ctl_begin(call, AUDIT_CONFIG, true, &s);

	(void)argc;
	if (err)
		return err;
	err = silo_parse_number(argv[1], strlen(argv[1]), &ms);
	if (!err && ms && (ms < HEARTBEAT_MIN || ms > HEARTBEAT_MAX))
		err = -EINVAL;
	if (!err)
		s->slot->desc.heartbeat_ms = (uint32_t)ms;
	return ctl_done(call, s, AUDIT_CONFIG, err,
			"heartbeat takes 0 or milliseconds from 10 to 3600000");
}

/* sipd opens it with its own rights, so only what is a device is taken, and one path a device. */
static bool console_path(const char *path)
{
	return !strncmp(path, "/dev/", 5) && strncmp(path, "/dev/sip", 8) && !strstr(path, "/.") &&
	       !strstr(path, "//");
}

int ctl_console(struct p9_call *call, int argc, char **argv)
{
	bool none = !strcmp(argv[1], "none");
	struct silo *s;
	int err = ctl_begin(call, AUDIT_GRANT, true, &s);

	(void)argc;
	if (err)
		return err;
	if (!none && (!console_path(argv[1]) || strlen(argv[1]) >= sizeof(s->slot->console)))
		return ctl_done(call, s, AUDIT_GRANT, -EINVAL,
				"console takes a path below /dev, or none");
	snprintf(s->slot->console, sizeof(s->slot->console), "%s", none ? "" : argv[1]);
	return ctl_done(call, s, AUDIT_GRANT, 0, "");
}

int ctl_notes(struct p9_call *call, int argc, char **argv)
{
	char text[CTL_TEXT_MAX];
	struct silo *s;
	int err = ctl_begin(call, AUDIT_CONFIG, false, &s);

	if (err)
		return err;
	err = ctl_join(argc, argv, 1, text);
	if (!err && strlen(text) > SIPD_NOTES_MAX)
		err = -E2BIG;
	if (!err)
		snprintf(s->slot->notes, sizeof(s->slot->notes), "%.*s", (int)SIPD_NOTES_MAX, text);
	return ctl_done(call, s, AUDIT_CONFIG, err, "notes are longer than 127 bytes");
}
