/* SPDX-License-Identifier: ISC */
/*
 * server.h: the 9P server engine.
 *
 * A server author writes struct p9_ops over nodes of his own; a transport author writes struct
 * p9_transport; the engine between them owns everything that is the protocol: versions, fids,
 * walks, open modes, names, limits, rights, flushing, the 9P2000 dialect, the extension family.
 *
 * It does no I/O, knows no channel, has no threads and no locks: one thread calls all functions of
 * one server. Memory comes in blocks that are kept for reuse; nothing is allocated for an ordinary
 * request once the server is warm.
 *
 * Invariants: every fid's node that attach, walk or clone made is given to op->clunk exactly once.
 * Every request is answered exactly once or dropped exactly once. What a client sent is decoded
 * and checked before any op sees it: names are valid, fids exist, are open in the right mode and
 * permitted, counts fit the reply. Who may lie: the client, in every byte of its frames.
 *
 * Spec: docs/9p.md, docs/extensions.md.
 */
#pragma once
#include "9p/codec.h"
#include "abi/types.h"

/* What an op returns when it keeps the request: answered later, or in the op already. */
#define P9_KEEP 1

struct p9_server;
struct p9_session;
struct p9_request;
struct p9_peer;

/* A file as one client names it. The server's fields first. */
struct p9_fid {
	void *node;	   /* server's: what this fid stands for */
	void *aux;	   /* server's: state of the open file */
	struct p9_qid qid; /* set by attach, walk1, create; may be refreshed by any op */
	uint32_t oflags;   /* P9_O_* after a successful open; read only */
	bool open;	   /* read only */
	bool root;	   /* read only: fid 0 of a local session, never clunked by a message */
	/* engine's */
	uint32_t num;
	uint32_t refs;
	uint64_t top;	      /* qid.path of the root that ".." does not pass */
	bool narrowed;	      /* that root is not the server's */
	bool busy;	      /* a request is opening it or reading it as a 9P2000 directory */
	uint32_t charged;     /* bytes, to peer */
	struct p9_peer *peer; /* who has walked to it; NULL: the server itself */
	struct p9_session *session;
	struct p9_fid *next;	  /* hash chain, or free list */
	struct p9_dir_state *dir; /* 9P2000: a directory being read */
	char *path;		  /* 9P2000: names walked so far */
};

/*
 * The server's operations. Each returns 0 (done; results are where the arguments say), a negative
 * errno, or P9_KEEP: then the request is the op's until it calls one of the p9_respond functions,
 * also much later, or until op->flush takes it back. Result pointers stay valid while it is kept;
 * strings that were passed do NOT: use the views in req->t instead, which the engine has moved.
 * NULL where the server has no such thing: changing ops answer -EROFS, others -EOPNOTSUPP.
 *
 * attach, clone, clunk, flush and the session ops answer at once, and never keep.
 */
struct p9_ops {
	/* Make fid the root of the tree (node, qid). For every new session. Required. */
	int (*attach)(struct p9_session *s, struct p9_fid *fid);
	/* to is a copy of from (node, qid): take a further reference. NULL: nothing to count. */
	void (*clone)(struct p9_fid *from, struct p9_fid *to);
	/* Move fid, which nobody else uses, to a child or to the parent (".."); on failure leave
	 * node as it was. A mount point has P9_QTMOUNT in its qid. Required. */
	int (*walk1)(struct p9_request *req, struct p9_fid *fid, struct p9_str name);
	/* The fid goes: release node and aux. NULL: nothing to release. */
	void (*clunk)(struct p9_fid *fid);
	/*
	 * Stop a kept request if that is possible at once: 0, the op has forgotten it and will not
	 * answer it; or P9_KEEP, it cannot be stopped and will be answered. NULL: P9_KEEP.
	 */
	int (*flush)(struct p9_request *req);

