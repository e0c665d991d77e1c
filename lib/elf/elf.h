/* SPDX-License-Identifier: ISC */
/*
 * Static ELF64 programs for x86_64: from the first bytes of a file to a load plan. ET_EXEC and
 * static-pie (ET_DYN without an interpreter) are accepted; everything else is refused with a
 * reason in text. Loading itself (mapping, copying, zeroing) is the caller's work.
 *
 * Not here: dynamic linking, relocations (a static-pie relocates itself), symbols, TLS (libc reads
 * PT_TLS itself), other architectures.
 *
 * Invariant: a plan that was given is safe to carry out as it stands: segments ascend, share no
 * page, lie in the caller's window, take nothing from behind the file's end, and none is both
 * writable and executable.
 *
 * Spec: System V ABI, chapters 4 and 5 (object files, program loading); AMD64 supplement.
 */
#ifndef ELF_ELF_H
#define ELF_ELF_H

#include <stddef.h>
#include <stdint.h>

#define ELF_MUST	 __attribute__((warn_unused_result))
#define ELF_SEGMENTS_MAX 16u
#define ELF_PHDRS_MAX	 64u
#define ELF_PAGE	 4096u
/* Reading this much of a file is enough for every program whose headers come first. */
#define ELF_HEAD_SIZE 4096u

#define ELF_PROT_EXEC  1u
#define ELF_PROT_WRITE 2u
#define ELF_PROT_READ  4u

/*
 * One segment, by whole pages: map map_len bytes at map_addr and fill the first file_len bytes from
 * file offset map_offset. Whole pages behind file_len are zero-filled. The rest of the page in
 * which file_len ends must be cleared if clear_tail is set; else what the file has there may be
 * seen.
 */
struct elf_segment {
	uint64_t map_addr;   /* multiple of ELF_PAGE, load bias included */
	uint64_t map_len;    /* bytes, multiple of ELF_PAGE, not 0 */
	uint64_t map_offset; /* multiple of ELF_PAGE */
	uint64_t file_len;   /* bytes, may be 0, at most map_len */
	uint32_t prot;	     /* ELF_PROT_* */
	uint32_t clear_tail; /* 1: memory beyond file_len belongs to the segment (bss) */
};

struct elf_plan {
	struct elf_segment segment[ELF_SEGMENTS_MAX];
	uint32_t segments;
	uint64_t bias; /* added to the file's addresses; 0 for ET_EXEC */
	uint64_t low;  /* lowest mapped address */
	uint64_t high; /* first address behind the last segment: where a heap can begin */
	uint64_t entry;
	uint64_t phdr; /* address of the program headers in memory (AT_PHDR); 0: not mapped */
	uint32_t phnum;
	uint32_t phentsize;
};

/* Where a program may lie. All addresses multiples of ELF_PAGE; the window is [low, high). */
struct elf_window {
	uint64_t low;
	uint64_t high;
	uint64_t pie_base; /* lowest address for a static-pie; rounded up to its alignment */
};

/*
 * Make the plan. head: the first head_len bytes of the file; file_size: size of the whole file.
 * Returns 0, or -ENOEXEC with a constant text in *reason (never NULL, no line end). *plan is only
 * written on success.
 */
ELF_MUST int elf_plan(const void *head, size_t head_len, uint64_t file_size,
		      const struct elf_window *window, struct elf_plan *plan, const char **reason);

#endif
