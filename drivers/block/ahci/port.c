/* SPDX-License-Identifier: ISC */
/* port.c: the link and the command engine of a port. Spec: AHCI 1.3.1, 10.1.2, 10.3, 10.4.2. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "drivers/block/ahci/ahci.h"
#include "sys/boot.h"
#include "sys/info.h"

#define ENGINE_NS   (500 * NS_PER_MS)
#define LINK_NS	    (50 * NS_PER_MS) /* a device answers within 10 ms, an empty port never */
#define RELINK_NS   NS_PER_S
#define READY_NS    (10 * NS_PER_S) /* a disk may have to spin up */
#define COMRESET_NS (2 * NS_PER_MS)

static int memory_make(struct ahci_port *p)
{
	uint64_t pages = PAGE_TABLES + p->slots;
	struct map_args args = {.flags = PROT_R | PROT_W, .len = pages * PAGE_SIZE};
	int64_t r = sys_vmo_create(args.len, VMO_WIRED);

	if (r < 0)
		return (int)r;
	args.vmo = (handle_t)r;
	p->bus = calloc(pages, sizeof(*p->bus));
	if (!p->bus)
		return -ENOMEM;
	r = sys_dma_map(p->hba->pci.device, args.vmo, 0, args.len, p->bus);
	if (r < 0)
		return (int)r;
	for (uint64_t i = 0; i < pages; i++)
		if (p->bus[i] >> 32 && !(p->hba->cap & CAP_64))
			return -EIO; /* out of the controller's reach */
	r = sys_aspace_map(boot_handle("aspace"), &args);
	if (r < 0)
		return (int)r;
	p->memory = (uint8_t *)r;
	return 0;
}

static int engine_stop(struct ahci_port *p)
{
	int err;

	p->regs[PORT_CMD] &= ~CMD_START;
	err = ahci_wait(&p->regs[PORT_CMD], CMD_LIST_ON, 0, ENGINE_NS);
	if (err)
		return err;
	p->regs[PORT_CMD] &= ~CMD_FIS;
	return ahci_wait(&p->regs[PORT_CMD], CMD_FIS_ON, 0, ENGINE_NS);
}

static void fis_start(struct ahci_port *p)
{
	p->regs[PORT_CLB] = (uint32_t)p->bus[PAGE_LIST];
	p->regs[PORT_CLBU] = (uint32_t)(p->bus[PAGE_LIST] >> 32);
	p->regs[PORT_FB] = (uint32_t)p->bus[PAGE_FIS];
	p->regs[PORT_FBU] = (uint32_t)(p->bus[PAGE_FIS] >> 32);
	p->regs[PORT_CMD] |= CMD_FIS;
}

/* The link is up: wait until the disk is ready, then start the engine. */
static int engine_start(struct ahci_port *p)
{
	int err;

	p->regs[PORT_SERR] = ~0u;
	err = ahci_wait(&p->regs[PORT_TFD], TFD_BUSY | TFD_REQUEST, 0, READY_NS);
	if (err)
		return err;
	p->regs[PORT_IS] = ~0u;
	p->regs[PORT_CMD] = (p->regs[PORT_CMD] & ~CMD_ICC_MASK) | CMD_ACTIVE | CMD_START;
	p->regs[PORT_IE] = IS_WANTED;
	return 0;
}

int port_wake(struct ahci_port *p)
{
	int err = engine_stop(p);

	if (err)
		return err;
	p->regs[PORT_SCTL] = SCTL_NO_POWER_STATES;
	p->regs[PORT_CMD] |= CMD_SPIN_UP | CMD_POWER;
	p->link_until = time_in(LINK_NS);
	return 0;
}

int port_start(struct ahci_port *p)
{
	uint64_t now = time_now();
	int err;

	if (ahci_wait(&p->regs[PORT_SSTS], SSTS_DETECT, SSTS_THERE,
		      p->link_until > now ? p->link_until - now : 0))
		return -ENODEV;
	p->slots = CAP_SLOTS(p->hba->cap);
	err = memory_make(p);
	if (err)
		return err;
	fis_start(p);
	err = engine_start(p);
	if (err)
		return err;
	return p->regs[PORT_SIG] == SIG_DISK ? 0 : -ENODEV;
}

int port_restart(struct ahci_port *p)
{
	int err;

	p->regs[PORT_IE] = 0;
	p->regs[PORT_CMD] &= ~CMD_START;
	err = ahci_wait(&p->regs[PORT_CMD], CMD_LIST_ON, 0, ENGINE_NS);
	/* The disk may hold queued commands yet: only a reset of the link makes it forget them. */
	p->regs[PORT_SCTL] = SCTL_NO_POWER_STATES | SCTL_RESET;
	if (sys_thread_sleep(time_in(COMRESET_NS)) < 0)
		return -EINTR;
	p->regs[PORT_SCTL] = SCTL_NO_POWER_STATES;
	if (!err)
		err = ahci_wait(&p->regs[PORT_SSTS], SSTS_DETECT, SSTS_THERE, RELINK_NS);
	if (!err)
		err = engine_start(p);
	p->issued = p->fresh = p->queued = 0;
	return err;
}

int port_identify(struct ahci_port *p)
{
	uint16_t id[ID_WORDS];
	uint32_t depth;
	bool ncq;
	int err = command_identify(p);

	if (err)
		return err;
	memcpy(id, p->memory + PAGE_IDENTIFY * PAGE_SIZE, sizeof(id));
	err = identify_read(id, p->disk, &ncq, &depth);
	if (err)
		return err;
	p->ncq = ncq && p->hba->cap & CAP_NCQ && !command_probe(p);
	p->disk->depth = p->ncq && depth < p->slots ? depth : p->slots;
	return 0;
}
