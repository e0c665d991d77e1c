/* SPDX-License-Identifier: ISC */
/*
 * consoled: a terminal with a line discipline on a serial line.
 *
 *	consoled [DEVICE]	the driver's data file, /dev/uart0/data
 *
 * Parts (serve_sub), in this order: cons, consctl, consintr; mounted at /dev/cons, /dev/consctl and
 * /dev/consintr.
 */
#include <errno.h>
#include "serve/ns.h"
#include "serve/register.h"
#include "servers/consoled/console.h"
#include "sys/error.h"
#include "sys/info.h"
#include "sys/log.h"

#define INTERRUPTS_SIZE 4096u

static struct serve server;
static struct console console;

static int parts_register(void)
{
	static const char *const parts[] = {"cons", "consctl", "consintr"};
	static const char *const paths[] = {"/dev/cons", "/dev/consctl", "/dev/consintr"};
	int err = 0;

	for (unsigned i = 0; i < 3 && !err; i++) {
		err = serve_sub(&server, i, parts[i]);
		if (!err)
			err = serve_register_part(&server, SERVE_BADGE_SUB + i, paths[i]);
	}
	return err;
}

static int start(const char *device)
{
	int err;

	console.serve = &server;
	console.tree.now_sec = time_wall() / NS_PER_S;
	err = console_init(&console);
	if (err)
		return err;
	console.m->pump.device = device;
	err = p9_log_init(&console.interrupts, INTERRUPTS_SIZE);
	if (!err)
		err = p9_tree_init(&console.tree, &console_tree, &console);
	if (!err)
		err = serve_init(&server, &p9_tree_ops, &console.tree, NULL);
	if (!err)
		err = ns_init();
	if (!err)
		err = parts_register();
	if (!err)
		err = console_watch(&console);
	return err ? err : pump_start(&console.m->pump);
}

int main(int argc, char **argv)
{
	int err = start(argc > 1 ? argv[1] : "/dev/uart0/data");

	if (err) {
		log_print("consoled: it cannot start: %s", error_text(err));
		return 1;
	}
	return serve_run(&server) ? 1 : 0;
}
