/* SPDX-License-Identifier: ISC */
/*
 * client.h: the 9P client: paths and files over sessions.
 *
 * A struct p9_client is one namespace as a program sees it: a session with the root, a cache of
 * the mounts met below it, a working directory. A struct p9_file is one open (or walked) file. The
 * way messages travel is a struct p9_link: over a channel locally, over a byte stream remotely.
 *
 * Paths are resolved as POSIX has it: ".." is applied to what a link led to, at most 40 links. By
 * Tresolve, one round trip a mount crossed; where the server does not know it (a remote one) by
 * Twalk.
 *
 * Restart of a server: a file remembers its path and mode. When its fid is lost (-ERESTART, or a
 * fid that the server does not know any more) it is walked and opened again, and what is harmless
 * to repeat is repeated: walk, plain open, getattr, read, readdir, write at an offset; P9_TRIES
 * tries in all, so that what ends its server does not do so for ever.
 * The rest is reported as -ERESTART, and may or may not have been done. -EPIPE: the session is
 * dead for good; open files report it, paths are resolved again once, past the dead mount.
 *
 * A file that is read much may be read from its server's cache, without a call (pages.c). That
 * takes a handle, which goes with the file, or when the process has no room for another one.
 *
 * Threads: the client's own tables are guarded by the lock hooks (NULL: one thread). One file is
 * used by one thread at a time. No lock is held during a call. Who may lie: servers, in every
 * byte of a reply; a reply that does not fit its request is -EPROTO.
 */
#pragma once
#include "9p/codec.h"

#define P9_CLIENT_FILE /* see tree.h */
#undef p9_file

#define P9_LINKS_MAX 40	  /* symbolic links in one path */
#define P9_TRIES     4u	  /* of a harmless message */
#define P9_FULL_MAX  4096 /* bytes in a path with its NUL */
#define P9_PAGES_MAX 16u  /* files of a client whose pages it holds */

/* One call. */
struct p9_rpc {
	uint32_t t_len; /* the request is the first t_len bytes of the frame */
	uint32_t r_len; /* out: the reply's length; it lies in the frame */
	const void *in; /* payload of the request behind the frame; NULL: none */
	uint32_t in_len;
	void *out; /* where a payload of the reply goes; NULL: none is expected */
	uint32_t out_max;
	uint32_t out_len;  /* out */
	uint32_t handle;   /* out: came beside the reply; 0: none. The caller's now */
	uint64_t deadline; /* in the clock of p9_client.now; UINT64_MAX: none */
};

struct p9_link;
struct p9_link_ops {
	/* Memory for request and reply, *cap bytes, at least P9_HEAD + P9_PATH_MAX + 256. It is the
	 * calling thread's until its next frame. NULL: none. */
	void *(*frame)(struct p9_link *link, uint32_t *cap);
	/*
	 * Send the request, wait for the reply. Errors: -ERESTART the server died with the call in
	 * its hands and has a successor; -EPIPE the session is dead; -ETIMEDOUT; -EINTR; -EPROTO.
	 */
	int (*rpc)(struct p9_link *link, struct p9_rpc *rpc);
	/* Make a link over a handle that came beside a reply on this link. The handle is used up,
	 * also on failure. NULL: handles are not known here. */
	int (*adopt)(struct p9_link *link, uint32_t handle, struct p9_link **out);
	/* Drop a handle that came beside a reply. */
	void (*drop)(struct p9_link *link, uint32_t handle);
	/* Copy out of memory whose handle (kind PAGES) came beside a reply, waiting for nobody. 0:
	 * all of it; -EAGAIN: not now; -EFAULT: out; else the handle is of no use any more. NULL:
	 * such handles are not asked for. */
	int (*copy)(struct p9_link *link, uint32_t handle, uint64_t offset, void *out,
		    uint32_t len);
	/* The last user is gone. */
	void (*close)(struct p9_link *link);
};

