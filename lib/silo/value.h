/* SPDX-License-Identifier: ISC */
/*
 * Private to lib/silo: values already split into words. Contracts as for the functions of silo.h
 * that take a line: 0 or a negative errno with the reason.
 */
#ifndef SILO_VALUE_H
#define SILO_VALUE_H

#include "silo/silo.h"

SILO_MUST int silo_value_mode(char **word, unsigned n, uint16_t *mode, char *reason);
SILO_MUST int silo_value_limit(char **word, unsigned n, enum silo_limit *key, uint64_t *value,
			       char *reason);
SILO_MUST int silo_value_restart(char **word, unsigned n, struct silo_restart_policy *policy,
				 char *reason);
SILO_MUST int silo_value_family(char **word, unsigned n, enum silo_family *family, char *reason);
/* The path stays in word[0], normalised in place. */
SILO_MUST int silo_value_unveil(char **word, unsigned n, uint8_t *perms, char *reason);
SILO_MUST int silo_value_device(char **word, unsigned n, struct silo_device *device, char *reason);
SILO_MUST int silo_value_label(const char *word, char *reason);
/* An absolute path without empty, "." and ".." components; trailing slashes are cut off. */
SILO_MUST int silo_value_path(char *path, char *reason);
SILO_MUST int silo_value_u32(const char *word, uint32_t min, uint32_t max, uint32_t *value);

/* Write a reason and return the errno. */
int silo_refuse(char *reason, int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
