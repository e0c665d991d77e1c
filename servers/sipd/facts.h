/* SPDX-License-Identifier: ISC */
/* facts.h: gathering what status files show. Private to servers/sipd. */
#pragma once
#include "servers/sipd/sipd.h"
#include "servers/sipd/args.h"
#include "servers/sipd/status.h"

/* Facts and the strings that they point to. */
struct facts {
	struct status_facts f;
	char provides[512], needs[512], devices[512];
};

void facts_gather(struct silo *s, struct facts *out);
/* All silos in lines, and the totals. */
void facts_all(struct sipd *d, struct p9_text *out);

/* Texts of srvID/{health,ns,caps}. */
void facts_health(struct silo *s, struct p9_text *out);
void facts_ns(struct silo *s, struct p9_text *out);
void facts_caps(struct silo *s, struct p9_text *out);
/* What a process holds: /dev/sip/caps/PID. 0, -ESRCH, or what the kernel says. */
SIPD_MUST int facts_handles(struct sipd *d, uint64_t pid, struct p9_text *out);

/* The process with the smallest pid above `after` of all silos: 0 and *pid, *silo (a handle that
 * stays sipd's); or -ENOENT. */
SIPD_MUST int process_after(struct sipd *d, uint64_t after, uint64_t *pid, handle_t *silo);
/* A handle to a process of whatever silo; the caller's. Or -ESRCH. */
int64_t process_handle(struct sipd *d, uint64_t pid);
