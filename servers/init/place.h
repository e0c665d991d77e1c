/* SPDX-License-Identifier: ISC */
/*
 * place.h: a server's place in the system: its channel and the connectors to it. The keeper makes
 * and owns them, so they survive the server: it gives the receive side to each process in turn, and
 * clients' handles stay valid. Used by init and sipd.
 *
 * Badges are those of serve/serve.h: the connector for pings and for a single mount, one connector
 * a part where several paths are provided.
 *
 * Invariant: the receive side is with the keeper exactly while no process has it. All handles here
 * are kept ones, so that the keeper's own successor finds them by place_ids.
 */
#pragma once
#include "servers/init/kept.h"
#include "silo/silo.h"

struct place {
	handle_t channel; /* receive side; HANDLE_NONE: a process has it, or there is no channel */
	handle_t connector;
	handle_t mount[SILO_PROVIDES_MAX]; /* where several paths are provided */
};

/* Object numbers of the same. 0: none. */
struct place_ids {
	uint64_t channel, connector;
	uint64_t mount[SILO_PROVIDES_MAX];
};

/*
 * Make channel and connectors for `provides` paths (0: just the connector). Errors: -E2BIG more
 * paths than badges; what the kernel says; then nothing is left.
 */
KEPT_MUST int place_make(handle_t self, struct place *place, struct place_ids *ids,
			 uint32_t provides);

/* Find it again among what a predecessor kept. */
void place_adopt(struct place *place, struct place_ids *ids, struct kept *list, unsigned count);

/* The process that had the receive side is dead; it is in this list if it was kept. */
void place_return(struct place *place, const struct place_ids *ids, struct kept *list,
		  unsigned count);

/*
 * Mount a dup of connector at path, or unmount what is there (HANDLE_NONE). Calls again while rootd
 * answers -ERESTART, since both may be done twice. Errors: as register_mount.
 */
KEPT_MUST int place_mount_path(handle_t registrar, const char *path, handle_t connector,
			       uint64_t deadline);

/*
 * Mount what desc provides, by dups of the connectors. deadline: of each call. reason:
 * SILO_REASON_MAX bytes, why it failed.
 */
KEPT_MUST int place_mount(const struct place *place, const struct silo_desc *desc,
			  handle_t registrar, uint64_t deadline, char *reason);

/* Give the place up: callers get EPIPE. */
void place_close(struct place *place, struct place_ids *ids);
