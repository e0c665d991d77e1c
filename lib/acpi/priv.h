/* SPDX-License-Identifier: ISC */
/*
 * Private to lib/acpi: unaligned little-endian fields and the walk over sub-structures.
 */
#ifndef ACPI_PRIV_H
#define ACPI_PRIV_H

#include "acpi/acpi.h"

#define ACPI_HEADER_SIZE 36u
#define ACPI_GAS_SIZE	 12u

static inline uint16_t get_le16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t get_le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t get_le64(const uint8_t *p)
{
	return get_le32(p) | (uint64_t)get_le32(p + 4) << 32;
}

/* A sub-structure; data holds len bytes, its own type and length included. */
struct acpi_record {
	const uint8_t *data;
	uint32_t type;
	uint32_t len;
};

/*
 * The record at *offset of size bytes; *offset moves behind it. width: bytes of the type field and
 * of the length field (1 or 2). 1, 0 at the end, -EINVAL for one that is too short or too long.
 */
ACPI_MUST int acpi_record_next(const uint8_t *data, uint32_t size, uint32_t width, uint32_t *offset,
			       struct acpi_record *record);

/* The generic address structure at p (ACPI_GAS_SIZE bytes). */
struct acpi_gas acpi_gas_get(const uint8_t *p);

#endif
