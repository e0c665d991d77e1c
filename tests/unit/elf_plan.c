/* SPDX-License-Identifier: ISC */
/*
 * lib/elf: a sound image built by hand, then every rule broken once; and real programs made by the
 * compiler (static, static-pie, dynamic).
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "elf/cmod.h"
#include "elf/elf.h"

#define FILE_SIZE 0x5000u

static const struct elf_window window = {0x10000, 0x7fff00000000, 0x400000};

/* Text, read-only data, data with bss, as a linker lays them out. */
static struct file {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdr[8];
	uint8_t rest[FILE_SIZE - sizeof(Elf64_Ehdr) - 8 * sizeof(Elf64_Phdr)];
} sound;

static int setup(void **state)
{
	(void)state;
	memset(&sound, 0, sizeof(sound));
	memcpy(sound.ehdr.e_ident, ELFMAG "\2\1\1", 7);
	sound.ehdr.e_type = ET_EXEC;
	sound.ehdr.e_machine = EM_X86_64;
	sound.ehdr.e_version = EV_CURRENT;
	sound.ehdr.e_entry = 0x401010;
	sound.ehdr.e_phoff = offsetof(struct file, phdr);
	sound.ehdr.e_ehsize = sizeof(Elf64_Ehdr);
	sound.ehdr.e_phentsize = sizeof(Elf64_Phdr);
	sound.ehdr.e_phnum = 5;
	sound.phdr[0] = (Elf64_Phdr){PT_LOAD, PF_R, 0, 0x400000, 0, 0x300, 0x300, 0x1000};
	sound.phdr[1] =
		(Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0x1000, 0x401000, 0, 0x1234, 0x1234, 0x1000};
	sound.phdr[2] =
		(Elf64_Phdr){PT_LOAD, PF_R | PF_W, 0x3f00, 0x404f00, 0, 0x300, 0x2000, 0x1000};
	sound.phdr[3] = (Elf64_Phdr){PT_TLS, PF_R, 0x3f00, 0x404f00, 0, 0x10, 0x20, 8};
	sound.phdr[4] = (Elf64_Phdr){PT_GNU_STACK, PF_R | PF_W, 0, 0, 0, 0, 0, 16};
	return 0;
}

static int plan_of(const struct file *file, struct elf_plan *plan, const char **reason)
{
	return elf_plan(file, ELF_HEAD_SIZE, FILE_SIZE, &window, plan, reason);
}

static void test_sound(void **state)
{
	struct elf_plan plan;
	const char *reason;

	(void)state;
	assert_int_equal(plan_of(&sound, &plan, &reason), 0);
	assert_string_equal(reason, "");
	assert_int_equal(plan.segments, 3);
	assert_int_equal(plan.bias, 0);
	assert_int_equal(plan.entry, 0x401010);
	assert_int_equal(plan.phdr, 0x400000 + offsetof(struct file, phdr));
	assert_int_equal(plan.phnum, 5);
	assert_int_equal(plan.low, 0x400000);
	assert_int_equal(plan.high, 0x407000);
	assert_int_equal(plan.segment[1].prot, ELF_PROT_READ | ELF_PROT_EXEC);
	assert_int_equal(plan.segment[1].map_len, 0x2000);
	assert_int_equal(plan.segment[1].file_len, 0x1234);
	assert_int_equal(plan.segment[1].clear_tail, 0);
	assert_int_equal(plan.segment[2].map_addr, 0x404000);
	assert_int_equal(plan.segment[2].map_len, 0x3000);
	assert_int_equal(plan.segment[2].map_offset, 0x3000);
	assert_int_equal(plan.segment[2].file_len, 0x1200);
	assert_int_equal(plan.segment[2].clear_tail, 1);
	assert_int_equal(plan.segment[2].prot, ELF_PROT_READ | ELF_PROT_WRITE);
}

