/* SPDX-License-Identifier: ISC */
/* tenant.h: what the files of the hostile tenant know of each other. */
#pragma once
#include "9p/client.h"
#include "abi/types.h"

extern uint64_t done; /* how often it succeeded */

/* A session of our own with what answers for path: rootd ("/"), or what is mounted there. */
int session_make(const char *path, handle_t *session);
/* A connector of what is mounted at path. */
int connector_get(const char *path, handle_t *connector);

/* flood.c: count messages of arbitrary words, bytes, handles and buffers. Returns how many were
 * answered by a frame or word. */
uint64_t flood(handle_t session, uint64_t seed, uint64_t count);

/* memory.c */
int grow(const char *path, uint64_t want);
int bury(const char *path, uint64_t count, uint64_t size);
int share(const char *path);

/* lend.c */
int lend(const char *path, uint64_t count, uint64_t size);
