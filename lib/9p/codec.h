/* SPDX-License-Identifier: ISC */
/*
 * codec.h: 9P messages as bytes and as structures.
 *
 * Pure: no allocation, no state, no I/O. Encodes and decodes 9P2000.L, plain 9P2000 and the local
 * extension family (docs/extensions.md). One table (messages.c) names the fields of every message;
 * encoding and decoding are two small loops over it.
 *
 * Invariants: decoding reads no byte outside [frame, frame + len), accepts a frame only if its
 * fields fill it exactly, and never follows a length it has not checked. Strings and data are
 * views into the frame: they live as long as it does and are not terminated. Who may lie: whoever
 * sent the frame. What a field means is not judged here.
 *
 * A payload (the data of Twrite, Rread and Rreaddir) may lie outside of the frame. Frame and
 * payload, one behind the other, are then the message as the protocol has it; the size field
 * counts both.
 *
 * Spec: Plan 9 manual, section 5 (9P2000); "9P2000.L protocol" of the diod project; include/net/9p
 * of Linux for the numbers. docs/9p.md names the pages.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define P9_MUST __attribute__((warn_unused_result))

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the codec copies fields as they lie");

#define P9_HEAD	     7u /* size[4] type[1] tag[2] */
#define P9_NOTAG     0xffffu
#define P9_NOFID     0xffffffffu
#define P9_NOUNAME   0xffffffffu
#define P9_WALK_MAX  16u   /* names in a Twalk */
#define P9_NAME_MAX  255u  /* bytes in one name */
#define P9_PATH_MAX  3072u /* bytes in a path of Tresolve, and in a link's text there */
#define P9_IOHDR     24u   /* what a reply or request needs beside its data, at most */
#define P9_MSIZE_MIN 256u
#define P9_PORT	     564

/* What is spoken on a session. LOCAL is 9P2000.L and the extension family. */
enum p9_dialect {
	P9_DIALECT_NONE, /* nothing agreed: Tversion only */
	P9_DIALECT_2000,
	P9_DIALECT_L,
	P9_DIALECT_LOCAL,
	P9_DIALECTS
};

enum p9_type {
	P9_RLERROR = 7,
	P9_TSTATFS = 8,
	P9_RSTATFS,
	P9_TLOPEN = 12,
	P9_RLOPEN,
	P9_TLCREATE = 14,
	P9_RLCREATE,
	P9_TSYMLINK = 16,
	P9_RSYMLINK,
	P9_TMKNOD = 18,
	P9_RMKNOD,
	P9_TRENAME = 20,
	P9_RRENAME,
	P9_TREADLINK = 22,
	P9_RREADLINK,
	P9_TGETATTR = 24,
	P9_RGETATTR,
	P9_TSETATTR = 26,
	P9_RSETATTR,
	P9_TXATTRWALK = 30,
	P9_RXATTRWALK,
	P9_TXATTRCREATE = 32,
	P9_RXATTRCREATE,
	P9_TREADDIR = 40,
	P9_RREADDIR,
	P9_TFSYNC = 50,
	P9_RFSYNC,
	P9_TLOCK = 52,
	P9_RLOCK,
	P9_TGETLOCK = 54,
	P9_RGETLOCK,
	P9_TLINK = 70,
	P9_RLINK,
	P9_TMKDIR = 72,
	P9_RMKDIR,
	P9_TRENAMEAT = 74,
	P9_RRENAMEAT,
	P9_TUNLINKAT = 76,
	P9_RUNLINKAT,
	P9_TVERSION = 100,
	P9_RVERSION,
	P9_TAUTH = 102,
	P9_RAUTH,
	P9_TATTACH = 104,
	P9_RATTACH,
	P9_RERROR = 107,
	P9_TFLUSH = 108,
	P9_RFLUSH,
	P9_TWALK = 110,
	P9_RWALK,
	P9_TOPEN = 112,
	P9_ROPEN,
	P9_TCREATE = 114,
	P9_RCREATE,
	P9_TREAD = 116,
	P9_RREAD,
	P9_TWRITE = 118,
	P9_RWRITE,
	P9_TCLUNK = 120,
	P9_RCLUNK,
	P9_TREMOVE = 122,
	P9_RREMOVE,
	P9_TSTAT = 124,
	P9_RSTAT,
	P9_TWSTAT = 126,
	P9_RWSTAT,
	P9_TGETHANDLE = 200,
	P9_RGETHANDLE,
	P9_TCONNECT = 202,
	P9_RCONNECT,
	P9_TRESOLVE = 204,
	P9_RRESOLVE,
	P9_TYPES
};

