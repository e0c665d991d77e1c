/* SPDX-License-Identifier: ISC */
/*
 * From the head of an ELF file to a load plan; the contract is in elf.h.
 *
 * Each function checks one thing and returns NULL or the reason for refusing, so that the order of
 * the checks can be read in elf_plan. The headers are copied out before they are looked at: the
 * buffer may be unaligned.
 *
 * Invariant: arithmetic on values from the file happens only after the check that it cannot wrap.
 */
#include "elf/elf.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "elf/cmod.h"

#define ALIGN_MAX (1ull << 30)

struct file {
	const uint8_t *head;
	size_t head_len;
	uint64_t size;
	Elf64_Ehdr ehdr;
};

static uint64_t page_down(uint64_t x)
{
	return x & ~(uint64_t)(ELF_PAGE - 1);
}

/* Only for x that is at most UINT64_MAX - ELF_PAGE. */
static uint64_t page_up(uint64_t x)
{
	return page_down(x + ELF_PAGE - 1);
}

static void phdr_get(const struct file *file, unsigned i, Elf64_Phdr *phdr)
{
	memcpy(phdr, file->head + file->ehdr.e_phoff + i * sizeof(*phdr), sizeof(*phdr));
}

static const char *decode_ident(const struct file *file)
{
	const unsigned char *ident = file->ehdr.e_ident;

	if (memcmp(ident, ELFMAG, SELFMAG) != 0)
		return "not an ELF file";
	if (ident[EI_CLASS] != ELFCLASS64)
		return "not a 64-bit ELF file";
	if (ident[EI_DATA] != ELFDATA2LSB)
		return "not little-endian";
	if (ident[EI_VERSION] != EV_CURRENT || file->ehdr.e_version != EV_CURRENT)
		return "unknown ELF version";
	if (ident[EI_OSABI] != ELFOSABI_SYSV && ident[EI_OSABI] != ELFOSABI_LINUX)
		return "made for another operating system";
	if (file->ehdr.e_machine != EM_X86_64)
		return "made for another processor";
	return NULL;
}

static const char *decode_ehdr(const struct file *file)
{
	const Elf64_Ehdr *ehdr = &file->ehdr;

	if (ehdr->e_type == ET_REL)
		return "an object file, not a program";
	if (ehdr->e_type == ET_CORE)
		return "a core dump, not a program";
	if (ehdr->e_type != ET_EXEC && ehdr->e_type != ET_DYN)
		return "not an executable type";
	if (ehdr->e_ehsize < sizeof(*ehdr) || ehdr->e_phentsize != sizeof(Elf64_Phdr))
		return "header sizes do not fit ELF64";
	if (ehdr->e_phnum == 0)
		return "no program headers";
	if (ehdr->e_phnum > ELF_PHDRS_MAX)
		return "too many program headers";
	if (ehdr->e_phoff > file->size ||
	    file->size - ehdr->e_phoff < ehdr->e_phnum * sizeof(Elf64_Phdr))
		return "program headers lie behind the end of the file";
	if (ehdr->e_phoff > file->head_len ||
	    file->head_len - ehdr->e_phoff < ehdr->e_phnum * sizeof(Elf64_Phdr))
		return "program headers lie too far behind the start of the file";
	if (ehdr->e_entry == 0)
		return "no entry point";
	return NULL;
}

/* What one program header says by itself. */
static const char *decode_load(const struct file *file, const Elf64_Phdr *phdr)
{
	uint64_t align = phdr->p_align;

	if (phdr->p_filesz > phdr->p_memsz)
		return "a segment is larger in the file than in memory";
	if (phdr->p_offset > file->size || file->size - phdr->p_offset < phdr->p_filesz)
		return "a segment lies behind the end of the file";
	if (align > 1 && ((align & (align - 1)) != 0 || align > ALIGN_MAX))
		return "a segment's alignment is no sensible power of two";
	if (align > 1 && ((phdr->p_vaddr ^ phdr->p_offset) & (align - 1)) != 0)
		return "a segment's address and offset do not agree with its alignment";
	if (((phdr->p_vaddr ^ phdr->p_offset) & (ELF_PAGE - 1)) != 0)
		return "a segment's address and offset differ within the page";
	if (phdr->p_vaddr > UINT64_MAX - 2 * ELF_PAGE ||
	    phdr->p_memsz > UINT64_MAX - 2 * ELF_PAGE - phdr->p_vaddr)
		return "a segment's address wraps around";
	if ((phdr->p_flags & PF_W) != 0 && (phdr->p_flags & PF_X) != 0)
		return "a segment is both writable and executable";
	return NULL;
}

static const char *decode_other(const Elf64_Phdr *phdr)
{
	if (phdr->p_type == PT_INTERP)
		return "dynamically linked: needs an interpreter";
	if (phdr->p_type == PT_GNU_STACK && (phdr->p_flags & PF_X) != 0)
		return "asks for an executable stack";
	return NULL;
}

static bool is_load(const Elf64_Phdr *phdr)
{
	return phdr->p_type == PT_LOAD && phdr->p_memsz != 0;
}

/* Check all program headers; find the largest alignment and the lowest address. */
static const char *decode_phdrs(const struct file *file, uint64_t *align, uint64_t *low)
{
	uint64_t end = 0;
	unsigned loads = 0;

	*align = ELF_PAGE;
	for (unsigned i = 0; i < file->ehdr.e_phnum; i++) {
		const char *why;
		Elf64_Phdr phdr;

		phdr_get(file, i, &phdr);
		if (!is_load(&phdr)) {
			why = decode_other(&phdr);
			if (why)
				return why;
			continue;
		}
		why = decode_load(file, &phdr);
		if (why)
			return why;
		if (loads != 0 && page_down(phdr.p_vaddr) < end)
			return "segments overlap, share a page or do not ascend";
		if (loads == 0)
			*low = page_down(phdr.p_vaddr);
		if (++loads > ELF_SEGMENTS_MAX)
			return "too many segments";
		end = page_up(phdr.p_vaddr + phdr.p_memsz);
		if (phdr.p_align > *align)
			*align = phdr.p_align;
	}
	return loads == 0 ? "nothing to load" : NULL;
}

