/* SPDX-License-Identifier: ISC */
/*
 * boot.h: the handles that a program was given at its birth, by name. For programs with libc: the
 * bootstrap block is found by the auxiliary vector. Handles belong to the program; a name goes on
 * naming a handle that was closed.
 *
 * Spec: docs/bootstrap.md.
 */
#pragma once
#include "abi/bootstrap.h"

/* The block, or NULL for a program that was started without one. */
const struct bootstrap *boot_block(void);

/* The handle with this name, or HANDLE_NONE. */
handle_t boot_handle(const char *name);

/* The same in a block that was found otherwise (freestanding programs). */
handle_t bootstrap_find(const struct bootstrap *block, const char *name);
