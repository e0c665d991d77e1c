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
 * Invariant: a serial number names one node for as long as rootd runs; it is the fid's node and the
 * qid's path. A node's parent lives at least as long as the node.
 *
 * Spec: docs/namespace.md.
 */
#pragma once
#include "serve/register.h"
#include "serve/serve.h"

#define ROOT_NODES	192u
#define ROOT_NAME_MAX	63u
#define ROOT_DEPTH	4u /* components in a mount's path */
#define ROOT_REGISTRARS 64u
#define ROOT_PATHS_MAX	1024u /* bytes of a registrar's list */

/* Serials of what is always there; others count from ROOT_FIXED on. */
enum { ROOT_TOP = 1, ROOT_SCHEME, ROOT_DEV, ROOT_SRV, ROOT_TABLE, ROOT_FIXED = 16 };

enum root_kind { ROOT_FREE, ROOT_DIR, ROOT_FILE, ROOT_MOUNT };

struct root_node {
	enum root_kind kind;
	uint64_t serial, parent;
	char name[ROOT_NAME_MAX + 1];
	/* mounts */
	handle_t connector;
	uint32_t rights; /* of connector */
	uint32_t silo;	 /* who mounted it */
	uint64_t pid;
	uint64_t since; /* ns since boot */
};

struct root_registrar {
	uint64_t badge;		    /* 0: free */
	char paths[ROOT_PATHS_MAX]; /* lines */
};

struct root {
	struct root_node nodes[ROOT_NODES];
	struct root_registrar registrars[ROOT_REGISTRARS];
	uint64_t next_serial, next_badge;
};

/* ---- mounts.c -------------------------------------------------------------------------------- */
void root_init(struct root *r, uint64_t first_badge);
struct root_node *root_find(struct root *r, uint64_t serial);
struct root_node *root_child(struct root *r, uint64_t dir, struct p9_str name);
/* Below which of /, /scheme, /dev, /srv it stands: ROOT_TOP ... ROOT_SRV. */
uint64_t root_place(struct root *r, const struct root_node *n);
/* The path of n, at most ROOT_DEPTH * (ROOT_NAME_MAX + 1) bytes and a NUL. Its length. */
uint32_t root_path(struct root *r, const struct root_node *n, char *buf);
/* May a mount stand at path (len bytes)? 0 or -EINVAL. */
P9_MUST int root_path_check(const char *path, uint32_t len);
/* Mount at a path that root_path_check has passed (connector moves), or replace what is mounted
 * there. -ENOSPC; -ENOTDIR below a mount; -EISDIR a directory with mounts; -EINVAL no connector. */
P9_MUST int root_mount(struct root *r, const char *path, uint32_t len, handle_t connector,
		       const struct identity *who);
P9_MUST int root_unmount(struct root *r, const char *path, uint32_t len);

/* ---- ops.c, registrar.c ------------------------------------------------------------------------
 */
extern const struct p9_ops root_ops; /* with a struct root as ctx */
int64_t root_call(struct serve *s, struct serve_call *c);
void root_closed(struct serve *s, uint64_t badge);
