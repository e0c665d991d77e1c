/* SPDX-License-Identifier: ISC */
/*
 * export.h: a part of the namespace for a client at the other end of a byte stream. Private to
 * servers/exportd.
 *
 * The 9P engine runs in the main thread (lib/9p/stream.h). An operation on a file becomes a job:
 * a worker thread makes the call of the local client, the main thread answers the request. Jobs on
 * one node run one after the other, jobs on different nodes side by side.
 *
 * What may be reached is decided by the session that the local client runs on: it is narrowed to
 * the exported folder and, unless writing was asked for, to reading. Beside that paths below
 * /dev/{mem,io,irq,dma} are refused wherever a path leads there.
 *
 * Who may lie: the remote client, in everything; the servers that are exported, in theirs.
 */
#pragma once
#include <pthread.h>
#include "9p/client.h"
#include "9p/stream.h"
#include "serve/pump.h"
#include "serve/serve.h"

#define EXPORT_WORKERS 16u
#define EXPORT_IO_MAX  65536u /* bytes in one read or write */

/* A file as the remote client names it. */
struct node {
	uint32_t refs;	      /* fids and jobs; main thread */
	bool busy;	      /* a worker has it */
	struct p9_file *file; /* opened, or NULL; the job's while busy */
	uint64_t place;	      /* number of the mount that it is in, part of the qid's path */
	char path[];	      /* in the exported tree: "/" or "/a/b" */
};

struct job {
	struct job *next;
	struct p9_request *req;		      /* NULL: nobody waits for the answer any more */
	struct node *node;		      /* a reference; NULL: none */
	int (*work)(struct job *j);	      /* in a worker */
	void (*done)(struct job *j, int err); /* in the main thread, if somebody still waits */
	int err;
	/* arguments and results, as the job needs them */
	char path[P9_FULL_MAX], other[P9_FULL_MAX];
	uint32_t flags, mode, count;
	uint64_t offset, place;
	struct p9_attr attr;
	struct p9_setattr set;
	struct p9_statfs st;
	struct p9_file *file;
	int64_t n;
	void *out;     /* where the op's result goes: see the op */
	uint8_t *data; /* freed with the job */
};

struct export
{
	struct serve serve; /* the loop; nobody calls it */
	struct p9_server server;
	struct p9_stream *stream;
	struct p9_client client;
	pthread_mutex_t client_lock;
	bool writable;
	const char *folder; /* what is exported, as this process names it */
	struct node *root;
	struct p9_qid root_qid;
	/* jobs */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job *waiting, *finished; /* [lock] */
	uint32_t jobs;			/* main thread: all that live */
	_Atomic uint32_t rung;		/* jobs have finished */
	/* the line */
	struct pump pump;
	uint64_t reopened; /* of pump, when the stream began */
	uint64_t received; /* bytes */
	uint8_t ahead[4096];
	uint32_t ahead_len; /* received, and not taken by the stream yet */
	/* a message that does not end */
	struct serve_watch partial_watch; /* timer */
	bool partial_armed;
	uint64_t partial_received; /* received, when the timer was set */
	struct serve_watch from_watch, to_watch, job_watch;
};
extern struct export export;

/* ---- job.c ------------------------------------------------------------------------------------
 */
P9_MUST int jobs_start(void);
/* A zeroed job for req on node. NULL: -ENOMEM, or -EAGAIN when too many are under way; *err. */
struct job *job_new(struct p9_request *req, struct node *node, int *err);
/* Hand it to the workers. Always P9_KEEP. */
int job_start(struct job *j);
void job_free(struct job *j);
/* Finish what workers have done. */
void jobs_finish(void);
/* Nobody waits for req's answer any more. */
void job_orphan(const struct p9_request *req);

/* ---- node.c ------------------------------------------------------------------------------------
 */
struct node *node_new(const char *path, uint64_t place);
void node_put(struct node *n);
/* What a worker does with a job's file when nobody else has it. */
int file_close(struct job *j);
/* dir/name, or its parent for "..": -ENAMETOOLONG. */
P9_MUST int path_child(char out[P9_FULL_MAX], const char *dir, struct p9_str name);
/* May this real path of the exported tree be touched? */
bool path_allowed(const char *path);
/* Stat without following links, in a worker: fills j->attr and j->place. */
P9_MUST int path_look(struct job *j, const char *path);
struct p9_qid node_qid(struct p9_qid qid, uint64_t place);

/* ---- ops.c, change.c
 * ----------------------------------------------------------------------------- */
extern const struct p9_ops export_ops;
/* done for jobs whose answer is their error alone */
void done_plain(struct job *j, int err);
int export_create(struct p9_request *req, struct p9_fid *fid, struct p9_str name, uint32_t oflags,
		  uint32_t mode, uint32_t gid);
int export_mkdir(struct p9_request *req, struct p9_fid *dir, struct p9_str name, uint32_t mode,
		 uint32_t gid, struct p9_qid *qid);
int export_symlink(struct p9_request *req, struct p9_fid *dir, struct p9_str name,
		   struct p9_str target, uint32_t gid, struct p9_qid *qid);
int export_renameat(struct p9_request *req, struct p9_fid *olddir, struct p9_str oldname,
		    struct p9_fid *newdir, struct p9_str newname);
int export_unlinkat(struct p9_request *req, struct p9_fid *dir, struct p9_str name, uint32_t flags);
int export_setattr(struct p9_request *req, struct p9_fid *fid, const struct p9_setattr *set);
