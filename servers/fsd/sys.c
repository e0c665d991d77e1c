/* SPDX-License-Identifier: ISC */
/*
 * sys.c: sys.h by the kernel's calls.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "servers/fsd/host.h"
#include "sys/info.h"
#include "sys/log.h"

uint64_t fsd_now(void)
{
	return time_now();
}

void fsd_say(const char *format, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	log_print("%s", line);
}

static void ring(const struct host *h, uint64_t who)
{
	if (sys_signal_set(h->bell, 0, who) < 0)
		log_print("fsd: the bell cannot be rung");
}

void fsd_bell(struct fsd *f)
{
	ring(host_of(f), RING_BELL_DRIVER);
}

void fsd_again(struct fsd *f)
{
	ring(host_of(f), RING_BELL_CLIENT);
}

void fsd_alarm(struct fsd *f, uint64_t at)
{
	struct host *h = host_of(f);

	if (serve_watch_timer(&h->serve, &h->alarm_watch, at, 0))
		log_print("fsd: no timer");
}

void fsd_seek_driver(struct fsd *f)
{
	link_seek(host_of(f));
}

/* ---- pager VMOs
 * ---------------------------------------------------------------------------------- */

struct vmo_watch {
	struct serve_watch watch; /* what the VMO's key points to */
	struct fsd *f;
	struct inode *inode;
};

static void on_fault(struct serve_watch *w, const struct event *e)
{
	struct vmo_watch *v = w->arg;
	struct fsd *f = v->f;

	(void)e;
	file_faults(f, v->inode);
	disk_kick(f);
}

int fsd_vmo_make(struct fsd *f, struct inode *n, uint64_t size)
{
	struct vmo_watch *v = malloc(sizeof(*v));
	int64_t vmo;

	if (!v)
		return -ENOMEM;
	*v = (struct vmo_watch){.watch = {.fn = on_fault, .arg = v}, .f = f, .inode = n};
	vmo = sys_vmo_create_pager(host_of(f)->serve.queue, (uintptr_t)&v->watch, size, FAULT_NS);
	if (vmo < 0) {
		free(v);
		return (int)vmo;
	}
	n->vmo = (handle_t)vmo;
	n->watch = v;
	return 0;
}

void fsd_vmo_close(struct fsd *f, struct inode *n)
{
	(void)f;
	sys_handle_close(n->vmo);
	free(n->watch);
	n->vmo = HANDLE_NONE;
	n->watch = NULL;
}

bool fsd_vmo_used(const struct inode *n)
{
	struct handle_info info;

	return sys_handle_info(n->vmo, &info) < 0 || info.refs > 1;
}

int64_t fsd_vmo_dup(const struct inode *n, uint32_t rights)
{
	return sys_handle_dup(n->vmo, rights);
}

int64_t fsd_supply(struct fsd *f, const struct inode *n, uint64_t offset, uint64_t len,
		   uint64_t pool_offset)
{
	return sys_pager_supply(n->vmo, offset, len, host_of(f)->pool, pool_offset);
}

int64_t fsd_evict(const struct inode *n, uint64_t offset, uint64_t len)
{
	return sys_pager_evict(n->vmo, offset, len);
}

int64_t fsd_fault_fail(const struct inode *n, uint64_t offset, int error)
{
	return sys_pager_fail(n->vmo, offset, FSD_PAGE, error);
}

int64_t fsd_fault_next(const struct inode *n, struct pager_request *requests, uint32_t max)
{
	return sys_pager_next(n->vmo, requests, max);
}
