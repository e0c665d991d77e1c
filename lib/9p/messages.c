/* SPDX-License-Identifier: ISC */
/*
 * messages.c: the layout of every 9P message, in wire order.
 *
 * size[4] type[1] tag[2] stand before each and are not listed. Each entry is one page of the
 * protocol: name, dialects, fields. Spec: see codec.h.
 */
#include "9p/messages.h"

#define T(kind, member)                                                                            \
	{                                                                                          \
		P9_F_##kind, 1, offsetof(struct p9_tmsg, member)                                   \
	}
#define TN(kind, n, member)                                                                        \
	{                                                                                          \
		P9_F_##kind, n, offsetof(struct p9_tmsg, member)                                   \
	}
#define R(kind, member)                                                                            \
	{                                                                                          \
		P9_F_##kind, 1, offsetof(struct p9_rmsg, member)                                   \
	}
#define RN(kind, n, member)                                                                        \
	{                                                                                          \
		P9_F_##kind, n, offsetof(struct p9_rmsg, member)                                   \
	}
#define FID T(U32, fid)

#define LAST_WORD(type, first, last) (offsetof(type, last) - offsetof(type, first))
_Static_assert(LAST_WORD(struct p9_setattr, valid, gid) == 3 * 4, "Tsetattr");
_Static_assert(LAST_WORD(struct p9_setattr, size, mtime_nsec) == 4 * 8, "Tsetattr");
_Static_assert(LAST_WORD(struct p9_statfs, blocks, fsid) == 5 * 8, "Rstatfs");
_Static_assert(sizeof(struct p9_tmsg) < 65536 && sizeof(struct p9_rmsg) < 65536, "p9_field.at");

#define LIST(...)                                                                                  \
	(const struct p9_field[])                                                                  \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define COUNT(...) (sizeof(LIST(__VA_ARGS__)) / sizeof(struct p9_field))
