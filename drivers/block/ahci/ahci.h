/* SPDX-License-Identifier: ISC */
/*
 * ahci.h: an AHCI controller and its ports. Private to drivers/block/ahci.
 *
 * hba.c resets the controller; port.c starts and stops a port; identify.c reads what a disk says of
 * itself; command.c gives and takes commands; main.c is the program.
 *
 * A request's slot in its disk is its command slot and its tag. Each slot has a page for its
 * command table; list, received FISes and the answer of IDENTIFY have a page each. Invariant: a bit
 * of `issued` is set exactly while the slot's request is the device's.
 *
 * Who may lie: the device, in its registers and in what IDENTIFY answers. Completion is told by
 * bits of at most 32 slots; those that were not issued are ignored. Every wait is bounded.
 */
#pragma once
#include "blockdrv/blockdrv.h"
#include "drivers/block/ahci/regs.h"
#include "pci/driver.h"

#define AHCI_NAMED 6u /* disks that the description provides: sda to sdf */

enum { PAGE_LIST, PAGE_FIS, PAGE_IDENTIFY, PAGE_TABLES };

struct ahci;

struct ahci_port {
	struct ahci *hba;
	unsigned number;
	volatile uint32_t *regs;
	struct block_disk *disk;
	uint8_t *memory; /* pages as above */
	uint64_t *bus;
	uint32_t slots;
	bool ncq;
	uint32_t issued, fresh; /* slots: the device's; not told to it yet */
	uint32_t queued;	/* of the issued: by NCQ */
	uint64_t link_until;	/* a link that is not up then has no device */
};

struct ahci {
	struct block_driver driver;
	struct pci_driver pci;
	volatile uint32_t *regs;
	uint32_t cap, implemented;
	struct ahci_port port[PORTS];
};

/* Wait until (*reg & mask) == value, asking each millisecond. 0 or -ETIMEDOUT. */
BLOCK_MUST int ahci_wait(const volatile uint32_t *reg, uint32_t mask, uint32_t value, uint64_t ns);

/* hba.c: map, take over from firmware, reset. */
BLOCK_MUST int hba_start(struct ahci *a);
void hba_interrupts(struct ahci *a);

/* port.c */
/* Stop what firmware may have started, and let the link come up. Errors: -ETIMEDOUT. */
BLOCK_MUST int port_wake(struct ahci_port *p);
/* Link, memory, command engine. Errors: -ENODEV no disk; -ETIMEDOUT; the kernel's. */
BLOCK_MUST int port_start(struct ahci_port *p);
/* Stop it, reset the link, start again: the device has no command afterwards. */
BLOCK_MUST int port_restart(struct ahci_port *p);

/* Ask the disk, and fill in its limits, features, model. */
BLOCK_MUST int port_identify(struct ahci_port *p);

/* identify.c, pure: the same from the 256 words. Errors: -EOPNOTSUPP a disk without 48-bit places
 * or with other sectors than 512 bytes; -EIO no size. */
BLOCK_MUST int identify_read(const uint16_t *id, struct block_disk *disk, bool *ncq,
			     uint32_t *depth);

/* command.c */
BLOCK_MUST int command_give(struct ahci_port *p, struct block_request *r);
void command_kick(struct ahci_port *p);
/* Look at the port's interrupt: end what is done. True: it has an error to recover from. */
BLOCK_MUST bool command_take(struct ahci_port *p);
/* IDENTIFY, waited for, into its page. */
BLOCK_MUST int command_identify(struct ahci_port *p);
/*
 * A queued read of one sector, waited for. Does queuing work; and a controller that was reset with
 * queued commands in flight may have kept their completion for the next one that ends: it must not
 * be taken for that of a real request. So the first queued command is alone, and nobody's.
 */
BLOCK_MUST int command_probe(struct ahci_port *p);
