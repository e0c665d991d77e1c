/* SPDX-License-Identifier: ISC */
/*
 * The header of CMOD modules: magic, version, placement of code and data, key and signature.
 *
 * Not here: verifying the signature, relocating, loading. A header that is read says nothing about
 * trust: a signature that is present is not one that was checked. elf_plan refuses CMOD files.
 *
 * Invariant: every range in a header that was accepted lies inside the file.
 *
 * Layout: packed little-endian, 211 bytes; docs/silo-description.md, "Modules".
 */
#ifndef ELF_CMOD_H
#define ELF_CMOD_H

#include <stddef.h>
#include <stdint.h>

#define CMOD_MUST	 __attribute__((warn_unused_result))
#define CMOD_HEADER_SIZE 211u
#define CMOD_FILE_MAX	 (64u << 20)

struct cmod_header {
	uint16_t version; /* 1 or 2 */
	uint8_t arch;	  /* 0: x86_64 */
	uint32_t flags;	  /* as in the file */
	uint64_t code_offset, code_size;
	uint64_t data_offset, data_size;
	uint64_t bss_size;
	uint64_t entry;				/* offset in the code */
	uint64_t exports, imports, relocations; /* file offsets, 0: none */
	uint8_t key_id[8];
	uint8_t signature[64];
	uint64_t cpu_features; /* 0 in version 1 */
};

/* Does the file begin with the CMOD magic? 1 or 0. */
int cmod_is(const void *head, size_t head_len);

/*
 * Read a header from the first head_len bytes of a file of file_size bytes. Returns 0, or -ENOEXEC
 * with a constant text in *reason; *header is only written on success.
 */
CMOD_MUST int cmod_read(const void *head, size_t head_len, uint64_t file_size,
			struct cmod_header *header, const char **reason);

#endif
