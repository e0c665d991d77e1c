/* SPDX-License-Identifier: ISC */
/*
 * rootd.h: the root of the namespace: a mount table that is a small file tree. Private to
 * servers/rootd.
 *
 * Nodes are directories, mount points and the file /mounts. /, /scheme, /dev and /srv are always
 * there; directories on the way to a mount below these three come with it and go with the last one.
 * A mount point holds a connector; whoever walks to it is given a handle derived from it. rootd
 * never calls what is mounted: a dead or hung server costs it nothing.
 *
 * All of it lies in the state memory that init keeps; a successor goes on with it (state.c). So a
 * node or an entry is filled in while it is free, and becomes valid by one store, the last one.
 *
 * Invariant: a serial number names one node for as long as the state lives; it is the fid's node
 * and the qid's path. A node's parent lives at least as long as the node.
 *
 * Spec: docs/namespace.md.
 */
#pragma once
#include "serve/register.h"
#include "serve/serve.h"
#include "serve/sessions.h"

#define ROOT_NODES	192u
#define ROOT_NAME_MAX	63u
#define ROOT_DEPTH	4u /* components in a mount's path */
#define ROOT_REGISTRARS 64u
#define ROOT_PATHS_MAX	1024u /* bytes of a registrar's list */
#define ROOT_SESSIONS	1024u /* narrowed ones that outlive rootd */

/* Serials of what is always there; others count from ROOT_FIXED on. */
enum { ROOT_TOP = 1, ROOT_SCHEME, ROOT_DEV, ROOT_SRV, ROOT_TABLE, ROOT_FIXED = 16 };

enum root_kind { ROOT_FREE, ROOT_DIR, ROOT_FILE, ROOT_MOUNT };

struct root_node {
	uint32_t kind; /* enum root_kind; written last */
	uint64_t serial, parent;
	char name[ROOT_NAME_MAX + 1];
	/* mounts */
	handle_t connector; /* of this process; kept */
	uint32_t rights;    /* of connector */
	uint64_t object;    /* its object's number */
	uint32_t silo;	    /* who mounted it */
	uint64_t pid;
	uint64_t since; /* ns since boot */
};

struct root_registrar {
	uint64_t badge;		    /* 0: free; written last */
	char paths[ROOT_PATHS_MAX]; /* lines */
};

#define ROOT_MAGIC   0x544f4f52u /* "ROOT" */
#define ROOT_VERSION 1u

struct root {
	uint32_t magic, version;
	uint64_t next_serial, next_badge;
	struct root_node nodes[ROOT_NODES];
	struct root_registrar registrars[ROOT_REGISTRARS];
	struct sessions_entry sessions[ROOT_SESSIONS];
};

/* ---- state.c --------------------------------------------------------------------------------- */
/* The root: a predecessor's, if it left one, else a new one. Errors: -ENOMEM. */
P9_MUST int root_open(struct root **out);
/* Keep a connector that was mounted for a successor; *handle is another number afterwards. */
P9_MUST int root_keep(handle_t *handle, uint64_t *object);
int root_session_made(struct p9_session *s, struct p9_fid *fid);
void root_session_gone(struct p9_session *s);
int root_session_restore(struct p9_session *s, struct p9_fid *fid);

/* ---- mounts.c -------------------------------------------------------------------------------- */
void root_init(struct root *r, uint64_t first_badge);
/* Are the nodes a tree, with the fixed ones in their places? */
bool root_sane(struct root *r);
/* Take out directories that have nothing below them, and of two mounts at one place the older one:
 * what is left when rootd was killed while it changed the tree. */
void root_settle(struct root *r);
/* Free a node; directories on the way that have no mount below them any more go, too. */
void root_drop(struct root *r, struct root_node *n);
struct root_node *root_find(struct root *r, uint64_t serial);
struct root_node *root_child(struct root *r, uint64_t dir, struct p9_str name);
/* Below which of /, /scheme, /dev, /srv it stands: ROOT_TOP ... ROOT_SRV. */
uint64_t root_place(struct root *r, const struct root_node *n);
/* The path of n, at most ROOT_DEPTH * (ROOT_NAME_MAX + 1) bytes and a NUL. Its length. */
uint32_t root_path(struct root *r, const struct root_node *n, char *buf);
/* May a mount stand at path (len bytes)? 0 or -EINVAL. */
P9_MUST int root_path_check(const char *path, uint32_t len);
/* Mount at a path that root_path_check has passed (connector moves), or replace what is mounted
 * there; the same once more changes nothing. -ENOSPC; -ENOTDIR below a mount; -EISDIR a directory
 * with mounts; -EINVAL no connector. */
P9_MUST int root_mount(struct root *r, const char *path, uint32_t len, handle_t connector,
		       const struct identity *who);
P9_MUST int root_unmount(struct root *r, const char *path, uint32_t len);

/* ---- ops.c, registrar.c ------------------------------------------------------------------------
 */
extern const struct p9_ops root_ops; /* with a struct root as ctx */
void root_fid_set(struct p9_fid *fid, const struct root_node *n);
/* Each line of a registrar's list must be a path at which something can be mounted. */
P9_MUST int root_paths_check(const char *paths);
int64_t root_call(struct serve *s, struct serve_call *c);
void root_closed(struct serve *s, uint64_t badge);
