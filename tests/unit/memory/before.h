/* SPDX-License-Identifier: ISC */
/*
 * before.h: included before anything else: the look-ups and the clock, which the kernel has inline,
 * are the mock's here.
 */
#pragma once
#define cap_find    inline_cap_find
#define object_find inline_object_find
#define arch_now    inline_arch_now
#include "kernel/process.h"
#undef cap_find
#undef object_find
#undef arch_now

int cap_find(const struct thread *cur, handle_t h, enum object_type type, uint32_t rights,
	     struct cap **out);
int object_find(const struct thread *cur, handle_t h, enum object_type type, uint32_t rights,
		struct object **out);
uint64_t arch_now(void);
