/* SPDX-License-Identifier: ISC */
/*
 * units.c: finding what can be leased, once a boot; after a restart, finding it again.
 *
 * The functions and their BARs lie in the state VMO, since sizing BARs would disturb drivers that
 * have gone on. The device objects are kept handles, told apart by the names that were given to
 * them: "00:03.0" is a unit, "00:03.0 silo 12" its lease.
 *
 * Who may lie: a predecessor that was broken wrote the state; what does not fit the hardware is
 * not taken, and then everything is found anew and all leases' functions stay with who has them.
 */
#include "servers/devd/devd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "servers/init/kept.h"
#include "sys/boot.h"
#include "sys/log.h"
#include "sys/sys.h"

#define CLASS_BRIDGE 0x06u
#define KEPT_LIST    96u

int handle_keep(struct devd *d, handle_t *handle)
{
	struct kept kept;
	int err = kept_make(d->self, &kept, *handle);

	if (!err)
		*handle = kept.handle;
	return err;
}

const char *unit_state_name(enum unit_state state)
{
	switch (state) {
	case UNIT_FREE: return "free";
	case UNIT_LEASED: return "leased";
	case UNIT_RESETTING: return "resetting";
	case UNIT_FAILED: return "failed";
	case UNIT_STATES: break;
	}
	return "unknown";
}

/* ---- by name and number ---------------------------------------------------------- */

struct unit *unit_of(struct devd *d, uint32_t obj)
{
	return obj - 1 < d->units ? &d->unit[obj - 1] : NULL;
}

struct unit *unit_by_source(struct devd *d, uint32_t source)
{
	for (unsigned i = 0; i < d->units; i++)
		if (d->unit[i].f && d->unit[i].f->source == source)
			return &d->unit[i];
	return NULL;
}

int unit_name_find(struct devd *d, const char *kind, struct p9_str name, uint32_t *obj)
{
	for (unsigned i = 0; i < d->units; i++)
		if (!strcmp(d->unit[i].kind, kind) && p9_str_equal(name, d->unit[i].name)) {
			*obj = i + 1;
			return 0;
		}
	return -ENOENT;
}

int unit_name_next(struct devd *d, const char *kind, uint32_t after, uint32_t *obj, char *name)
{
	for (uint32_t i = after; i < d->units; i++)
		if (!strcmp(d->unit[i].kind, kind)) {
			*obj = i + 1;
			strcpy(name, d->unit[i].name);
			return 0;
		}
	return -ENOENT;
}

/* ---- what a function's lease may use --------------------------------------------- */

static uint64_t page_down(uint64_t at)
{
	return at & ~(uint64_t)(PAGE_SIZE - 1);
}

static uint64_t page_up(uint64_t at)
{
	return page_down(at + PAGE_SIZE - 1);
}

/* Does another BAR lie in [base, end)? Then the pages cannot be given away. */
static bool pages_shared(const struct devd *d, const struct pci_bar *own, uint64_t base,
			 uint64_t end)
{
	for (uint32_t i = 0; i < d->state->functions; i++)
		for (unsigned n = 0; n < PCI_BARS; n++) {
			const struct pci_bar *b = &d->state->function[i].bar[n];

			if (b != own && b->kind == PCI_BAR_MEMORY && b->base < end &&
			    base < b->base + b->size)
				return true;
		}
	return false;
}

static void range_add(struct phys_range *ranges, uint64_t base, uint64_t end)
{
	for (unsigned i = 0; base < end && i < DEVICE_RANGES; i++)
		if (!ranges[i].len) {
			ranges[i] = (struct phys_range){base, end - base};
			return;
		}
}

