/* SPDX-License-Identifier: ISC */
/*
 * fsd.h: what the rooms of the file server know of each other. Private to servers/fsd.
 *
 *	main.c, link.c, sys.c	the process: arguments, the thread that talks to the driver, calls
 *	mount.c			from nothing to a mounted file system, and its end
 *	pool.c			pages of the pool: finding, taking, evicting
 *	disk.c			requests to the driver: building, submitting, reissuing
 *	inode.c			inodes, metadata blocks, names found lately
 *	fill.c			from pages of a file to requests; read-ahead
 *	job.c			9P requests and page faults that wait
 *	read.c, ops.c		9P operations
 *	vmo.c			files as memory objects
 *	sessions.c		what a successor must know
 *
 * All but main.c, link.c and sys.c make no system call but through sys.h and also run on the host.
 * One thread owns struct fsd.
 *
 * How an operation waits: a lower room returns -EAGAIN and has set fsd->wait to the list whose
 * wake-up makes it worth to run the operation again from its start. job.c puts the job there.
 *
 * Invariants: a page in state PAGE_READING has `pending` sectors on their way and is never taken
 * for something else; a page that is `supplied` stands in its file's VMO and leaves it before its
 * frame is used again; a request to the disk lives in fsd->io until the driver has answered it,
 * however many drivers that takes. Who may lie: 9P clients (the engine and the ops check), the
 * driver in its completions (disk.c), the disk in every byte (lib/ext4).
 *
 * Spec: docs/fsd.md, docs/ext4.md, abi/ring.h.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "9p/server.h"
#include "ext4/ext4.h"
#include "ring/ring.h"
#include "servers/fsd/sys.h"

#define FSD_MUST __attribute__((warn_unused_result))

#define FSD_PAGE    4096u
#define FSD_SHIFT   12
#define POOL_MIN    1024u /* pages; what one operation may need at once, several times */
#define SECTOR	    512u
#define PAGE_NONE   UINT32_MAX
#define RING_SIZE   256u  /* entries of the ring */
#define RING_SEGS   4096u /* and segments */
#define IO_COUNT    192u  /* requests that the disk has at once, at most */
#define IO_SEGS	    64u	  /* segments a request */
#define IO_SECTORS  512u  /* sectors a request: 256 KiB */
#define IO_A_PAGE   5u	  /* requests that one page may need: its blocks, and one left open */
#define WINDOW_MIN  (128u << 10 >> FSD_SHIFT) /* read-ahead, pages */
#define WINDOW_MAX  (2u << 20 >> FSD_SHIFT)
#define INODES_KEPT 4096u	   /* inodes that nobody uses, remembered */
#define VMOS_MAX    2048u	   /* files with a VMO, before unused ones are looked for */
#define VMO_COST    2048u	   /* bytes that one is charged for: it and its inode stay here */
#define RECLAIM	    64u		   /* inodes that one look for unused VMOs goes over */
#define NAMES	    2048u	   /* names remembered; a power of two */
#define NAME_KEPT   40u		   /* bytes of one */
#define JOB_NS	    60000000000ull /* a request that has waited so long is answered -EIO */
#define IO_NS	    59000000000ull /* a driver may have one so long: who waits first finds it late */
#define SEARCH_NS   5000000000ull  /* without a disk, requests wait so long after the start */
#define FAULT_NS    120000000000ull /* a page fault that has waited so long fails */
#define COMPLAINTS  100u	    /* log lines about damage and errors */
#define TURN_JOBS   32u		    /* jobs run between two looks at the queue */
#define TURN_IOS    64u		    /* completions taken */

struct fsd;
struct job;
struct inode;

/* ---- pool.c: pages ----------------------------------------------------------------------------
 */
enum page_state { PAGE_FREE, PAGE_READING, PAGE_VALID };
enum page_failure {
	PAGE_GOOD,
	PAGE_DOUBTFUL, /* of a request that failed with others: to be tried alone */
	PAGE_BAD,
};

struct page {
	uint32_t ino;	  /* of the file; 0: of the disk itself */
	uint32_t index;	  /* which page of it */
	uint32_t next;	  /* in the hash chain */
	uint32_t touched; /* fsd->serial of the operation that used it last: not to be taken now */
	uint16_t tail;	  /* bytes of the file in it; what follows is zeroed when it has come */
	uint8_t pending;  /* sectors on their way */
	uint8_t state;	  /* enum page_state */
	uint8_t heat;	  /* rounds of the clock that it survives */
	bool seen;	  /* was read from since it came */
	bool supplied;	  /* stands in its file's VMO */
	uint8_t failed;	  /* enum page_failure */
	uint32_t mark[4]; /* of metadata blocks, for ext4_source.mark */
	struct job *waiters;
};

