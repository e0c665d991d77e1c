/* SPDX-License-Identifier: ISC */
/*
 * vtd_unit.c: Intel VT-d: finding the remapping units, turning them on, telling them what is no
 * longer true, and their faults. What they translate by is made in vtd.c.
 *
 * All units of segment 0 share one root table, and are told of every invalidation, by registers.
 * Translation is turned on before the first program runs. A fault raises a message interrupt of the
 * unit: it is logged with the device's name; then the unit stays silent for 100 ms, so that a
 * device gone wild costs little.
 *
 * Not here: interrupt remapping (a device can still write any interrupt message), scalable mode,
 * invalidation by the queue, device TLBs, and the firmware's reserved regions, which are reported
 * only: a device that the firmware still drives loses its memory.
 *
 * Spec: Intel VT-d Architecture Specification, revision 4.1: 8 (ACPI), 11 (registers).
 */
#include "vtd.h"
#include "device.h"
#include "iommu.h"
#include "log.h"
#include "private.h"
#include "timer.h"

#define UNITS_MAX      8
#define TABLE_MAX      (1u << 16)
#define ANSWER_NS      100000000ull /* a unit that takes longer is broken */
#define FAULT_REST_NS  100000000ull
#define FAULTS_AT_ONCE 16

/* Registers (11.4). */
enum {
	R_VERSION = 0x00,
	R_CAP = 0x08,
	R_ECAP = 0x10,
	R_GCMD = 0x18,
	R_GSTS = 0x1c,
	R_ROOT = 0x20,
	R_CONTEXT = 0x28,
	R_FSTS = 0x34,
	R_FECTL = 0x38,
	R_FEDATA = 0x3c,
	R_FEADDR = 0x40,
	R_FEADDR_HIGH = 0x44,
};
#define QUEUE_ONLY     6u /* major version: no invalidation by registers (6.5) */
#define GCMD_TRANSLATE (1u << 31)
#define GCMD_ROOT      (1u << 30)
#define GCMD_KEEP      0x96ffffffu /* bits of GSTS that are states, not one-shots */
#define INVALIDATE     (1ull << 63)
#define CONTEXT_GLOBAL (1ull << 61)
#define IOTLB_GLOBAL   (1ull << 60)
#define IOTLB_DOMAIN   (2ull << 60)
#define IOTLB_DRAIN    (3ull << 48)
#define FECTL_MASK     (1u << 31)
#define FSTS_CLEAR     0x7du /* all that is cleared by writing 1 */
#define FAULT_PENDING  (1u << 31)

struct unit {
	volatile uint8_t *regs;
	paddr_t base;
	unsigned iotlb, faults, fault_count; /* register offsets; records */
};

struct vtd vtd = {.coherent = true};
static struct unit units[UNITS_MAX];
static unsigned unit_count;
static bool running;
static struct timer fault_rest;

/* ---- registers ------------------------------------------------------------------------- */

static uint32_t read32(const struct unit *u, unsigned r)
{
	return *(volatile uint32_t *)(u->regs + r);
}

static uint64_t read64(const struct unit *u, unsigned r)
{
	return *(volatile uint64_t *)(u->regs + r);
}

static void write32(const struct unit *u, unsigned r, uint32_t v)
{
	*(volatile uint32_t *)(u->regs + r) = v;
}

static void write64(const struct unit *u, unsigned r, uint64_t v)
{
	*(volatile uint64_t *)(u->regs + r) = v;
}

/* A unit that never answers confines nothing. */
static void wait_on(const struct unit *u, unsigned r, uint64_t deadline)
{
	if (arch_now() > deadline)
		panic("IOMMU at %lx does not answer (register %x)", u->base, r);
	arch_relax();
}

static void command(const struct unit *u, uint32_t bit)
{
	uint64_t deadline = arch_now() + ANSWER_NS;

	write32(u, R_GCMD, (read32(u, R_GSTS) & GCMD_KEEP) | bit);
	while (!(read32(u, R_GSTS) & bit))
		wait_on(u, R_GSTS, deadline);
}

/* Write a 64-bit command whose top bit is cleared by the unit when it is done. */
static void invalidate(const struct unit *u, unsigned r, uint64_t what)
{
	uint64_t deadline = arch_now() + ANSWER_NS;

	write64(u, r, what | INVALIDATE);
	while (read64(u, r) & INVALIDATE)
		wait_on(u, r, deadline);
}

