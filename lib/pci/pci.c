/* SPDX-License-Identifier: ISC */
/* pci.c: see pci.h. */
#include "pci/pci.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define CAPS_FIRST 0x40u
#define CAPS_END   0x100u
#define CAPS_MAX   48u /* a list cannot hold more without a loop */
#define SLOTS	   32u
#define MULTI	   0x80u /* in the header type: there are functions 1 to 7 */

static uint32_t read1(const struct pci_access *a, uint32_t source, uint32_t offset)
{
	return a->read(a->ctx, source, offset, 1) & 0xff;
}

static uint32_t read2(const struct pci_access *a, uint32_t source, uint32_t offset)
{
	return a->read(a->ctx, source, offset, 2) & 0xffff;
}

static uint32_t read4(const struct pci_access *a, uint32_t source, uint32_t offset)
{
	return a->read(a->ctx, source, offset, 4);
}

static void write4(const struct pci_access *a, uint32_t source, uint32_t offset, uint32_t value)
{
	a->write(a->ctx, source, offset, 4, value);
}

void pci_name(uint32_t source, char name[PCI_NAME])
{
	uint32_t segment = source >> 16, bus = source >> 8 & 0xff;
	int n = 0;

	if (segment)
		n = snprintf(name, PCI_NAME, "%04x:", segment);
	snprintf(name + n, PCI_NAME - (size_t)n, "%02x:%02x.%x", bus, source >> 3 & 0x1f,
		 source & 7);
}

bool pci_present(const struct pci_access *a, uint32_t source)
{
	uint32_t vendor = read2(a, source, PCI_VENDOR);

	return vendor != 0xffff && vendor != 0;
}

void pci_command(const struct pci_access *a, uint32_t source, uint32_t clear, uint32_t set)
{
	uint32_t command = read2(a, source, PCI_COMMAND);

	a->write(a->ctx, source, PCI_COMMAND, 2, (command & ~clear) | set);
}

/* ---- BARs ------------------------------------------------------------------------ */

static uint32_t bar_probe(const struct pci_access *a, uint32_t source, uint32_t offset,
			  uint32_t *mask)
{
	uint32_t old = read4(a, source, offset);

	write4(a, source, offset, 0xffffffffu);
	*mask = read4(a, source, offset);
	write4(a, source, offset, old);
	return old;
}

/* Read BAR n, and its upper half; returns how many registers that were. */
static unsigned bar_read(const struct pci_access *a, struct pci_function *f, unsigned n,
			 unsigned count)
{
	struct pci_bar *b = &f->bar[n];
	uint32_t mask, high_mask = 0xffffffffu, high = 0;
	uint32_t low = bar_probe(a, f->source, PCI_BAR0 + 4 * n, &mask);
	uint64_t size;

	if (low & 1) {
		b->kind = PCI_BAR_PORT;
		b->base = low & 0xfffcu;
		size = (mask & 0xfffcu) ? -(uint64_t)((mask & 0xfffcu) | ~0xffffull) : 0;
		b->size = size;
		return 1;
	}
	b->wide = (low & 6) == 4 && n + 1 < count;
	if (b->wide) {
		high = bar_probe(a, f->source, PCI_BAR0 + 4 * n + 4, &high_mask);
		f->bar[n + 1].kind = PCI_BAR_UPPER;
	}
	b->kind = PCI_BAR_MEMORY;
	b->base = (uint64_t)high << 32 | (low & ~15u);
	if ((mask & ~15u) || (b->wide && high_mask))
		b->size = -((uint64_t)high_mask << 32 | (mask & ~15u));
	return b->wide ? 2 : 1;
}

/* A BAR without a place, or whose size is no size, cannot be used. */
static void bar_check(struct pci_bar *b)
{
	bool usable = b->size && !(b->size & (b->size - 1)) && b->base &&
		      !(b->base & (b->size - 1)) && b->base + b->size > b->base;

	if (usable || b->kind == PCI_BAR_UPPER)
		return;
	*b = (struct pci_bar){.kind = PCI_BAR_NONE, .wide = b->wide};
}

