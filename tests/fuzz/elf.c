/* SPDX-License-Identifier: ISC */
/*
 * Fuzzer of lib/elf. Input: the head of a file, of the size that the first two bytes say more than
 * there is. A plan that was given must keep every promise of elf.h.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "elf/cmod.h"
#include "elf/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (!(cond))                                                                       \
			abort();                                                                   \
	} while (0)

static void check_plan(const struct elf_plan *plan, const struct elf_window *window,
		       uint64_t file_size)
{
	uint64_t end = window->low;
	int entry_ok = 0;

	CHECK(plan->segments >= 1 && plan->segments <= ELF_SEGMENTS_MAX);
	for (uint32_t i = 0; i < plan->segments; i++) {
		const struct elf_segment *s = &plan->segment[i];

		CHECK(s->map_addr % ELF_PAGE == 0 && s->map_len % ELF_PAGE == 0 && s->map_len > 0);
		CHECK(s->map_addr >= end && s->map_addr < window->high);
		CHECK(s->map_len <= window->high - s->map_addr);
		CHECK(s->map_offset % ELF_PAGE == 0 && s->file_len <= s->map_len);
		CHECK(s->file_len == 0 ||
		      (s->map_offset <= file_size && s->file_len <= file_size - s->map_offset));
		CHECK(!((s->prot & ELF_PROT_WRITE) && (s->prot & ELF_PROT_EXEC)));
		if ((s->prot & ELF_PROT_EXEC) && plan->entry >= s->map_addr &&
		    plan->entry < s->map_addr + s->map_len)
			entry_ok = 1;
		end = s->map_addr + s->map_len;
	}
	CHECK(entry_ok && plan->high == end && plan->low == plan->segment[0].map_addr);
	CHECK(plan->phdr == 0 || (plan->phdr >= plan->low && plan->phdr < plan->high));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct elf_window window = {0x10000, 0x7ffffffff000, 0x400000};
	struct cmod_header header;
	struct elf_plan plan;
	const char *reason = NULL;
	uint64_t file_size;
	int rc;

	if (size < 2)
		return 0;
	file_size = size - 2 + (data[0] | (uint64_t)data[1] << 8) * 16;
	data += 2, size -= 2;
	rc = elf_plan(data, size, file_size, &window, &plan, &reason);
	CHECK(reason != NULL && (rc < 0) == (reason[0] != '\0'));
	if (rc == 0)
		check_plan(&plan, &window, file_size);
	if (cmod_read(data, size, file_size, &header, &reason) == 0)
		CHECK(header.code_offset + header.code_size <= file_size);
	return 0;
}