/* base: the mapped pool of count pages. Errors: -ENOMEM. */
FSD_MUST int pool_init(struct fsd *f, void *base, uint32_t count);
static inline void *page_data(const struct fsd *f, const struct page *p);
struct page *page_find(struct fsd *f, uint32_t ino, uint32_t index);
/* A page for (ino, index), which is not there: PAGE_READING without anything pending. NULL: none
 * can be had now, wait at fsd->starved. */
struct page *page_take(struct fsd *f, uint32_t ino, uint32_t index);
/* Everything that was pending has come: valid, or gone if a part of it failed. Wakes who waits. */
void page_done(struct fsd *f, struct page *p);
/* Out of the cache. It must not be pending. */
void page_drop(struct fsd *f, struct page *p);
/* It was useful. */
static inline void page_touch(struct page *p);

/* ---- disk.c: requests to the driver ------------------------------------------------------------
 */
enum io_state { IO_FREE, IO_QUEUED, IO_FLIGHT };

struct io {
	uint8_t state; /* enum io_state */
	uint16_t segs;
	uint32_t sectors, next; /* next: free list, or queue */
	uint32_t generation;	/* half of the cookie */
	uint64_t sector;
	uint64_t since; /* submitted */
	struct ring_segment seg[IO_SEGS];
};

enum link_state {
	LINK_DOWN, /* no driver has the ring */
	LINK_UP,
	LINK_WRONG, /* the driver's disk is not the one that we know: for good */
};

struct geometry {
	uint32_t sector_size;
	uint64_t sectors;		    /* of 512 bytes */
	uint32_t segments, request_sectors; /* a request, at most */
};

/* Collects neighbouring pieces into requests. Zeroed at first; end with build_end. */
struct build {
	struct io *io;
	const struct page *page; /* the last one */
	uint64_t next;		 /* sector behind it */
};

void disk_init(struct fsd *f);
/* Can n more requests be begun? */
static inline bool disk_room(const struct fsd *f, uint32_t n);
/* len bytes from `sector` on into the page, from `at` on. disk_room was asked for the page. */
void build_add(struct fsd *f, struct build *b, uint64_t sector, struct page *p, uint32_t at,
	       uint32_t len);
void build_end(struct fsd *f, struct build *b);
/* Ring the driver's bell if it is to look. */
void disk_kick(struct fsd *f);
/* The bell rang. False: there is more. */
bool disk_complete(struct fsd *f);
/* Has the driver had a request for too long? */
bool disk_overdue(const struct fsd *f, uint64_t now);
/* A driver has taken the ring, which was reset before. Reissues what was in flight. */
void disk_up(struct fsd *f, const struct geometry *g);
/* The driver is gone, or broke the rules: has the next one found. Who offers the ring to that one
 * resets it, when the last one cannot reach it any more. */
void disk_down(struct fsd *f, const char *why);

/* ---- job.c: what waits --------------------------------------------------------------------------
 */
/* One run from the start. 0 or -errno: the end of it; P9_KEEP: the same, and it has responded by
 * itself; -EAGAIN: fsd->wait says for what. */
typedef int (*job_run)(struct fsd *f, struct job *j);

struct job {
	struct job *next, **list; /* where it waits */
	struct job *all_next, **all_back;
	struct p9_request *req; /* NULL: a page fault */
	job_run run;
	void (*end)(struct fsd *f, struct job *j, int err); /* of a job without request */
	int error;					    /* what it waited for has failed */
	uint64_t deadline;
	union {
		struct {
			struct p9_fid *fid;
			struct ext4_scan scan;
			uint32_t ino; /* found */
			uint32_t len; /* of the name */
			char text[P9_NAME_MAX];
		} walk;
		struct {
			struct p9_fid *fid;
			struct p9_attr *attr;
			struct p9_str *target;
			struct p9_statfs *st;
			uint64_t cursor;
		} op;
		struct {
			struct inode *inode;
			struct reader *reader;
			uint64_t offset;
			uint32_t count, done;
		} read;
		struct {
			struct inode *inode;
			uint32_t page;
		} fault;
	};
};

/* Run *first, on the caller's stack, and if it must wait go on with a copy later. Returns what an
 * op returns. */