static void bars_read(const struct pci_access *a, struct pci_function *f)
{
	unsigned count = f->header == 0 ? PCI_BARS : f->header == 1 ? 2 : 0;
	uint32_t command = read2(a, f->source, PCI_COMMAND);

	pci_command(a, f->source, PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, 0);
	for (unsigned n = 0; n < count;)
		n += bar_read(a, f, n, count);
	a->write(a->ctx, f->source, PCI_COMMAND, 2, command);
	for (unsigned n = 0; n < count; n++)
		bar_check(&f->bar[n]);
}

/* Is there a piece of a memory BAR? */
static bool bar_holds(const struct pci_function *f, uint32_t bar, uint32_t offset, uint64_t len)
{
	return bar < PCI_BARS && f->bar[bar].kind == PCI_BAR_MEMORY && len &&
	       offset <= f->bar[bar].size && len <= f->bar[bar].size - offset;
}

/* ---- capabilities ---------------------------------------------------------------- */

static void msi_read(const struct pci_access *a, struct pci_function *f, uint32_t at)
{
	f->msi = at;
	f->msi_vectors = 1u << (read2(a, f->source, at + PCI_MSI_CONTROL) >> 1 & 7);
}

static void msix_read(const struct pci_access *a, struct pci_function *f, uint32_t at)
{
	uint32_t entries = (read2(a, f->source, at + PCI_MSIX_CONTROL) & 0x7ff) + 1;
	uint32_t table = read4(a, f->source, at + 4), pba = read4(a, f->source, at + 8);

	if (!bar_holds(f, table & 7, table & ~7u, (uint64_t)entries * PCI_MSIX_ENTRY) ||
	    !bar_holds(f, pba & 7, pba & ~7u, (entries + 63) / 64 * 8))
		return;
	f->msix = at;
	f->msix_entries = entries;
	f->msix_table_bar = table & 7;
	f->msix_table = table & ~7u;
	f->msix_pba_bar = pba & 7;
	f->msix_pba = pba & ~7u;
}

/* Virtio 1.2, 4.1.4: kind at 3, BAR at 4, offset at 8, length at 12. */
static void virtio_read(const struct pci_access *a, struct pci_function *f, uint32_t at)
{
	struct pci_virtio v = {.kind = read1(a, f->source, at + 3),
			       .bar = read1(a, f->source, at + 4),
			       .offset = read4(a, f->source, at + 8),
			       .length = read4(a, f->source, at + 12)};

	if (f->vendor != 0x1af4 || f->virtios == PCI_VIRTIOS || at + 16 > CAPS_END)
		return;
	if (v.kind < PCI_VIRTIO_COMMON || v.kind > PCI_VIRTIO_DEVICE ||
	    !bar_holds(f, v.bar, v.offset, v.length) || pci_virtio_find(f, v.kind))
		return;
	if (v.kind == PCI_VIRTIO_NOTIFY && at + 20 <= CAPS_END)
		v.multiplier = read4(a, f->source, at + 16);
	f->virtio[f->virtios++] = v;
}

static void cap_read(const struct pci_access *a, struct pci_function *f, uint32_t id, uint32_t at)
{
	switch (id) {
	case PCI_CAP_PM: f->pm = at; break;
	case PCI_CAP_MSI: msi_read(a, f, at); break;
	case PCI_CAP_VENDOR: virtio_read(a, f, at); break;
	case PCI_CAP_MSIX: msix_read(a, f, at); break;
	case PCI_CAP_PCIE:
		f->pcie = at;
		if (read4(a, f->source, at + PCI_PCIE_DEVCAP) & PCI_PCIE_FLR)
			f->flr = PCI_CAP_PCIE;
		break;
	case PCI_CAP_AF:
		f->af = at;
		if ((read1(a, f->source, at + PCI_AF_CAPS) & PCI_AF_FLR) == PCI_AF_FLR && !f->flr)
			f->flr = PCI_CAP_AF;
		break;
	}
}

