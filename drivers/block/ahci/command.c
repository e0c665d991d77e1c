/* SPDX-License-Identifier: ISC */
/*
 * command.c: requests as ATA commands in slots.
 *
 * Queued and other commands do not mix: a flush waits until the queued ones are done, and what
 * follows waits for the flush. Without NCQ the controller runs the slots one after the other.
 *
 * Spec: AHCI 1.3.1, 4.2 (structures), 5.5, 6.2 (errors); ATA8-ACS.
 */
#include <errno.h>
#include <string.h>
#include "drivers/block/ahci/ahci.h"
#include "sys/info.h"
#include "sys/log.h"

#define WAIT_NS	  (5 * NS_PER_S)
#define FIS_WORDS (sizeof(struct ahci_fis) / 4)

_Static_assert(sizeof(struct ahci_table) + BLOCK_RANGES * sizeof(struct ahci_range) <= PAGE_SIZE,
	       "a command table fits a page");

/* ---- filling a slot -------------------------------------------------------------- */

static struct ahci_table *table_of(const struct ahci_port *p, uint32_t slot)
{
	return (struct ahci_table *)(void *)(p->memory + (PAGE_TABLES + slot) * PAGE_SIZE);
}

static void header_fill(const struct ahci_port *p, uint32_t slot, uint32_t ranges, bool write)
{
	struct ahci_header *h = (struct ahci_header *)(void *)p->memory + slot;
	uint64_t table = p->bus[PAGE_TABLES + slot];

	*h = (struct ahci_header){.flags = (uint16_t)(FIS_WORDS | (write ? HEADER_WRITE : 0)),
				  .ranges = (uint16_t)ranges,
				  .table = (uint32_t)table,
				  .table_high = (uint32_t)(table >> 32)};
}

static void range_fill(struct ahci_range *out, uint64_t bus, uint32_t len)
{
	*out = (struct ahci_range){(uint32_t)bus, (uint32_t)(bus >> 32), 0, len - 1};
}

static void place_fill(struct ahci_fis *f, uint64_t sector)
{
	f->lba0 = (uint8_t)sector;
	f->lba1 = (uint8_t)(sector >> 8);
	f->lba2 = (uint8_t)(sector >> 16);
	f->lba3 = (uint8_t)(sector >> 24);
	f->lba4 = (uint8_t)(sector >> 32);
	f->lba5 = (uint8_t)(sector >> 40);
	f->device = ATA_LBA;
}

static void queued_fill(struct ahci_fis *f, const struct block_request *r)
{
	f->command = r->op == BLOCK_WRITE ? ATA_WRITE_NCQ : ATA_READ_NCQ;
	f->feature = (uint8_t)r->sectors;
	f->feature_high = (uint8_t)(r->sectors >> 8);
	f->count = (uint8_t)(r->slot << 3);
	if (r->fua && r->disk->fua)
		f->device |= ATA_FUA;
}

static void direct_fill(struct ahci_fis *f, const struct block_request *r)
{
	bool fua = r->fua && r->disk->fua;

	f->command = r->op == BLOCK_READ ? ATA_READ : fua ? ATA_WRITE_FUA : ATA_WRITE;
	f->count = (uint8_t)r->sectors;
	f->count_high = (uint8_t)(r->sectors >> 8);
}

static void fis_fill(struct ahci_fis *f, const struct block_request *r, bool queued)
{
	*f = (struct ahci_fis){.type = FIS_HOST, .flags = FIS_COMMAND};
	if (r->op == BLOCK_FLUSH) {
		f->command = ATA_FLUSH;
		f->device = ATA_LBA;
		return;
	}
	place_fill(f, r->sector);
	if (queued)
		queued_fill(f, r);
	else
		direct_fill(f, r);
}

/* A controller of 32 bits reaches the first 4 GiB only. */
static bool in_reach(const struct ahci_port *p, const struct block_request *r)
{
	for (unsigned i = 0; i < r->ranges; i++)
		if ((r->range[i].bus + r->range[i].len - 1) >> 32 && !(p->hba->cap & CAP_64))
			return false;
	return true;
}

int command_give(struct ahci_port *p, struct block_request *r)
{
	struct ahci_table *t = table_of(p, r->slot);
	bool queued = p->ncq && r->op != BLOCK_FLUSH;

	if (p->ncq && p->issued && (queued ? p->issued != p->queued : true))
		return -EAGAIN;
	if (!in_reach(p, r))
		return -EFAULT;
	fis_fill(&t->fis, r, queued);
	for (unsigned i = 0; i < r->ranges; i++)
		range_fill(&t->range[i], r->range[i].bus, r->range[i].len);
	header_fill(p, r->slot, r->ranges, r->op == BLOCK_WRITE);
	p->issued |= 1u << r->slot;
	p->fresh |= 1u << r->slot;
	if (queued)
		p->queued |= 1u << r->slot;
	return 0;
}

void command_kick(struct ahci_port *p)
{
	uint32_t fresh = p->fresh;

	p->fresh = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (fresh & p->queued)
		p->regs[PORT_SACT] = fresh & p->queued;
	if (fresh)
		p->regs[PORT_CI] = fresh;
}

/* ---- taking ---------------------------------------------------------------------- */

bool command_take(struct ahci_port *p)
{
	uint32_t is = p->regs[PORT_IS], done;

	p->regs[PORT_IS] = is;
	if (is & (IS_CONNECT | IS_PHY))
		p->regs[PORT_SERR] = p->regs[PORT_SERR];
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	/* A command that failed keeps its bit. */
	done = p->issued & ~p->fresh & ~(p->regs[PORT_CI] | p->regs[PORT_SACT]);
	p->issued &= ~done;
	p->queued &= ~done;
	for (uint32_t slot = 0; done; slot++, done >>= 1)
		if (done & 1)
			block_done(&p->disk->request[slot], 0);
	return is & IS_ERRORS || (is & IS_PHY && (p->regs[PORT_SSTS] & SSTS_DETECT) != SSTS_THERE);
}

/* Slot 0, alone and waited for, before interrupts are used: read into the page of IDENTIFY. */
static int command_run(struct ahci_port *p, const struct ahci_fis *fis, uint32_t len, bool queued)
{
	struct ahci_table *t = table_of(p, 0);
	int err;

	t->fis = *fis;
	range_fill(&t->range[0], p->bus[PAGE_IDENTIFY], len);
	header_fill(p, 0, 1, false);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (queued)
		p->regs[PORT_SACT] = 1;
	p->regs[PORT_CI] = 1;
	err = ahci_wait(&p->regs[queued ? PORT_SACT : PORT_CI], 1, 0, WAIT_NS);
	if (!err && p->regs[PORT_TFD] & TFD_ERROR)
		err = -EIO;
	p->regs[PORT_IS] = p->regs[PORT_IS];
	return err;
}

int command_identify(struct ahci_port *p)
{
	const struct ahci_fis fis = {
		.type = FIS_HOST, .flags = FIS_COMMAND, .command = ATA_IDENTIFY};

	return command_run(p, &fis, ID_WORDS * 2, false);
}

int command_probe(struct ahci_port *p)
{
	const struct ahci_fis fis = {.type = FIS_HOST,
				     .flags = FIS_COMMAND,
				     .command = ATA_READ_NCQ,
				     .feature = 1,
				     .device = ATA_LBA};

	return command_run(p, &fis, BLOCK_SECTOR, true);
}
