/* SPDX-License-Identifier: ISC */
/*
 * legacy.h: what the two files of the 9P2000 translation share. Private to lib/9p.
 */
#pragma once
#include "9p/server.h"

#define P9_USERS_SIZE 32u /* two decimal numbers with their NULs */

/* A stat from attributes. users holds the texts of uid and gid, and lives as long as *st. */
void p9_stat_from_attr(struct p9_stat *st, const struct p9_attr *attr, struct p9_str name,
		       char *users, size_t size);
P9_MUST int p9_mode_to_oflags(uint8_t mode, uint32_t *oflags);
