/* SPDX-License-Identifier: ISC */
/*
 * MADT (signature "APIC"): processors, IO-APICs, and ISA interrupts that are wired elsewhere.
 *
 * A record that is shorter than its type says makes the whole table malformed.
 *
 * Spec: ACPI 6.5, 5.2.12.
 */
#include <errno.h>

#include "acpi/priv.h"

enum {
	MADT_LAPIC = 36,
	MADT_FLAGS = 40,
	MADT_RECORDS = 44,

	TYPE_LAPIC = 0,
	TYPE_IOAPIC = 1,
	TYPE_OVERRIDE = 2,
	TYPE_LAPIC_ADDRESS = 5,
	TYPE_X2APIC = 9,
};

#define FLAG_8259	   1u
#define CPU_ENABLED	   1u
#define CPU_ONLINE_CAPABLE 2u

/* As acpi_record_next; known types have at least their length. */
static int next_of(const struct acpi_table *table, uint32_t *offset, struct acpi_record *r)
{
	static const uint8_t shortest[] = {
		[TYPE_LAPIC] = 8,	   [TYPE_IOAPIC] = 12, [TYPE_OVERRIDE] = 10,
		[TYPE_LAPIC_ADDRESS] = 12, [TYPE_X2APIC] = 16,
	};
	int rc;

	if (table->len < MADT_RECORDS)
		return -EINVAL;
	rc = acpi_record_next(table->data, table->len, 1, offset, r);
	if (rc == 1 && r->type < sizeof(shortest) && r->len < shortest[r->type])
		return -EINVAL;
	return rc;
}

int acpi_madt_head(const struct acpi_table *table, struct acpi_madt *out)
{
	uint32_t offset = MADT_RECORDS;
	struct acpi_record r;
	struct acpi_madt head;
	int rc;

	if (table->len < MADT_RECORDS)
		return -EINVAL;
	head.lapic = get_le32(table->data + MADT_LAPIC);
	head.has_8259 = get_le32(table->data + MADT_FLAGS) & FLAG_8259;
	while ((rc = next_of(table, &offset, &r)) == 1) {
		if (r.type == TYPE_LAPIC_ADDRESS)
			head.lapic = get_le64(r.data + 4);
	}
	if (rc == 0)
		*out = head;
	return rc;
}

static bool cpu_get(const struct acpi_record *r, struct acpi_cpu *cpu)
{
	uint32_t flags;

	if (r->type == TYPE_LAPIC) {
		cpu->uid = r->data[2];
		cpu->apic_id = r->data[3];
		flags = get_le32(r->data + 4);
	} else if (r->type == TYPE_X2APIC) {
		cpu->apic_id = get_le32(r->data + 4);
		flags = get_le32(r->data + 8);
		cpu->uid = get_le32(r->data + 12);
	} else {
		return false;
	}
	cpu->enabled = flags & CPU_ENABLED;
	cpu->online_capable = flags & CPU_ONLINE_CAPABLE;
	return true;
}

int acpi_madt_cpus(const struct acpi_table *table, struct acpi_cpu *out, unsigned max)
{
	uint32_t offset = MADT_RECORDS;
	struct acpi_record r;
	unsigned n = 0;
	int rc;

	while ((rc = next_of(table, &offset, &r)) == 1) {
		struct acpi_cpu cpu;

		if (!cpu_get(&r, &cpu))
			continue;
		if (n < max)
			out[n] = cpu;
		n++;
	}
	return rc < 0 ? rc : (int)n;
}

int acpi_madt_ioapics(const struct acpi_table *table, struct acpi_ioapic *out, unsigned max)
{
	uint32_t offset = MADT_RECORDS;
	struct acpi_record r;
	unsigned n = 0;
	int rc;

	while ((rc = next_of(table, &offset, &r)) == 1) {
		if (r.type != TYPE_IOAPIC)
			continue;
		if (n < max)
			out[n] = (struct acpi_ioapic){r.data[2], get_le32(r.data + 4),
						      get_le32(r.data + 8)};
		n++;
	}
	return rc < 0 ? rc : (int)n;
}

/* Two bits each; the value 2 is reserved and taken as "as the bus has it". */
static void decode_flags(uint16_t flags, struct acpi_override *o)
{
	static const enum acpi_polarity polarity[4] = {ACPI_POLARITY_BUS, ACPI_ACTIVE_HIGH,
						       ACPI_POLARITY_BUS, ACPI_ACTIVE_LOW};
	static const enum acpi_trigger trigger[4] = {ACPI_TRIGGER_BUS, ACPI_EDGE, ACPI_TRIGGER_BUS,
						     ACPI_LEVEL};

	o->polarity = polarity[flags & 3];
	o->trigger = trigger[flags >> 2 & 3];
}

int acpi_madt_overrides(const struct acpi_table *table, struct acpi_override *out, unsigned max)
{
	uint32_t offset = MADT_RECORDS;
	struct acpi_record r;
	unsigned n = 0;
	int rc;

	while ((rc = next_of(table, &offset, &r)) == 1) {
		struct acpi_override o;

		if (r.type != TYPE_OVERRIDE || r.data[2] != 0) /* bus 0 is ISA */
			continue;
		o.source = r.data[3];
		o.gsi = get_le32(r.data + 4);
		decode_flags(get_le16(r.data + 8), &o);
		if (n < max)
			out[n] = o;
		n++;
	}
	return rc < 0 ? rc : (int)n;
}
