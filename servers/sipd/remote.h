/* SPDX-License-Identifier: ISC */
/*
 * remote.h: sipd as a client of others: file servers, consoled, devd. Called by workers only; every
 * call carries a deadline (SIPD_CALL_NS). Apart from sipd.h because a 9P client and a 9P tree have
 * names in common.
 *
 * Who may lie: the servers. A handle that comes is looked at by the kernel when it is used; text is
 * copied and parsed with bounds.
 */
#pragma once
#include <stdint.h>
#include "abi/types.h"

#define REMOTE_MUST __attribute__((warn_unused_result))

/* The namespace, from a connector of rootd that is used up. Each call waits at most timeout ns. */
REMOTE_MUST int remote_init(handle_t ns, uint64_t timeout);

/* A program's file as a VMO with READ, MAP and EXECUTE; the handle is the caller's. */
REMOTE_MUST int remote_program(const char *path, handle_t *vmo, uint64_t *size);

/* A session of its own with a file, opened for reading and writing: a program's descriptors. */
REMOTE_MUST int remote_terminal(const char *path, handle_t *session);

/* devd's device handle behind a control file, for a silo. */
REMOTE_MUST int remote_lease(const char *path, uint32_t silo, handle_t *device);

/* One write to a control file. */
REMOTE_MUST int remote_command(const char *path, const char *text);

/* A text file, terminated, at most size - 1 bytes. Bytes or an error. */
REMOTE_MUST int64_t remote_text(const char *path, char *text, uint32_t size);

/*
 * Call fn for each name in a directory until it returns something else than 0, which is returned;
 * 0 at the end.
 */
REMOTE_MUST int remote_each(const char *path, int (*fn)(void *arg, const char *name), void *arg);
