/* SPDX-License-Identifier: ISC */
/*
 * platform.c: devices that every PC has at fixed places, and that no bus tells of: two serial lines
 * and the real-time clock. /dev/platform/list has a line for each: NAME port=0x3f8+8 irq= silo=
 * (whose it is, 0: nobody's). A handle of kind DEVICE of /dev/platform/NAME is its lease, and
 * "reset" written there ends it.
 *
 * They have no bus mastering, so a lease ends at once.
 */
#include "servers/devd/devd.h"

#include <string.h>

static const struct platform {
	const char *name;
	uint32_t port, ports, irq;
} platforms[] = {
	{"uart0", 0x3f8, 8, 4},
	{"uart1", 0x2f8, 8, 3},
	{"rtc", 0x70, 2, 8},
};

#define PLATFORMS (sizeof(platforms) / sizeof(platforms[0]))
_Static_assert(DEVD_FUNCTIONS + PLATFORMS <= DEVD_UNITS, "units");

void platform_units(struct devd *d)
{
	for (unsigned i = 0; i < PLATFORMS; i++) {
		const struct platform *p = &platforms[i];
		struct unit *u = &d->unit[d->units++];

		strcpy(u->name, p->name);
		u->kind = "platform";
		u->args.source = ~0u;
		u->args.ports[0] = (struct phys_range){p->port, p->ports};
		u->args.lines[0] = firmware_line(d, p->irq, &u->line_flags) + 1;
	}
}

static int find(void *ctx, struct p9_str name, uint32_t *obj)
{
	return unit_name_find(ctx, "platform", name, obj);
}

static int next(void *ctx, uint32_t after, uint32_t *obj, char *name)
{
	return unit_name_next(ctx, "platform", after, obj, name);
}

static int text(struct p9_call *call, struct p9_text *out)
{
	const struct unit *u = unit_of(call->ctx, call->obj);

	p9_text_printf(out, "port 0x%llx %llu\nirq %u\nstate %s\n",
		       (unsigned long long)u->args.ports[0].base,
		       (unsigned long long)u->args.ports[0].len, u->args.lines[0] - 1,
		       unit_state_name(u->state));
	p9_text_printf(out, "flags %u\n", u->line_flags);
	if (u->state == UNIT_LEASED)
		p9_text_printf(out, "silo %u\n", u->silo);
	return 0;
}

static int list_text(struct p9_call *call, struct p9_text *out)
{
	const struct devd *d = call->ctx;

	for (unsigned i = 0; i < d->units; i++) {
		const struct unit *u = &d->unit[i];

		if (u->f)
			continue;
		p9_text_printf(out, "%s port=0x%llx+%llu irq=%u silo=%u\n", u->name,
			       (unsigned long long)u->args.ports[0].base,
			       (unsigned long long)u->args.ports[0].len, u->args.lines[0] - 1,
			       u->silo);
	}
	return 0;
}

static const struct p9_command commands[] = {
	{.word = "reset", .run = lease_command_reset, .usage = "reset"},
	{.word = NULL},
};

static const struct p9_file platform_file = {.name = "platform",
					     .mode = P9_S_IFREG | 0644,
					     .text = text,
					     .commands = commands,
					     .flush = lease_command_flush,
					     .gethandle = lease_gethandle};

const struct p9_objects platform_objects = {.file = &platform_file, .next = next, .find = find};

const struct p9_file platform_dir[] = {
	{.name = "list", .mode = P9_S_IFREG | 0444, .text = list_text},
	{.name = NULL},
};
