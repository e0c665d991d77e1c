/* SPDX-License-Identifier: ISC */
/* table.c: the shell's own commands, and help. */
#include <string.h>
#include "cmd/sh/sh.h"

const struct command commands[] = {
	{"help", cmd_help, "[COMMAND]", "say what there is"},
	{"ls", cmd_ls, "[-l] [PATH...]", "list directories"},
	{"cat", cmd_cat, "PATH...", "print files; ^C ends one that waits"},
	{"echo", cmd_echo, "[-n] [WORD...]", "print words; > FILE writes them, >> appends"},
	{"stat", cmd_stat, "PATH...", "what a file is"},
	{"cd", cmd_cd, "[PATH]", "change the working directory"},
	{"pwd", cmd_pwd, "", "print the working directory"},
	{"mkdir", cmd_mkdir, "PATH...", "make directories"},
	{"rm", cmd_rm, "[-r] PATH...", "remove files; -r: directories with all below"},
	{"mv", cmd_mv, "FROM TO", "rename within one file system"},
	{"ln", cmd_ln, "[-s] TARGET PATH", "link; -s: symbolic"},
	{"cp", cmd_cp, "FROM TO", "copy a file"},
	{"sha256sum", cmd_sha256sum, "PATH...", "checksums"},
	{"hexdump", cmd_hexdump, "PATH", "bytes in hexadecimal"},
	{"mounts", cmd_mounts, "", "what is mounted where"},
	{"ns", cmd_ns, "[PATH]", "the tree, three levels deep, without what is mounted"},
	{"ps", cmd_ps, "", "silos and their main processes"},
	{"top", cmd_top, "[-n ROUNDS]", "who uses the processor; ^C ends it"},
	{"silo", cmd_silo, "VERB ...", "control silos; `silo` alone lists the verbs"},
	{"run", cmd_run, "[-i] [-m SIZE] PROGRAM [WORD...]",
	 "run a program in a silo of its own; -i: at the console; -m: with so much memory"},
	{"dmesg", cmd_dmesg, "", "the kernel's log"},
	{"time", cmd_time, "COMMAND [WORD...]", "how long a command takes"},
	{"sleep", cmd_sleep, "SECONDS", "wait"},
	{"poweroff", cmd_poweroff, "", "turn the machine off"},
	{"reboot", cmd_reboot, "", "start the machine again"},
	{"exit", cmd_exit, "[STATUS]", "end the shell"},
	{"true", cmd_true, "", "status 0"},
	{"false", cmd_false, "", "status 1"},
	{NULL, NULL, NULL, NULL},
};

const struct command *command_find(const char *name)
{
	for (const struct command *c = commands; c->name; c++)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

int cmd_help(int argc, char **argv)
{
	const struct command *c;

	if (argc > 2)
		return complain_usage();
	if (argc == 2) {
		c = command_find(argv[1]);
		if (!c)
			return complain(
				"no command %s of the shell's own; a program? `ls /boot/bin`",
				argv[1]);
		out_printf("%s %s\n    %s\n", c->name, c->usage, c->help);
		return 0;
	}
	for (c = commands; c->name; c++)
		out_printf("  %-10s %-22s %s\n", c->name, c->usage, c->help);
	out_text(
		"Programs in /boot/bin are run by name. a; b   a && b   a || b   > FILE   >> FILE\n"
		"'as it is' \"with $?\" # comment. Keys: arrows, Tab, ^A ^E ^K ^U ^W, ^C.\n");
	return 0;
}