/* qid.type */
#define P9_QTDIR     0x80u
#define P9_QTAPPEND  0x40u /* writes are not bound to an offset: never repeated */
#define P9_QTEXCL    0x20u
#define P9_QTMOUNT   0x10u /* another session is mounted here; only seen locally */
#define P9_QTAUTH    0x08u
#define P9_QTTMP     0x04u
#define P9_QTSYMLINK 0x02u
#define P9_QTFILE    0x00u

/* Flags of Tlopen and Tlcreate: the Linux numbers. */
#define P9_O_RDONLY    0u
#define P9_O_WRONLY    1u
#define P9_O_RDWR      2u
#define P9_O_ACCMODE   3u
#define P9_O_CREAT     00000100u
#define P9_O_EXCL      00000200u
#define P9_O_NOCTTY    00000400u
#define P9_O_TRUNC     00001000u
#define P9_O_APPEND    00002000u
#define P9_O_NONBLOCK  00004000u
#define P9_O_DSYNC     00010000u
#define P9_O_LARGEFILE 00100000u
#define P9_O_DIRECTORY 00200000u
#define P9_O_NOFOLLOW  00400000u
#define P9_O_CLOEXEC   02000000u
#define P9_O_SYNC      04000000u

/* Mode bits of Rgetattr: the Linux numbers. */
#define P9_S_IFMT   0170000u
#define P9_S_IFSOCK 0140000u
#define P9_S_IFLNK  0120000u
#define P9_S_IFREG  0100000u
#define P9_S_IFBLK  0060000u
#define P9_S_IFDIR  0040000u
#define P9_S_IFCHR  0020000u
#define P9_S_IFIFO  0010000u

/* Type byte of an entry in Rreaddir: the Linux DT_ numbers. */
#define P9_DT_DIR 4u
#define P9_DT_REG 8u
#define P9_DT_LNK 10u

#define P9_AT_REMOVEDIR 0x200u /* Tunlinkat */

#define P9_GETATTR_MODE		0x0001u
#define P9_GETATTR_NLINK	0x0002u
#define P9_GETATTR_UID		0x0004u
#define P9_GETATTR_GID		0x0008u
#define P9_GETATTR_RDEV		0x0010u
#define P9_GETATTR_ATIME	0x0020u
#define P9_GETATTR_MTIME	0x0040u
#define P9_GETATTR_CTIME	0x0080u
#define P9_GETATTR_INO		0x0100u
#define P9_GETATTR_SIZE		0x0200u
#define P9_GETATTR_BLOCKS	0x0400u
#define P9_GETATTR_BASIC	0x07ffu
#define P9_GETATTR_BTIME	0x0800u
#define P9_GETATTR_GEN		0x1000u
#define P9_GETATTR_DATA_VERSION 0x2000u
#define P9_GETATTR_ALL		0x3fffu

#define P9_SETATTR_MODE	     0x001u
#define P9_SETATTR_UID	     0x002u
#define P9_SETATTR_GID	     0x004u
#define P9_SETATTR_SIZE	     0x008u
#define P9_SETATTR_ATIME     0x010u
#define P9_SETATTR_MTIME     0x020u
#define P9_SETATTR_CTIME     0x040u
#define P9_SETATTR_ATIME_SET 0x080u /* to the value given, not to now */
#define P9_SETATTR_MTIME_SET 0x100u
#define P9_SETATTR_ALL	     0x1ffu

/* Tlock and Rlock */
#define P9_LOCK_RDLCK	0u
#define P9_LOCK_WRLCK	1u
#define P9_LOCK_UNLCK	2u
#define P9_LOCK_SUCCESS 0u
#define P9_LOCK_BLOCKED 1u
#define P9_LOCK_ERROR	2u
#define P9_LOCK_GRACE	3u

/* Topen and Tcreate (9P2000) */
#define P9_OREAD   0u
#define P9_OWRITE  1u
#define P9_ORDWR   2u
#define P9_OEXEC   3u
#define P9_OTRUNC  0x10u
#define P9_ORCLOSE 0x40u
/* Mode bits of a stat (9P2000) beside the permissions. */
#define P9_DMDIR    0x80000000u
#define P9_DMAPPEND 0x40000000u
#define P9_DMEXCL   0x20000000u
#define P9_DMTMP    0x04000000u

/* Extension family. */
enum p9_handle_kind {
	P9_HANDLE_SESSION = 1, /* arg: rights wanted; value: rights given */
	P9_HANDLE_VMO,	       /* arg: protections wanted (PROT_*); value: size in bytes */
	P9_HANDLE_SIGNAL,      /* arg: bits of interest; value: the word now */
	P9_HANDLE_DEVICE,      /* arg: silo that will drive it; value: requester id (devd) */
	P9_HANDLE_PAGES,       /* arg: 0; value: size in bytes */
};
/* Bits of a readiness word. */
#define P9_READY_READ	1u
#define P9_READY_WRITE	2u
#define P9_READY_HANGUP 4u
#define P9_READY_ERROR	8u

