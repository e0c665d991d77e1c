/* SPDX-License-Identifier: ISC */
/* regs.h: picks the machine; the only architecture conditional outside kernel/arch/NAME/. */
#pragma once
#if defined(__x86_64__)
#include "arch/x86_64/regs.h"
#else
#error "no such architecture"
#endif
