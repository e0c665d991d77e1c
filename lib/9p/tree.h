/* SPDX-License-Identifier: ISC */
/*
 * tree.h: synthetic file trees: a device is a small file tree in one file.
 *
 * A server describes its tree in constant tables (struct p9_entry) and gives p9_tree_ops to the
 * engine. A directory has static children, or children that the server enumerates by number
 * (/servers/srv7 is object 7 of the directory /servers), or both. Below an object the same table
 * serves all objects; callbacks learn the number from the call. One level of objects on a path.
 *
 * Files are: text (made at open, so that a reader sees one moment), lines or a table of commands
 * (each write is whole lines), a log (blocks, every opener has its own position), or raw callbacks
 * over the engine's requests.
 *
 * No allocation except one struct an open file and its text. Invariant: qid.path is the way from
 * the root (6 bits a level) and the object's number, so a qid stays the same across restarts; a
 * directory has at most 61 static children and a path at most 5 levels. Who may lie: the client,
 * in the text that it writes; it is copied before it is parsed.
 */
#pragma once
#include <stdarg.h>
#include "9p/server.h"

#define P9_TREE_WRITE_MAX  4096u /* bytes in one write to lines or commands */
#define P9_TREE_WORDS_MAX  32	 /* words in a command */
#define P9_TREE_REASON_MAX 160

/* The tables' first name, which client.h has for its own: where that is included, too, it means the
 * client's file. */
#ifndef P9_CLIENT_FILE
#define p9_file p9_entry
#endif

struct p9_tree;
struct p9_entry;

/* Growing text. A failed allocation is remembered and makes the open fail with -ENOMEM. */
struct p9_text {
	char *ptr;
	uint32_t len, size;
	bool failed;
};
void p9_text_printf(struct p9_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void p9_text_add(struct p9_text *t, const void *ptr, uint32_t len);
void p9_text_free(struct p9_text *t);

/* What a callback knows about the file and who asks. Valid during the callback. */
struct p9_call {
	struct p9_tree *tree;
	void *ctx; /* of the tree */
	const struct p9_entry *file;
	uint32_t obj;		/* object number; 0: not below an object */
	struct p9_request *req; /* who asks: req->from; NULL in close */
	struct p9_fid *fid;
	void **state; /* the opener's own; NULL outside of an open file */
};

struct p9_command {
	const char *word;
	int min, max; /* further words; max -1: any number up to P9_TREE_WORDS_MAX - 1 */
	/* argv[0] is the word. 0, a negative errno (say why by p9_tree_fail), or P9_KEEP and then
	 * p9_respond(call->req, ...): call and argv are gone when it returns. */
	int (*run)(struct p9_call *call, int argc, char **argv);
	const char *usage; /* "limit KEY N" */
};

/* The children of a directory that are objects. Numbers are from 1. */
struct p9_objects {
	const struct p9_entry *file; /* what each of them is; its name is not used */
	/* The smallest number above `after`: 0 and *obj, name (NUL-terminated, P9_NAME_MAX + 1
	 * bytes); or -ENOENT. */
	int (*next)(void *ctx, uint32_t after, uint32_t *obj, char *name);
	/* 0 and *obj, or -ENOENT. */
	int (*find)(void *ctx, struct p9_str name, uint32_t *obj);
};

struct p9_log;

struct p9_entry {
	const char *name;
	uint32_t mode; /* P9_S_IFDIR | 0555, P9_S_IFREG | 0644, ... */

	/* directories */
	const struct p9_entry *children; /* ends with a NULL name */
	const struct p9_objects *objects;

	/* Optional: does the object still exist, may it be opened? Before open and getattr. */
	int (*check)(struct p9_call *call);
	/* Optional, at open and at clunk; state belongs to them. */
	int (*open)(struct p9_call *call, uint32_t oflags);
	void (*close)(struct p9_call *call);

	/* What reading gives: at most one of these three. The text is made at open, again when it
	 * is read from offset 0, and again behind a write (clone files). */
	int (*text)(struct p9_call *call, struct p9_text *out);
	struct p9_log *(*log)(struct p9_call *call);			    /* NULL: -ENOENT */
	int (*read)(struct p9_call *call, uint64_t offset, uint32_t count); /* as p9_ops.read */

	/* What writing does: at most one of these three. A write of several lines ends at the first
	 * that fails, with its error; those before it have been done. A command that keeps the
	 * request ends it, too: the count that is answered says which lines are left. */
	const struct p9_command *commands;	       /* ends with a NULL word */
	int (*line)(struct p9_call *call, char *line); /* without the newline */
	int (*write)(struct p9_call *call, uint64_t offset, uint32_t count); /* as p9_ops.write */
	bool append; /* of write: a write must never be repeated (lines and commands never are) */
	/* For requests that read, write or a command keeps: as p9_ops.flush. NULL: P9_KEEP. */
	int (*flush)(struct p9_call *call);

	/* Optional */
	int (*attr)(struct p9_call *call, struct p9_attr *attr);  /* refine: size, times */
	int (*link)(struct p9_call *call, struct p9_str *target); /* P9_S_IFLNK */
	int (*mount)(struct p9_call *call, uint32_t *handle);	  /* the file is a mount point */
	int (*gethandle)(struct p9_call *call, enum p9_handle_kind kind, uint64_t arg,
			 uint64_t *value, uint32_t *handle);
};

struct p9_tree {
	const struct p9_entry *root; /* a directory */
	void *ctx;
	uint64_t now_sec; /* time of all files: the server's start */
	/* Optional: a command was refused, and this is why (printable; it may quote the asker).
	 * Whether this asker may leave a word with call->obj is for the callback to say. */
	void (*complain)(struct p9_call *call, const char *reason);
	/* the library's */
	char words[P9_TREE_WRITE_MAX + 1];
};

/* For p9_server_init, with a struct p9_tree as ctx. */
extern const struct p9_ops p9_tree_ops;

/* Check the tables against the limits above. 0, or -EINVAL. */
P9_MUST int p9_tree_init(struct p9_tree *tree, const struct p9_entry *root, void *ctx);

/* Say why a command fails (to tree->complain) and return -err, so that a handler can end with it.
 */
int p9_tree_fail(struct p9_call *call, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Split a line into words, in place. Blanks separate; '...' and "..." keep blanks together, and a
 * doubled quote inside stands for itself. Returns the number of words; -E2BIG more than max;
 * -EINVAL a quote that does not end.
 */
P9_MUST int p9_words_split(char *line, char **words, int max);

/*
 * A log: what is appended is read by every opener from where it stands; a reader at the end waits.
 * Bounded: the oldest goes first, and an opener that had not read it is told by a line
 * "dropped N" (bytes) and counted. A text is appended whole.
 */
struct p9_log {
	char *ring;
	uint32_t size;
	bool from_start;	  /* an opener begins at the oldest that is kept, else at the end */
	bool closed;		  /* at the end readers get end of file instead of waiting */
	uint64_t head;		  /* bytes ever appended */
	uint64_t dropped_readers; /* how often a reader was told */
	struct p9_log_wait *waiting;
};
P9_MUST int p9_log_init(struct p9_log *log, uint32_t size);
void p9_log_append(struct p9_log *log, const void *text, uint32_t len);
void p9_log_printf(struct p9_log *log, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Readers that wait get the end of the file; later ones when they have read all. */
void p9_log_close(struct p9_log *log);
/* No opener may be left. */
void p9_log_free(struct p9_log *log);
/* How many requests wait. */
uint32_t p9_log_waiting(const struct p9_log *log);
