/* SPDX-License-Identifier: ISC */
/*
 * ns.h: the process's namespace: what it sees as "/", from the bootstrap handle "ns:/".
 *
 * One p9_client a process with a working directory of its own. Its tables are guarded by one lock,
 * which is not held during a call, and each thread calls through its own message page: threads may
 * use the namespace at the same time, one open file by one thread at a time (9p/client.h).
 *
 * "ns:/" is a connector of rootd (the session is made here and paid for by this process) or a
 * session, for instance one narrowed to a part of the tree.
 *
 * The functions below are those of 9p/client.h on that client. Before ns_init they answer -ENXIO.
 */
#pragma once
#include "9p/codec.h"

struct p9_client;
struct p9_file; /* of 9p/client.h, which who opens files includes himself */

#define NS_TIMEOUT_NS 30000000000ull /* of each call that does not say otherwise */

/* Errors: -ENXIO no such handle; -ENOMEM; what the server says. Once a process. */
P9_MUST int ns_init(void);
/* The same on a given handle, which is used up. */
P9_MUST int ns_init_handle(uint32_t handle);
/* NULL before ns_init. */
struct p9_client *ns_client(void);

P9_MUST int ns_open(const char *path, uint32_t flags, uint32_t mode, struct p9_file **out);
P9_MUST int ns_stat(const char *path, bool nofollow, struct p9_attr *attr);
P9_MUST int64_t ns_load(const char *path, void *buf, uint32_t size);
/* One write of text to an existing file. */
P9_MUST int ns_command(const char *path, const char *text);
/* Text of at most size - 1 bytes, terminated. Bytes, or an error. */
P9_MUST int64_t ns_load_text(const char *path, char *buf, uint32_t size);
/* All of a file to new memory (free it), terminated by a NUL that *len does not count. For files of
 * unknown length, such as synthetic ones. -EFBIG more than max. */
P9_MUST int ns_load_all(const char *path, uint64_t max, char **text, uint64_t *len);
/* All of len bytes, in as many writes as it takes. */
P9_MUST int ns_write_all(struct p9_file *f, const void *buf, uint64_t len);
/* A VMO of the file's contents (protections PROT_*), its length in bytes in *size. */
P9_MUST int ns_vmo(const char *path, uint32_t prot, uint32_t *vmo, uint64_t *size);