enum p9_resolve_kind {
	P9_RESOLVE_DONE = 1, /* arrived; attributes are filled in */
	P9_RESOLVE_MOUNT,    /* stopped at a mount point; a connector comes beside the frame */
	P9_RESOLVE_SYMLINK,  /* stopped at a link, whose text follows */
};
#define P9_RESOLVE_OPEN	    1u /* open the file with oflags */
#define P9_RESOLVE_NOFOLLOW 2u /* a link at the very end is the result */
#define P9_RESOLVE_STAT	    4u /* attributes only: newfid is P9_NOFID and no fid is made */
#define P9_RESOLVE_FLAGS    7u

struct p9_str {
	const char *ptr; /* not terminated; may be NULL when len is 0 */
	uint32_t len;
};

struct p9_data {
	const void *ptr; /* NULL with len > 0: outside of the frame */
	uint32_t len;
};

struct p9_qid {
	uint64_t path;
	uint32_t version;
	uint8_t type; /* P9_QT* */
};

/* Runs of fields of one size lie as on the wire; codec tables rely on it. */
struct p9_attr {
	uint64_t valid; /* P9_GETATTR_* */
	struct p9_qid qid;
	uint32_t mode, uid, gid;
	uint64_t nlink, rdev, size, blksize, blocks; /* blocks of 512 bytes */
	uint64_t atime_sec, atime_nsec, mtime_sec, mtime_nsec;
	uint64_t ctime_sec, ctime_nsec, btime_sec, btime_nsec;
	uint64_t gen, data_version;
};

struct p9_setattr {
	uint32_t valid; /* P9_SETATTR_* */
	uint32_t mode, uid, gid;
	uint64_t size;
	uint64_t atime_sec, atime_nsec, mtime_sec, mtime_nsec;
};

struct p9_statfs {
	uint32_t type, bsize;
	uint64_t blocks, bfree, bavail, files, ffree, fsid;
	uint32_t namelen;
};

struct p9_lock {
	uint8_t type; /* P9_LOCK_* */
	uint32_t flags;
	uint64_t start, length;
	uint32_t proc_id;
	struct p9_str client_id;
};

/* 9P2000 */
struct p9_stat {
	uint16_t type;
	uint32_t dev;
	struct p9_qid qid;
	uint32_t mode, atime, mtime;
	uint64_t length;
	struct p9_str name, uid, gid, muid;
};

struct p9_dirent {
	struct p9_qid qid;
	uint64_t offset; /* where to go on behind this entry */
	uint8_t type;	 /* P9_DT_* */
	struct p9_str name;
};

/* A request. fid is the first fid of every message that has one. */
struct p9_tmsg {
	uint8_t type;
	uint16_t tag;
	uint32_t fid; /* afid of Tauth and the fid of Tattach too */
	union {
		struct {
			uint32_t msize;
			struct p9_str version;
		} version;
		struct {
			struct p9_str uname, aname;
			uint32_t n_uname; /* P9_DIALECT_2000: not on the wire */
		} auth;
		struct {
			uint32_t afid;
			struct p9_str uname, aname;
			uint32_t n_uname;
		} attach;
		struct {
			uint16_t oldtag;
		} flush;
		struct {
			uint32_t newfid;
			uint16_t count;
			struct p9_str names[P9_WALK_MAX];
		} walk;
		struct {
			uint32_t flags;
		} lopen;
		struct {
			struct p9_str name;
			uint32_t flags, mode, gid;
		} lcreate;
		struct {
			struct p9_str name, target;
			uint32_t gid;
		} symlink;
		struct {
			struct p9_str name;
			uint32_t mode, major, minor, gid;
		} mknod;
		struct {
			uint32_t dfid;
			struct p9_str name;
		} rename;
		struct {
			uint64_t mask;
		} getattr;
		struct p9_setattr setattr;
		struct {
			uint32_t newfid;
			struct p9_str name;
		} xattrwalk;
		struct {
			struct p9_str name;
			uint64_t size;
			uint32_t flags;
		} xattrcreate;
		struct {
			uint64_t offset;
			uint32_t count;
		} read; /* and Treaddir */
		struct {
			uint64_t offset;
			struct p9_data data;
		} write;
		struct {
			uint32_t datasync; /* may be missing on the wire: 0 */
		} fsync;
		struct p9_lock lock; /* and Tgetlock, without flags */
		struct {
			uint32_t target; /* the fid that gets a further name */
			struct p9_str name;
		} link; /* fid is the directory */
		struct {
			struct p9_str name;
			uint32_t mode, gid;
		} mkdir;
		struct {
			struct p9_str oldname;
			uint32_t newdir;
			struct p9_str newname;
		} renameat;
		struct {
			struct p9_str name;
			uint32_t flags;
		} unlinkat;
		struct {
			uint8_t mode;
		} open;
		struct {
			struct p9_str name;
			uint32_t perm;
			uint8_t mode;
		} create;
		struct p9_stat wstat;
		struct {
			uint32_t kind;
			uint64_t arg;
		} gethandle;
		struct {
			uint32_t newfid, flags, oflags;
			struct p9_str path;
		} resolve;
	};
};

