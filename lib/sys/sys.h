/* SPDX-License-Identifier: ISC */
/*
 * sys.h: native system calls for programs: sys_NAME(...) for every call of abi/calls.abi, made by
 * tools/abigen.py. Results are >= 0 or -errno; errno itself is never touched.
 *
 * Not here: the IPC calls, which have registers of their own (sys/ipc.h), time (sys/info.h), the
 * handles a program was born with (sys/boot.h). Inline only: nothing to link, so freestanding
 * programs and the shim use it too.
 *
 * Spec: docs/calls.
 */
#pragma once
#include "sys_stubs.h"
