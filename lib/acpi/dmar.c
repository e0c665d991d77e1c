/* SPDX-License-Identifier: ISC */
/*
 * DMAR: the DMA remapping units (VT-d), which devices each is for, and memory that firmware wants
 * devices to go on reaching.
 *
 * Scopes that do not fit the fixed arrays are counted as lost: whoever confines devices by them
 * must then treat the unit's scope as unknown.
 *
 * Spec: Intel VT-d, chapter 8.
 */
#include <errno.h>

#include "acpi/priv.h"

enum {
	DMAR_WIDTH = 36,
	DMAR_FLAGS = 37,
	DMAR_RECORDS = 48,

	TYPE_DRHD = 0,
	TYPE_RMRR = 1,

	DRHD_FLAGS = 4,
	RECORD_SEGMENT = 6,
	RECORD_BASE = 8,
	DRHD_SCOPES = 16,
	RMRR_LIMIT = 16,
	RMRR_SCOPES = 24,

	SCOPE_ID = 4,
	SCOPE_BUS = 5,
	SCOPE_PATH = 6,
};

#define FLAG_INTERRUPT_REMAPPING 1u
#define FLAG_INCLUDE_ALL	 1u
#define UNIT_ALIGN		 4096u

int acpi_dmar_head(const struct acpi_table *table, struct acpi_dmar *out)
{
	if (table->len < DMAR_RECORDS || table->data[DMAR_WIDTH] >= 64)
		return -EINVAL;
	out->address_bits = (uint8_t)(table->data[DMAR_WIDTH] + 1);
	out->interrupt_remapping = table->data[DMAR_FLAGS] & FLAG_INTERRUPT_REMAPPING;
	return 0;
}

static void scope_get(const struct acpi_record *r, struct acpi_scope *scope)
{
	scope->kind = (uint8_t)r->type;
	scope->id = r->data[SCOPE_ID];
	scope->bus = r->data[SCOPE_BUS];
	scope->path_len = (uint8_t)((r->len - SCOPE_PATH) / 2);
	for (unsigned i = 0; i < scope->path_len; i++) {
		scope->path[i].device = r->data[SCOPE_PATH + 2 * i];
		scope->path[i].function = r->data[SCOPE_PATH + 2 * i + 1];
	}
}

/* Read the scopes from `start` of a record to its end. */
static int read_scopes(const struct acpi_record *record, uint32_t start, struct acpi_scope *out,
		       unsigned *count, unsigned *lost)
{
	uint32_t offset = start;
	struct acpi_record r;
	int rc;

	*count = *lost = 0;
	while ((rc = acpi_record_next(record->data, record->len, 1, &offset, &r)) == 1) {
		if (r.len < SCOPE_PATH + 2 || r.len % 2 != 0)
			return -EINVAL;
		if (*count == ACPI_SCOPES_MAX || (r.len - SCOPE_PATH) / 2 > ACPI_PATH_MAX)
			++*lost;
		else
			scope_get(&r, &out[(*count)++]);
	}
	return rc;
}

/* The next record of that type. As acpi_record_next. */
static int next_of(const struct acpi_table *table, uint32_t type, uint32_t shortest,
		   uint32_t *offset, struct acpi_record *r)
{
	int rc;

	if (table->len < DMAR_RECORDS)
		return -EINVAL;
	do {
		rc = acpi_record_next(table->data, table->len, 2, offset, r);
	} while (rc == 1 && r->type != type);
	return rc == 1 && r->len < shortest ? -EINVAL : rc;
}

static int drhd_get(const struct acpi_record *r, struct acpi_drhd *unit)
{
	*unit = (struct acpi_drhd){
		.base = get_le64(r->data + RECORD_BASE),
		.segment = get_le16(r->data + RECORD_SEGMENT),
		.include_all = r->data[DRHD_FLAGS] & FLAG_INCLUDE_ALL,
	};
	if (unit->base == 0 || unit->base % UNIT_ALIGN != 0)
		return -EINVAL;
	return read_scopes(r, DRHD_SCOPES, unit->scope, &unit->scopes, &unit->scopes_lost);
}

int acpi_dmar_units(const struct acpi_table *table, struct acpi_drhd *out, unsigned max)
{
	uint32_t offset = DMAR_RECORDS;
	struct acpi_record r;
	unsigned n = 0;
	int rc;

	while ((rc = next_of(table, TYPE_DRHD, DRHD_SCOPES, &offset, &r)) == 1) {
		struct acpi_drhd unit;

		rc = drhd_get(&r, &unit);
		if (rc < 0)
			return rc;
		if (n < max)
			out[n] = unit;
		n++;
	}
	return rc < 0 ? rc : (int)n;
}

static int rmrr_get(const struct acpi_record *r, struct acpi_rmrr *region)
{
	*region = (struct acpi_rmrr){
		.base = get_le64(r->data + RECORD_BASE),
		.limit = get_le64(r->data + RMRR_LIMIT),
		.segment = get_le16(r->data + RECORD_SEGMENT),
	};
	if (region->base > region->limit)
		return -EINVAL;
	return read_scopes(r, RMRR_SCOPES, region->scope, &region->scopes, &region->scopes_lost);
}

int acpi_dmar_regions(const struct acpi_table *table, struct acpi_rmrr *out, unsigned max)
{
	uint32_t offset = DMAR_RECORDS;
	struct acpi_record r;
	unsigned n = 0;
	int rc;

	while ((rc = next_of(table, TYPE_RMRR, RMRR_SCOPES, &offset, &r)) == 1) {
		struct acpi_rmrr region;

		rc = rmrr_get(&r, &region);
		if (rc < 0)
			return rc;
		if (n < max)
			out[n] = region;
		n++;
	}
	return rc < 0 ? rc : (int)n;
}