void vtd_context_flush(void)
{
	for (unsigned i = 0; i < unit_count; i++)
		invalidate(&units[i], R_CONTEXT, CONTEXT_GLOBAL);
}

static void iotlb_flush(uint64_t what)
{
	for (unsigned i = 0; i < unit_count; i++)
		invalidate(&units[i], units[i].iotlb, IOTLB_DRAIN | what);
}

void vtd_domain_flush(uint16_t number)
{
	iotlb_flush(IOTLB_DOMAIN | (uint64_t)number << 32);
}

/* ---- faults -------------------------------------------------------------------------------- */

static void fault_log(uint64_t low, uint64_t high)
{
	uint32_t source = high & 0xffff, reason = high >> 32 & 0xff;

	klog(LOG_DEVICE, LOG_WARN, "%s (%02x:%02x.%x): DMA %s at %lx blocked, reason %u",
	     device_name(source), source >> 8, source >> 3 & 31, source & 7,
	     high >> 62 & 1 ? "read" : "write", low & ~(uint64_t)0xfff, reason);
}

static void faults_read(const struct unit *u)
{
	unsigned first = read32(u, R_FSTS) >> 8 & 0xff;

	for (unsigned i = 0; i < u->fault_count && i < FAULTS_AT_ONCE; i++) {
		unsigned r = u->faults + (first + i) % u->fault_count * 16;

		if (!(read32(u, r + 12) & FAULT_PENDING))
			break;
		fault_log(read64(u, r), read64(u, r + 8));
		write32(u, r + 12, FAULT_PENDING);
	}
	write32(u, R_FSTS, FSTS_CLEAR);
}

/* The rest is over: look again, and be told of the next one. */
static void fault_rested(struct timer *t)
{
	(void)t;
	for (unsigned i = 0; i < unit_count; i++) {
		faults_read(&units[i]);
		write32(&units[i], R_FECTL, 0);
	}
}

static void fault_interrupt(void)
{
	for (unsigned i = 0; i < unit_count; i++) {
		write32(&units[i], R_FECTL, FECTL_MASK);
		faults_read(&units[i]);
	}
	timer_arm(&fault_rest, arch_now() + FAULT_REST_NS);
}

static void faults_enable(void)
{
	unsigned vector = irq_vector_kernel(fault_interrupt);
	uint64_t address;
	uint32_t data;

	fault_rest.fire = fault_rested;
	assert(vector);
	arch_msi_message(vector, &address, &data);
	for (unsigned i = 0; i < unit_count; i++) {
		write32(&units[i], R_FEDATA, data);
		write32(&units[i], R_FEADDR, (uint32_t)address);
		write32(&units[i], R_FEADDR_HIGH, (uint32_t)(address >> 32));
		write32(&units[i], R_FECTL, 0);
	}
}

/* ---- finding units: the DMAR table (8.1) ----------------------------------------------- */

struct table {
	char signature[4];
	uint32_t length;
	uint8_t rest[28];
};

struct remap {
	uint16_t type, length;
	uint8_t flags, reserved;
	uint16_t segment;
	uint64_t base;
} __attribute__((packed));
enum { REMAP_UNIT = 0, REMAP_RESERVED = 1 };
#define REMAP_START 48 /* of the first structure in the table */

static const struct table *table_at(paddr_t pa)
{
	const struct table *t = phys_to_virt(pa);
	uint8_t sum = 0;

	if (!pa || !direct_mapped(pa, sizeof(*t)) || t->length < sizeof(*t) ||
	    t->length > TABLE_MAX || !direct_mapped(pa, t->length))
		return NULL;
	for (uint32_t i = 0; i < t->length; i++)
		sum += ((const uint8_t *)t)[i];
	return sum ? NULL : t;
}

