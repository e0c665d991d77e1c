/* SPDX-License-Identifier: ISC */
/*
 * fsd_rig.h: the file server on the host: between a 9P client in the same process and a driver that
 * reads an image, over a real ring. What the kernel does (pager VMOs, bells) is imitated.
 *
 * The driver takes what it finds in the ring and answers in an order of its own; it can die with
 * everything in flight, fail sectors, and lie.
 */
#pragma once
#include "9p_local.h"
#include "servers/fsd/fsd.h"

#define FSD_VMOS       64u
#define FSD_VMO_HANDLE 1000u
#define FSD_RING       ((RING_BYTES(RING_SIZE, RING_SEGS) + 4095) & ~4095ull)

struct rig_vmo {
	struct inode *inode; /* NULL: free */
	uint64_t pages;
	uint32_t *map;	  /* pool page, or PAGE_NONE */
	uint32_t *asked;  /* 0 no, 1 asked, 2 taken by the pager, 3 failed */
	uint32_t clients; /* handles given out */
};

struct rig {
	struct fsd f;
	struct local_world world;
	struct local_server server;
	struct p9_client client;
	uint8_t *image;
	uint64_t image_size;
	uint8_t *ring, *pool;
	struct ring_server driver;
	bool alive; /* the driver has the ring */
	bool hung;  /* and does nothing */
	bool bell, again, seek;
	uint64_t alarm;	 /* when it goes; 0: not set */
	bool watch_jobs; /* when nothing else happens, time passes until then */
	uint64_t now;
	struct ring_submission taken[RING_SIZE]; /* by the driver, not yet done */
	struct ring_segment segs[RING_SIZE][IO_SEGS];
	uint32_t taken_count;
	struct geometry geometry;
	struct rig_vmo vmo[FSD_VMOS];
	/* the driver's ways */
	uint32_t seed;		    /* 0: in order; else any order */
	uint64_t die_at;	    /* at this completion; 0: never */
	uint64_t bad_sector;	    /* cannot be read; 0: none */
	uint64_t done;		    /* completions */
	void (*lie)(struct rig *r); /* what it does instead of its next completion; once */
	char said[512];		    /* the last line that fsd logged */
	uint32_t lines;
};

/* Start over an image file that is mapped privately. The disk is there at once unless `late`. */
struct rig *rig_open(const char *path, uint32_t pool_pages, bool late);
void rig_close(struct rig *r);
/* The same in the caller's memory. r is zeroed but for image, image_size, ring (zeroed, FSD_RING
 * bytes) and pool. rig_end leaves those. */
void rig_start(struct rig *r, uint32_t pool_pages, bool late);
void rig_end(struct rig *r);
/* Whatever can go on goes on by one step. False: nothing can. */
bool rig_step(void *arg);
void rig_driver_start(struct rig *r);
void rig_driver_die(struct rig *r);
/* A byte through the file's VMO as a client that maps it reads it: 0..255, or an error. */
int rig_mapped(struct rig *r, uint32_t handle, uint64_t offset);
/* What must always hold. */
void rig_check(struct rig *r);
