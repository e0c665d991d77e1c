/* SPDX-License-Identifier: ISC */
/*
 * system.c: see system.h.
 */
#include "tests/core/block/system.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "9p/client.h"
#include "cpio/cpio.h"
#include "serve/ns.h"
#include "serve/register.h"

struct child rootd, devd;
handle_t devd_silo;

static const uint8_t *archive;
static uint64_t archive_len;
static struct spawn_shim shim;
static handle_t registrar, devd_state;

/* ---- starting programs ----------------------------------------------------------- */

static struct spawn_image find(const char *path)
{
	struct spawn_image packed, aligned;
	struct cpio_entry entry;

	OK(cpio_find(archive, archive_len, path, &entry));
	packed = (struct spawn_image){.vmo = boot_handle("archive"),
				      .offset = (uint64_t)((const uint8_t *)entry.data - archive),
				      .len = entry.size,
				      .bytes = entry.data};
	OK(spawn_image_copy(&packed, &aligned));
	return aligned;
}

static void archive_map(void)
{
	struct map_args map = {.vmo = boot_handle("archive"), .flags = PROT_R};
	struct spawn_image image;
	struct vmo_info info;
	int64_t at;

	OK(sys_vmo_info(map.vmo, &info));
	map.len = archive_len = info.size;
	at = sys_aspace_map(core_aspace, &map);
	CHECK(at > 0);
	archive = (const uint8_t *)at;
	image = find("boot/shim");
	OK(spawn_shim_open(&image, &shim));
}

static void program_run(struct child *c, const char *path, const char *name, const char *argument,
			handle_t silo, struct spawn_handle *more, unsigned count)
{
	const char *argv[] = {name, argument, NULL};
	handle_t log = boot_handle("children's log");
	struct spawn_handle handles[40] = {{"log", log, RIGHTS_SAME, 0, 0},
					   {"fd:1", log, RIGHTS_SAME, 0, 0},
					   {"fd:2", log, RIGHTS_SAME, 0, 0},
					   {"serve", c->channel, RIGHTS_SAME, 0, 0}};
	struct spawn_args args = {.shim = &shim,
				  .silo = silo,
				  .name = name,
				  .argv = argv,
				  .handles = handles,
				  .handle_count = 4 + count,
				  .pledges = PLEDGES_ALL};

	if (count)
		memcpy(handles + 4, more, count * sizeof(*more));
	args.image = find(path);
	OK(spawn_run(&args, &c->spawned));
	core_close(args.image.vmo);
	c->alive = true;
}

void child_run(struct child *c, const char *name, const char *argument, handle_t silo,
	       struct spawn_handle *more, unsigned count)
{
	char path[64];

	snprintf(path, sizeof(path), "boot/bin/%s", name);
	program_run(c, path, name, argument, silo, more, count);
}

void child_role(struct child *c, const char *role, handle_t silo, struct spawn_handle *more,
		unsigned count)
{
	program_run(c, "boot/init", "role", role, silo, more, count);
}

void channel_make(struct child *c)
{
	c->channel = TAKE(sys_channel_create());
	c->connector = TAKE(sys_channel_sender(c->channel, SERVE_BADGE_CONNECTOR,
					       SERVE_RIGHTS_FILE | SERVE_RIGHTS_SEND, REPLY_NONE));
}

void system_mount(handle_t connector, const char *path)
{
	OK(register_mount(registrar, path, connector, time_in(SYSTEM_PATIENCE)));
}

handle_t ns_handle(void)
{
	return TAKE(sys_handle_dup(rootd.connector, RIGHTS_SAME));
}

void devd_start(const struct kept *kept, unsigned count)
{
	struct spawn_handle handles[36] = {{"device", core_device, RIGHTS_SAME, 0, 0},
					   {"state", devd_state, RIGHTS_SAME, 0, 0}};

	CHECK(count <= 34);
	for (unsigned i = 0; i < count; i++)
		handles[2 + i] =
			(struct spawn_handle){NULL, kept[i].handle, RIGHTS_SAME, HANDLE_KEPT, 0};
	child_run(&devd, "devd", NULL, devd_silo, handles, 2 + count);
}