/* The bias of a static-pie: its lowest page comes to the lowest aligned address from pie_base. */
static const char *choose_bias(const struct elf_window *window, uint64_t align, uint64_t low,
			       uint64_t *bias)
{
	uint64_t base = window->pie_base;

	if (base < window->low)
		base = window->low;
	if (base > UINT64_MAX - align)
		return "no room for the program's alignment";
	base = (base + align - 1) & ~(align - 1);
	low &= ~(align - 1);
	if (low > base)
		return "a position-independent program begins above its window";
	*bias = base - low;
	return NULL;
}

static uint32_t prot_of(uint32_t flags)
{
	uint32_t prot = 0;

	if (flags & PF_R)
		prot |= ELF_PROT_READ;
	if (flags & PF_W)
		prot |= ELF_PROT_WRITE | ELF_PROT_READ;
	if (flags & PF_X)
		prot |= ELF_PROT_EXEC;
	return prot;
}

static const char *add_segment(struct elf_plan *plan, const Elf64_Phdr *phdr,
			       const struct elf_window *window)
{
	struct elf_segment *seg = &plan->segment[plan->segments];
	uint64_t pad = phdr->p_vaddr & (ELF_PAGE - 1);
	uint64_t len = page_up(pad + phdr->p_memsz);
	uint64_t addr = page_down(phdr->p_vaddr);

	if (addr > UINT64_MAX - plan->bias)
		return "a segment's address wraps around";
	addr += plan->bias;
	if (addr < window->low || addr >= window->high || len > window->high - addr)
		return "a segment lies outside the program's window";
	seg->map_addr = addr;
	seg->map_len = len;
	seg->map_offset = phdr->p_filesz != 0 ? page_down(phdr->p_offset) : 0;
	seg->file_len = phdr->p_filesz != 0 ? pad + phdr->p_filesz : 0;
	seg->prot = prot_of(phdr->p_flags);
	seg->clear_tail = phdr->p_memsz > phdr->p_filesz;
	if (plan->segments == 0)
		plan->low = addr;
	plan->high = addr + len;
	plan->segments++;
	return NULL;
}

/* Where the program headers are in memory: inside the file part of some segment. */
static void find_phdr(const struct file *file, struct elf_plan *plan)
{
	uint64_t off = file->ehdr.e_phoff;
	uint64_t len = file->ehdr.e_phnum * sizeof(Elf64_Phdr);

	for (unsigned i = 0; i < plan->segments; i++) {
		const struct elf_segment *seg = &plan->segment[i];

		if (off < seg->map_offset || off - seg->map_offset > seg->file_len ||
		    seg->file_len - (off - seg->map_offset) < len)
			continue;
		plan->phdr = seg->map_addr + (off - seg->map_offset);
		return;
	}
}

static const char *check_entry(const struct file *file, struct elf_plan *plan)
{
	if (file->ehdr.e_entry > UINT64_MAX - plan->bias)
		return "the entry point wraps around";
	plan->entry = file->ehdr.e_entry + plan->bias;
	for (unsigned i = 0; i < plan->segments; i++) {
		const struct elf_segment *seg = &plan->segment[i];

		if ((seg->prot & ELF_PROT_EXEC) != 0 && plan->entry >= seg->map_addr &&
		    plan->entry - seg->map_addr < seg->file_len)
			return NULL;
	}
	return "the entry point is not in an executable segment";
}

static const char *fill_plan(const struct file *file, const struct elf_window *window,
			     struct elf_plan *plan)
{
	for (unsigned i = 0; i < file->ehdr.e_phnum; i++) {
		const char *why;
		Elf64_Phdr phdr;

		phdr_get(file, i, &phdr);
		if (!is_load(&phdr))
			continue;
		why = add_segment(plan, &phdr, window);
		if (why)
			return why;
	}
	plan->phnum = file->ehdr.e_phnum;
	plan->phentsize = sizeof(Elf64_Phdr);
	find_phdr(file, plan);
	return check_entry(file, plan);
}

static const char *make_plan(struct file *file, const struct elf_window *window,
			     struct elf_plan *plan)
{
	uint64_t align = 0, low = 0;
	const char *why;

	if (cmod_is(file->head, file->head_len))
		return "a signed module (CMOD): not loaded by this version";
	if (file->head_len < sizeof(file->ehdr) || file->size < sizeof(file->ehdr))
		return "too short for an ELF file";
	memcpy(&file->ehdr, file->head, sizeof(file->ehdr));
	why = decode_ident(file);
	if (!why)
		why = decode_ehdr(file);
	if (!why)
		why = decode_phdrs(file, &align, &low);
	if (!why && file->ehdr.e_type == ET_DYN)
		why = choose_bias(window, align, low, &plan->bias);
	if (!why)
		why = fill_plan(file, window, plan);
	return why;
}

int elf_plan(const void *head, size_t head_len, uint64_t file_size, const struct elf_window *window,
	     struct elf_plan *plan, const char **reason)
{
	struct file file = {.head = head, .head_len = head_len, .size = file_size};
	struct elf_plan made = {.segments = 0};
	const char *why = make_plan(&file, window, &made);

	*reason = why ? why : "";
	if (why)
		return -ENOEXEC;
	*plan = made;
	return 0;
}
