/* SPDX-License-Identifier: ISC */
/*
 * Finding tables: root pointer, root table, table by signature; and the walk over sub-structures
 * that MADT and DMAR share.
 *
 * A table's length is read once, from a mapping of its header; what is mapped then is that length,
 * and no later look at the header changes it.
 *
 * Spec: ACPI 6.5, 5.2.5 (RSDP), 5.2.6 (header), 5.2.7 (RSDT), 5.2.8 (XSDT).
 */
#include <errno.h>
#include <string.h>

#include "acpi/priv.h"

enum {
	RSDP_REVISION = 15,
	RSDP_RSDT = 16,
	RSDP_SIZE_1 = 20,
	RSDP_LENGTH = 20,
	RSDP_XSDT = 24,
	RSDP_SIZE_2 = 36,
	RSDP_SIZE_MAX = 4096,

	HEADER_LENGTH = 4,
	HEADER_REVISION = 8,
};

#define EBDA_POINTER 0x40eu
#define EBDA_LOW     0x80000u
#define EBDA_HIGH    0xa0000u
#define EBDA_SCAN    1024u
#define BIOS_BASE    0xe0000u
#define BIOS_SCAN    0x20000u

static bool sum_ok(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	while (len-- > 0)
		sum = (uint8_t)(sum + *p++);
	return sum == 0;
}

static bool is_rsdp(const uint8_t *p)
{
	return memcmp(p, "RSD PTR ", 8) == 0 && sum_ok(p, RSDP_SIZE_1);
}

static int scan_range(const struct acpi_source *source, uint64_t base, uint32_t len, uint64_t *rsdp)
{
	const uint8_t *p = source->map(source->ctx, base, len);

	for (uint32_t at = 0; p && at + RSDP_SIZE_1 <= len; at += 16) {
		if (is_rsdp(p + at)) {
			*rsdp = base + at;
			return 0;
		}
	}
	return -ENOENT;
}

int acpi_scan(const struct acpi_source *source, uint64_t *rsdp)
{
	const uint8_t *pointer = source->map(source->ctx, EBDA_POINTER, 2);

	if (pointer) {
		uint32_t ebda = (uint32_t)get_le16(pointer) << 4;

		if (ebda >= EBDA_LOW && ebda <= EBDA_HIGH - EBDA_SCAN &&
		    scan_range(source, ebda, EBDA_SCAN, rsdp) == 0)
			return 0;
	}
	return scan_range(source, BIOS_BASE, BIOS_SCAN, rsdp);
}

/* Map and verify the table at phys. */
static int table_open(const struct acpi_source *source, uint64_t phys, const char *signature,
		      struct acpi_table *table)
{
	const uint8_t *p;
	uint32_t len;

	if (phys == 0 || phys > UINT64_MAX - ACPI_TABLE_MAX)
		return -EINVAL;
	p = source->map(source->ctx, phys, ACPI_HEADER_SIZE);
	if (!p)
		return -EFAULT;
	if (memcmp(p, signature, 4) != 0)
		return -EINVAL;
	len = get_le32(p + HEADER_LENGTH);
	if (len < ACPI_HEADER_SIZE || len > ACPI_TABLE_MAX)
		return -EINVAL;
	p = source->map(source->ctx, phys, len);
	if (!p)
		return -EFAULT;
	if (!sum_ok(p, len))
		return -EINVAL;
	*table = (struct acpi_table){phys, p, len, p[HEADER_REVISION]};
	return 0;
}

int acpi_table_at(const struct acpi *acpi, uint64_t phys, const char signature[4],
		  struct acpi_table *table)
{
	return table_open(&acpi->source, phys, signature, table);
}

static int open_root(struct acpi *acpi, uint64_t phys, bool wide)
{
	struct acpi_table table;
	int rc;

	rc = table_open(&acpi->source, phys, wide ? "XSDT" : "RSDT", &table);
	if (rc < 0)
		return rc;
	acpi->root = phys;
	acpi->wide = wide;
	acpi->count = (table.len - ACPI_HEADER_SIZE) / (wide ? 8 : 4);
	if (acpi->count > ACPI_TABLES_MAX)
		acpi->count = ACPI_TABLES_MAX;
	acpi->entries = table.data + ACPI_HEADER_SIZE;
	return 0;
}

/* The address of the XSDT from a root pointer of revision 2 or later; 0 if there is none. */
static uint64_t xsdt_of(const struct acpi_source *source, uint64_t rsdp)
{
	const uint8_t *p = source->map(source->ctx, rsdp, RSDP_SIZE_2);
	uint32_t len;

	if (!p)
		return 0;
	len = get_le32(p + RSDP_LENGTH);
	if (len < RSDP_SIZE_2 || len > RSDP_SIZE_MAX)
		return 0;
	p = source->map(source->ctx, rsdp, len);
	return p && sum_ok(p, len) ? get_le64(p + RSDP_XSDT) : 0;
}

int acpi_open(struct acpi *acpi, const struct acpi_source *source, uint64_t rsdp)
{
	const uint8_t *p;
	uint64_t xsdt;

	*acpi = (struct acpi){.source = *source};
	if (rsdp == 0 || rsdp > UINT64_MAX - RSDP_SIZE_MAX)
		return -EINVAL;
	p = source->map(source->ctx, rsdp, RSDP_SIZE_1);
	if (!p)
		return -EFAULT;
	if (!is_rsdp(p))
		return -EINVAL;
	xsdt = p[RSDP_REVISION] >= 2 ? xsdt_of(source, rsdp) : 0;
	if (xsdt != 0 && open_root(acpi, xsdt, true) == 0)
		return 0;
	return open_root(acpi, get_le32(p + RSDP_RSDT), false);
}

int acpi_find(const struct acpi *acpi, const char signature[4], unsigned nth,
	      struct acpi_table *table)
{
	for (uint32_t i = 0; i < acpi->count; i++) {
		const uint8_t *e = acpi->entries + (size_t)i * (acpi->wide ? 8 : 4);
		uint64_t phys = acpi->wide ? get_le64(e) : get_le32(e);
		struct acpi_table found;

		if (table_open(&acpi->source, phys, signature, &found) < 0)
			continue;
		if (nth-- == 0) {
			*table = found;
			return 0;
		}
	}
	return -ENOENT;
}

int acpi_record_next(const uint8_t *data, uint32_t size, uint32_t width, uint32_t *offset,
		     struct acpi_record *record)
{
	const uint8_t *p = data + *offset;
	uint32_t left = size - *offset;

	if (left == 0)
		return 0;
	if (left < 2 * width)
		return -EINVAL;
	record->data = p;
	record->type = width == 1 ? p[0] : get_le16(p);
	record->len = width == 1 ? p[1] : get_le16(p + 2);
	if (record->len < 2 * width || record->len > left)
		return -EINVAL;
	*offset += record->len;
	return 1;
}

struct acpi_gas acpi_gas_get(const uint8_t *p)
{
	return (struct acpi_gas){
		.space = p[0], .bits = p[1], .access = p[3], .address = get_le64(p + 4)};
}
