/* SPDX-License-Identifier: ISC */
/*
 * reset.c: silencing a PCI function, and bringing it to the state of power-on.
 *
 * Ways, in the order in which they are tried: function-level reset (PCI Express, advanced
 * features), the reset that every virtio device and every AHCI controller has, D3hot and back.
 * One that is not done by its deadline gives way to the next; without any left the function stays
 * silent (bus mastering off) and is not leased again.
 *
 * Nothing here waits: steps are taken by the unit's timer. Spec: PCI Express 6.0, 6.6.2; PCI Power
 * Management 1.2, 5.4; Virtio 1.2, 4.1.4.3; AHCI 1.3.1, 3.1.2.
 */
#include "servers/devd/devd.h"

#include <errno.h>
#include "sys/info.h"
#include "sys/log.h"

#define CLASS_AHCI    0x010601u
#define AHCI_BAR      5u
#define AHCI_GHC      0x04u
#define AHCI_RESET    0x00000001u
#define AHCI_ENABLE   0x80000000u
#define VIRTIO_STATUS 20u
#define REGS_LEN      64u
#define POLL_NS	      (2 * NS_PER_MS)
#define LIMIT_NS      NS_PER_S
#define FLR_NS	      (100 * NS_PER_MS)
#define D3_NS	      (10 * NS_PER_MS)

/* step answers 0 (done), ns to wait before the next one, or an error. */
struct reset_way {
	const char *name;
	bool (*fits)(const struct unit *u);
	int64_t (*step)(struct unit *u);
};

static uint32_t get(const struct unit *u, uint32_t offset, unsigned width)
{
	const struct pci_access *a = &u->devd->access;

	return a->read(a->ctx, u->f->source, offset, width);
}

static void put(const struct unit *u, uint32_t offset, unsigned width, uint32_t value)
{
	const struct pci_access *a = &u->devd->access;

	a->write(a->ctx, u->f->source, offset, width, value);
}

static bool answers(const struct unit *u)
{
	return pci_present(&u->devd->access, u->f->source);
}

/* ---- the ways -------------------------------------------------------------------- */

static bool flr_fits(const struct unit *u)
{
	return u->f->flr != 0;
}

static int64_t flr_step(struct unit *u)
{
	uint32_t pcie = u->f->pcie, af = u->f->af;
	bool express = u->f->flr == PCI_CAP_PCIE;

	if (u->step < FLR_NS / POLL_NS && express &&
	    get(u, pcie + PCI_PCIE_DEVSTA, 2) & PCI_PCIE_PENDING) {
		u->step++;
		return POLL_NS;
	}
	if (u->step <= FLR_NS / POLL_NS) {
		u->step = FLR_NS / POLL_NS + 1;
		if (express)
			put(u, pcie + PCI_PCIE_DEVCTL, 2,
			    get(u, pcie + PCI_PCIE_DEVCTL, 2) | PCI_PCIE_RESET);
		else
			put(u, af + PCI_AF_CONTROL, 1, 1);
		return FLR_NS;
	}
	return answers(u) ? 0 : (int64_t)POLL_NS;
}

static const struct pci_virtio *virtio_common(const struct unit *u)
{
	return pci_virtio_find(u->f, PCI_VIRTIO_COMMON);
}

static bool virtio_fits(const struct unit *u)
{
	return virtio_common(u) && virtio_common(u)->length >= REGS_LEN - 8;
}

static int64_t virtio_step(struct unit *u)
{
	if (!u->regs) {
		u->regs = phys_map(u->devd, pci_virtio_address(u->f, virtio_common(u)), REGS_LEN,
				   PROT_R | PROT_W);
		if (!u->regs)
			return -ENOMEM;
		u->regs[VIRTIO_STATUS] = 0;
	}
	return u->regs[VIRTIO_STATUS] ? (int64_t)POLL_NS : 0;
}

static bool ahci_fits(const struct unit *u)
{
	const struct pci_bar *b = &u->f->bar[AHCI_BAR];

	return u->f->class_code == CLASS_AHCI && b->kind == PCI_BAR_MEMORY && b->size >= REGS_LEN;
}

