/* SPDX-License-Identifier: ISC */
/*
 * Private to lib/silo: words to enum values. Each returns the value or -EINVAL.
 */
#ifndef SILO_NAMES_H
#define SILO_NAMES_H

int silo_family_of(const char *word);
int silo_tier_named(const char *word);
int silo_limit_of(const char *word);
int silo_restart_of(const char *word);
int silo_start_of(const char *word);

#endif