/* A reply. */
struct p9_rmsg {
	uint8_t type;
	uint16_t tag;
	union {
		struct {
			uint32_t ecode;
		} lerror;
		struct {
			struct p9_str ename;
		} error;
		struct {
			uint32_t msize;
			struct p9_str version;
		} version;
		struct {
			struct p9_qid qid;
		} qid; /* Rauth Rattach Rsymlink Rmknod Rmkdir */
		struct {
			uint16_t count;
			struct p9_qid qids[P9_WALK_MAX];
		} walk;
		struct {
			struct p9_qid qid;
			uint32_t iounit;
		} open;		     /* Rlopen Rlcreate Ropen Rcreate */
		struct p9_data data; /* Rread Rreaddir */
		struct {
			uint32_t count;
		} write;
		struct p9_str target; /* Rreadlink */
		struct p9_attr getattr;
		struct p9_statfs statfs;
		struct {
			uint64_t size;
		} xattrwalk;
		struct {
			uint8_t status;
		} lock;
		struct p9_lock getlock;
		struct p9_stat stat;
		struct {
			uint32_t kind;
			uint64_t value;
		} gethandle;
		struct {
			uint32_t kind, consumed;
			struct p9_attr attr;
			struct p9_str target;
		} resolve;
	};
};

/* A C string as a view. */
static inline struct p9_str p9_str_from(const char *text)
{
	return (struct p9_str){text, (uint32_t)strlen(text)};
}

static inline bool p9_str_equal(struct p9_str a, const char *text)
{
	size_t len = strlen(text);

	return a.len == len && (!len || !memcmp(a.ptr, text, len));
}

/* One name of a file: not empty, not "." or "..", at most 255 bytes, no '/' and no NUL. 0, -EINVAL
 * or -ENAMETOOLONG. */
P9_MUST int p9_name_check(struct p9_str name);

/*
 * Look at size, type and tag only. frame needs P9_HEAD bytes; a shorter one is -EBADMSG. size is
 * as written by the peer: at least P9_HEAD, else -EBADMSG.
 */
P9_MUST int p9_head_decode(const void *frame, size_t len, uint32_t *size, uint8_t *type,
			   uint16_t *tag);

/*
 * Fill *m from a frame of len bytes, with `outside` further payload bytes elsewhere (0 on a
 * stream). Fields that the message does not have are left as they were.
 * Errors: -EBADMSG the frame is not exactly one well-formed message of its type, -EOPNOTSUPP a
 * type that the dialect does not have (type and tag are filled in then).
 */
P9_MUST int p9_decode_t(struct p9_tmsg *m, enum p9_dialect dialect, const void *frame, size_t len,
			uint32_t outside);
P9_MUST int p9_decode_r(struct p9_rmsg *m, enum p9_dialect dialect, const void *frame, size_t len,
			uint32_t outside);

/*
 * Write *m to frame (cap bytes). Returns the frame's length, without a payload that is outside.
 * Errors: -EMSGSIZE no room, or a string above 65535 bytes; -EOPNOTSUPP as above; -EINVAL more
 * than P9_WALK_MAX names. A frame that failed is garbage.
 */
P9_MUST int p9_encode_t(const struct p9_tmsg *m, enum p9_dialect dialect, void *frame, size_t cap);
P9_MUST int p9_encode_r(const struct p9_rmsg *m, enum p9_dialect dialect, void *frame, size_t cap);

/* The message has strings or data, that is views into its frame. */
bool p9_type_has_views(uint8_t type);
/* "Tgetattr"; "?" for what is no message. */
const char *p9_type_name(uint8_t type);

/*
 * One entry of Rreaddir's data. Both return the bytes used; encode: -ENOSPC no room; decode:
 * -EBADMSG not a whole entry.
 */
P9_MUST int p9_dirent_encode(const struct p9_dirent *ent, void *buf, size_t cap);
P9_MUST int p9_dirent_decode(struct p9_dirent *ent, const void *buf, size_t len);

/* One stat of 9P2000, as it lies in a directory that is read. Returns as above. */
P9_MUST int p9_stat_encode(const struct p9_stat *st, void *buf, size_t cap);
P9_MUST int p9_stat_decode(struct p9_stat *st, const void *buf, size_t len);

/* English text for an errno, for Rerror; never NULL. */
const char *p9_error_text(int err);
