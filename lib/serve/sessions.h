/* SPDX-License-Identifier: ISC */
/*
 * sessions.h: which file a narrowed session has as its root, in memory that outlives the server
 * (bootstrap handle "state"), so that its successor lets the session go on: what p9_ops'
 * session_made, session_gone and session_restore need.
 *
 * A file is whatever number the server finds it by. An entry whose session ended while nobody
 * served stays until the table is full; then the oldest goes: a session that is still used and
 * whose entry went ends at the next restart, and its client resolves the path again.
 *
 * Invariant: an entry is whole, or its id is 0. Who may lie: a predecessor that was broken; numbers
 * that it wrote must be looked up, never followed.
 */
#pragma once
#include "9p/server.h"

struct sessions_entry {
	uint64_t id; /* 0: free; written last */
	uint64_t file;
};

void sessions_made(struct sessions_entry *table, uint32_t size, uint64_t id, uint64_t file);
void sessions_gone(struct sessions_entry *table, uint32_t size, uint64_t id);
/* False: it is not known. */
P9_MUST bool sessions_find(const struct sessions_entry *table, uint32_t size, uint64_t id,
			   uint64_t *file);