/* The pages of a BAR but for those that hold the MSI-X table and its pending bits. */
static void bar_cut(struct device_args *args, const struct pci_function *f, uint32_t n,
		    uint64_t base, uint64_t end)
{
	struct phys_range hole[2] = {{f->msix_table, (uint64_t)f->msix_entries * PCI_MSIX_ENTRY},
				     {f->msix_pba, (f->msix_entries + 63) / 64 * 8}};
	uint32_t bar[2] = {f->msix_table_bar, f->msix_pba_bar};
	unsigned first = hole[0].base <= hole[1].base || bar[1] != n ? 0 : 1;

	for (unsigned i = 0; f->msix && i < 2; i++) {
		const struct phys_range *h = &hole[i ^ first];
		uint64_t from = page_down(f->bar[n].base + h->base);

		if (bar[i ^ first] != n)
			continue;
		range_add(args->regs, base, from);
		if (base < page_up(f->bar[n].base + h->base + h->len))
			base = page_up(f->bar[n].base + h->base + h->len);
	}
	range_add(args->regs, base, end);
}

static void bars_give(const struct devd *d, struct unit *u)
{
	const struct pci_function *f = u->f;

	for (uint32_t n = 0; n < PCI_BARS; n++) {
		const struct pci_bar *b = &f->bar[n];
		uint64_t base = page_down(b->base), end = page_up(b->base + b->size);

		if (b->kind == PCI_BAR_PORT)
			range_add(u->args.ports, b->base, b->base + b->size);
		if (b->kind != PCI_BAR_MEMORY)
			continue;
		if (b->size < PAGE_SIZE && pages_shared(d, b, base, end))
			log_print("devd: %s: bar%u shares its page, not given", u->name, n);
		else
			bar_cut(&u->args, f, n, base, end);
	}
}

static void function_args(const struct devd *d, struct unit *u)
{
	const struct pci_function *f = u->f;
	uint32_t gsi;

	u->args.source = f->source;
	u->args.dma_max = DEVD_DMA_MAX;
	u->args.msi = f->msix ? f->msix_entries : f->msi ? 1 : 0;
	if (u->args.msi > DEVD_MSI_MAX)
		u->args.msi = DEVD_MSI_MAX;
	bars_give(d, u);
	if (u->args.msi || !f->pin || !f->line || f->line > 15)
		return;
	/* Without AML the routing is unknown: the line that firmware chose. */
	gsi = firmware_line(d, f->line, &u->line_flags);
	if (!u->line_flags)
		u->line_flags = IRQ_LEVEL | IRQ_LOW;
	u->args.lines[0] = gsi + 1;
}

/* ---- finding --------------------------------------------------------------------- */

static int state_map(struct devd *d)
{
	uint64_t len = page_up(sizeof(*d->state));
	struct map_args args = {.vmo = boot_handle("state"), .flags = PROT_R | PROT_W, .len = len};
	int64_t at;

	if (args.vmo == HANDLE_NONE) {
		d->state = calloc(1, sizeof(*d->state));
		return d->state ? 0 : -ENOMEM;
	}
	at = sys_aspace_map(d->aspace, &args);
	if (at < 0)
		return (int)at;
	d->state = (struct devd_state *)at;
	return 0;
}

/* Did a predecessor find what is still there? */
static bool state_sound(const struct devd *d)
{
	const struct devd_state *s = d->state;

	if (s->magic != DEVD_STATE_MAGIC || s->version != DEVD_STATE_VERSION || !s->found ||
	    s->function_size != sizeof(struct pci_function) || s->functions > DEVD_FUNCTIONS)
		return false;
	for (uint32_t i = 0; i < s->functions; i++) {
		const struct pci_function *f = &s->function[i];
		uint32_t id = d->access.read(d->access.ctx, f->source, PCI_VENDOR, 4);

		if (id != (f->device << 16 | f->vendor) || f->virtios > PCI_VIRTIOS ||
		    f->msix_table_bar >= PCI_BARS || f->msix_pba_bar >= PCI_BARS)
			return false;
		for (uint32_t v = 0; v < f->virtios; v++)
			if (f->virtio[v].bar >= PCI_BARS)
				return false;
	}
	return true;
}