/* Embedded at the start of a transport's own structure. */
struct p9_link {
	const struct p9_link_ops *ops;
	enum p9_dialect dialect; /* P9_DIALECT_LOCAL, or what p9_link_attach agreed on */
	uint32_t msize;		 /* remote: largest message; local: largest payload + P9_IOHDR */
};

/* A session in use. Private to the client, visible for tests. */
struct p9_conn {
	struct p9_link *link;
	struct p9_conn *next;
	uint32_t refs;
	uint32_t generation; /* how many restarts of the server were noticed */
	bool dead;
	bool no_resolve; /* the server does not know Tresolve */
	uint32_t fids_size, fid_hint;
	uint64_t *fids; /* bitmap of the numbers in use */
	char *prefix;	/* where it is mounted: "" for the root, "/dev" */
	uint32_t prefix_len;
};

struct p9_client {
	struct p9_conn *root;
	struct p9_conn *mounts; /* all but the root */
	char *cwd;		/* clean and absolute */
	uint64_t timeout_ns;	/* of each call; 0: none */
	uint64_t (*now)(void);	/* nanoseconds; needed if timeouts are used */
	void (*lock)(void *arg);
	void (*unlock)(void *arg);
	void *lock_arg;
	struct p9_file *spare; /* memory of a file that was closed, or NULL; taken by exchange */
	struct p9_file *pages[P9_PAGES_MAX]; /* who holds pages or asks for them; of the tables */
	uint64_t calls, restarts, reopened, remounted; /* counted */
	uint64_t copied;			       /* reads without a call; counted */
};

/* A file's pages, read without its server: pages.c. */
enum p9_pages_state {
	P9_PAGES_REST,	/* reads go to the server */
	P9_PAGES_DUE,	/* the next one asks for the pages, or tries them again */
	P9_PAGES_READY, /* they are tried */
};
struct p9_pages {
	uint32_t handle; /* 0: none. Taken by exchange: another thread may have to close it */
	uint32_t wait;	 /* large reads until the next look; 0: none is due */
	uint32_t pause;	 /* what wait will be when that is in vain */
	bool slot;	 /* the file stands in client.pages */
	uint8_t state;	 /* enum p9_pages_state */
	uint64_t size;	 /* of the file */
};

struct p9_file {
	struct p9_client *client;
	struct p9_conn *conn;
	uint32_t fid;
	uint32_t generation; /* of conn when fid was made */
	struct p9_qid qid;
	uint32_t oflags;
	bool open;
	int lost;	     /* it could not be opened again, for this reason, which stays */
	uint64_t offset;     /* of p9_client_read, write, readdir */
	uint64_t timeout_ns; /* from the client; may be changed */
	struct p9_pages pages;
	uint32_t path_len;
	uint32_t path_room; /* bytes at path */
	char path[];	    /* absolute, without links */
};

/*
 * A namespace over a link whose fid 0 is the root. The link is the client's from now on, also on
 * failure. Errors: -ENOMEM.
 */
P9_MUST int p9_client_init(struct p9_client *c, struct p9_link *root);
/* All files must be closed. */
void p9_client_fini(struct p9_client *c);
/* Remote: Tversion and Tattach as fid 0. Sets link->dialect (9P2000.L is required) and msize. */
P9_MUST int p9_link_attach(struct p9_link *link, uint32_t msize, const char *uname,
			   const char *aname, uint32_t uid);
/* A mount that the server does not know of: /mnt is answered by link. The link is the client's. */
P9_MUST int p9_client_mount(struct p9_client *c, const char *prefix, struct p9_link *link);
/* Drop mounts without open files from the cache. */
void p9_client_forget_mounts(struct p9_client *c);

/* ---- by path. Relative ones start at the working directory. ------------------------------- */
/* flags: P9_O_*; mode counts with P9_O_CREAT. */
P9_MUST int p9_client_open(struct p9_client *c, const char *path, uint32_t flags, uint32_t mode,
			   struct p9_file **out);
/* Without opening; nofollow: a link at the end is itself the result. */
P9_MUST int p9_client_walk(struct p9_client *c, const char *path, bool nofollow,
			   struct p9_file **out);