	/* Check and prepare for I/O; may set fid->aux. NULL: every open succeeds. */
	int (*open)(struct p9_request *req, struct p9_fid *fid, uint32_t oflags);
	/* Make name in directory fid and open it: fid becomes the new file (node, qid, aux). */
	int (*create)(struct p9_request *req, struct p9_fid *fid, struct p9_str name,
		      uint32_t oflags, uint32_t mode, uint32_t gid);
	/* Answer by p9_respond_data, p9_respond_put, or return 0 for the end of the file. */
	int (*read)(struct p9_request *req, struct p9_fid *fid, uint64_t offset, uint32_t count);
	/* Take data by p9_request_get or p9_request_data. 0: all of it was written, or what
	 * p9_request_wrote said. */
	int (*write)(struct p9_request *req, struct p9_fid *fid, uint64_t offset, uint32_t count);
	/* Add entries by p9_readdir_add until it says -ENOSPC. A kept one starts again with
	 * p9_readdir_begin, and fills and responds in one go. "." and ".." may be among them. */
	int (*readdir)(struct p9_request *req, struct p9_fid *fid, uint64_t offset);
	/* attr is zeroed, qid set. Say in valid what was filled in. Required. */
	int (*getattr)(struct p9_request *req, struct p9_fid *fid, uint64_t mask,
		       struct p9_attr *attr);
	int (*setattr)(struct p9_request *req, struct p9_fid *fid, const struct p9_setattr *set);
	/* The text must live until the request is answered: server memory, or
	 * p9_request_buffer. */
	int (*readlink)(struct p9_request *req, struct p9_fid *fid, struct p9_str *target);
	int (*statfs)(struct p9_request *req, struct p9_fid *fid, struct p9_statfs *st);
	int (*fsync)(struct p9_request *req, struct p9_fid *fid, bool datasync);
	int (*lock)(struct p9_request *req, struct p9_fid *fid, const struct p9_lock *lock,
		    uint8_t *status);
	int (*getlock)(struct p9_request *req, struct p9_fid *fid, struct p9_lock *lock);

	int (*mkdir)(struct p9_request *req, struct p9_fid *dir, struct p9_str name, uint32_t mode,
		     uint32_t gid, struct p9_qid *qid);
	int (*symlink)(struct p9_request *req, struct p9_fid *dir, struct p9_str name,
		       struct p9_str target, uint32_t gid, struct p9_qid *qid);
	int (*mknod)(struct p9_request *req, struct p9_fid *dir, struct p9_str name, uint32_t mode,
		     uint32_t major, uint32_t minor, uint32_t gid, struct p9_qid *qid);
	int (*link)(struct p9_request *req, struct p9_fid *dir, struct p9_fid *fid,
		    struct p9_str name);
	int (*renameat)(struct p9_request *req, struct p9_fid *olddir, struct p9_str oldname,
			struct p9_fid *newdir, struct p9_str newname);
	int (*rename)(struct p9_request *req, struct p9_fid *fid, struct p9_fid *dir,
		      struct p9_str name);
	int (*unlinkat)(struct p9_request *req, struct p9_fid *dir, struct p9_str name,
			uint32_t flags);
	/* Remove the file itself; the engine clunks fid afterwards, also on failure. */
	int (*remove)(struct p9_request *req, struct p9_fid *fid);

	/* Kinds VMO and SIGNAL (SESSION is the engine's own). *handle moves to the client. */
	int (*gethandle)(struct p9_request *req, struct p9_fid *fid, enum p9_handle_kind kind,
			 uint64_t arg, uint64_t *value, uint32_t *handle);
	/* fid has P9_QTMOUNT: give a connector handle of what is mounted there. It moves. */
	int (*mount)(struct p9_request *req, struct p9_fid *fid, uint32_t *handle);

	/*
	 * For servers that survive a restart. made: a narrowed session of id s->id was made for
	 * fid; note in the state memory what is needed to find it again; an error refuses it.
	 * gone: forget it. restore: make fid the root of session s again, or -ESTALE.
	 */
	int (*session_made)(struct p9_session *s, struct p9_fid *fid);
	void (*session_gone)(struct p9_session *s);
	int (*session_restore)(struct p9_session *s, struct p9_fid *fid);
};

/*
 * What carries messages. cookie names one request of one client and is the transport's; ctx is
 * what p9_session_create was given. The engine calls keep at most once and then exactly one of
 * reply and drop for each message that p9_server_message took.
 */
