/* SPDX-License-Identifier: ISC */
/*
 * 9p_memfs.h: a small file system in memory, for testing the engine and the client.
 *
 * It has every op. Two things that real servers do can be switched on: ops keep their requests and
 * are finished by memfs_finish (async), and files of the engine are counted, so that a test can
 * say that nothing was lost. The tree outlives a struct p9_server, as a disk outlives a crash.
 */
#pragma once
#include "9p/server.h"

struct memfs_node {
	char name[P9_NAME_MAX + 1];
	uint32_t mode, uid, gid;
	uint64_t ino, mtime;
	struct memfs_node *parent, *children, *next;
	uint8_t *data; /* of a file or a link */
	uint64_t size;
	uint32_t refs;	/* fids that stand for it */
	uint32_t mount; /* not 0: a mount point, and this is the handle number to give */
	bool unlinked;
};

struct memfs_op;
struct memfs {
	struct memfs_node *root;
	uint64_t next_ino;
	bool async;	  /* keep every request that may be kept */
	bool unflushable; /* kept ones cannot be stopped */
	struct memfs_op *pending, *pending_last;
	uint32_t pending_count;
	uint32_t live;		 /* nodes that fids refer to, counted once a fid */
	uint32_t opened, closed; /* counted */
	uint64_t size_max;
	uint32_t writes; /* counted */
};

extern const struct p9_ops memfs_ops;

void memfs_init(struct memfs *fs);
void memfs_fini(struct memfs *fs);
/* Make a node by hand; text NULL: none. */
struct memfs_node *memfs_add(struct memfs *fs, struct memfs_node *dir, const char *name,
			     uint32_t mode, const char *text);
struct memfs_node *memfs_find(struct memfs_node *dir, const char *name);
/* Finish the request kept longest. False: none. */
bool memfs_finish(struct memfs *fs);
void memfs_finish_all(struct memfs *fs);
/* The server has gone with its requests and fids; the tree stays. */
void memfs_crash(struct memfs *fs);
