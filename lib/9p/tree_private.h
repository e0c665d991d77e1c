/* SPDX-License-Identifier: ISC */
/*
 * tree_private.h: what the files of the synthetic tree know of each other.
 */
#pragma once
#include "9p/tree.h"

/* Where one opener stands in a log. */
struct p9_log_reader {
	struct p9_log *log;
	uint64_t pos;
};

/* An open file that is no directory: fid->aux. */
struct p9_tree_open {
	void *state; /* of the file's own callbacks */
	struct p9_text text;
	uint32_t charged; /* bytes of it */
	bool fresh;	  /* text may be read from */
	bool unread;	  /* ... and nobody has yet: offset 0 need not make it again */
	struct p9_log_reader reader;
};

void p9_log_attach(struct p9_log_reader *reader, struct p9_log *log);
/* As op read. */
int p9_log_read(struct p9_log_reader *reader, struct p9_request *req, uint32_t count);
/* Forget a request that waits. */
void p9_log_flush(struct p9_log *log, struct p9_request *req);

/* tree.c */
struct p9_call p9_tree_call(struct p9_request *req, struct p9_fid *fid);

/* tree_file.c */
int p9_tree_op_open(struct p9_request *req, struct p9_fid *fid, uint32_t oflags);
int p9_tree_op_read(struct p9_request *req, struct p9_fid *fid, uint64_t offset, uint32_t count);
int p9_tree_op_write(struct p9_request *req, struct p9_fid *fid, uint64_t offset, uint32_t count);
int p9_tree_op_flush(struct p9_request *req);
void p9_tree_op_clunk(struct p9_fid *fid);
