/* SPDX-License-Identifier: ISC */
/*
 * ahci: a SATA controller and the disks behind it, as /scheme/block/sda to sdf: the letter is the
 * port. A port without a disk is there as a disk whose state is "absent".
 *
 * One controller, one process. Rings, deadlines and files are lib/blockdrv's. An error stops the
 * port, its link is reset, and what it had is given again one at a time; a port that does not come
 * back ends the process, and devd resets the whole controller for the successor.
 *
 * Left out: hot plugging, port multipliers, ATAPI, power states. Invariants: ahci.h.
 * Spec: AHCI 1.3.1.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "drivers/block/ahci/ahci.h"
#include "serve/ns.h"
#include "sys/error.h"
#include "sys/log.h"

#define IS_ROUNDS 16u /* looks at the controller in one interrupt */

static struct ahci ahci;

static int submit(struct block_disk *disk, struct block_request *r)
{
	return command_give(disk->ctx, r);
}

static void kick(struct block_disk *disk)
{
	command_kick(disk->ctx);
}

static int restart(struct block_disk *disk)
{
	return port_restart(disk->ctx);
}

static const struct block_ops ops = {.submit = submit, .kick = kick, .restart = restart};

/* Message interrupts are edges: go on until the controller has nothing left to tell. */
static void interrupt(struct block_driver *d)
{
	struct ahci *a = d->ctx;
	uint32_t is;

	for (unsigned round = 0; round < IS_ROUNDS; round++) {
		is = a->regs[HBA_IS] & a->implemented;
		if (!is)
			return;
		for (unsigned n = 0; n < PORTS; n++) {
			struct ahci_port *p = &a->port[n];

			if (!(is & 1u << n))
				continue;
			if (!p->disk || p->disk->absent)
				p->regs[PORT_IS] = p->regs[PORT_IS];
			else if (command_take(p))
				block_broken(p->disk, "an error, the port is restarted");
		}
		a->regs[HBA_IS] = is;
	}
}

/* All links at once, so that empty ports are waited for together. */
static void ports_wake(struct ahci *a)
{
	for (unsigned n = 0; n < PORTS; n++) {
		struct ahci_port *p = &a->port[n];

		*p = (struct ahci_port){.hba = a, .number = n, .regs = a->regs + PORT_AT(n)};
		if (a->implemented & 1u << n && port_wake(p)) {
			log_print("ahci: port %u does not stop", n);
			a->implemented &= ~(1u << n);
		}
	}
}

/* What is at a port, as a disk. Only lack of memory is an error. */
static int port_add(struct ahci *a, unsigned n)
{
	struct ahci_port *p = &a->port[n];
	struct block_disk *disk = calloc(1, sizeof(*disk));
	int err = -ENODEV;

	if (!disk)
		return -ENOMEM;
	p->disk = disk;
	disk->ops = &ops;
	disk->ctx = p;
	disk->depth = 1;
	snprintf(disk->name, sizeof(disk->name), n < 26 ? "sd%c" : "sda%c", 'a' + n % 26);
	if (a->implemented & 1u << n)
		err = port_start(p);
	if (!err)
		err = port_identify(p);
	disk->absent = err != 0;
	if (err && err != -ENODEV)
		log_print("%s: left alone: %s", disk->name, error_text(err));
	if (!err)
		log_print("%s: %s, %llu sectors, %u at once%s", disk->name, disk->model,
			  (unsigned long long)disk->limits.sectors, disk->depth,
			  p->ncq ? ", NCQ" : "");
	return block_disk_add(&a->driver, disk);
}

static int start(struct ahci *a)
{
	int err = ns_init();

	a->driver.ctx = a;
	a->driver.interrupt = interrupt;
	if (!err)
		err = pci_driver_open(&a->pci, "device:0");
	a->driver.device = a->pci.device;
	if (!err)
		err = hba_start(a);
	if (!err)
		err = pci_driver_irq(&a->pci, 0, &a->driver.irq, &a->driver.line);
	if (!err)
		ports_wake(a);
	for (unsigned n = 0; n < PORTS && !err; n++)
		if (n < AHCI_NAMED || a->implemented & 1u << n)
			err = port_add(a, n);
	if (!err)
		hba_interrupts(a);
	return err;
}

int main(void)
{
	int err = start(&ahci);

	if (!err)
		err = block_driver_run(&ahci.driver, "/scheme/block");
	if (err)
		log_print("ahci: it ends: %s", error_text(err));
	return 1;
}