struct p9_transport {
	/* Where to build the reply frame, and its size in *cap. May be the very memory that the
	 * request came in. Valid until reply or the next begin. */
	void *(*begin)(void *ctx, uint64_t cookie, uint32_t *cap);
	/*
	 * Send the reply: frame is what begin gave, len its bytes; payload_len bytes at payload
	 * belong behind it (payload NULL: put has brought them already). handle moves (0: none).
	 * Failures are the transport's affair: the client is gone then.
	 */
	void (*reply)(void *ctx, uint64_t cookie, uint32_t len, const void *payload,
		      uint32_t payload_len, uint32_t handle);
	/* The request stays open behind p9_server_message: *cookie may change. Error: it cannot
	 * be kept, and is answered with that error now. NULL: nothing to do. */
	int (*keep)(void *ctx, uint64_t *cookie);
	/* This request will never be answered: forget it. NULL: nothing to do. */
	void (*drop)(void *ctx, uint64_t cookie);
	/* Copy a piece of the input payload (offset and length within in_len) to dst. Only called
	 * when the payload is outside of the frame. */
	int (*get)(void *ctx, uint64_t cookie, uint32_t offset, void *dst, uint32_t len);
	/* Copy a piece of the output payload (within out_max). NULL: not possible; then
	 * p9_request_put answers -EOPNOTSUPP. */
	int (*put)(void *ctx, uint64_t cookie, uint32_t offset, const void *src, uint32_t len);
	/* Make a handle through which a client speaks on session s, with at most these rights. The
	 * transport keeps s->id with it. NULL: no narrowed sessions. */
	int (*handle_make)(void *ctx, struct p9_session *s, uint32_t rights, uint32_t *handle);
	void (*handle_close)(void *ctx, uint32_t handle);
	/* The client lacks pledge category. If not NULL it answers in the engine's place: 0, or an
	 * error, and then the engine answers -EPERM. */
	int (*violation)(void *ctx, uint64_t cookie, uint32_t pledge);
};

struct p9_limits {
	uint32_t msize;	   /* largest message on a stream, bytes; 0: 64 KiB + P9_IOHDR */
	uint32_t io_max;   /* largest payload on a local session, bytes; 0: 1 MiB */
	uint32_t fids;	   /* a session; 0: 1024. At the limit: -EMFILE */
	uint32_t requests; /* kept requests a session; 0: 64. At the limit: -EAGAIN */
	uint32_t sessions; /* of the server; 0: 4096. A client at its share of them: -ENFILE */
	uint64_t memory; /* bytes that all clients may hold; 0: 8 MiB. A client at its share of it:
			  * -ENOMEM, for a request that would be kept -EAGAIN */
	uint32_t share;	 /* a client may hold one part in so many of what is left; 0: 4 */
	uint32_t fid_cost; /* bytes that the server's own state of a fid takes, besides */
	uint32_t depth;	   /* components in one Tresolve; 0: 256. Beyond: -ENAMETOOLONG */
	uint64_t first_id; /* of sessions; 0: 1. A successor gives one above its predecessor's */
};

/* s->id. The numbers are chosen by the engine and used as badges, so that a successor knows what
 * a client that it has never seen was allowed. */
#define P9_ID_NARROWED	(1ull << 63)
#define P9_ID_CONNECTOR (1ull << 62)

#define P9_SESSION_LOCAL     1u /* extensions; fid 0 is the root from the start; no Tversion needed */
#define P9_SESSION_CONNECTOR 2u /* answers Tconnect only */
#define P9_SESSION_ANAME     4u /* Tattach walks to aname; else aname is ignored */

struct p9_session {
	struct p9_server *server;
	const struct p9_transport *transport;
	void *transport_ctx;
	void *link; /* the transport's */
	void *aux;  /* the server's */
	uint64_t id;
	uint32_t flags;	 /* P9_SESSION_* */
	uint32_t rights; /* RIGHT_*: at most these, whatever a message's identity has */
	enum p9_dialect dialect;
	uint32_t msize;
	uint32_t msize_max;  /* what Tversion may agree on */
	struct p9_fid *root; /* local: fid 0; else NULL */
	bool dead;
	/* engine's */
	struct p9_fid **buckets;
	uint32_t bucket_mask;
	uint32_t fid_count; /* all that live, also those no longer or not yet in the table */
	uint32_t kept_count;
	struct p9_request *kept;
	struct p9_peer *peer;	 /* who asked for it; NULL: the server itself */
	struct p9_session *next; /* hash chain */
	struct p9_fid *first_buckets[16];
};