static void test_pie(void **state)
{
	struct file file = sound;
	struct elf_plan plan;
	const char *reason;

	(void)state;
	file.ehdr.e_type = ET_DYN;
	file.ehdr.e_entry -= 0x400000;
	for (unsigned i = 0; i < 4; i++)
		file.phdr[i].p_vaddr -= 0x400000;
	assert_int_equal(plan_of(&file, &plan, &reason), 0);
	assert_int_equal(plan.bias, 0x400000);
	assert_int_equal(plan.entry, 0x401010);
	file.phdr[0].p_align = 0x2000000;
	assert_int_equal(plan_of(&file, &plan, &reason), 0);
	assert_int_equal(plan.bias, 0x2000000);
	file.phdr[0].p_align = 0x1000;
	/* Nothing in the file, only in memory. */
	file.phdr[2].p_filesz = 0;
	assert_int_equal(plan_of(&file, &plan, &reason), 0);
	assert_int_equal(plan.segment[2].file_len, 0);
	assert_int_equal(plan.segment[2].map_offset, 0);
}

/* Each row breaks one rule; the reason must have these words. */
#define BREAK(field, value, words)                                                                 \
	do {                                                                                       \
		struct file file_ = sound;                                                         \
		struct elf_plan plan_ = {.segments = 77};                                          \
		const char *reason_ = NULL;                                                        \
		file_.field = (value);                                                             \
		assert_int_equal(plan_of(&file_, &plan_, &reason_), -ENOEXEC);                     \
		if (strstr(reason_, words) == NULL)                                                \
			fail_msg("%s = %s: \"%s\"", #field, #value, reason_);                      \
		assert_int_equal(plan_.segments, 77);                                              \
	} while (0)

static void test_header_refused(void **state)
{
	(void)state;
	BREAK(ehdr.e_ident[0], 0, "not an ELF");
	BREAK(ehdr.e_ident[EI_CLASS], ELFCLASS32, "64-bit");
	BREAK(ehdr.e_ident[EI_DATA], ELFDATA2MSB, "little-endian");
	BREAK(ehdr.e_ident[EI_VERSION], 9, "version");
	BREAK(ehdr.e_version, 0, "version");
	BREAK(ehdr.e_ident[EI_OSABI], ELFOSABI_FREEBSD, "operating system");
	BREAK(ehdr.e_machine, EM_AARCH64, "processor");
	BREAK(ehdr.e_type, ET_REL, "object file");
	BREAK(ehdr.e_type, ET_CORE, "core dump");
	BREAK(ehdr.e_type, 77, "executable type");
	BREAK(ehdr.e_ehsize, 10, "header sizes");
	BREAK(ehdr.e_phentsize, 32, "header sizes");
	BREAK(ehdr.e_phnum, 0, "no program headers");
	BREAK(ehdr.e_phnum, 65, "too many program headers");
	BREAK(ehdr.e_phoff, FILE_SIZE, "behind the end");
	BREAK(ehdr.e_phoff, UINT64_MAX - 5, "behind the end");
	BREAK(ehdr.e_phoff, 0x1000, "too far");
	BREAK(ehdr.e_entry, 0, "no entry");
	BREAK(ehdr.e_entry, 0x400010, "entry point is not");
	BREAK(ehdr.e_entry, 0x401000 + 0x1234, "entry point is not");
	BREAK(ehdr.e_entry, UINT64_MAX, "entry point is not");
}

static void test_segment_refused(void **state)
{
	(void)state;
	BREAK(phdr[4].p_flags, PF_R | PF_W | PF_X, "executable stack");
	BREAK(phdr[3].p_type, PT_INTERP, "interpreter");
	BREAK(phdr[2].p_flags, PF_R | PF_W | PF_X, "both writable and executable");
	BREAK(phdr[2].p_filesz, 0x2001, "larger in the file");
	BREAK(phdr[2].p_memsz, UINT64_MAX - 0x1000, "wraps around");
	BREAK(phdr[2].p_vaddr, UINT64_MAX - 0xff, "wraps around");
	BREAK(phdr[2].p_memsz, 0x7fff00000000, "window");
	BREAK(phdr[2].p_offset, 0xf00 + FILE_SIZE, "behind the end");
	BREAK(phdr[2].p_offset, UINT64_MAX - 0xff, "behind the end");
	BREAK(phdr[2].p_offset, 0x3000, "do not agree");
	BREAK(phdr[2].p_align, 3, "power of two");
	BREAK(phdr[2].p_align, 1ull << 31, "power of two");
	BREAK(phdr[2].p_align, 0x4000, "do not agree");
	BREAK(phdr[0].p_vaddr, 0xf000, "window");
	BREAK(phdr[0].p_vaddr, 0x401000, "overlap");
	BREAK(phdr[1].p_memsz, 0x4000, "overlap");
	BREAK(phdr[2].p_vaddr, 0x402f00, "share a page");
	BREAK(phdr[2].p_vaddr, 0x300f00, "ascend");
	BREAK(ehdr.e_phnum, 1, "entry point is not");
	{
		struct file file = sound;
		struct elf_plan plan;
		const char *reason;

		file.phdr[2].p_align = 0;
		file.phdr[2].p_offset = 0x3000;
		assert_int_equal(plan_of(&file, &plan, &reason), -ENOEXEC);
		assert_non_null(strstr(reason, "within the page"));
		for (unsigned i = 0; i < 3; i++)
			file.phdr[i].p_type = PT_NOTE;
		assert_int_equal(plan_of(&file, &plan, &reason), -ENOEXEC);
		assert_string_equal(reason, "nothing to load");
	}
}

static void test_bounds(void **state)
{
	struct elf_window narrow = {0x10000, 0x407000, 0};
	Elf64_Phdr *many;
	struct elf_plan plan;
	const char *reason;
	uint8_t *head = calloc(1, ELF_HEAD_SIZE);

	(void)state;
	/* Every shorter head is refused and not read over. */
	for (size_t len = 0; len < sizeof(Elf64_Ehdr) + 5 * sizeof(Elf64_Phdr); len++) {
		uint8_t *part = malloc(len ? len : 1);

		memcpy(part, &sound, len);
		assert_int_equal(elf_plan(part, len, FILE_SIZE, &window, &plan, &reason), -ENOEXEC);
		assert_int_equal(elf_plan(part, len, len, &window, &plan, &reason), -ENOEXEC);
		free(part);
	}
	assert_int_equal(elf_plan(&sound, ELF_HEAD_SIZE, FILE_SIZE, &narrow, &plan, &reason), 0);
	narrow.high = 0x406000;
	assert_int_equal(elf_plan(&sound, ELF_HEAD_SIZE, FILE_SIZE, &narrow, &plan, &reason),
			 -ENOEXEC);
	memcpy(head, &sound, sizeof(Elf64_Ehdr));
	((Elf64_Ehdr *)head)->e_phnum = ELF_SEGMENTS_MAX + 1;
	((Elf64_Ehdr *)head)->e_entry = 0x400000;
	many = (Elf64_Phdr *)(head + sizeof(Elf64_Ehdr));
	for (unsigned i = 0; i <= ELF_SEGMENTS_MAX; i++)
		many[i] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, 0,	     0x400000 + i * 0x1000ull,
				       0,	16,	     0x1000, 0x1000};
	assert_int_equal(elf_plan(head, ELF_HEAD_SIZE, FILE_SIZE, &window, &plan, &reason),
			 -ENOEXEC);
	assert_string_equal(reason, "too many segments");
	((Elf64_Ehdr *)head)->e_phnum = ELF_SEGMENTS_MAX;
	assert_int_equal(elf_plan(head, ELF_HEAD_SIZE, FILE_SIZE, &window, &plan, &reason), 0);
	assert_int_equal(plan.segments, ELF_SEGMENTS_MAX);
	free(head);
}