/* The RSDP was checked by acpi.c, which left its address (ACPI 6.5, 5.2.5). */
static const struct table *dmar_find(void)
{
	const uint8_t *rsdp = boot.rsdp ? phys_to_virt(boot.rsdp) : NULL;
	const struct table *root, *t;
	uint64_t wide = 0, entry;
	uint32_t narrow, step;

	if (!rsdp)
		return NULL;
	memcpy(&narrow, rsdp + 16, sizeof(narrow));
	if (rsdp[15] >= 2)
		memcpy(&wide, rsdp + 24, sizeof(wide));
	root = table_at(wide ? wide : narrow);
	step = wide ? 8 : 4;
	for (uint32_t at = sizeof(*root); root && at + step <= root->length; at += step) {
		entry = 0;
		memcpy(&entry, (const uint8_t *)root + at, step);
		t = table_at(entry);
		if (t && memcmp(t->signature, "DMAR", 4) == 0)
			return t;
	}
	return NULL;
}

static void unit_add(paddr_t base)
{
	struct unit *u = &units[unit_count];
	uint64_t cap, ecap;

	if (unit_count == UNITS_MAX)
		panic("more than %u IOMMUs", UNITS_MAX);
	u->base = base;
	u->regs = arch_map_registers(base, PAGE_SIZE);
	cap = read64(u, R_CAP);
	ecap = read64(u, R_ECAP);
	u->iotlb = (unsigned)(ecap >> 8 & 0x3ff) * 16 + 8;
	u->faults = (unsigned)(cap >> 24 & 0x3ff) * 16;
	u->fault_count = (unsigned)(cap >> 40 & 0xff) + 1;
	if (u->iotlb + 8 > PAGE_SIZE || u->faults + u->fault_count * 16 > PAGE_SIZE)
		panic("IOMMU at %lx has registers beyond its first page", base);
	unit_count++;
	vtd.coherent = vtd.coherent && (ecap & 1);
}

static void remaps_read(const struct table *t)
{
	for (uint32_t at = REMAP_START; at + 4 <= t->length;) {
		const struct remap *r = (const void *)((const uint8_t *)t + at);

		if (r->length < 4 || r->length > t->length - at)
			break;
		if (r->type == REMAP_UNIT && r->length >= sizeof(*r) && r->segment == 0)
			unit_add(r->base);
		else if (r->type == REMAP_RESERVED)
			klog(LOG_DEVICE, LOG_WARN, "IOMMU: a reserved region is not mapped");
		at += r->length;
	}
}

/* What all units can do: depth of tables, number of domains. NULL, or why they are of no use. */
static const char *abilities(void)
{
	uint64_t sizes = 0x1f;

	vtd.domains = 1u << 16;
	for (unsigned i = 0; i < unit_count; i++) {
		uint64_t cap = read64(&units[i], R_CAP);
		uint32_t limit = 1u << (4 + 2 * (cap & 7));

		if ((read32(&units[i], R_VERSION) >> 4 & 15) >= QUEUE_ONLY)
			return "invalidation by the queue only";
		sizes &= cap >> 8;
		if (limit < vtd.domains)
			vtd.domains = limit;
	}
	vtd.levels = sizes & 4 ? 4 : 3;
	return sizes & 6 ? NULL : "no common table depth";
}

static void units_start(void)
{
	for (unsigned i = 0; i < unit_count; i++) {
		write64(&units[i], R_ROOT, vtd.root);
		command(&units[i], GCMD_ROOT);
	}
	vtd_context_flush();
	iotlb_flush(IOTLB_GLOBAL);
	faults_enable();
	for (unsigned i = 0; i < unit_count; i++)
		command(&units[i], GCMD_TRANSLATE);
}

void iommu_init(void)
{
	const struct table *t = dmar_find();
	const char *useless;

	if (t)
		remaps_read(t);
	if (!unit_count)
		return;
	useless = abilities();
	if (useless) {
		klog(LOG_DEVICE, LOG_WARN, "IOMMU: %s, left off: nothing is confined", useless);
		return;
	}
	vtd.root = vtd_table_make(&root_account);
	if (!vtd.root)
		panic("no memory for the IOMMU");
	units_start();
	running = true;
	klog(LOG_DEVICE, LOG_INFO, "IOMMU: %u units, %u levels, %u domains", unit_count, vtd.levels,
	     vtd.domains);
}

bool iommu_present(void)
{
	return running;
}

bool iommu_owns(uint64_t base, uint64_t len)
{
	for (unsigned i = 0; i < unit_count; i++)
		if (base < units[i].base + PAGE_SIZE && units[i].base < base + len)
			return true;
	return false;
}
