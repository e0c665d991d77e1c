/* SPDX-License-Identifier: ISC */
/*
 * The words of silo descriptions for our enums, and the two rules that are tables: ceilings of the
 * families, tiers by id. One list serves parsing and printing.
 */
#include "silo/silo.h"

#include <errno.h>
#include <string.h>

#include "silo/names.h"

static const char *const family_names[SILO_FAMILY_COUNT] = {
	[SILO_SYS] = "SYS", [SILO_DRV] = "DRV",	  [SILO_FS] = "FS",
	[SILO_NET] = "NET", [SILO_WASM] = "WASM", [SILO_USR] = "USR",
};

static const uint16_t family_ceilings[SILO_FAMILY_COUNT] = {
	[SILO_SYS] = 0777, [SILO_DRV] = 0076,  [SILO_FS] = 0076,
	[SILO_NET] = 0076, [SILO_WASM] = 0006, [SILO_USR] = 0004,
};

static const char *const tier_names[SILO_TIER_COUNT] = {
	[SILO_CRITICAL] = "critical",
	[SILO_SYSTEM] = "system",
	[SILO_USER] = "user",
};

static const char *const limit_names[SILO_LIMIT_COUNT] = {
	[SILO_MEMORY] = "memory",
	[SILO_MEM_MIN] = "mem_min",
	[SILO_PROCESSES] = "processes",
	[SILO_THREADS] = "threads",
	[SILO_HANDLES] = "handles",
	[SILO_MESSAGES] = "messages",
	[SILO_CPU_SHARES] = "cpu_shares",
	[SILO_CPU_QUOTA_US] = "cpu_quota_us",
	[SILO_CPU_PERIOD_US] = "cpu_period_us",
	[SILO_AFFINITY] = "affinity",
};

static const char *const restart_names[SILO_RESTART_COUNT] = {
	[SILO_NEVER] = "never",
	[SILO_ON_CRASH] = "on-crash",
	[SILO_ALWAYS] = "always",
};

static const char *const start_names[SILO_START_COUNT] = {
	[SILO_BOOT] = "boot",
	[SILO_DEMAND] = "demand",
	[SILO_START_NEVER] = "never",
};

static int name_find(const char *const *names, unsigned count, const char *word)
{
	for (unsigned i = 0; i < count; i++) {
		if (strcmp(names[i], word) == 0)
			return (int)i;
	}
	return -EINVAL;
}

int silo_family_of(const char *word)
{
	return name_find(family_names, SILO_FAMILY_COUNT, word);
}

int silo_tier_named(const char *word)
{
	return name_find(tier_names, SILO_TIER_COUNT, word);
}

int silo_limit_of(const char *word)
{
	return name_find(limit_names, SILO_LIMIT_COUNT, word);
}

int silo_restart_of(const char *word)
{
	return name_find(restart_names, SILO_RESTART_COUNT, word);
}

int silo_start_of(const char *word)
{
	return name_find(start_names, SILO_START_COUNT, word);
}

const char *silo_family_name(enum silo_family family)
{
	return (unsigned)family < SILO_FAMILY_COUNT ? family_names[family] : NULL;
}

const char *silo_tier_name(enum silo_tier tier)
{
	return (unsigned)tier < SILO_TIER_COUNT ? tier_names[tier] : NULL;
}

const char *silo_limit_name(enum silo_limit key)
{
	return (unsigned)key < SILO_LIMIT_COUNT ? limit_names[key] : NULL;
}

const char *silo_restart_name(enum silo_restart when)
{
	return (unsigned)when < SILO_RESTART_COUNT ? restart_names[when] : NULL;
}

uint16_t silo_mode_ceiling(enum silo_family family)
{
	return (unsigned)family < SILO_FAMILY_COUNT ? family_ceilings[family] : 0;
}

enum silo_tier silo_tier_of(uint32_t id)
{
	if (id >= 1 && id <= 9)
		return SILO_CRITICAL;
	if (id >= 10 && id <= 999)
		return SILO_SYSTEM;
	return SILO_USER;
}
