/* SPDX-License-Identifier: ISC */
/*
 * silo.c: the command silo: words for what one would otherwise write to and read from files below
 * /dev/sip. A silo is named by its number or its label.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "cmd/sh/sh.h"

#define TEXT_MAX 65536u

/* The folder of a silo: "/dev/sip/servers/srv12". */
static int silo_folder(const char *word, char folder[SH_PATH_MAX])
{
	char entries[8192], path[SH_PATH_MAX], text[8192], label[64];
	struct p9_attr attr;
	struct p9_file *f;
	int64_t n;

	if (!strncmp(word, "srv", 3) && word[3] >= '0' && word[3] <= '9')
		word += 3;
	snprintf(folder, SH_PATH_MAX, SIP "/servers/srv%.16s", word);
	if (word[strspn(word, "0123456789")] == '\0')
		return ns_stat(folder, false, &attr);
	n = ns_open(SIP "/servers", P9_O_RDONLY | P9_O_DIRECTORY, 0, &f);
	if (n)
		return (int)n;
	while ((n = p9_client_readdir(f, entries, sizeof(entries))) > 0) {
		for (int64_t at = 0; at < n;) {
			struct p9_dirent ent;
			int used = p9_dirent_decode(&ent, entries + at, (size_t)(n - at));

			if (used < 0)
				break;
			at += used;
			f->offset = ent.offset;
			if (ent.name.len < 4 || ent.name.len > 15 || memcmp(ent.name.ptr, "srv", 3))
				continue;
			snprintf(folder, SH_PATH_MAX, SIP "/servers/%.*s", (int)ent.name.len,
				 ent.name.ptr);
			if (!path_join(path, folder, "status") ||
			    ns_load_text(path, text, sizeof(text)) < 0)
				continue;
			if (value_find(text, "label", label, sizeof(label)) &&
			    !strcmp(label, word)) {
				p9_client_close(f);
				return 0;
			}
		}
	}
	p9_client_close(f);
	return n < 0 ? (int)n : -ENOENT;
}

/* The status file says why a command was refused; if it was, and did not meet a server's end: then
 * the reason there is an older one. */
bool command_refused(int err)
{
	return err != -ERESTART && err != -EPIPE && err != -ETIMEDOUT && err != -EINTR;
}

static int refused(const char *folder, const char *what, int err)
{
	char path[SH_PATH_MAX], text[8192], why[512];

	if (command_refused(err) && path_join(path, folder, "status") &&
	    ns_load_text(path, text, sizeof(text)) > 0 &&
	    value_find(text, "error", why, sizeof(why)) && strcmp(why, "-"))
		return complain("%s: %s", what, why);
	return complain_error(what, err);
}

static int folder_command(const char *folder, const char *line)
{
	char path[SH_PATH_MAX];
	int err = path_join(path, folder, "ctl") ? ns_command(path, line) : -ENAMETOOLONG;

	return err ? refused(folder, line, err) : 0;
}

static int folder_show(const char *folder, const char *file)
{
	char path[SH_PATH_MAX], *text;
	uint64_t len;
	int err;

	if (!path_join(path, folder, file))
		return complain_error(file, -ENAMETOOLONG);
	err = ns_load_all(path, TEXT_MAX, &text, &len);
	if (err)
		return complain_error(path, err);
	out_bytes(text, len);
	free(text);
	return 0;
}

/* Print a file that goes on, until its end or ^C. */
static int follow(const char *path)
{
	char *words[] = {"cat", (char *)(uintptr_t)path, NULL};

	return cmd_cat(2, words);
}

enum verb_kind { VERB_LIST, VERB_EVENTS, VERB_SHOW, VERB_FOLLOW, VERB_TELL };

static const struct verb {
	const char *name;
	enum verb_kind kind;
	const char *file; /* or the word for ctl */
	int min, max;	  /* words behind the verb */
	const char *usage;
} verbs[] = {
	{"list", VERB_LIST, NULL, 0, 0, "list                  all silos"},
	{"info", VERB_SHOW, "status", 1, 1, "info SILO             state, usage, limits"},
	{"limits", VERB_SHOW, "limits", 1, 1, "limits SILO           limits and what is used"},
	{"caps", VERB_SHOW, "caps", 1, 1, "caps SILO             what it holds"},
	{"logs", VERB_FOLLOW, "output", 1, 1, "logs SILO             its output; ^C ends"},
	{"events", VERB_EVENTS, NULL, 0, 0, "events                what happens; ^C ends"},
	{"start", VERB_TELL, "start", 1, 1, "start SILO"},
	{"stop", VERB_TELL, "stop", 1, 1, "stop SILO             ask it, then end it"},
	{"kill", VERB_TELL, "kill", 1, 1, "kill SILO"},
	{"suspend", VERB_TELL, "suspend", 1, 1, "suspend SILO"},
	{"resume", VERB_TELL, "resume", 1, 1, "resume SILO"},
	{"destroy", VERB_TELL, "destroy", 1, 1, "destroy SILO          forget one that has ended"},
	{"limit", VERB_TELL, "limit", 3, 3,
	 "limit SILO KEY VALUE  memory, processes, threads, ..."},
	{"restart", VERB_TELL, "restart", 2, 9, "restart SILO POLICY   never, on-crash, always"},
	{"label", VERB_TELL, "label", 2, 2, "label SILO NAME"},
	{"pledge", VERB_TELL, "pledge", 2, 2, "pledge SILO MODE      clear mode bits"},
	{"unveil", VERB_TELL, "unveil", 3, 3, "unveil SILO PATH RWXC"},
};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static int tell(const char *folder, const char *word, int argc, char **argv)
{
	char line[2048];
	int len = snprintf(line, sizeof(line), "%s", word);

	for (int i = 0; i < argc; i++) {
		len += snprintf(line + len, sizeof(line) - (size_t)len, " %s", argv[i]);
		if ((size_t)len >= sizeof(line))
			return complain_error(word, -ENAMETOOLONG);
	}
	return folder_command(folder, line);
}

static int verb_run(const struct verb *v, int argc, char **argv)
{
	char folder[SH_PATH_MAX], path[SH_PATH_MAX], *nothing[] = {"ps", NULL};
	int err = v->min ? silo_folder(argv[0], folder) : 0;

	if (err == -ENOENT)
		return complain("%s: no silo has this number or label; `silo list`", argv[0]);
	if (err)
		return complain_error(SIP, err);
	switch (v->kind) {
	case VERB_LIST: return cmd_ps(1, nothing);
	case VERB_EVENTS: return follow(SIP "/events");
	case VERB_SHOW: return folder_show(folder, v->file);
	case VERB_FOLLOW:
		return path_join(path, folder, v->file) ? follow(path)
							: complain_error(folder, -ENAMETOOLONG);
	case VERB_TELL: return tell(folder, v->file, argc - 1, argv + 1);
	}
	return STATUS_USAGE;
}

int cmd_silo(int argc, char **argv)
{
	for (unsigned i = 0; argc > 1 && i < VERBS; i++) {
		if (strcmp(verbs[i].name, argv[1]))
			continue;
		if (argc - 2 < verbs[i].min || argc - 2 > verbs[i].max)
			return complain("use it as: silo %s", verbs[i].usage) + 1;
		return verb_run(&verbs[i], argc - 2, argv + 2);
	}
	for (unsigned i = 0; i < VERBS; i++)
		out_printf("  silo %s\n", verbs[i].usage);
	return argc > 1 ? STATUS_USAGE : 0;
}