static int64_t ahci_step(struct unit *u)
{
	volatile uint32_t *ghc;

	if (!u->regs) {
		u->regs = phys_map(u->devd, u->f->bar[AHCI_BAR].base, REGS_LEN, PROT_R | PROT_W);
		if (!u->regs)
			return -ENOMEM;
		ghc = (volatile uint32_t *)(u->regs + AHCI_GHC);
		*ghc = AHCI_ENABLE;
		*ghc = AHCI_ENABLE | AHCI_RESET;
	}
	ghc = (volatile uint32_t *)(u->regs + AHCI_GHC);
	return *ghc & AHCI_RESET ? (int64_t)POLL_NS : 0;
}

static bool d3_fits(const struct unit *u)
{
	return u->f->pm && !(get(u, u->f->pm + PCI_PM_CONTROL, 2) & PCI_PM_NO_RESET);
}

static int64_t d3_step(struct unit *u)
{
	uint32_t at = u->f->pm + PCI_PM_CONTROL, value = get(u, at, 2) & ~PCI_PM_STATE;

	switch (u->step++) {
	case 0: put(u, at, 2, value | PCI_PM_STATE); return D3_NS;
	case 1: put(u, at, 2, value); return D3_NS;
	}
	return answers(u) ? 0 : (int64_t)POLL_NS;
}

static const struct reset_way ways[] = {
	{"flr", flr_fits, flr_step},
	{"virtio", virtio_fits, virtio_step},
	{"ahci", ahci_fits, ahci_step},
	{"d3", d3_fits, d3_step},
	{NULL, NULL, NULL},
};

const char *reset_name(const struct unit *u)
{
	for (const struct reset_way *w = ways; u->f && w->name; w++)
		if (w->fits(u))
			return w->name;
	return "none";
}

/* ---- going through them ---------------------------------------------------------- */

static void regs_drop(struct unit *u)
{
	phys_unmap(u->devd, u->regs, REGS_LEN);
	u->regs = NULL;
}

static void reset_finish(struct unit *u, int err)
{
	serve_watch_remove(&u->devd->serve, &u->timer);
	u->way = NULL;
	if (!err) {
		pci_restore(&u->devd->access, u->f);
		function_quiet(u);
	}
	lease_reset_done(u, err);
}

static void way_begin(struct unit *u, const struct reset_way *from)
{
	while (from->name && !from->fits(u))
		from++;
	u->way = from;
	u->step = 0;
	u->deadline = time_in(LIMIT_NS);
	/* Registers must answer, and a reset before may have cleared the BARs. */
	pci_restore(&u->devd->access, u->f);
	function_enable(u, false);
}

/* Steps until one has to wait, or it is over. */
static void reset_go(struct unit *u)
{
	int64_t r;
	int err;

	while (u->way->name) {
		r = time_now() < u->deadline ? u->way->step(u) : -ETIMEDOUT;
		if (r > 0) {
			err = serve_watch_timer(&u->devd->serve, &u->timer, time_in((uint64_t)r),
						0);
			if (!err)
				return;
			r = err;
		}
		regs_drop(u);
		if (!r) {
			reset_finish(u, 0);
			return;
		}
		log_print("devd: %s: reset by %s: %d", u->name, u->way->name, (int)r);
		way_begin(u, u->way + 1);
	}
	reset_finish(u, -EIO);
}

static void on_timer(struct serve_watch *w, const struct event *e)
{
	struct unit *u = w->arg;

	(void)e;
	if (u->state == UNIT_RESETTING && u->way)
		reset_go(u);
}

void function_reset(struct unit *u)
{
	function_quiet(u);
	u->timer = (struct serve_watch){.fn = on_timer, .arg = u};
	way_begin(u, ways);
	reset_go(u);
}

/* ---- the command register -------------------------------------------------------- */

void function_quiet(struct unit *u)
{
	pci_command(&u->devd->access, u->f->source, PCI_COMMAND_MASTER, PCI_COMMAND_INTX);
	messages_off(u);
}

void function_enable(struct unit *u, bool master)
{
	uint32_t set = master ? PCI_COMMAND_MASTER : 0;
	bool line = master && u->args.lines[0];

	for (unsigned n = 0; n < PCI_BARS; n++) {
		set |= u->f->bar[n].kind == PCI_BAR_PORT ? PCI_COMMAND_IO : 0;
		set |= u->f->bar[n].kind == PCI_BAR_MEMORY ? PCI_COMMAND_MEMORY : 0;
	}
	pci_command(&u->devd->access, u->f->source, line ? PCI_COMMAND_INTX : 0,
		    set | (line ? 0 : PCI_COMMAND_INTX));
}
