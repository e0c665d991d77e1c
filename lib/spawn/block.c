/* SPDX-License-Identifier: ISC */
/*
 * block.c: the top of the new program's stack, as System V wants it (argc, argv, envp, auxv, then
 * strings), with the bootstrap block between. It is built in the job's buffer and copied once.
 *
 * Spec: System V ABI, AMD64 supplement, 3.4.1; docs/bootstrap.md.
 */
#include <string.h>
#include "spawn/priv.h"

enum auxv_type {
	AT_NULL = 0,
	AT_PHDR = 3,
	AT_PHENT = 4,
	AT_PHNUM = 5,
	AT_PAGESZ = 6,
	AT_ENTRY = 9,
	AT_UID = 11,
	AT_EUID = 12,
	AT_GID = 13,
	AT_EGID = 14,
	AT_CLKTCK = 17,
	AT_SECURE = 23,
	AT_RANDOM = 25,
	AT_EXECFN = 31,
};

#define AUXV_PAIRS  15
#define RANDOM_LEN  16
#define CLOCK_TICKS 100

/* A cursor in the buffer; `base` is the address that its first byte will have. */
struct writer {
	struct spawn_job *job;
	uint64_t base;
	uint64_t words, strings; /* offsets of what comes next */
};

static void put_word(struct writer *w, uint64_t value)
{
	memcpy(w->job->buffer + w->words, &value, sizeof(value));
	w->words += sizeof(value);
}

/* Returns the string's address to be. */
static uint64_t put_string(struct writer *w, const char *s)
{
	uint64_t at = w->strings, len = strlen(s) + 1;

	memcpy(w->job->buffer + at, s, len);
	w->strings += len;
	return w->base + at;
}

static void put_auxv(struct writer *w, uint64_t type, uint64_t value)
{
	put_word(w, type);
	put_word(w, value);
}

/* Entries and bytes of a list of strings; false: too long for a buffer. */
static int measure(const char *const *list, uint64_t *count, uint64_t *bytes)
{
	for (*count = 0; list[*count]; (*count)++) {
		*bytes += strlen(list[*count]) + 1;
		if (*bytes > SPAWN_BLOCK_MAX || *count > SPAWN_BLOCK_MAX / 8)
			return 0;
	}
	return 1;
}

static int put_handle(struct bootstrap *block, const char *name, handle_t handle)
{
	struct bootstrap_handle *entry = &block->handles[block->count];
	size_t len = strlen(name);

	if (block->count == BOOTSTRAP_NAMES || len >= sizeof(entry->name))
		return -EINVAL;
	memcpy(entry->name, name, len);
	entry->handle = handle;
	block->count++;
	return 0;
}

static int put_bootstrap(struct spawn_job *job, struct bootstrap *block, uint64_t cmdline)
{
	static const char *const own[] = {"self", "thread", "aspace"};
	const struct spawn_args *args = job->args;
	int result = 0;

	memset(block, 0, sizeof(*block));
	block->magic = BOOTSTRAP_MAGIC;
	block->version = BOOTSTRAP_VERSION;
	block->entry = job->plan.entry;
	block->archive = job->archive;
	block->archive_len = job->archive ? args->archive_len : 0;
	block->cmdline = cmdline;
	for (int i = 0; i < 3; i++)
		result = put_handle(block, own[i], job->names[i]);
	for (uint32_t i = 0; i < args->handle_count && result == 0; i++)
		if (args->handles[i].name)
			result = put_handle(block, args->handles[i].name, args->handles[i].given);
	return result;
}

static void put_auxiliary(struct writer *w, uint64_t name, uint64_t random, uint64_t bootstrap)
{
	const struct elf_plan *plan = &w->job->plan;

	put_auxv(w, AT_PHDR, plan->phdr);
	put_auxv(w, AT_PHENT, plan->phentsize);
	put_auxv(w, AT_PHNUM, plan->phdr ? plan->phnum : 0);
	put_auxv(w, AT_PAGESZ, PAGE_SIZE);
	put_auxv(w, AT_ENTRY, plan->entry);
	put_auxv(w, AT_UID, 0);
	put_auxv(w, AT_EUID, 0);
	put_auxv(w, AT_GID, 0);
	put_auxv(w, AT_EGID, 0);
	put_auxv(w, AT_SECURE, 0);
	put_auxv(w, AT_CLKTCK, CLOCK_TICKS);
	put_auxv(w, AT_RANDOM, random);
	put_auxv(w, AT_EXECFN, name);
	put_auxv(w, AT_BOOTSTRAP, bootstrap);
	put_auxv(w, AT_NULL, 0);
}

static const char *const *list_or(const char *const *list, const char *const *otherwise)
{
	return list ? list : otherwise;
}

static const char *const nothing[] = {NULL};

/* The strings' bytes and both counts are found first: the thread's stack pointer depends on them,
 * and the block tells the thread's handle. */
int spawn_measure(struct spawn_job *job)
{
	const struct spawn_args *args = job->args;
	const char *const alone[] = {args->name, NULL};
	const char *cmdline = args->cmdline ? args->cmdline : "";
	uint64_t bytes = strlen(args->name) + strlen(cmdline) + 2;

	if (bytes > SPAWN_BLOCK_MAX || !measure(list_or(args->argv, alone), &job->argc, &bytes) ||
	    !measure(list_or(args->envp, nothing), &job->envc, &bytes))
		return -E2BIG;
	job->block = (1 + job->argc + 1 + job->envc + 1 + 2 * AUXV_PAIRS) * 8;
	job->strings = job->block + sizeof(struct bootstrap) + RANDOM_LEN;
	job->total = (job->strings + bytes + 15) & ~15ull;
	if (job->total > SPAWN_BLOCK_MAX || job->total > job->stack_len / 2)
		return -E2BIG;
	return 0;
}

int spawn_block(struct spawn_job *job)
{
	const struct spawn_args *args = job->args;
	const char *const alone[] = {args->name, NULL};
	const char *const *argv = list_or(args->argv, alone);
	const char *const *envp = list_or(args->envp, nothing);
	uint64_t random = job->block + sizeof(struct bootstrap), name;
	struct writer w = {
		.job = job, .base = SPAWN_STACK_TOP - job->total, .strings = job->strings};
	int64_t result = sys_random(job->buffer + random, RANDOM_LEN);

	if (result < 0)
		return (int)result;
	memset(job->buffer + job->total - 16, 0, 16); /* the padding behind the last string */
	name = put_string(&w, args->name);
	put_word(&w, job->argc);
	for (uint64_t i = 0; i < job->argc; i++)
		put_word(&w, put_string(&w, argv[i]));
	put_word(&w, 0);
	for (uint64_t i = 0; i < job->envc; i++)
		put_word(&w, put_string(&w, envp[i]));
	put_word(&w, 0);
	put_auxiliary(&w, name, w.base + random, w.base + job->block);
	return put_bootstrap(job, (struct bootstrap *)(void *)(job->buffer + job->block),
			     put_string(&w, args->cmdline ? args->cmdline : ""));
}
