/* SPDX-License-Identifier: ISC */
/* args.c: one table between two enums; see args.h. */
#include "servers/sipd/args.h"

static const enum limit_key keys[SILO_LIMIT_COUNT] = {
	[SILO_MEMORY] = LIMIT_MEMORY,
	[SILO_MEM_MIN] = LIMIT_MEM_MIN,
	[SILO_PROCESSES] = LIMIT_PROCESSES,
	[SILO_THREADS] = LIMIT_THREADS,
	[SILO_HANDLES] = LIMIT_HANDLES,
	[SILO_MESSAGES] = LIMIT_MESSAGES,
	[SILO_CPU_SHARES] = LIMIT_CPU_SHARES,
	[SILO_CPU_QUOTA_US] = LIMIT_CPU_QUOTA_US,
	[SILO_CPU_PERIOD_US] = LIMIT_CPU_PERIOD_US,
	[SILO_AFFINITY] = LIMIT_AFFINITY,
};

enum limit_key silo_limit_key(enum silo_limit limit)
{
	return (unsigned)limit < SILO_LIMIT_COUNT ? keys[limit] : LIMIT_KEYS;
}

void silo_args_fill(struct silo_args *args, const struct silo_desc *desc)
{
	*args = (struct silo_args){
		.id = desc->id, .mode = desc->mode, .flags = desc->strict ? SILO_STRICT : 0};
	for (unsigned i = 0; i < SILO_LIMIT_COUNT; i++)
		args->limits[keys[i]] = desc->limits.value[i];
	args->limits[LIMIT_DMA] = desc->dma;
}
