/* SPDX-License-Identifier: ISC */
/*
 * sipd.h: what the rooms of the supervisor know of each other.
 *
 * Two kinds of threads. The main one serves /dev/sip, takes the kernel's events and owns all of
 * struct sipd. Workers (worker.c) do what may wait for a server: reading programs, asking devd for
 * leases, mounting. A silo that is LIFE_LOADING belongs to the worker that loads it: of it the main
 * thread then only reads what does not change while loading. Pingers (health.c) know nothing but a
 * handle and a few atomic words.
 *
 * What must outlive sipd's own death lies in a state VMO that init keeps (struct store, mapped);
 * the handles that go with it are kept ones, found again by object number (recover.c).
 *
 *	[M] main thread   [L] main thread, or the loading worker while LIFE_LOADING
 *	[C] constant after start
 *
 * Spec: docs/control-tree.md, docs/restart.md.
 */
#pragma once
#include <stdbool.h>
#include "9p/tree.h"
#include "serve/serve.h"
#include "servers/init/place.h"
#include "servers/sipd/events.h"
#include "servers/sipd/life.h"
#include "spawn/spawn.h"

#define SIPD_MUST __attribute__((warn_unused_result))

#define SIPD_SILOS	 128u
#define SIPD_TITLE_MAX	 31u
#define SIPD_NOTES_MAX	 127u
#define SIPD_BOUND_MAX	 8u  /* devices bound by ctl */
#define SIPD_BOUND_LEN	 32u /* "00:1f.2", "uart1" and NUL */
#define SIPD_DEVICES_MAX (SILO_DEVICES_MAX + SIPD_BOUND_MAX)
#define SIPD_KEPT_MAX	 24u	       /* that a silo keeps beside its channel */
#define SIPD_STATE_SIZE	 (1u << 20)    /* bytes of a `keeper on` silo's state VMO */
#define SIPD_CALL_NS	 5000000000ull /* deadline of calls to rootd, devd, file servers */
#define SIPD_FIRST_SYS	 100u	       /* ids that sipd gives out itself, by tier */
#define SIPD_FIRST_USER	 1000u
#define SIPD_USER_MEMORY (256ull << 20) /* bytes: limit of a new silo of user tier */

/* ---- what outlives sipd ----------------------------------------------------------------- */

/* How a silo's main process ended last. */
struct ending {
	uint64_t pid; /* 0: none has ended yet */
	uint64_t at;  /* ns since boot */
	int32_t code;
	uint32_t reason; /* enum fault_reason */
	uint64_t fault_code, address, rip;
	bool hung, killed; /* it did not answer pings; it was ended by force */
};

#define LEASE_PATH 64u
struct lease {
	char path[LEASE_PATH]; /* of its control file, to reset it: "/dev/pci/00:03.0/ctl" */
	bool dma, confined;    /* it may move memory; an IOMMU domain confines it */
};

struct slot_ids {
	uint64_t silo, process, thread, state, output;
	struct place_ids place;
};

#define SLOT_BOOT    1u /* from a description in the boot archive */
#define SLOT_FOREIGN 2u /* a server of init: shown, not run */
#define SLOT_SANDBOX 4u
#define SLOT_NOTED   8u	 /* its last crash note has been fetched */
#define SLOT_YIELDED 16u /* stopped so that the recovery shell gets its device */

struct slot {
	uint32_t used; /* SLOT_IN_USE when complete */
	uint32_t flags;
	struct life life;
	uint64_t started; /* ns, of the process that runs */
	uint32_t starts;
	uint32_t owner_silo; /* who made it; 0: sipd */
	uint64_t owner_pid;
	uint64_t pid; /* of the main process; 0: none */
	struct ending last;
	struct slot_ids ids;
	char title[SIPD_TITLE_MAX + 1];
	char notes[SIPD_NOTES_MAX + 1];
	char error[P9_TREE_REASON_MAX]; /* why the last command was refused */
	char console[64];		/* file that is its terminal; "": its output ring */
	char bound[SIPD_BOUND_MAX][SIPD_BOUND_LEN];
	uint32_t leases;
	struct lease lease[SIPD_DEVICES_MAX]; /* of the last start */
	struct silo_desc desc;		      /* its name is the label, its id the silo's */
};

#define STORE_MAGIC   0x44504953u /* "SIPD" */
#define STORE_VERSION 2u
#define SLOT_IN_USE   0x544f4c53u /* "SLOT" */

struct store {
	uint32_t magic, version;
	uint32_t slot_size, slots;
	uint32_t next_user, next_system; /* ids to try next */
	uint64_t recovery;		 /* object number of the recovery shell's process */
	struct slot slot[SIPD_SILOS];
};