int job_start(struct fsd *f, struct job *first);
/* A job without request; its end is always called. Errors: -ENOMEM, nothing was called. */
FSD_MUST int job_spawn(struct fsd *f, const struct job *first);
/* For op flush. */
int job_cancel(struct fsd *f, struct p9_request *req);
/* All of the list are worth running, or failed. */
void jobs_wake(struct fsd *f, struct job **list, int error);
/* Run what was woken, TURN_JOBS at most. */
void jobs_turn(struct fsd *f);
/* Time passes: end what has waited too long. */
void jobs_expire(struct fsd *f, uint64_t now);
/* The alarm went: end what has waited too long, and set it again for what still waits. */
void jobs_watch(struct fsd *f);

/* ---- inode.c ------------------------------------------------------------------------------------
 */
struct inode {
	struct ext4_inode_info info; /* .ino from the start, the rest if loaded */
	bool loaded;
	bool idle; /* nobody uses it: in the list of those to forget */
	uint32_t refs;
	struct inode *chain;
	struct inode *newer, *older;
	struct ext4_run run; /* the last one that the map gave */
	uint64_t run_at;     /* its first block */
	handle_t vmo;
	void *watch;	       /* sys.c's */
	struct p9_peer *payer; /* of the VMO: who asked for it first, as long as it is used */
	uint32_t supplied;     /* pages that stand in it */
	uint32_t fault_next, fault_window;
};

struct name {
	uint32_t dir, ino;
	uint8_t len;
	char text[NAME_KEPT];
};

FSD_MUST int inode_init(struct fsd *f);
/* With a reference for the caller; not necessarily loaded. NULL: no memory. */
struct inode *inode_get(struct fsd *f, uint32_t ino);
struct inode *inode_known(struct fsd *f, uint32_t ino); /* no reference */
void inode_put(struct fsd *f, struct inode *n);
/* End VMOs that nobody uses any more, of files that nobody has open; some, at each call. */
void inodes_reclaim(struct fsd *f);
/* Read it from the disk: 0, -EAGAIN, or why not. */
FSD_MUST int inode_load(struct fsd *f, struct inode *n);
static inline int inode_need(struct fsd *f, struct inode *n);
/* A name in a loaded directory: 0 and *ino; -EAGAIN; -errno. */
FSD_MUST int inode_lookup(struct fsd *f, struct inode *dir, struct p9_str name,
			  struct ext4_scan *scan, uint32_t *ino);
/* err is what lib/ext4 answered: one log line if it is about damage. Returns err. */
int fs_complain(struct fsd *f, int err);
const void *meta_block(void *ctx, uint64_t blkno, int *err);
uint32_t *meta_mark(void *ctx, uint64_t blkno);
/* The page of the disk itself; NULL with *err as an ext4_source has it. */
struct page *meta_page(struct fsd *f, uint64_t index, int *err);

/* ---- fill.c -------------------------------------------------------------------------------------
 */
/* One who reads a file: where it was, and how far ahead to read. */
struct reader {
	uint64_t next;	 /* offset that a sequential read has */
	uint32_t window; /* pages; 0: not sequential */
	uint32_t ahead;	 /* page up to which reads were started */
	bool again;	 /* what it read last had been read before */
	bool pages;	 /* it has the file's memory object to read from */
};

static inline uint32_t file_pages(const struct inode *n);
/* Start reads for the pages of n in [first, end) that are not there. Returns the page at which it
 * had to stop, `end` if none, or why the very first one cannot be had (-EAGAIN: not now). */
FSD_MUST int64_t file_fill(struct fsd *f, struct inode *n, uint32_t first, uint32_t end);
/* A read of [offset, offset + len) is about to be served: look ahead. */
void reader_note(struct fsd *f, struct inode *n, struct reader *r, uint64_t offset, uint32_t len);

/* ---- read.c, ops.c ------------------------------------------------------------------------------
 */
int op_read(struct p9_request *req, struct p9_fid *fid, uint64_t offset, uint32_t count);
extern const struct p9_ops fsd_ops;

/* ---- vmo.c --------------------------------------------------------------------------------------
 */
/* A handle of a loaded file's VMO with what prot (PROT_*) allows. */
FSD_MUST int file_vmo(struct p9_request *req, struct inode *n, uint32_t prot, handle_t *out);
/* The same to read from; -EAGAIN: what the reader reads is not worth it yet. */
FSD_MUST int file_pages_give(struct p9_request *req, struct inode *n, struct reader *r,
			     handle_t *out);