struct p9_request {
	struct p9_session *session;
	struct p9_fid *fid, *fid2; /* the fids that the message names; fid2: second one or NULL */
	struct identity from;	   /* who asked */
	struct p9_tmsg t;
	struct p9_rmsg r;
	void *aux; /* the op's own, while it keeps the request; NULL at first */
	/* engine's */
	uint64_t cookie;
	uint32_t in_len, out_max;
	uint32_t handle; /* goes with the reply */
	uint8_t state;
	bool in_list;
	bool abandoned; /* nobody waits for the answer */
	bool views;
	bool occupies; /* fid->busy is this request's */
	int status;
	int (*next_step)(struct p9_request *req, int status); /* when the op in hand is done */
	const void *frame;
	uint32_t frame_len;
	uint32_t copy_size;
	uint8_t *copy; /* room for the frame, once kept */
	uint8_t *buffer;
	uint32_t buffer_size;
	uint32_t fill, room;	   /* of the directory buffer */
	struct p9_setattr set;	   /* 9P2000: what a wstat comes to */
	uint32_t at, index, level; /* in a walk or path; level: below its start */
	bool up;		   /* the step in hand is ".." */
	struct p9_fid *walk;	   /* on its way, in no table yet */
	struct p9_fid *climb;	   /* looks for the root above a ".." */
	uint64_t climb_from;
	struct p9_peer *peer;	     /* who waits, when kept */
	uint32_t charged;	     /* bytes, to peer */
	struct p9_request *next;     /* of the session's kept ones; or free list */
	struct p9_request **back;    /* what points to this one in that list */
	struct p9_request *flushers; /* Tflush requests that wait for this one */
	struct p9_request *next_flusher;
	struct p9_request *flushed; /* what this Tflush waits for */
};

#define P9_SESSION_BUCKETS 256u
#define P9_PEER_BUCKETS	   64u
#define P9_DIR_SIZE	   16384u /* bytes of entries in one Rreaddir, at most */

struct p9_server {
	const struct p9_ops *ops;
	void *ctx; /* the server's own */
	struct p9_limits limits;
	/* engine's */
	struct p9_session *sessions[P9_SESSION_BUCKETS];
	uint32_t session_count; /* dead ones that still have requests included */
	uint64_t next_id;
	struct p9_fid *free_fids;
	struct p9_request *free_requests;
	struct p9_block *blocks;		/* memory of both */
	struct p9_peer *peers[P9_PEER_BUCKETS]; /* by silo */
	uint32_t peers_live;
	uint64_t charged;	 /* bytes, to all of them */
	uint8_t *dir;		 /* directory entries on their way out */
	uint64_t served, errors; /* counted */
};

/* ---- for the program -------------------------------------------------------------------- */

/* ops and ctx stay the caller's and must outlive the server. limits NULL: all defaults. Errors:
 * -EINVAL a required op is missing, -ENOMEM. */
P9_MUST int p9_server_init(struct p9_server *server, const struct p9_ops *ops, void *ctx,
			   const struct p9_limits *limits);
/* Ends all sessions, then frees the memory, which includes requests that could not be flushed: the
 * server must not answer those any more. */
void p9_server_fini(struct p9_server *server);

/* ---- for the transport ------------------------------------------------------------------ */

/*
 * A new session whose root is the server's (op attach). rights: RIGHT_* at most. id: 0, the engine
 * chooses; or that of a session of a predecessor (see p9_session_adopt).
 * Errors: -ENFILE, -ENOMEM, what attach says.
 */
P9_MUST int p9_session_create(struct p9_server *server, const struct p9_transport *transport,
			      void *transport_ctx, uint32_t flags, uint32_t rights,
			      struct p9_session **out);
/*
 * A message came with the id of a session that this process has never made: its predecessor did.
 * Makes it again: a plain session or connector from op attach, a narrowed one from op
 * session_restore. from: who sent it, and is charged. Errors: -ESTALE the server cannot say what it
 * was: end the sender; as above.
 */
