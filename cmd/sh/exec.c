/* SPDX-License-Identifier: ISC */
/* exec.c: from a line to commands that run. */
#include <errno.h>
#include <string.h>
#include "cmd/sh/sh.h"

int sh_status;
bool sh_quit;

int sh_command(int argc, char **argv)
{
	const struct command *outer = current;
	char path[SH_PATH_MAX];
	int status;

	current = command_find(argv[0]);
	if (current) {
		status = current->run(argc, argv);
	} else if (program_find(argv[0], path)) {
		current = command_find("run");
		status = program_run(path, argc, argv);
	} else {
		complain("%s: no such command or program; `help` lists commands, `ls /boot/bin` "
			 "programs",
			 argv[0]);
		status = STATUS_UNKNOWN;
	}
	current = outer;
	return status;
}

static int redirected(struct parse_command *c)
{
	int err = out_redirect(c->target, c->append), status;

	if (err)
		return complain_error(c->target, err);
	status = sh_command(c->argc, c->argv);
	err = out_restore();
	if (!err)
		return status;
	complain_error(c->target, err);
	return status ? status : STATUS_FAILED;
}

static int command_run(struct parse_command *c)
{
	int status;

	interrupts_on(true);
	status = c->target ? redirected(c) : sh_command(c->argc, c->argv);
	out_flush();
	interrupts_on(false);
	return interrupted() && !status ? STATUS_INTERRUPTED : status;
}

int sh_run(const char *text)
{
	static struct parse_command c;
	struct parse p;
	int r;

	parse_begin(&p, text);
	while (!sh_quit && (r = parse_line(&p, &c, sh_status))) {
		if (r < 0) {
			/* This line means nothing; the next one may. */
			complain("%s", p.error);
			sh_status = STATUS_USAGE;
			parse_begin(&p, p.at + strcspn(p.at, "\n"));
			continue;
		}
		if (c.join == PARSE_AND ? sh_status != 0 : c.join == PARSE_OR && sh_status == 0)
			continue;
		sh_status = command_run(&c);
		if (interrupted())
			break;
	}
	return sh_status;
}