/* ---- a silo, as this sipd sees it ------------------------------------------------------- */

struct output;
struct pinger;
struct sipd;

struct silo {
	struct sipd *sipd;		       /* [C] */
	struct slot *slot;		       /* [L] NULL: this place is free */
	uint32_t id;			       /* [M] slot->desc.id */
	handle_t silo, process, thread, state; /* [L] */
	handle_t output_sender;		       /* [L] */
	struct place place;		       /* [L] */
	bool mounted;			       /* [L] all that it provides, from this place */
	bool remount; /* [M] rootd has forgotten its mounts while it was loading */
	struct kept kept[SIPD_KEPT_MAX]; /* [L] between a process and its successor */
	unsigned kept_count;
	uint64_t pid;		     /* [L] of the process just made */
	struct serve_watch watch;    /* [M] EVENT_SILO */
	struct output *output;	     /* [M] */
	struct pinger *pinger;	     /* [M] NULL: no heartbeat */
	char waits[SILO_REASON_MAX]; /* [M] what it waits for, "" */
	struct p9_text core;	     /* [M] what is known of the last crash */
	uint64_t requests, errors;   /* [M] as its last answer to a ping said */
	uint64_t denied_since;	     /* [M] ns: start of the minute in which refusals are counted */
	uint32_t denied;	     /* [M] recorded in it */
};

/* A program of the boot archive. */
struct module {
	char name[64];
	const void *data; /* in the archive */
	uint32_t size;
};

struct sipd {
	struct serve serve;	/* [M] */
	struct p9_tree tree;	/* [M] */
	struct p9_ops ops;	/* [C] p9_tree_ops and the output sessions beside them */
	const uint8_t *archive; /* [C] */
	uint64_t archive_len;
	handle_t self, log, root, registrar, archive_vmo, ns; /* [C] */
	struct spawn_shim shim;				      /* [C] */
	bool has_shim;
	struct store *store;
	struct silo silo[SIPD_SILOS];
	struct module *module; /* [C] */
	unsigned modules;
	struct serve_watch timer;
	uint64_t timer_at; /* [M] what the timer is set to */
	struct p9_log events, audit;
	uint64_t audited;
	/* the recovery shell */
	handle_t recovery;		   /* [M] its process; HANDLE_NONE: none of ours runs */
	uint64_t recovery_at;		   /* [M] ns: look whether it is needed again */
	struct serve_watch recovery_watch; /* [M] EVENT_PROCESS */
	char error[P9_TREE_REASON_MAX]; /* [M] why the last command that was no silo's was refused
					 */
};

/* ---- registry.c: silos by number and name ----------------------------------------------- */
/* A free place with an id and a label; -ENOSPC, -EEXIST. The description is copied. flags: SLOT_*.
 */
SIPD_MUST int silo_new(struct sipd *d, const struct silo_desc *desc, uint32_t flags,
		       struct silo **out);
/* Forget it; nothing of it may live any more. */
void silo_free(struct silo *s);
struct silo *silo_by_id(struct sipd *d, uint32_t id);
struct silo *silo_by_label(struct sipd *d, const char *label);
/* The silo with the smallest id above `after`, NULL. */
struct silo *silo_after(struct sipd *d, uint32_t after);
unsigned silo_index(const struct silo *s);
/* The first free id of a tier. 0: none. */
uint32_t silo_id_choose(struct sipd *d, enum silo_tier tier);

/* describe.c: what the boot archive says */
/* Read all descriptions; new ones are added. Returns how many were added. */
unsigned descriptions_read(struct sipd *d);
SIPD_MUST int modules_read(struct sipd *d);
/* A program of the archive by path or name; NULL. */
const struct module *module_find(const struct sipd *d, const char *name);
/* Is server.NAME=off among the boot words? */
bool boot_off(const char *name);

/* recover.c */
/* Map the state memory; *survived: a predecessor's silos are in it and have been taken over. */
SIPD_MUST int store_open(struct sipd *d, bool *survived);
/* Go on with the silos that store_open took over. */
void silos_resume(struct sipd *d);
/* Keep a handle for a successor. */
SIPD_MUST int sipd_keep(struct sipd *d, handle_t *handle, uint64_t *object);

/* ---- supervise.c: lives ----------------------------------------------------------------- */
/* Something happened: step and act. 0, or why not, as life_step. */
SIPD_MUST int silo_happen(struct silo *s, enum life_event event);
/* The kernel says its silo changed, or it may have while nobody looked. */
void silo_look(struct silo *s);
/* A worker is done with it: 0, or the error and why. */
void silo_loaded(struct silo *s, int err, const char *why);
void silos_start_boot(struct sipd *d);
/* Something runs, or may: who waited for it? */
void silos_check(struct sipd *d);
/* Set the timer to the next thing that is due. */
void timer_update(struct sipd *d);
void timer_fired(struct serve_watch *w, const struct event *e);
/* Watch its kernel silo; those of init's servers. */
void silo_watch_init(struct silo *s);
SIPD_MUST int silo_watch(struct silo *s);
void foreign_watch(struct sipd *d);

