/* SPDX-License-Identifier: ISC */
/*
 * devd: devices and who has them: discovery, leases, resets, the /dev hardware trees, power, the
 * clock. The only holder of configuration space.
 *
 * Not here: driving any device, choosing drivers (sipd, by their descriptions).
 *
 * Started and kept by init. A restart goes unnoticed by drivers: leases are kept handles, and what
 * was found at boot lies in the state VMO. Invariants: devd.h. Spec: docs/devices.md.
 */
#include "servers/devd/devd.h"

#include "sys/boot.h"
#include "sys/error.h"
#include "sys/info.h"
#include "sys/log.h"
#include "sys/sys.h"

static struct devd devd;

/* In the order of the `provides` lines. */
static const char *const parts[] = {"pci", "mem", "irq", "dma", "platform", "power"};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

/* Filled in at start, since the folders are made in other files. */
static struct p9_file top[PARTS + 1];

const struct p9_file devd_tree = {.name = "/", .mode = P9_S_IFDIR | 0555, .children = top};

static struct p9_file folder(const char *name, const struct p9_file *children,
			     const struct p9_objects *objects)
{
	return (struct p9_file){
		.name = name, .mode = P9_S_IFDIR | 0555, .children = children, .objects = objects};
}

static void tree_fill(void)
{
	top[0] = folder("pci", pci_dir, &pci_objects);
	top[1] = folder("mem", mem_dir, NULL);
	top[2] = folder("irq", irq_dir, &irq_objects);
	top[3] = folder("dma", dma_dir, &dma_objects);
	top[4] = folder("platform", platform_dir, &platform_objects);
	top[5] = power_file;
}

static int serve_start(struct devd *d)
{
	int err;

	tree_fill();
	d->tree.now_sec = time_wall() / NS_PER_S;
	err = p9_tree_init(&d->tree, &devd_tree, d);
	if (!err)
		err = serve_init(&d->serve, &p9_tree_ops, &d->tree, NULL);
	d->serve.call = devd_call;
	d->serve.ctx = d;
	for (unsigned i = 0; !err && i < PARTS; i++)
		err = serve_sub(&d->serve, i, parts[i]);
	return err;
}

static int start(struct devd *d)
{
	int err;

	d->root = boot_handle("device");
	d->self = boot_handle("self");
	d->aspace = boot_handle("aspace");
	d->clock = boot_handle("clock");
	firmware_read(d);
	config_init(d);
	if (!info_page()->wall_offset)
		rtc_read(d);
	err = units_find(d);
	return err ? err : serve_start(d);
}

int main(void)
{
	int err = start(&devd);

	if (err) {
		log_print("devd: it cannot start: %s", error_text(err));
		return 1;
	}
	return serve_run(&devd.serve) ? 1 : 0;
}