/* One who reads from the VMO has had to ask for [offset, offset + len): put it in, and what
 * follows, as far as it has been read before. */
void file_offer(struct fsd *f, struct inode *n, uint64_t offset, uint32_t len);
/* Nobody has the file open any more: who paid for its VMO does so no longer if nobody uses it. */
void vmo_idle(struct fsd *f, struct inode *n);
/* The kernel says that pages are wanted. */
void file_faults(struct fsd *f, struct inode *n);
/* Take the page and its neighbours out of their VMO. */
void page_unsupply(struct fsd *f, struct page *p);
/* Nobody maps it: end the VMO. False: somebody does. */
bool vmo_release(struct fsd *f, struct inode *n);

/* ---- mount.c ------------------------------------------------------------------------------------
 */
enum fs_state {
	FS_SEARCHING, /* no disk yet */
	FS_MOUNTING,
	FS_MOUNTED,
	FS_FAILED, /* fsd->fs_error says why; for good */
};

/* 0, -EAGAIN (fsd->wait is set), or why there is no file system. */
FSD_MUST int fs_need(struct fsd *f);
/* A disk is there. */
void fs_start(struct fsd *f);
void fs_fail(struct fsd *f, int err, const char *why);

/* ---- sessions.c ---------------------------------------------------------------------------------
 */
/* memory: of size bytes, a predecessor's or zeroed. */
void sessions_init(struct fsd *f, void *memory, uint64_t size);
int session_made(struct p9_session *s, struct p9_fid *fid);
void session_gone(struct p9_session *s);
int session_restore(struct p9_session *s, struct p9_fid *fid);

/* ---- all of it ----------------------------------------------------------------------------------
 */
struct fsd_counters {
	uint64_t ios, io_bytes, io_errors, reissued, drivers;
	uint64_t reads, read_hits, faults, supplied, offered, evicted, taken, waits, expired;
};

struct fsd {
	struct ext4_fs fs;
	enum fs_state state;
	int fs_error;
	uint64_t search_until;
	struct job *mount_waiters;
	const char *source; /* for messages */

	uint8_t *pool;
	struct page *page;
	uint32_t pages, hand;
	uint32_t *buckets, bucket_mask;
	uint32_t serial;

	struct ring_client ring;
	enum link_state link;
	struct geometry disk; /* sectors 0: never seen */
	bool kick;	      /* something was submitted */
	uint32_t careful;     /* so many requests are to be for one page each */
	struct io io[IO_COUNT];
	uint32_t io_free, io_free_count;
	uint32_t queue_first, queue_last;

	struct job **wait; /* set by who answers -EAGAIN */
	struct job *starved, *yielded, *ready, **ready_end;
	struct job *all_jobs, *free_jobs;
	uint32_t job_count, free_job_count;
	uint64_t alarm_at; /* 0: not set */

	struct inode **inode_buckets;
	uint32_t inode_mask, inode_count, idle_count, vmo_count;
	struct inode *idle_newest, *idle_oldest;
	struct name *names;

	struct p9_server *server; /* set when the first VMO is made */
	struct session_table *sessions;
	uint32_t sessions_max;

	uint32_t complaints;
	struct fsd_counters count;
	void *host; /* sys.c's */
};

/* All of it but ring and sessions. pool: of `pages` pages, mapped. Errors: -ENOMEM. */
FSD_MUST int fsd_init(struct fsd *f, const char *source, void *pool, uint32_t pages);
/* Gives back what it took from the heap; nobody uses it any more. For tests. */
void fsd_fini(struct fsd *f);
/* What every event ends with: run what was woken, tell the driver. */
void fsd_turn(struct fsd *f);

static inline void *page_data(const struct fsd *f, const struct page *p)
{
	return f->pool + ((uint64_t)(p - f->page) << FSD_SHIFT);
}

/* The first reading of a page does not count: what is read once makes no room for itself. */
static inline void page_touch(struct page *p)
{
	if (p->seen)
		p->heat = 2;
	p->seen = true;
}

static inline bool disk_room(const struct fsd *f, uint32_t n)
{
	return f->io_free_count >= n;
}

static inline int inode_need(struct fsd *f, struct inode *n)
{
	return n->loaded ? 0 : inode_load(f, n);
}

static inline uint32_t file_pages(const struct inode *n)
{
	return (uint32_t)((n->info.size + FSD_PAGE - 1) >> FSD_SHIFT);
}
