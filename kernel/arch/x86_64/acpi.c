/* SPDX-License-Identifier: ISC */
/*
 * acpi.c: the few facts of ACPI that the kernel itself needs: CPUs, interrupt controllers, and
 * clocks to calibrate by. Everything else in the tables is user space's (devd).
 *
 * Tables are firmware's: checked for checksum and length, read where the direct map covers them,
 * else ignored. Without tables: one CPU, the I/O APIC and the local APIC where PCs have them.
 * Spec: ACPI 6.5, sections 5.2.5 (RSDP), 5.2.9 (FADT), 5.2.12 (MADT); HPET 1.0a, section 3.2.4.
 */
#include "log.h"
#include "private.h"

#define LAPIC_DEFAULT	0xfee00000u
#define IOAPIC_DEFAULT	0xfec00000u
#define TABLE_MAX	(1u << 20)
#define ROM_START	0xe0000u
#define ROM_END		0x100000u
#define EBDA_POINTER	0x40eu
#define FADT_PM_TIMER	76
#define FADT_FLAGS	112
#define FADT_TIMER_WIDE (1u << 8)
#define HPET_ADDRESS	44

struct rsdp {
	char signature[8];
	uint8_t checksum, oem[6], revision;
	uint32_t rsdt, length;
	uint64_t xsdt;
	uint8_t checksum2, reserved[3];
} __attribute__((packed));

struct table {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[26];
} __attribute__((packed));
_Static_assert(sizeof(struct table) == 36, "table");

struct madt_entry {
	uint8_t type, length;
	uint8_t data[];
};
enum { MADT_CPU = 0, MADT_IOAPIC = 1, MADT_LAPIC_ADDRESS = 5 };

static uint32_t get32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t get64(const void *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static bool sum_is_zero(const void *p, uint64_t len)
{
	uint8_t sum = 0;
	for (uint64_t i = 0; i < len; i++)
		sum += ((const uint8_t *)p)[i];
	return sum == 0;
}

static bool is_rsdp(paddr_t pa)
{
	const struct rsdp *r = phys_to_virt(pa);
	return direct_mapped(pa, sizeof(*r)) && memcmp(r->signature, "RSD PTR ", 8) == 0 &&
	       sum_is_zero(r, 20);
}

static paddr_t rsdp_search(void)
{
	paddr_t ebda = (paddr_t) * (const volatile uint16_t *)phys_to_virt(EBDA_POINTER) << 4;

	for (paddr_t pa = ebda; ebda >= 0x80000 && pa < ebda + 1024; pa += 16)
		if (is_rsdp(pa))
			return pa;
	for (paddr_t pa = ROM_START; pa < ROM_END; pa += 16)
		if (is_rsdp(pa))
			return pa;
	return 0;
}

static const struct table *table_at(paddr_t pa)
{
	const struct table *t = phys_to_virt(pa);

	if (!pa || !direct_mapped(pa, sizeof(*t)) || t->length < sizeof(*t) ||
	    t->length > TABLE_MAX || !direct_mapped(pa, t->length) || !sum_is_zero(t, t->length))
		return NULL;
	return t;
}

static void madt_entry_read(struct acpi_facts *f, const struct madt_entry *e)
{
	if (e->type == MADT_CPU && e->length >= 8) {
		if (get32(e->data + 2) & 1 && f->cpu_count < CPUS_MAX)
			f->cpus[f->cpu_count++] = e->data[1];
	} else if (e->type == MADT_IOAPIC && e->length >= 12) {
		if (f->ioapic_count < array_len(f->ioapics))
			f->ioapics[f->ioapic_count++] =
				(struct ioapic_fact){get32(e->data + 2), get32(e->data + 6)};
	} else if (e->type == MADT_LAPIC_ADDRESS && e->length >= 12) {
		f->lapic = get64(e->data + 2);
	}
}

static void madt_read(struct acpi_facts *f, const struct table *t)
{
	const uint8_t *p = (const uint8_t *)t + 44, *end = (const uint8_t *)t + t->length;

	if (t->length < 44)
		return;
	f->lapic = get32((const uint8_t *)t + 36);
	while (end - p >= 2) {
		const struct madt_entry *e = (const struct madt_entry *)p;
		if (e->length < 2 || e->length > end - p)
			break;
		madt_entry_read(f, e);
		p += e->length;
	}
}

static void table_read(struct acpi_facts *f, const struct table *t)
{
	const uint8_t *bytes = (const uint8_t *)t;

	if (memcmp(t->signature, "APIC", 4) == 0) {
		madt_read(f, t);
	} else if (memcmp(t->signature, "HPET", 4) == 0 && t->length >= HPET_ADDRESS + 8) {
		f->hpet = get64(bytes + HPET_ADDRESS);
	} else if (memcmp(t->signature, "FACP", 4) == 0 && t->length >= FADT_FLAGS + 4) {
		f->pm_timer = (uint16_t)get32(bytes + FADT_PM_TIMER);
		f->pm_timer_wide = get32(bytes + FADT_FLAGS) & FADT_TIMER_WIDE;
	}
}

static void tables_read(struct acpi_facts *f)
{
	const struct rsdp *r = phys_to_virt(boot.rsdp);
	bool wide = r->revision >= 2 && r->xsdt;
	const struct table *root = table_at(wide ? r->xsdt : r->rsdt);
	uint32_t step = wide ? 8 : 4;

	if (!root) {
		klog(LOG_BOOT, LOG_WARN, "ACPI: the root table cannot be read");
		return;
	}
	for (uint32_t at = sizeof(*root); at + step <= root->length; at += step) {
		const uint8_t *p = (const uint8_t *)root + at;
		const struct table *t = table_at(wide ? get64(p) : get32(p));
		if (t)
			table_read(f, t);
	}
}

void acpi_read(struct acpi_facts *f)
{
	*f = (struct acpi_facts){.lapic = LAPIC_DEFAULT};
	if (!boot.rsdp || !is_rsdp(boot.rsdp))
		boot.rsdp = rsdp_search();
	if (boot.rsdp)
		tables_read(f);
	else
		klog(LOG_BOOT, LOG_WARN, "no ACPI tables: one CPU, standard interrupt controllers");
	if (!f->ioapic_count)
		f->ioapics[f->ioapic_count++] = (struct ioapic_fact){IOAPIC_DEFAULT, 0};
}