P9_MUST int p9_client_stat(struct p9_client *c, const char *path, bool nofollow,
			   struct p9_attr *attr);
/* Where path leads: absolute, no links, no dots. buf has P9_FULL_MAX bytes. */
P9_MUST int p9_client_realpath(struct p9_client *c, const char *path, char *buf);
P9_MUST int p9_client_chdir(struct p9_client *c, const char *path);
P9_MUST int p9_client_mkdir(struct p9_client *c, const char *path, uint32_t mode);
P9_MUST int p9_client_symlink(struct p9_client *c, const char *target, const char *path);
P9_MUST int p9_client_link(struct p9_client *c, const char *oldpath, const char *newpath);
/* Errors: -EXDEV in two sessions. */
P9_MUST int p9_client_rename(struct p9_client *c, const char *oldpath, const char *newpath);
/* flags: 0 or P9_AT_REMOVEDIR */
P9_MUST int p9_client_unlink(struct p9_client *c, const char *path, uint32_t flags);
/* Bytes in buf, not terminated. */
P9_MUST int p9_client_readlink(struct p9_client *c, const char *path, char *buf, uint32_t size);
P9_MUST int p9_client_setattr(struct p9_client *c, const char *path, const struct p9_setattr *set);
P9_MUST int p9_client_statfs(struct p9_client *c, const char *path, struct p9_statfs *st);
P9_MUST int p9_client_mknod(struct p9_client *c, const char *path, uint32_t mode, uint32_t major,
			    uint32_t minor);
/* Whole small file to buf; bytes read. -EFBIG more than size. */
P9_MUST int64_t p9_client_load(struct p9_client *c, const char *path, void *buf, uint32_t size);
/* One write of the text to an existing file: how commands are given. */
P9_MUST int p9_client_command(struct p9_client *c, const char *path, const char *text);

/* ---- by file ------------------------------------------------------------------------------- */
/* Bytes moved, possibly fewer than len; 0: end of the file. */
P9_MUST int64_t p9_client_pread(struct p9_file *f, void *buf, uint64_t len, uint64_t offset);
P9_MUST int64_t p9_client_pwrite(struct p9_file *f, const void *buf, uint64_t len, uint64_t offset);
P9_MUST int64_t p9_client_read(struct p9_file *f, void *buf, uint64_t len);
P9_MUST int64_t p9_client_write(struct p9_file *f, const void *buf, uint64_t len);
P9_MUST int p9_client_getattr(struct p9_file *f, uint64_t mask, struct p9_attr *attr);
P9_MUST int p9_client_fsetattr(struct p9_file *f, const struct p9_setattr *set);
/*
 * Entries as in Rreaddir from f->offset on, to buf; bytes used, 0 at the end. Use
 * p9_dirent_decode, and advance f->offset to the offset of the last entry that was taken.
 */
P9_MUST int64_t p9_client_readdir(struct p9_file *f, void *buf, uint32_t len);
P9_MUST int p9_client_fsync(struct p9_file *f, bool datasync);
P9_MUST int p9_client_flock(struct p9_file *f, const struct p9_lock *lock, uint8_t *status);
/* Remove the file and close f, also on failure. */
P9_MUST int p9_client_remove(struct p9_file *f);
/* *handle is the caller's, in the transport's numbers. */
P9_MUST int p9_client_gethandle(struct p9_file *f, enum p9_handle_kind kind, uint64_t arg,
				uint64_t *value, uint32_t *handle);
/* Clunk. f is gone afterwards, whatever it returns. NULL is allowed. */
int p9_client_close(struct p9_file *f);

/* ---- below --------------------------------------------------------------------------------- */
/* One message on a link: encode *t, call, decode into *r; an Rlerror becomes its errno. in, out
 * and deadline from *rpc. Views in *r live until the thread's next frame. */
P9_MUST int p9_link_call(struct p9_link *link, const struct p9_tmsg *t, struct p9_rmsg *r,
			 struct p9_rpc *rpc);