/* ---- prompt.c: the recovery shell ------------------------------------------------------- */
/* Is it the shell, or something that the shell needs? */
bool prompt_needs(const struct silo *s);
/* The state of a silo has changed: is there still a prompt? */
void prompt_check(struct silo *s);
/* After the boot's starts, or a predecessor: will there be one? */
void prompt_begin(struct sipd *d);
/* d->recovery_at may have come. */
void prompt_tick(struct sipd *d, uint64_t now);

/* crash.c: what is left of a process */
/* Note how the main process ended, take what it kept, let the corpse go. */
void silo_bury(struct silo *s);
/* The same without the note, for a process that a launch or a predecessor left. */
void kept_return(struct silo *s);
/* Text of a crash, "" when it did not crash. */
void crash_note(const struct silo *s, struct p9_text *out);
const char *fault_name(uint32_t reason);

/* ---- worker.c, launch.c, lease.c -------------------------------------------------------- */
SIPD_MUST int workers_start(struct sipd *d);
/* Load and start; silo_loaded follows. */
SIPD_MUST int worker_load(struct silo *s);
/* Unmount its paths; mount them (again) from its connectors. Nothing follows. */
SIPD_MUST int worker_unmount(struct silo *s);
SIPD_MUST int worker_mount(struct silo *s);
/* Runs in a worker. 0, or an error and the reason in why (SILO_REASON_MAX bytes). */
SIPD_MUST int silo_launch(struct silo *s, char *why);
/* End what is left of a launch that failed, or of one that a predecessor had begun. */
void launch_undo(struct silo *s);
/* Lease what the description and ctl name. handles: SIPD_DEVICES_MAX. Returns how
 * many. The handles are the caller's, also those made before a failure (*made counts). */
SIPD_MUST int leases_take(struct silo *s, handle_t *handles, unsigned *made, char *why);
/* Reset the functions that the predecessor had, so that its DMA memory leaves quarantine. */
void leases_reset(struct silo *s);

/* ---- health.c --------------------------------------------------------------------------- */
/* Ping it from now on (heartbeat_ms, connector). Without heartbeat: nothing. */
void health_begin(struct silo *s);
void health_end(struct silo *s);
SIPD_MUST int health_init(struct sipd *d);
/* unknown, starting, healthy, degraded, failing, stopped */
const char *health_word(struct silo *s);

/* ---- output.c --------------------------------------------------------------------------- */
void output_ops(struct sipd *d);
/* A ring for a silo, a sender to write to it. */
SIPD_MUST int output_begin(struct silo *s);
void output_end(struct silo *s);
/* What happened to the silo may end its readers' waits. */
void output_wake(struct silo *s);
uint64_t output_dropped(const struct silo *s);
/* Callbacks of the file srvID/output. */
int output_open(struct p9_call *call, uint32_t oflags);
void output_close(struct p9_call *call);
int output_read(struct p9_call *call, uint64_t offset, uint32_t count);
int output_flush(struct p9_call *call);
/* Time for writers that wait for a slow reader. Returns when to come again, ns. */
uint64_t output_tick(struct sipd *d, uint64_t now);

/* ---- gate.c ----------------------------------------------------------------------------- */
/* May the asker do this? digits: MODE_*, all needed. 0 or -EPERM; a refusal is audited. */
SIPD_MUST int gate(struct p9_call *call, uint32_t digits, enum audit_action action,
		   uint32_t target);
/* What was allowed and done, or tried. */
void audit(struct sipd *d, const struct identity *who, enum audit_action action, uint32_t target,
	   int result);
void event_note(struct sipd *d, enum sip_event kind, uint32_t silo, uint64_t data0, uint64_t data1);

/* ---- tree.c, facts.c, ctl.c, clone.c: the tree ------------------------------------------ */
extern const struct p9_file sip_top;
struct silo *call_silo(struct p9_call *call);
extern const struct p9_command silo_commands[];
void pending_notes(struct sipd *d, struct p9_text *out);
/* clone.c: callbacks of servers/clone */
int clone_open(struct p9_call *call, uint32_t oflags);
void clone_close(struct p9_call *call);
int clone_line(struct p9_call *call, char *line);
int clone_read(struct p9_call *call, uint64_t offset, uint32_t count);