void system_start(void)
{
	static const char *const paths[] = {"/dev/pci", "/dev/mem",	 "/dev/irq",
					    "/dev/dma", "/dev/platform", "/dev/power"};
	archive_map();
	channel_make(&rootd);
	registrar = TAKE(sys_channel_sender(rootd.channel, SERVE_BADGE_REGISTRAR,
					    RIGHT_BIND | SERVE_RIGHTS_SEND, REPLY_NONE));
	child_run(&rootd, "rootd", NULL, core_silo, NULL, 0);
	channel_make(&devd);
	devd_silo = core_silo_make(DEVD_SILO, 0777, NULL);
	devd_state = TAKE(sys_vmo_create(1 << 20, VMO_ANON));
	devd_start(NULL, 0);
	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		system_mount(
			TAKE(sys_channel_sender(devd.channel, SERVE_BADGE_SUB + i,
						SERVE_RIGHTS_FILE | SERVE_RIGHTS_SEND, REPLY_NONE)),
			paths[i]);
	OK(ns_init_handle(ns_handle()));
}

uint32_t silo_state(handle_t silo)
{
	struct silo_info info;

	OK(sys_silo_info(silo, &info));
	return info.state;
}

void silo_again(handle_t silo)
{
	OK(sys_silo_control(silo, SILO_OP_RESET, 0));
	OK(sys_silo_control(silo, SILO_OP_LOAD, 0));
	OK(sys_silo_control(silo, SILO_OP_READY, 0));
	OK(sys_silo_control(silo, SILO_OP_START, 0));
}

/* Kill it, as whoever supervises it would see it end; then as the supervisor does. */
void child_end(struct child *c)
{
	if (c->alive)
		spawn_discard(&c->spawned);
	c->alive = false;
}

int lease_path(const char *path, uint32_t silo, handle_t *out)
{
	struct p9_file *f;
	uint64_t value;
	int err;

	OK(p9_client_walk(ns_client(), path, false, &f));
	err = p9_client_gethandle(f, P9_HANDLE_DEVICE, silo, &value, out);
	p9_client_close(f);
	return err;
}

void function_find(const char *match, char name[16])
{
	static char bus[16384];
	char *at, *line;

	CHECK(ns_load_text("/dev/pci/bus", bus, sizeof(bus)) > 0);
	at = strstr(bus, match);
	CHECK(at);
	for (line = at; line > bus && line[-1] != '\n'; line--)
		;
	snprintf(name, 16, "%.*s", (int)strcspn(line, " "), line);
}

void system_end(void)
{
	child_end(&devd);
	child_end(&rootd);
}

void system_role(void)
{
	struct spawn_handle handles[] = {{"device", core_device, RIGHTS_SAME, 0, 0},
					 {"silo", core_silo, RIGHTS_SAME, 0, 0},
					 {"children's log", core_log, RIGHTS_SAME, 0, 0},
					 {"archive", boot_handle("archive"), RIGHTS_SAME, 0, 0}};
	struct spawned s;
	struct process_info info;
	struct event event;
	handle_t wait = TAKE(sys_queue_create());

	core_spawn(&s, "system", NULL, HANDLE_NONE, handles, 4);
	CHECK(sys_queue_add(wait, s.process, EVENT_PROCESS, 1, 0, PROCESS_EV_EXIT) > 0);
	CHECK(sys_queue_wait(wait, &event, 1, time_in(90 * NS_PER_S)) >= 0);
	OK(sys_process_info(s.process, &info));
	CHECK_EQ(info.reason, FAULT_NONE);
	CHECK_EQ(info.code, 0);
	spawn_discard(&s);
	core_close(wait);
}
