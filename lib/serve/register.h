/* SPDX-License-Identifier: ISC */
/*
 * register.h: how something gets mounted: the calls that rootd takes on a registrar.
 *
 * A registrar is a send handle of rootd with RIGHT_BIND: SERVE_BADGE_REGISTRAR, which may mount
 * anywhere that rootd allows, or one made from it for a list of paths (REGISTER_SUB). All calls
 * need MODE_BIND in the mode of the caller's silo, too, and those on the full registrar, which
 * mounts for others, MODE_PROXY. Answer: word 0 is 0 or -errno.
 *
 *	label	       data		     handle	      answer
 *	REGISTER_MOUNT path		     connector, or    -
 *				             none: unmount
 *	REGISTER_SUB   paths, one a line     -		      handle: a registrar for these
 *
 * Errors: -EPERM a mode bit or RIGHT_BIND is missing, or it is not a path of this registrar;
 *-EINVAL not a path at which rootd takes mounts, or a handle that is no sender; -ENOSPC the table
 *is full; -ENOENT unmount of nothing; -ESTALE a registrar that this rootd has not made.
 *
 * Spec: docs/namespace.md.
 */
#pragma once
#include "serve/serve.h"

#define REGISTER_MOUNT 0x4d4e5400u /* "MNT" */
#define REGISTER_SUB   0x53554252u /* "SUBR" */

/* Mount connector (moves; HANDLE_NONE: unmount) at path, through a registrar. */
P9_MUST int register_mount(handle_t registrar, const char *path, handle_t connector,
			   uint64_t deadline);
/* A registrar for the given paths (one a line, "/dev/uart0\n/dev/uart1"). */
P9_MUST int register_sub(handle_t registrar, const char *paths, uint64_t deadline, handle_t *out);

/*
 * Mount the server at path through bootstrap handle "registrar". A server on a channel that its
 * supervisor made is mounted by the supervisor; then this does nothing. Errors: as above; -ENXIO
 * no registrar.
 */
P9_MUST int serve_register(struct serve *s, const char *path);
/* The same for part i of the tree (serve_sub): badge is SERVE_BADGE_SUB + i. */
P9_MUST int serve_register_part(struct serve *s, uint64_t badge, const char *path);
