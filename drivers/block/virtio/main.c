/* SPDX-License-Identifier: ISC */
/*
 * virtio-blk: a virtio 1.x block device behind PCI.
 *
 *	virtio-blk [NAME]
 *
 * NAME is the disk's (vda); the supervisor mounts it at /scheme/block/NAME. One device, one
 * process. Rings, deadlines and files are lib/blockdrv's; here is what the device wants.
 *
 * Event-driven: it sleeps until its interrupt, its client's bell or a message comes.
 * Invariants: virtio.h. Spec: Virtio 1.2, 5.2.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "drivers/block/virtio/virtio.h"
#include "serve/ns.h"
#include "sys/error.h"
#include "sys/log.h"

static struct virtio virtio;

static int submit(struct block_disk *disk, struct block_request *r)
{
	return queue_give(disk->ctx, r);
}

static void kick(struct block_disk *disk)
{
	queue_kick(disk->ctx);
}

static int restart(struct block_disk *disk)
{
	return virtio_start(disk->ctx);
}

static const struct block_ops ops = {.submit = submit, .kick = kick, .restart = restart};

static void interrupt(struct block_driver *d)
{
	struct virtio *v = d->ctx;

	if (d->line)
		(void)*v->isr; /* reading it lets go of the line */
	if (queue_take(v))
		block_broken(&v->disk, "the device broke the queue");
	else if (virtio_needs_reset(v))
		block_broken(&v->disk, "the device wants a reset");
}

static int start(struct virtio *v, const char *name)
{
	int err = ns_init();

	v->driver.ctx = v->disk.ctx = v;
	v->driver.interrupt = interrupt;
	v->disk.ops = &ops;
	snprintf(v->disk.name, sizeof(v->disk.name), "%s", name);
	snprintf(v->disk.model, sizeof(v->disk.model), "virtio-blk");
	if (!err)
		err = pci_driver_open(&v->pci, "device:0");
	v->driver.device = v->pci.device;
	if (!err)
		err = virtio_find(v);
	/* The function was reset with its lease; its messages are aimed before it may send any. */
	if (!err)
		err = pci_driver_irq(&v->pci, 0, &v->driver.irq, &v->driver.line);
	if (!err)
		err = virtio_start(v);
	if (!err)
		err = block_disk_add(&v->driver, &v->disk);
	return err;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "vda";
	char path[64];
	int err = start(&virtio, name);

	snprintf(path, sizeof(path), "/scheme/block/%s", name);
	if (!err)
		err = block_driver_run(&virtio.driver, path);
	if (err || virtio.disk.lost) {
		log_print("%s: it ends: %s", name, err ? error_text(err) : "the disk is lost");
		return 1;
	}
	return 0;
}
