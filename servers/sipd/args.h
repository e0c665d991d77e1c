/* SPDX-License-Identifier: ISC */
/*
 * args.h: from a description's words to the kernel's numbers. Pure. What the kernel has no key for
 * (names, restarts, paths) is not here.
 */
#pragma once
#include "abi/types.h"
#include "silo/silo.h"

/* All of *args from a description. The id is the description's; 0 stays 0. */
void silo_args_fill(struct silo_args *args, const struct silo_desc *desc);

/* The kernel's key for one of a description. */
enum limit_key silo_limit_key(enum silo_limit limit);
