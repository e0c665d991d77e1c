/* SPDX-License-Identifier: ISC */
/*
 * init.h: the root task's own view of its servers. Private to servers/init.
 *
 * main.c finds what init was born with and runs the loop; server.c starts, watches and restarts;
 * launch.c makes a server's process and hands it what it needs; adopt.c takes over from a
 * predecessor; kept.c is shared with sipd.
 *
 * Single-threaded. Calls to servers (mounting, pings) carry deadlines of at most CALL_NS.
 */
#pragma once
#include <stdbool.h>
#include "servers/init/init_label.h"
#include "servers/init/place.h"
#include "servers/sipd/restart.h"
#include "spawn/spawn.h"

#define INIT_MUST	  __attribute__((warn_unused_result))
#define CALL_NS		  1000000000ull
#define STATE_BYTES	  (16ull << 20) /* of a server's state VMO; only what it touches is charged */
#define PATIENCE_NS	  5000000000ull /* from the kill of a hung server to the next one */
#define MOUNT_RETRY_NS	  1000000000ull
#define RECOVERY_PAUSE_NS 1000000000ull /* between one recovery shell and the next */
#define HUNG_PINGS	  3u		/* unanswered in a row */

/* In the order in which they start. */
enum server_name { SERVER_ROOTD, SERVER_BOOTFS, SERVER_DEVD, SERVER_SIPD, SERVERS };

enum server_state {
	SERVER_OFF,  /* not in the archive, or server.NAME=off */
	SERVER_DOWN, /* to be started now */
	SERVER_RUNNING,
	SERVER_BACKOFF, /* starts again at `when` */
	SERVER_RESTING, /* its budget is used up; tried again at `when` */
};

/* Object numbers of what init holds of a server, for a successor. 0: none. */
struct server_ids {
	uint64_t silo, process, thread, state;
	struct place_ids place;
};

/* What outlives init itself: in its state VMO, one a server. */
struct server_memory {
	uint32_t state; /* enum server_state */
	uint32_t starts;
	struct server_ids ids;
	struct restart_record record;
};

#define INIT_STATE_MAGIC   0x54494e49u /* "INIT" */
#define INIT_STATE_VERSION 1u
struct init_state {
	uint32_t magic, version;
	uint64_t registrar; /* object number */
	struct server_memory server[SERVERS];
};

struct server {
	const char *name;
	bool described; /* desc is valid */
	struct silo_desc desc;
	struct server_memory *memory;
	handle_t silo, process, thread;
	handle_t state; /* VMO */
	struct place place;
	struct kept kept[KEPT_MAX]; /* between a process and its successor */
	unsigned kept_count;
	uint64_t when;	  /* BACKOFF, RESTING: ns */
	uint64_t ping_at; /* ns; UINT64_MAX: no heartbeat */
	unsigned missed;  /* pings in a row */
	bool mounted;
};

struct init {
	const struct bootstrap *block;
	handle_t self, silo, log, clock, device, archive, shim_vmo, queue;
	struct spawn_shim shim;
	bool has_shim;
	handle_t registrar; /* of rootd */
	uint64_t mount_at;  /* ns: try mounting again; UINT64_MAX: all is mounted */
	bool tell;	    /* sipd has to hear that rootd has forgotten its mounts */
	struct init_state *state;
	struct server server[SERVERS];
	handle_t recovery;    /* process; HANDLE_NONE: none runs */
	uint64_t recovery_at; /* ns: start it again */
};

/* launch.c: make the process; all its handles are given. The silo is READY before and RUNNING
 * afterwards. What was kept for it is its own then. */
INIT_MUST int server_launch(struct init *init, struct server *s);
/* The program at a path of the archive: 0 or -ENOENT, -EINVAL. */
INIT_MUST int image_find(const struct init *init, const char *path, struct spawn_image *image);
/* Start the recovery shell; only one at a time. */
void recovery_start(struct init *init);

/* server.c */
/* Read its description. Without one it is off. */
void server_describe(struct init *init, enum server_name name);
/* Start it now, whatever that leads to. */
void server_start(struct init *init, struct server *s);
/* EVENT_SILO: it may have ended. */
void server_event(struct init *init, struct server *s);
/* Its time, ping or mount may have come. */
void server_tick(struct init *init, struct server *s, uint64_t now);
/* When that will be, ns. */
uint64_t server_next(const struct init *init, const struct server *s);
/* Mount what the servers that run provide; tell sipd when rootd has forgotten everything. */
void servers_mount(struct init *init, uint64_t now);
void mounts_forget(struct init *init);

/* adopt.c */
/* Find what a predecessor left in this process's table. True: servers run, go on with them. */
bool init_adopt(struct init *init);
/* A state VMO for a successor. Without one (no memory) init's own death is not survived. */
INIT_MUST int init_state_make(struct init *init);
/* Keep *handle for a successor; its object's number to *object. */
INIT_MUST int init_keep(struct init *init, handle_t *handle, uint64_t *object);
