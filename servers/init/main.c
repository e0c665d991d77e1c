/* SPDX-License-Identifier: ISC */
/*
 * init: the root task. Starts rootd, bootfs, devd and sipd from the boot archive, each in a silo of
 * its own below the root silo, and is their keeper: when one ends it takes what the server kept
 * (its channel, its root handles, its state) out of the corpse and starts a successor with it.
 *
 * Not here: anything a user wrote is not even read; drivers and all other servers are sipd's; file
 * systems and devices are the servers'. Parses the descriptions of these four and two boot words,
 * server.NAME=off.
 *
 * Single-threaded and driven by events: one queue for the ends of silos and one timer. When a
 * server has used up its restarts the recovery shell is started beside whatever still runs.
 *
 * Spec: docs/restart.md.
 */
#include "servers/init/init.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "sys/boot.h"
#include "sys/info.h"
#include "sys/log.h"
#include "sys/sys.h"

static struct init init;
static struct init_state unkept; /* until there is, or when there cannot be, a state VMO */

static const char *const server_names[SERVERS] = {
	[SERVER_ROOTD] = "rootd",
	[SERVER_BOOTFS] = "bootfs",
	[SERVER_DEVD] = "devd",
	[SERVER_SIPD] = "sipd",
};

/* Is server.NAME=off on the command line? */
static bool switched_off(const char *name)
{
	const char *at = (const char *)init.block->cmdline;
	char word[48];
	size_t len = (size_t)snprintf(word, sizeof(word), "server.%s=off", name);

	for (; at && *at; at += strcspn(at, " "), at += strspn(at, " "))
		if (strncmp(at, word, len) == 0 && (at[len] == ' ' || !at[len]))
			return true;
	return false;
}

static void shim_open(void)
{
	struct vmo_info info;
	struct spawn_image image = {.vmo = init.shim_vmo};
	int err;

	if (init.shim_vmo == HANDLE_NONE || sys_vmo_info(init.shim_vmo, &info) < 0) {
		log_print("init: no shim");
		return;
	}
	image.len = info.size;
	err = spawn_shim_open(&image, &init.shim);
	if (err)
		log_print("init: the shim is damaged: %d", err);
	init.has_shim = !err;
}

static int init_begin(void)
{
	int64_t queue = sys_queue_create();

	init.block = boot_block();
	if (queue < 0 || !init.block || !init.block->archive)
		return -EINVAL;
	init.queue = (handle_t)queue;
	init.self = boot_handle("self");
	init.silo = boot_handle("silo");
	init.log = boot_handle("log");
	init.clock = boot_handle("clock");
	init.device = boot_handle("device");
	init.archive = boot_handle("archive");
	init.shim_vmo = boot_handle("shim");
	init.mount_at = init.recovery_at = UINT64_MAX;
	init.state = &unkept;
	shim_open();
	for (unsigned i = 0; i < SERVERS; i++) {
		init.server[i].name = server_names[i];
		init.server[i].ping_at = UINT64_MAX;
		init.server[i].memory = &unkept.server[i];
		if (switched_off(server_names[i]))
			log_print("init: %s is switched off", server_names[i]);
		else
			server_describe(&init, i);
	}
	return 0;
}

/* All of them, for the first time. */
static void start_all(void)
{
	int err = init_state_make(&init);

	if (err)
		log_print("init: no state memory: %d", err);
	for (unsigned i = 0; i < SERVERS; i++) {
		init.server[i].memory = &init.state->server[i];
		server_start(&init, &init.server[i]);
		servers_mount(&init, time_now());
	}
	/* Without one of these no console can come. */
	if (init.server[SERVER_ROOTD].memory->state == SERVER_OFF ||
	    init.server[SERVER_DEVD].memory->state == SERVER_OFF ||
	    init.server[SERVER_SIPD].memory->state == SERVER_OFF)
		recovery_start(&init);
}

static uint64_t next_time(void)
{
	uint64_t next = init.recovery_at;

	if (init.server[SERVER_ROOTD].memory->state == SERVER_RUNNING && init.mount_at < next)
		next = init.mount_at;
	for (unsigned i = 0; i < SERVERS; i++) {
		uint64_t when = server_next(&init, &init.server[i]);

		next = when < next ? when : next;
	}
	return next;
}

static void event_take(const struct event *e)
{
	if (e->key < SERVERS) {
		server_event(&init, &init.server[e->key]);
		return;
	}
	sys_handle_close(init.recovery);
	init.recovery = HANDLE_NONE;
	init.recovery_at = time_in(RECOVERY_PAUSE_NS);
}

int main(void)
{
	struct event e;
	int64_t n;

	if (init_begin())
		return 1;
	if (!init_adopt(&init))
		start_all();
	for (;;) {
		uint64_t now;

		n = sys_queue_wait(init.queue, &e, 1, next_time());
		if (n == 1)
			event_take(&e);
		else if (n < 0 && n != -ETIMEDOUT && n != -EINTR && n != -EAGAIN)
			return 2;
		now = time_now();
		for (unsigned i = 0; i < SERVERS; i++)
			server_tick(&init, &init.server[i], now);
		servers_mount(&init, now);
		if (now >= init.recovery_at)
			recovery_start(&init);
	}
}