static int plan_program(const char *options, struct elf_plan *plan, const char **reason)
{
	static const char source[] = "int main(void) { return 0; }";
	char dir[] = "/tmp/elf-test-XXXXXX", command[512], path[64];
	uint8_t head[ELF_HEAD_SIZE];
	struct stat st;
	ssize_t n;
	int fd, rc;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a", dir);
	snprintf(command, sizeof(command), "echo '%s' | gcc -x c - %s -o %s", source, options,
		 path);
	assert_int_equal(system(command), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	n = read(fd, head, sizeof(head));
	assert_true(n > 0);
	rc = elf_plan(head, (size_t)n, (uint64_t)st.st_size, &window, plan, reason);
	close(fd);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
	return rc;
}

static void test_real(void **state)
{
	struct elf_plan plan;
	const char *reason;

	(void)state;
	assert_int_equal(plan_program("-static -no-pie", &plan, &reason), 0);
	assert_true(plan.bias == 0 && plan.phdr != 0 && plan.segments >= 2);
	assert_int_equal(plan_program("-static-pie", &plan, &reason), 0);
	assert_true(plan.bias == 0x400000 && plan.phdr == 0x400040);
	assert_int_equal(plan_program("-pie", &plan, &reason), -ENOEXEC);
	assert_non_null(strstr(reason, "interpreter"));
	assert_int_equal(plan_program("-static -z execstack", &plan, &reason), -ENOEXEC);
	assert_non_null(strstr(reason, "executable stack"));
	assert_int_equal(plan_program("-c", &plan, &reason), -ENOEXEC);
}

static void put_le(uint8_t *p, unsigned bytes, uint64_t v)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static int cmod_with(unsigned at, unsigned bytes, uint64_t v, struct cmod_header *h,
		     const char **reason)
{
	uint8_t head[CMOD_HEADER_SIZE] = "CMOD";

	put_le(head + 4, 2, 2);
	put_le(head + 11, 8, 0x1000);
	put_le(head + 19, 8, 0x2000);
	put_le(head + 27, 8, 0x3000);
	put_le(head + 35, 8, 0x1000);
	put_le(head + 51, 8, 0x10);
	put_le(head + 155, 8, 5);
	put_le(head + at, bytes, v);
	return cmod_read(head, sizeof(head), 0x4000, h, reason);
}

static void test_cmod(void **state)
{
	uint8_t head[ELF_HEAD_SIZE] = "CMOD";
	struct cmod_header h;
	struct elf_plan plan;
	const char *reason;

	(void)state;
	assert_int_equal(elf_plan(head, sizeof(head), FILE_SIZE, &window, &plan, &reason),
			 -ENOEXEC);
	assert_non_null(strstr(reason, "not loaded by this version"));
	assert_int_equal(cmod_with(4, 2, 2, &h, &reason), 0);
	assert_true(h.version == 2 && h.code_offset == 0x1000 && h.data_size == 0x1000);
	assert_true(h.entry == 0x10 && h.cpu_features == 5);
	assert_int_equal(cmod_with(4, 2, 1, &h, &reason), 0);
	assert_int_equal(h.cpu_features, 0);
	assert_int_equal(cmod_with(4, 2, 3, &h, &reason), -ENOEXEC);
	assert_int_equal(cmod_with(6, 1, 1, &h, &reason), -ENOEXEC);
	assert_int_equal(cmod_with(0, 1, 'c', &h, &reason), -ENOEXEC);
	assert_int_equal(cmod_with(11, 8, 0x1001, &h, &reason), -ENOEXEC);
	assert_int_equal(cmod_with(11, 8, UINT64_MAX & ~0xfffull, &h, &reason), -ENOEXEC);
	assert_int_equal(cmod_with(19, 8, UINT64_MAX & ~0xfffull, &h, &reason), -ENOEXEC);
	assert_int_equal(cmod_with(27, 8, 0x2000, &h, &reason), -ENOEXEC);
	assert_int_equal(cmod_with(43, 8, UINT64_MAX, &h, &reason), -ENOEXEC);
	assert_int_equal(cmod_with(51, 8, 0x2000, &h, &reason), -ENOEXEC);
	assert_int_equal(cmod_with(75, 8, 0x4000, &h, &reason), -ENOEXEC);
	assert_int_equal(cmod_read(head, 100, 0x4000, &h, &reason), -ENOEXEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound),	       cmocka_unit_test(test_pie),
		cmocka_unit_test(test_header_refused), cmocka_unit_test(test_segment_refused),
		cmocka_unit_test(test_bounds),	       cmocka_unit_test(test_real),
		cmocka_unit_test(test_cmod),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
