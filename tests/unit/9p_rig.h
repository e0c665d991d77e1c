/* SPDX-License-Identifier: ISC */
/*
 * 9p_rig.h: a memory file system behind the engine behind a local link, and messages in one line.
 *
 *	/a (dir)  /a/b (dir)  /a/b/file "hello world"  /a/up -> "b/file"  /abs -> "/a/b"
 *	/loop -> "loop"  /empty (file)  /dangling -> "nowhere"
 */
#pragma once
#include "9p_local.h"
#include "9p_memfs.h"

struct rig {
	struct memfs fs;
	struct local_world world;
	struct local_server server;
	struct p9_link *link;
	uint32_t handle;
	struct p9_rmsg r;    /* the last reply */
	uint8_t data[65536]; /* and its payload */
	uint32_t data_len;
	uint32_t got_handle;
};

/* memfs is asynchronous: every op is kept and finished later. */
struct rig *rig_new(const struct p9_limits *limits, uint32_t rights, bool async);
void rig_tree(struct memfs *fs);
/* Ends everything, and checks that no fid, handle or open file was lost. */
void rig_free(struct rig *rig);

/* One message. 0, or the errno of the reply, negative. */
int rig_call(struct rig *rig, struct p9_tmsg *t);
int rig_call_on(struct rig *rig, struct p9_link *link, struct p9_tmsg *t, const void *in,
		uint32_t in_len);

/* Names of a path, for Twalk; "" has none. */
void rig_names(struct p9_tmsg *t, const char *path);
int rig_walk(struct rig *rig, uint32_t fid, uint32_t newfid, const char *path);
int rig_open(struct rig *rig, uint32_t fid, uint32_t flags);
int rig_clunk(struct rig *rig, uint32_t fid);
int rig_read(struct rig *rig, uint32_t fid, uint64_t offset, uint32_t count);
int rig_write(struct rig *rig, uint32_t fid, uint64_t offset, const char *text);
int rig_getattr(struct rig *rig, uint32_t fid);
int rig_readdir(struct rig *rig, uint32_t fid, uint64_t offset, uint32_t count);
int rig_resolve(struct rig *rig, uint32_t fid, uint32_t newfid, const char *path, uint32_t flags,
		uint32_t oflags);