static void functions_find(struct devd *d)
{
	struct devd_state *s = d->state;
	uint8_t first = d->ecams ? d->ecam[0].bus_first : 0;
	uint8_t last = d->ecams ? d->ecam[0].bus_last : 255;

	if (state_sound(d)) {
		log_print("devd: goes on with %u functions found before", s->functions);
		return;
	}
	memset(s, 0, sizeof(*s));
	s->magic = DEVD_STATE_MAGIC;
	s->version = DEVD_STATE_VERSION;
	s->function_size = sizeof(struct pci_function);
	s->functions = pci_enumerate(&d->access, 0, first, last, s->function, DEVD_FUNCTIONS);
	s->found = 1;
	log_print("devd: %u PCI functions%s", s->functions,
		  s->functions == DEVD_FUNCTIONS ? ", and perhaps more" : "");
}

static void functions_units(struct devd *d)
{
	for (uint32_t i = 0; i < d->state->functions; i++) {
		struct unit *u = &d->unit[d->units++];

		u->f = &d->state->function[i];
		u->kind = "pci";
		pci_name(u->f->source, u->name);
		function_args(d, u);
	}
}

/* ---- device objects -------------------------------------------------------------- */

/* Bridges stay with devd. */
static bool leasable(const struct unit *u)
{
	return !u->f || (u->f->header == 0 && u->f->class_code >> 16 != CLASS_BRIDGE);
}

static void handle_adopt(struct devd *d, const struct kept *kept)
{
	struct device_info info;
	unsigned silo = 0;
	char name[PCI_NAME];

	if (kept->type != OBJ_DEVICE || kept->handle == d->root ||
	    sys_device_info(kept->handle, &info) < 0 || info.args.name[NAME_MAX_LEN - 1] ||
	    sscanf(info.args.name, "%15s silo %u", name, &silo) < 1)
		return;
	for (unsigned i = 0; i < d->units; i++) {
		struct unit *u = &d->unit[i];

		if (strcmp(u->name, name))
			continue;
		if (!silo) {
			u->device = kept->handle;
		} else {
			u->lease = kept->handle;
			u->silo = silo;
			unit_set(u, UNIT_LEASED);
			log_print("devd: %s is still leased to silo %u", u->name, silo);
		}
	}
}

static void devices_adopt(struct devd *d)
{
	static struct kept list[KEPT_LIST];
	int n = kept_own(d->self, list, KEPT_LIST);

	for (int i = 0; i < n; i++)
		handle_adopt(d, &list[i]);
}

static void device_cut(struct devd *d, struct unit *u)
{
	struct device_args args = u->args;
	int64_t h;
	int err;

	snprintf(args.name, sizeof(args.name), "%s", u->name);
	h = sys_device_create(d->root, &args);
	if (h < 0) {
		log_print("devd: %s cannot be leased: %d", u->name, (int)h);
		return;
	}
	u->device = (handle_t)h;
	err = handle_keep(d, &u->device);
	if (err)
		log_print("devd: %s is lost with this process: %d", u->name, err);
}

/* Leases are cut from what we hold: nobody needs the root device any more, a broken devd
 * included. A successor finds it locked already. */
static void devices_lock(const struct devd *d)
{
	int64_t err = sys_machine_control(d->root, MACHINE_LOCK_DEVICES, 0);

	if (err < 0)
		log_print("devd: discovery is not locked: %d", (int)err);
}

int units_find(struct devd *d)
{
	int err = state_map(d);

	if (err)
		return err;
	functions_find(d);
	functions_units(d);
	platform_units(d);
	for (unsigned i = 0; i < d->units; i++)
		d->unit[i].devd = d;
	devices_adopt(d);
	for (unsigned i = 0; i < d->units; i++) {
		struct unit *u = &d->unit[i];

		if (leasable(u) && u->device == HANDLE_NONE)
			device_cut(d, u);
		/* Firmware may have left it running. */
		if (u->f && leasable(u) && u->state == UNIT_FREE)
			function_quiet(u);
	}
	devices_lock(d);
	return 0;
}
