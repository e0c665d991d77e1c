/* SPDX-License-Identifier: ISC */
/*
 * range.h: sets of physical addresses as sorted ranges of whole pages that do not touch.
 * Used for the memory map at boot only. A set that would need more ranges than it has room
 * for loses memory, never gains any.
 */
#pragma once
#include "base.h"

struct range_set {
	struct phys_range *range;
	unsigned count, room;
};

/* Add the whole pages inside [base, base + len). */
void range_add(struct range_set *s, uint64_t base, uint64_t len);
/* Take out every page that [base, base + len) touches. */
void range_cut(struct range_set *s, uint64_t base, uint64_t len);
