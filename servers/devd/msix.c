/* SPDX-License-Identifier: ISC */
/*
 * msix.c: message interrupts: MSI-X where a function has it, else MSI with one message.
 *
 * The address and data that a device writes come from the kernel (irq_info of a handle that the
 * asker holds), so that nobody can aim a device's write anywhere else. The MSI-X table is mapped
 * here and nowhere else. Who may lie: the asker, in index and source; both are checked against the
 * function and its lease.
 *
 * Spec: PCI Local Bus 3.0, 6.8; lib/pci/driver.h for the call.
 */
#include "servers/devd/devd.h"

#include <errno.h>
#include "pci/driver.h"
#include "sys/sys.h"

#define ENTRY_ADDRESS 0u /* words of 32 bits */
#define ENTRY_HIGH    1u
#define ENTRY_DATA    2u
#define ENTRY_CONTROL 3u
#define ENTRY_MASKED  1u

static uint32_t get2(const struct unit *u, uint32_t offset)
{
	const struct pci_access *a = &u->devd->access;

	return a->read(a->ctx, u->f->source, offset, 2);
}

static void put(const struct unit *u, uint32_t offset, unsigned width, uint32_t value)
{
	const struct pci_access *a = &u->devd->access;

	a->write(a->ctx, u->f->source, offset, width, value);
}

static uint64_t table_len(const struct pci_function *f)
{
	return (uint64_t)f->msix_entries * PCI_MSIX_ENTRY;
}

static int msix_set(struct unit *u, uint32_t index, const struct irq_info *info)
{
	const struct pci_function *f = u->f;
	volatile uint32_t *entry;

	if (index >= f->msix_entries)
		return -EINVAL;
	if (!u->msix)
		u->msix = phys_map(u->devd, f->bar[f->msix_table_bar].base + f->msix_table,
				   table_len(f), PROT_R | PROT_W);
	if (!u->msix)
		return -ENOMEM;
	/* Enabled, but all masked, while the entry is written. */
	put(u, f->msix + PCI_MSIX_CONTROL, 2,
	    get2(u, f->msix + PCI_MSIX_CONTROL) | PCI_MSIX_ENABLE | PCI_MSIX_MASK_ALL);
	entry = (volatile uint32_t *)(u->msix + index * PCI_MSIX_ENTRY);
	entry[ENTRY_CONTROL] |= ENTRY_MASKED;
	entry[ENTRY_ADDRESS] = (uint32_t)info->msi_address;
	entry[ENTRY_HIGH] = (uint32_t)(info->msi_address >> 32);
	entry[ENTRY_DATA] = info->msi_data;
	entry[ENTRY_CONTROL] &= ~ENTRY_MASKED;
	put(u, f->msix + PCI_MSIX_CONTROL, 2,
	    get2(u, f->msix + PCI_MSIX_CONTROL) & ~PCI_MSIX_MASK_ALL);
	return 0;
}

static int msi_set(struct unit *u, uint32_t index, const struct irq_info *info)
{
	const struct pci_function *f = u->f;
	uint32_t control = get2(u, f->msi + PCI_MSI_CONTROL), at = f->msi + PCI_MSI_ADDRESS;
	bool wide = control & PCI_MSI_WIDE;

	if (index || (!wide && info->msi_address >> 32))
		return -EINVAL;
	control &= ~(PCI_MSI_ENABLE | PCI_MSI_MULTIPLE);
	put(u, f->msi + PCI_MSI_CONTROL, 2, control);
	put(u, at, 4, (uint32_t)info->msi_address);
	if (wide)
		put(u, at + 4, 4, (uint32_t)(info->msi_address >> 32));
	put(u, at + (wide ? 8 : 4), 2, info->msi_data);
	if (control & PCI_MSI_MASKS)
		put(u, at + (wide ? 12 : 8), 4, 0);
	put(u, f->msi + PCI_MSI_CONTROL, 2, control | PCI_MSI_ENABLE);
	return 0;
}

void messages_off(struct unit *u)
{
	const struct pci_function *f = u->f;

	if (f->msix)
		put(u, f->msix + PCI_MSIX_CONTROL, 2,
		    get2(u, f->msix + PCI_MSIX_CONTROL) & ~PCI_MSIX_ENABLE);
	if (f->msi)
		put(u, f->msi + PCI_MSI_CONTROL, 2,
		    get2(u, f->msi + PCI_MSI_CONTROL) & ~PCI_MSI_ENABLE);
}

int64_t devd_call(struct serve *s, struct serve_call *c)
{
	struct devd *d = s->ctx;
	struct irq_info info;
	struct unit *u;
	int64_t err;

	if (c->label != PCI_CALL_MSIX)
		return -EOPNOTSUPP;
	if (c->nhandles != 1 || c->w[0] > UINT32_MAX || c->w[1] > UINT32_MAX)
		return -EINVAL;
	u = unit_by_source(d, (uint32_t)c->w[1]);
	if (!u || u->state != UNIT_LEASED || u->silo != c->from.silo)
		return -EPERM;
	err = sys_irq_info(c->handles[0], &info);
	if (err)
		return err;
	if (info.kind != IRQ_MSI || !info.msi_address)
		return -EINVAL;
	if (u->f->msix)
		return msix_set(u, (uint32_t)c->w[0], &info);
	return u->f->msi ? msi_set(u, (uint32_t)c->w[0], &info) : -ENODEV;
}