static void caps_read(const struct pci_access *a, struct pci_function *f)
{
	uint32_t at;

	if (f->header > 1 || !(read2(a, f->source, PCI_STATUS) & PCI_STATUS_CAPS))
		return;
	at = read1(a, f->source, PCI_CAPS) & ~3u;
	for (unsigned n = 0; n < CAPS_MAX && at >= CAPS_FIRST; n++) {
		cap_read(a, f, read1(a, f->source, at), at);
		at = read1(a, f->source, at + 1) & ~3u;
	}
}

const struct pci_virtio *pci_virtio_find(const struct pci_function *f, enum pci_virtio_kind kind)
{
	for (uint32_t i = 0; i < f->virtios; i++)
		if (f->virtio[i].kind == kind)
			return &f->virtio[i];
	return NULL;
}

/* ---- functions ------------------------------------------------------------------- */

int pci_function_read(const struct pci_access *a, uint32_t source, struct pci_function *f)
{
	uint32_t id = read4(a, source, PCI_VENDOR), class_code = read4(a, source, PCI_REVISION);

	if (!pci_present(a, source))
		return -ENODEV;
	memset(f, 0, sizeof(*f));
	f->source = source;
	f->vendor = id & 0xffff;
	f->device = id >> 16;
	f->class_code = class_code >> 8;
	f->revision = class_code & 0xff;
	f->header = read1(a, source, PCI_HEADER) & ~MULTI;
	for (unsigned i = 0; i < PCI_HEADER_SIZE / 4; i++)
		f->saved[i] = read4(a, source, 4 * i);
	if (f->header == 1)
		f->secondary = read1(a, source, PCI_SECONDARY);
	if (f->header == 0) {
		f->subvendor = read2(a, source, PCI_SUBSYSTEM);
		f->subdevice = read2(a, source, PCI_SUBSYSTEM + 2);
	}
	f->line = read1(a, source, PCI_LINE);
	f->pin = read1(a, source, PCI_PIN);
	bars_read(a, f);
	caps_read(a, f);
	return 0;
}

static unsigned slot_read(const struct pci_access *a, uint32_t source, struct pci_function *out,
			  unsigned max)
{
	bool multi = pci_present(a, source) && read1(a, source, PCI_HEADER) & MULTI;
	unsigned n = 0;

	for (uint32_t fn = 0; fn < (multi ? 8 : 1) && n < max; fn++)
		if (!pci_function_read(a, source | fn, &out[n]))
			n++;
	return n;
}

unsigned pci_enumerate(const struct pci_access *a, uint32_t segment, uint8_t first, uint8_t last,
		       struct pci_function *out, unsigned max)
{
	bool seen[256] = {false};
	uint8_t todo[256] = {first};
	unsigned found = 0, done = 0, count = 1;

	seen[first] = true;
	while (done < count) {
		uint32_t bus = todo[done++];
		unsigned from = found;

		for (uint32_t slot = 0; slot < SLOTS; slot++)
			found += slot_read(a, segment << 16 | bus << 8 | slot << 3, out + found,
					   max - found);
		for (; from < found; from++) {
			uint32_t behind = out[from].secondary;

			if (behind > bus && behind <= last && !seen[behind]) {
				seen[behind] = true;
				todo[count++] = (uint8_t)behind;
			}
		}
	}
	return found;
}

void pci_restore(const struct pci_access *a, const struct pci_function *f)
{
	for (uint32_t at = PCI_BAR0; at < PCI_BAR0 + 4 * PCI_BARS; at += 4)
		write4(a, f->source, at, f->saved[at / 4]);
	write4(a, f->source, PCI_CACHE_LINE, f->saved[PCI_CACHE_LINE / 4]);
	write4(a, f->source, PCI_LINE, f->saved[PCI_LINE / 4]);
}
