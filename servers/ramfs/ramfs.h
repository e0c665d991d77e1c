/* SPDX-License-Identifier: ISC */
/*
 * ramfs.h: a tree of files in memory. Private to servers/ramfs.
 *
 * node.c has nodes and names, data.c what files hold, ops.c and change.c the 9P operations over
 * them, archive.c the tree of a boot archive.
 *
 * Invariant: a node lives while a name or a fid refers to it (refs). fs->used is what all nodes and
 * names are charged and never passes fs->limit; a change that would pass it is -ENOSPC and changes
 * nothing. A directory that was removed is empty and has no parent.
 */
#pragma once
#include "9p/server.h"
#include "abi/types.h"

#define RAM_INLINE    2048u /* files up to here lie in the heap, above in a VMO */
#define RAM_NODE_FEE  256u  /* bytes charged for a node, and for a name beside its length */
#define RAM_NAME_FEE  64u
#define RAM_GIVEN_FEE 8192u /* for a VMO that was given away: its handle here may stay for long */
#define RAM_LINKS     65000u

enum ram_kind { RAM_DIR, RAM_FILE, RAM_LINK };

struct ram_node;

struct ram_entry {
	struct ram_node *dir, *node;
	struct ram_entry *next, *prev; /* in the directory, in the order of cookies */
	struct ram_entry *chain;       /* in the hash table */
	uint64_t cookie;	       /* offset in Treaddir behind this entry */
	uint32_t len;
	char name[];
};

struct ram_node {
	uint64_t id; /* qid.path */
	enum ram_kind kind;
	uint32_t mode; /* permission bits */
	uint32_t uid, gid;
	uint32_t refs;
	uint32_t nlink;
	uint32_t version;
	uint64_t size;			     /* files: bytes; links: length of the text */
	uint64_t atime, mtime, ctime, btime; /* ns since 1970 */
	/* directories */
	struct ram_node *parent; /* NULL: removed */
	struct ram_entry *first, *last;
	uint64_t next_cookie;
	/* files */
	handle_t vmo;		 /* or 0: the bytes are at `bytes` */
	uint64_t vmo_size;	 /* bytes */
	uint8_t *bytes;		 /* heap; of an archive: a view */
	uint32_t bytes_size;	 /* of the heap block */
	bool view;		 /* bytes belong to the archive; never changed */
	uint8_t *map;		 /* the VMO here, all of vmo_size; NULL: not mapped */
	struct ram_grave *grave; /* somebody was given the VMO, which is WIRED: for its end */
	/* links */
	char *text;
};

/* A VMO that no file has any more, and that somebody else may have. Charged like the file. */
struct ram_grave {
	struct ram_grave *next;
	handle_t vmo;
	uint64_t size;
};

struct ram_fs {
	struct ram_grave *graves;
	struct ram_node *root;
	bool read_only;
	uint64_t limit, used; /* bytes */
	uint64_t nodes;
	uint64_t next_id;
	struct ram_entry **buckets;
	uint32_t mask, names;
};

/* ---- node.c ---------------------------------------------------------------------------------- */
P9_MUST int ram_init(struct ram_fs *fs, uint64_t limit);
/* With one reference, the caller's. NULL and *err. */
struct ram_node *ram_node_new(struct ram_fs *fs, enum ram_kind kind, uint32_t mode, uint32_t gid,
			      int *err);
void ram_node_put(struct ram_fs *fs, struct ram_node *n);
struct ram_entry *ram_find(struct ram_fs *fs, const struct ram_node *dir, struct p9_str name);
/* A name for node in dir, which must not have it. Counts a link. */
P9_MUST int ram_link(struct ram_fs *fs, struct ram_node *dir, struct p9_str name,
		     struct ram_node *node);
/* Take the name away. */
void ram_unlink(struct ram_fs *fs, struct ram_entry *e);
/* Charge, or -ENOSPC. */
P9_MUST int ram_charge(struct ram_fs *fs, uint64_t bytes);
void ram_uncharge(struct ram_fs *fs, uint64_t bytes);
uint64_t ram_now(void);
void ram_touch(struct ram_node *n); /* its contents changed now */
struct p9_qid ram_qid(const struct ram_node *n);

/* ---- data.c ---------------------------------------------------------------------------------- */
/* Answers the request, as op read. */
int ram_read(struct p9_request *req, struct ram_node *n, uint64_t offset, uint32_t count);
P9_MUST int ram_write(struct ram_fs *fs, struct p9_request *req, struct ram_node *n,
		      uint64_t offset, uint32_t count);
P9_MUST int ram_resize(struct ram_fs *fs, struct ram_node *n, uint64_t size);
/* Uncharge what others have let go of. */
void ram_reap(struct ram_fs *fs);
/* A handle to the contents with at most what prot (PROT_*) allows. */
P9_MUST int ram_vmo(struct ram_fs *fs, struct ram_node *n, uint32_t prot, handle_t *out);
/* Give back what a file or link holds. */
void ram_data_free(struct ram_fs *fs, struct ram_node *n);

/* ---- ops.c, change.c --------------------------------------------------------------------------
 */
extern const struct p9_ops ram_ops;
int ram_create(struct p9_request *req, struct p9_fid *fid, struct p9_str name, uint32_t oflags,
	       uint32_t mode, uint32_t gid);
int ram_mkdir(struct p9_request *req, struct p9_fid *dir, struct p9_str name, uint32_t mode,
	      uint32_t gid, struct p9_qid *qid);
int ram_symlink(struct p9_request *req, struct p9_fid *dir, struct p9_str name,
		struct p9_str target, uint32_t gid, struct p9_qid *qid);
int ram_link_op(struct p9_request *req, struct p9_fid *dir, struct p9_fid *fid, struct p9_str name);
int ram_unlinkat(struct p9_request *req, struct p9_fid *dir, struct p9_str name, uint32_t flags);
int ram_renameat(struct p9_request *req, struct p9_fid *olddir, struct p9_str oldname,
		 struct p9_fid *newdir, struct p9_str newname);
int ram_setattr(struct p9_request *req, struct p9_fid *fid, const struct p9_setattr *set);

/* ---- archive.c ---------------------------------------------------------------------------------
 */
/* Fill fs from a cpio archive that stays mapped: what lies below prefix ("boot"). -EINVAL: damaged
 * (what stands before the damage is there). */
P9_MUST int ram_archive(struct ram_fs *fs, const void *archive, uint64_t len, const char *prefix);