#define REQUEST(type, text, in, views, ...)                                                        \
	[P9_T##type] = {"T" #text, LIST(__VA_ARGS__), COUNT(__VA_ARGS__), {0, in}, views}
#define REPLY(type, text, in, views, ...)                                                          \
	[P9_R##type] = {"R" #text, LIST(__VA_ARGS__), COUNT(__VA_ARGS__), {in, 0}, views}
#define REPLY_EMPTY(type, text, in)   [P9_R##type] = {"R" #text, none, 0, {in, 0}, false}
#define REQUEST_EMPTY(type, text, in) [P9_T##type] = {"T" #text, none, 0, {0, in}, false}

static const struct p9_field none[1];

const struct p9_layout p9_layouts[256] = {
	REQUEST(VERSION, version, P9_IN_ALL, true, T(U32, version.msize), T(STR, version.version)),
	REPLY(VERSION, version, P9_IN_ALL, true, R(U32, version.msize), R(STR, version.version)),
	REQUEST(AUTH, auth, P9_IN_BOTH, true, FID, T(STR, auth.uname), T(STR, auth.aname),
		T(U32_L, auth.n_uname)),
	REPLY(AUTH, auth, P9_IN_BOTH, false, R(QID, qid.qid)),
	REQUEST(ATTACH, attach, P9_IN_BOTH, true, FID, T(U32, attach.afid), T(STR, attach.uname),
		T(STR, attach.aname), T(U32_L, attach.n_uname)),
	REPLY(ATTACH, attach, P9_IN_BOTH, false, R(QID, qid.qid)),
	REPLY(LERROR, lerror, P9_IN_L, false, R(U32, lerror.ecode)),
	REPLY(ERROR, error, P9_IN_2000 | 1u << P9_DIALECT_NONE, true, R(STR, error.ename)),
	REQUEST(FLUSH, flush, P9_IN_BOTH, false, T(U16, flush.oldtag)),
	REPLY_EMPTY(FLUSH, flush, P9_IN_BOTH),
	REQUEST(WALK, walk, P9_IN_BOTH, true, FID, T(U32, walk.newfid), T(NAMES, walk.count)),
	REPLY(WALK, walk, P9_IN_BOTH, false, R(QIDS, walk.count)),
	REQUEST(READ, read, P9_IN_BOTH, false, FID, T(U64, read.offset), T(U32, read.count)),
	REPLY(READ, read, P9_IN_BOTH, true, R(DATA, data)),
	REQUEST(WRITE, write, P9_IN_BOTH, true, FID, T(U64, write.offset), T(DATA, write.data)),
	REPLY(WRITE, write, P9_IN_BOTH, false, R(U32, write.count)),
	REQUEST(CLUNK, clunk, P9_IN_BOTH, false, FID),
	REPLY_EMPTY(CLUNK, clunk, P9_IN_BOTH),
	REQUEST(REMOVE, remove, P9_IN_BOTH, false, FID),
	REPLY_EMPTY(REMOVE, remove, P9_IN_BOTH),

	REQUEST(OPEN, open, P9_IN_2000, false, FID, T(U8, open.mode)),
	REPLY(OPEN, open, P9_IN_2000, false, R(QID, open.qid), R(U32, open.iounit)),
	REQUEST(CREATE, create, P9_IN_2000, true, FID, T(STR, create.name), T(U32, create.perm),
		T(U8, create.mode)),
	REPLY(CREATE, create, P9_IN_2000, false, R(QID, open.qid), R(U32, open.iounit)),
	REQUEST(STAT, stat, P9_IN_2000, false, FID),
	REPLY(STAT, stat, P9_IN_2000, true, R(STAT, stat)),
	REQUEST(WSTAT, wstat, P9_IN_2000, true, FID, T(STAT, wstat)),
	REPLY_EMPTY(WSTAT, wstat, P9_IN_2000),

	REQUEST(STATFS, statfs, P9_IN_L, false, FID),
	REPLY(STATFS, statfs, P9_IN_L, false, RN(U32S, 2, statfs.type), RN(U64S, 6, statfs.blocks),
	      R(U32, statfs.namelen)),
	REQUEST(LOPEN, lopen, P9_IN_L, false, FID, T(U32, lopen.flags)),
	REPLY(LOPEN, lopen, P9_IN_L, false, R(QID, open.qid), R(U32, open.iounit)),
	REQUEST(LCREATE, lcreate, P9_IN_L, true, FID, T(STR, lcreate.name),
		TN(U32S, 3, lcreate.flags)),
	REPLY(LCREATE, lcreate, P9_IN_L, false, R(QID, open.qid), R(U32, open.iounit)),
	REQUEST(SYMLINK, symlink, P9_IN_L, true, FID, T(STR, symlink.name), T(STR, symlink.target),
		T(U32, symlink.gid)),
	REPLY(SYMLINK, symlink, P9_IN_L, false, R(QID, qid.qid)),
	REQUEST(MKNOD, mknod, P9_IN_L, true, FID, T(STR, mknod.name), TN(U32S, 4, mknod.mode)),
	REPLY(MKNOD, mknod, P9_IN_L, false, R(QID, qid.qid)),
	REQUEST(RENAME, rename, P9_IN_L, true, FID, T(U32, rename.dfid), T(STR, rename.name)),
	REPLY_EMPTY(RENAME, rename, P9_IN_L),
	REQUEST(READLINK, readlink, P9_IN_L, false, FID),
	REPLY(READLINK, readlink, P9_IN_L, true, R(STR, target)),
	REQUEST(GETATTR, getattr, P9_IN_L, false, FID, T(U64, getattr.mask)),
	REPLY(GETATTR, getattr, P9_IN_L, false, R(ATTR, getattr)),
	REQUEST(SETATTR, setattr, P9_IN_L, false, FID, TN(U32S, 4, setattr.valid),
		TN(U64S, 5, setattr.size)),
	REPLY_EMPTY(SETATTR, setattr, P9_IN_L),
	REQUEST(XATTRWALK, xattrwalk, P9_IN_L, true, FID, T(U32, xattrwalk.newfid),
		T(STR, xattrwalk.name)),
	REPLY(XATTRWALK, xattrwalk, P9_IN_L, false, R(U64, xattrwalk.size)),
	REQUEST(XATTRCREATE, xattrcreate, P9_IN_L, true, FID, T(STR, xattrcreate.name),
		T(U64, xattrcreate.size), T(U32, xattrcreate.flags)),
	REPLY_EMPTY(XATTRCREATE, xattrcreate, P9_IN_L),
	REQUEST(READDIR, readdir, P9_IN_L, false, FID, T(U64, read.offset), T(U32, read.count)),
	REPLY(READDIR, readdir, P9_IN_L, true, R(DATA, data)),
	REQUEST(FSYNC, fsync, P9_IN_L, false, FID, T(U32_OPT, fsync.datasync)),
	REPLY_EMPTY(FSYNC, fsync, P9_IN_L),
	REQUEST(LOCK, lock, P9_IN_L, true, FID, T(U8, lock.type), T(U32, lock.flags),
		TN(U64S, 2, lock.start), T(U32, lock.proc_id), T(STR, lock.client_id)),
	REPLY(LOCK, lock, P9_IN_L, false, R(U8, lock.status)),
	REQUEST(GETLOCK, getlock, P9_IN_L, true, FID, T(U8, lock.type), TN(U64S, 2, lock.start),
		T(U32, lock.proc_id), T(STR, lock.client_id)),
	REPLY(GETLOCK, getlock, P9_IN_L, true, R(U8, getlock.type), RN(U64S, 2, getlock.start),
	      R(U32, getlock.proc_id), R(STR, getlock.client_id)),
	REQUEST(LINK, link, P9_IN_L, true, FID, T(U32, link.target), T(STR, link.name)),
	REPLY_EMPTY(LINK, link, P9_IN_L),
	REQUEST(MKDIR, mkdir, P9_IN_L, true, FID, T(STR, mkdir.name), TN(U32S, 2, mkdir.mode)),
	REPLY(MKDIR, mkdir, P9_IN_L, false, R(QID, qid.qid)),
	REQUEST(RENAMEAT, renameat, P9_IN_L, true, FID, T(STR, renameat.oldname),
		T(U32, renameat.newdir), T(STR, renameat.newname)),
	REPLY_EMPTY(RENAMEAT, renameat, P9_IN_L),
	REQUEST(UNLINKAT, unlinkat, P9_IN_L, true, FID, T(STR, unlinkat.name),
		T(U32, unlinkat.flags)),
	REPLY_EMPTY(UNLINKAT, unlinkat, P9_IN_L),

	REQUEST(GETHANDLE, gethandle, P9_IN_LOCAL, false, FID, T(U32, gethandle.kind),
		T(U64, gethandle.arg)),
	REPLY(GETHANDLE, gethandle, P9_IN_LOCAL, false, R(U32, gethandle.kind),
	      R(U64, gethandle.value)),
	REQUEST_EMPTY(CONNECT, connect, P9_IN_LOCAL),
	REPLY_EMPTY(CONNECT, connect, P9_IN_LOCAL),
	REQUEST(RESOLVE, resolve, P9_IN_LOCAL, true, FID, TN(U32S, 3, resolve.newfid),
		T(STR, resolve.path)),
	REPLY(RESOLVE, resolve, P9_IN_LOCAL, true, RN(U32S, 2, resolve.kind), R(ATTR, resolve.attr),
	      R(STR, resolve.target)),
};
