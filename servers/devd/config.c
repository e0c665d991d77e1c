/* SPDX-License-Identifier: ISC */
/*
 * config.c: configuration space: memory-mapped where ACPI says so (ECAM), else by the ports 0xcf8
 * and 0xcfc, which reach 256 bytes a function. Segment 0 only: others are told in the log.
 *
 * devd is the only process that has it. Spec: PCI Express 6.0, 7.2.2; PCI Local Bus 3.0, 3.2.2.3.
 */
#include "servers/devd/devd.h"

#include <errno.h>
#include "sys/log.h"
#include "sys/sys.h"

#define PORT_ADDRESS 0xcf8u
#define PORT_DATA    0xcfcu
#define BUS_BYTES    0x100000ull /* of ECAM, a bus */

volatile void *phys_map(struct devd *d, uint64_t base, uint64_t len, uint32_t prot)
{
	uint64_t first = base & ~(uint64_t)(PAGE_SIZE - 1), inside = base - first;
	struct map_args args = {.flags = prot | MAP_UNCACHED};
	int64_t r;

	if (!len || inside + len < len)
		return NULL;
	args.len = (inside + len + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);
	r = sys_vmo_create_physical(d->root, first, args.len);
	if (r < 0)
		return NULL;
	args.vmo = (handle_t)r;
	r = sys_aspace_map(d->aspace, &args);
	sys_handle_close(args.vmo); /* the mapping stays */
	return r < 0 ? NULL : (volatile uint8_t *)((uint64_t)r + inside);
}

void phys_unmap(struct devd *d, volatile void *at, uint64_t len)
{
	uint64_t first = (uint64_t)at & ~(uint64_t)(PAGE_SIZE - 1);
	uint64_t end = ((uint64_t)at + len + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1);

	if (at && sys_aspace_unmap(d->aspace, first, end - first) < 0)
		log_print("devd: a mapping stays");
}

static volatile uint8_t *ecam_at(struct devd *d, uint32_t source, uint32_t offset)
{
	uint32_t bus = source >> 8 & 0xff;

	if (source >> 16 || bus < d->ecam[0].bus_first || bus > d->ecam[0].bus_last)
		return NULL;
	if (!d->bus[bus])
		d->bus[bus] =
			phys_map(d, d->ecam[0].base + bus * BUS_BYTES, BUS_BYTES, PROT_R | PROT_W);
	return d->bus[bus] ? d->bus[bus] + ((source & 0xff) << 12) + offset : NULL;
}

static uint32_t ecam_read(void *ctx, uint32_t source, uint32_t offset, unsigned width)
{
	volatile uint8_t *at = ecam_at(ctx, source, offset);

	if (!at)
		return 0xffffffffu;
	if (width == 1)
		return *at;
	return width == 2 ? *(volatile uint16_t *)at : *(volatile uint32_t *)at;
}

static void ecam_write(void *ctx, uint32_t source, uint32_t offset, unsigned width, uint32_t value)
{
	volatile uint8_t *at = ecam_at(ctx, source, offset);

	if (!at)
		return;
	if (width == 1)
		*at = (uint8_t)value;
	else if (width == 2)
		*(volatile uint16_t *)at = (uint16_t)value;
	else
		*(volatile uint32_t *)at = value;
}

static int port_select(const struct devd *d, uint32_t source, uint32_t offset)
{
	uint32_t address = 0x80000000u | (source & 0xffff) << 8 | (offset & 0xfc);

	if (source >> 16 || offset > 0xff)
		return -ENXIO;
	return (int)sys_port_write(d->root, PORT_ADDRESS, 4, address);
}

static uint32_t port_read(void *ctx, uint32_t source, uint32_t offset, unsigned width)
{
	const struct devd *d = ctx;
	int64_t value = port_select(d, source, offset);

	if (!value)
		value = sys_port_read(d->root, PORT_DATA + (offset & 3), width);
	return value < 0 ? 0xffffffffu : (uint32_t)value;
}

static void port_write(void *ctx, uint32_t source, uint32_t offset, unsigned width, uint32_t value)
{
	const struct devd *d = ctx;

	if (!port_select(d, source, offset) &&
	    sys_port_write(d->root, PORT_DATA + (offset & 3), width, value) < 0)
		log_print("devd: configuration space refuses a write");
}

void config_init(struct devd *d)
{
	d->access = (struct pci_access){.read = port_read, .write = port_write, .ctx = d};
	if (!d->ecams) {
		log_print("devd: no ECAM: configuration space by ports");
		return;
	}
	if (d->ecam[0].segment || d->ecams > 1)
		log_print("devd: PCI segments other than 0 are left alone");
	if (!d->ecam[0].segment)
		d->access = (struct pci_access){.read = ecam_read, .write = ecam_write, .ctx = d};
}

uint32_t config_size(const struct devd *d)
{
	return d->access.read == ecam_read ? 4096 : 256;
}
