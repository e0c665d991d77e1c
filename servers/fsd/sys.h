/* SPDX-License-Identifier: ISC */
/*
 * sys.h: what the file server asks of the kernel: time, bells, pager VMOs, log lines. On the host
 * the tests have an implementation of their own.
 */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include "abi/types.h"

struct fsd;
struct inode;

/* ns since boot */
uint64_t fsd_now(void);
/* One line to the log. */
void fsd_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The driver's bell. */
void fsd_bell(struct fsd *f);
/* Our own: have fsd_turn called again soon, after what already waits. */
void fsd_again(struct fsd *f);
/* Have jobs_watch called at that time. */
void fsd_alarm(struct fsd *f, uint64_t at);
/* No driver has the ring any more: find one and offer it. */
void fsd_seek_driver(struct fsd *f);

/* A pager VMO of a file. Sets n->vmo, n->watch. Faults are told by file_faults. */
int fsd_vmo_make(struct fsd *f, struct inode *n, uint64_t size);
/* Ends it. */
void fsd_vmo_close(struct fsd *f, struct inode *n);
/* Does anybody but us hold or map it? */
bool fsd_vmo_used(const struct inode *n);
/* A handle for a client. */
int64_t fsd_vmo_dup(const struct inode *n, uint32_t rights);
/* As the calls of the same names; the source is the pool. */
int64_t fsd_supply(struct fsd *f, const struct inode *n, uint64_t offset, uint64_t len,
		   uint64_t pool_offset);
int64_t fsd_evict(const struct inode *n, uint64_t offset, uint64_t len);
int64_t fsd_fault_fail(const struct inode *n, uint64_t offset, int error);
int64_t fsd_fault_next(const struct inode *n, struct pager_request *requests, uint32_t max);