P9_MUST int p9_session_adopt(struct p9_server *server, const struct p9_transport *transport,
			     void *transport_ctx, uint64_t id, const struct identity *from,
			     struct p9_session **out);
struct p9_session *p9_session_find(struct p9_server *server, uint64_t id);
/*
 * Not from inside of an op or of a transport function.
 * The client is gone: flush its requests, clunk its fids, free it. s is invalid afterwards, even
 * if requests that cannot be flushed are still answered (to nobody) later.
 */
void p9_session_destroy(struct p9_session *s);

struct p9_message {
	const void *frame; /* read during the call only, and copied if the request is kept */
	uint32_t len;	   /* of the frame */
	uint32_t in_len;   /* payload bytes of the request outside of the frame */
	uint32_t out_max;  /* room for a reply's payload behind its frame */
	uint64_t cookie;
	const struct identity *from; /* copied */
};

/*
 * Serve one message. Returns 0: it was answered (reply has been called) or dropped; P9_KEEP: it
 * will be. A frame that is not a message is answered -EBADMSG, or -EBADMSG is returned if not even
 * a tag could be read (nothing was called then).
 */
P9_MUST int p9_server_message(struct p9_session *s, const struct p9_message *m);
/* The client has given up on the request (locally what Tflush is on a stream). Unknown cookies are
 * ignored: it may have been answered meanwhile. */
void p9_server_abandon(struct p9_session *s, uint64_t cookie);

/* ---- for the ops ------------------------------------------------------------------------ */

/* Finish a kept request: status 0 (results where the op's arguments said) or a negative errno.
 * Always P9_KEEP, so that an op can end with it. The request is invalid afterwards. */
int p9_respond(struct p9_request *req, int status);
/* Rread with len <= count bytes, copied out before this returns. */
int p9_respond_data(struct p9_request *req, const void *ptr, uint32_t len);
/* Rread with len bytes that p9_request_put has brought. */
int p9_respond_put(struct p9_request *req, uint32_t len);
/* Rwrite with a count below what was asked; then return 0 or respond 0. */
void p9_request_wrote(struct p9_request *req, uint32_t count);

/* Twrite's data: copy [offset, offset + len) to dst. Errors: -EINVAL outside of what was sent,
 * -EFAULT the client's memory is gone. */
P9_MUST int p9_request_get(struct p9_request *req, uint32_t offset, void *dst, uint32_t len);
/* Twrite's data where it lies, or NULL if it is not in this process's memory. */
const void *p9_request_data(const struct p9_request *req);
/* Rread's data, piece by piece. */
P9_MUST int p9_request_put(struct p9_request *req, uint32_t offset, const void *src, uint32_t len);
/* Scratch memory that lives as long as the request; contents stay across calls with the same or a
 * smaller size. NULL: no memory. */
void *p9_request_buffer(struct p9_request *req, uint32_t size);

/* Room for entries again from the start. */
void p9_readdir_begin(struct p9_request *req);
/* One entry. -ENOSPC: it did not fit; stop (if it is the very first: return -EINVAL). */
P9_MUST int p9_readdir_add(struct p9_request *req, const struct p9_dirent *ent);
/* Nothing has been added yet. */
bool p9_readdir_empty(const struct p9_request *req);

/* Memory that the op takes for this fid; given back with the fid, or by p9_fid_uncharge. -ENOMEM:
 * whose fid it is has its share of the server already. */
P9_MUST int p9_fid_charge(struct p9_fid *fid, uint32_t bytes);
void p9_fid_uncharge(struct p9_fid *fid, uint32_t bytes);
/* The same for what outlives the asker's fids; *out is what it is given back by. */
P9_MUST int p9_request_charge(struct p9_request *req, uint32_t bytes, struct p9_peer **out);
void p9_peer_uncharge(struct p9_server *server, struct p9_peer *peer, uint32_t bytes);

/* What the asker may do here: rights of session and message together. */
uint32_t p9_request_rights(const struct p9_request *req);
/* Walk all live fids of the server: for revoking, and for tests. */
void p9_server_each_fid(struct p9_server *server, void (*fn)(void *arg, struct p9_fid *fid),
			void *arg);
