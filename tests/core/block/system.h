/* SPDX-License-Identifier: ISC */
/*
 * system.h: rootd and devd on the bare kernel, with the test program in the supervisor's place.
 *
 * Servers outlive single tests, so everything runs in one role, "system", of which the only test
 * in the table (system_role) waits for the end. Programs come from the test's own boot archive.
 */
#pragma once
#include "serve/serve.h"
#include "servers/init/kept.h"
#include "tests/core/core.h"

#define DEVD_SILO	5u
#define SYSTEM_PATIENCE (20 * NS_PER_S)

/* A server, its channel kept here. */
struct child {
	struct spawned spawned;
	handle_t channel, connector;
	bool alive;
};

extern struct child rootd, devd;
extern handle_t devd_silo;

/* Start rootd and devd, mount devd's files, open the namespace. */
void system_start(void);
void system_end(void);
/* The test: run role "system". */
void system_role(void);

void channel_make(struct child *c);
/* Start boot/bin/NAME with c's channel and more handles. */
void child_run(struct child *c, const char *name, const char *argument, handle_t silo,
	       struct spawn_handle *more, unsigned count);
/* Start this program again as a role; core_expect(&c->spawned, ...) ends it. */
void child_role(struct child *c, const char *role, handle_t silo, struct spawn_handle *more,
		unsigned count);
void child_end(struct child *c);
/* A process of devd with what the last one kept. */
void devd_start(const struct kept *kept, unsigned count);
/* Mount a connector (moves). */
void system_mount(handle_t connector, const char *path);
/* For "ns:/" of a child. */
handle_t ns_handle(void);

uint32_t silo_state(handle_t silo);
/* From stopped or crashed to running. */
void silo_again(handle_t silo);

/* What /dev/pci/bus calls the first function whose line holds `match`. */
void function_find(const char *match, char name[16]);
/* Ask devd for a lease; what it answers. */
int lease_path(const char *path, uint32_t silo, handle_t *out);
