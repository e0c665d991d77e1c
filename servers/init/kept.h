/* SPDX-License-Identifier: ISC */
/*
 * kept.h: handles that outlive a process. A handle with HANDLE_KEPT stays in its corpse's table;
 * the keeper takes it out with its place in the derivation tree and gives it to the successor.
 * Used by init for its servers, by sipd for its silos, and by both for themselves.
 *
 * Numbers change at every step; what names a kept handle is its object's number, which is never
 * reused in a boot. Who may lie: nobody; all of this is the kernel's word.
 *
 * Spec: docs/restart.md.
 */
#pragma once
#include "abi/types.h"

#define KEPT_MAX  2048 /* that init takes from one corpse: sipd's has some for each silo */
#define KEPT_MUST __attribute__((warn_unused_result))

struct kept {
	handle_t handle; /* HANDLE_NONE: none */
	uint32_t type;	 /* enum object_type */
	uint64_t object; /* object number */
};

/*
 * Take all kept handles out of a corpse, at most max. They are the caller's, and kept in its own
 * table in turn. Returns how many; -EBUSY it still lives; what the kernel says.
 */
KEPT_MUST int kept_take(handle_t self, handle_t process, struct kept *out, unsigned max);

/* What this process itself was given as kept: by its predecessor's keeper. Returns how many. */
KEPT_MUST int kept_own(handle_t self, struct kept *out, unsigned max);

/*
 * Make handle one that is kept when this process dies: it moves to a new number, kept->handle, with
 * its place in the derivation tree. kept->object is its object's number. On failure it stays as it
 * was.
 */
KEPT_MUST int kept_make(handle_t self, struct kept *kept, handle_t handle);

/*
 * Move all of a list to a process that has not run yet, as kept handles without names: kept_own
 * finds them there. On failure what was not given is still in the list.
 */
KEPT_MUST int kept_give(handle_t process, struct kept *list, unsigned count);

/* Take the entry with this object number out of a list (its handle becomes HANDLE_NONE there).
 * HANDLE_NONE: there is none. */
handle_t kept_pick(struct kept *list, unsigned count, uint64_t object);

/* Take the entries that are HANDLE_NONE out of a list; how many are left. */
unsigned kept_tidy(struct kept *list, unsigned count);

/* Close what is left in a list. */
void kept_close(struct kept *list, unsigned count);
