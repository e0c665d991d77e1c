/* SPDX-License-Identifier: ISC */
/*
 * Reading the CMOD header; the contract is in cmod.h. The fields are packed, so each is taken by
 * its offset.
 */
#include "elf/cmod.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum {
	OFF_VERSION = 4,
	OFF_ARCH = 6,
	OFF_FLAGS = 7,
	OFF_CODE = 11,
	OFF_DATA = 27,
	OFF_BSS = 43,
	OFF_ENTRY = 51,
	OFF_EXPORTS = 59,
	OFF_IMPORTS = 67,
	OFF_RELOCATIONS = 75,
	OFF_KEY_ID = 83,
	OFF_SIGNATURE = 91,
	OFF_CPU_FEATURES = 155,
};

#define MODULE_PAGE 4096u

static uint64_t get_le(const uint8_t *p, unsigned bytes)
{
	uint64_t v = 0;

	while (bytes-- > 0)
		v = v << 8 | p[bytes];
	return v;
}

int cmod_is(const void *head, size_t head_len)
{
	return head_len >= 4 && memcmp(head, "CMOD", 4) == 0;
}

static bool range_ok(uint64_t offset, uint64_t size, uint64_t file_size)
{
	if (size == 0)
		return true;
	return offset % MODULE_PAGE == 0 && size % MODULE_PAGE == 0 && offset != 0 &&
	       offset <= file_size && size <= file_size - offset;
}

static const char *check_ranges(const struct cmod_header *h, uint64_t file_size)
{
	if (!range_ok(h->code_offset, h->code_size, file_size))
		return "module code lies outside the file or is not page-aligned";
	if (!range_ok(h->data_offset, h->data_size, file_size))
		return "module data lies outside the file or is not page-aligned";
	if (h->code_size != 0 && h->data_size != 0 &&
	    h->code_offset < h->data_offset + h->data_size &&
	    h->data_offset < h->code_offset + h->code_size)
		return "module code and data overlap";
	if (h->bss_size > CMOD_FILE_MAX)
		return "module bss is too large";
	if (h->code_size == 0 || h->entry >= h->code_size)
		return "module entry point lies outside its code";
	if (h->exports >= file_size || h->imports >= file_size || h->relocations >= file_size)
		return "a module table lies behind the end of the file";
	return NULL;
}

static void decode_fields(const uint8_t *p, struct cmod_header *h)
{
	h->version = (uint16_t)get_le(p + OFF_VERSION, 2);
	h->arch = p[OFF_ARCH];
	h->flags = (uint32_t)get_le(p + OFF_FLAGS, 4);
	h->code_offset = get_le(p + OFF_CODE, 8);
	h->code_size = get_le(p + OFF_CODE + 8, 8);
	h->data_offset = get_le(p + OFF_DATA, 8);
	h->data_size = get_le(p + OFF_DATA + 8, 8);
	h->bss_size = get_le(p + OFF_BSS, 8);
	h->entry = get_le(p + OFF_ENTRY, 8);
	h->exports = get_le(p + OFF_EXPORTS, 8);
	h->imports = get_le(p + OFF_IMPORTS, 8);
	h->relocations = get_le(p + OFF_RELOCATIONS, 8);
	memcpy(h->key_id, p + OFF_KEY_ID, sizeof(h->key_id));
	memcpy(h->signature, p + OFF_SIGNATURE, sizeof(h->signature));
	h->cpu_features = h->version >= 2 ? get_le(p + OFF_CPU_FEATURES, 8) : 0;
}

int cmod_read(const void *head, size_t head_len, uint64_t file_size, struct cmod_header *header,
	      const char **reason)
{
	const char *why = NULL;
	struct cmod_header h;

	if (!cmod_is(head, head_len)) {
		*reason = "not a CMOD module";
		return -ENOEXEC;
	}
	if (head_len < CMOD_HEADER_SIZE || file_size < CMOD_HEADER_SIZE) {
		*reason = "too short for a CMOD header";
		return -ENOEXEC;
	}
	decode_fields(head, &h);
	if (file_size > CMOD_FILE_MAX)
		why = "module is larger than 64 MiB";
	else if (h.version != 1 && h.version != 2)
		why = "unknown CMOD version";
	else if (h.arch != 0)
		why = "made for another processor";
	else
		why = check_ranges(&h, file_size);
	*reason = why ? why : "";
	if (why)
		return -ENOEXEC;
	*header = h;
	return 0;
}
