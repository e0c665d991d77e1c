/* SPDX-License-Identifier: ISC */
/*
 * fid.c: the fid table of a session, and the memory of fids.
 *
 * A hash table by the client's number, doubled when it is full; clients count from 0, so the
 * number itself is the hash. A client that chooses numbers that collide slows down its own
 * lookups, up to the session's limit of fids.
 *
 * Invariant: a fid in the table holds one reference, each kept request that names it another, and
 * op clunk is called when the last goes. fid_count counts all of them, so that the limit holds for
 * fids on their way in or out, too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "9p/engine.h"

#define FIDS_A_BLOCK 32u
#define FID_COST     (sizeof(struct p9_fid) + 2 * sizeof(struct p9_fid *)) /* and its bucket */

struct p9_fid *p9_fid_find(struct p9_session *s, uint32_t num)
{
	struct p9_fid *fid = s->buckets[num & s->bucket_mask];

	while (fid && fid->num != num)
		fid = fid->next;
	return fid;
}

static struct p9_fid *fid_alloc(struct p9_server *server)
{
	struct p9_block *block;
	struct p9_fid *fid;

	if (!server->free_fids) {
		block = malloc(sizeof(*block) + FIDS_A_BLOCK * sizeof(*fid));
		if (!block)
			return NULL;
		block->next = server->blocks;
		server->blocks = block;
		fid = (struct p9_fid *)block->data;
		for (unsigned i = 0; i < FIDS_A_BLOCK; i++, fid++) {
			fid->next = server->free_fids;
			server->free_fids = fid;
		}
	}
	fid = server->free_fids;
	server->free_fids = fid->next;
	return fid;
}

struct p9_fid *p9_fid_new(struct p9_session *s, const struct identity *who, bool spare, int *err)
{
	struct p9_server *server = s->server;
	uint32_t cost = who ? FID_COST + server->limits.fid_cost : 0;
	struct p9_peer *peer = NULL;
	struct p9_fid *fid;

	*err = s->fid_count >= server->limits.fids + (spare ? 1u : 0u) ? -EMFILE : 0;
	if (!*err && who)
		*err = p9_charge(server, who->silo, cost, spare, &peer);
	if (*err)
		return NULL;
	fid = fid_alloc(server);
	if (!fid) {
		p9_uncharge(server, peer, cost);
		*err = -ENOMEM;
		return NULL;
	}
	*fid = (struct p9_fid){
		.num = P9_NOFID, .refs = 1, .session = s, .peer = peer, .charged = cost};
	s->fid_count++;
	return fid;
}

struct p9_fid *p9_fid_clone(struct p9_fid *from, const struct identity *who, bool spare, int *err)
{
	struct p9_fid *fid = p9_fid_new(from->session, who, spare, err);

	if (!fid)
		return NULL;
	fid->node = from->node;
	fid->qid = from->qid;
	fid->top = from->top;
	fid->narrowed = from->narrowed;
	if (from->session->server->ops->clone)
		from->session->server->ops->clone(from, fid);
	return fid;
}

/* Twice as many buckets; if there is no memory the chains get longer. */
static void buckets_grow(struct p9_session *s)
{
	uint32_t size = (s->bucket_mask + 1) * 2;
	struct p9_fid **buckets = calloc(size, sizeof(*buckets)), *fid;

	if (!buckets)
		return;
	for (uint32_t i = 0; i <= s->bucket_mask; i++) {
		while ((fid = s->buckets[i])) {
			s->buckets[i] = fid->next;
			fid->next = buckets[fid->num & (size - 1)];
			buckets[fid->num & (size - 1)] = fid;
		}
	}
	if (s->buckets != s->first_buckets)
		free(s->buckets);
	s->buckets = buckets;
	s->bucket_mask = size - 1;
}

void p9_fid_insert(struct p9_fid *fid, uint32_t num)
{
	struct p9_session *s = fid->session;

	if (s->fid_count > s->bucket_mask * 2)
		buckets_grow(s);
	fid->num = num;
	fid->next = s->buckets[num & s->bucket_mask];
	s->buckets[num & s->bucket_mask] = fid;
}

void p9_fid_discard(struct p9_fid *fid)
{
	struct p9_server *server = fid->session->server;

	p9_uncharge(server, fid->peer, fid->charged);
	fid->session->fid_count--;
	fid->next = server->free_fids;
	server->free_fids = fid;
}

void p9_fid_put(struct p9_fid *fid)
{
	const struct p9_ops *ops = fid->session->server->ops;

	if (--fid->refs)
		return;
	if (ops->clunk)
		ops->clunk(fid);
	if (fid->path)
		free(fid->path);
	if (fid->dir)
		p9_dir_state_free(fid->dir);
	p9_fid_discard(fid);
}

void p9_fid_remove(struct p9_fid *fid)
{
	struct p9_session *s = fid->session;
	struct p9_fid **at = &s->buckets[fid->num & s->bucket_mask];

	while (*at && *at != fid)
		at = &(*at)->next;
	if (!*at)
		return; /* a second Tclunk while a kept request held it */
	*at = fid->next;
	p9_fid_put(fid);
}

void p9_fid_swap(struct p9_fid *a, struct p9_fid *b)
{
	struct p9_fid tmp = *a;

	a->node = b->node;
	a->aux = b->aux;
	a->qid = b->qid;
	a->oflags = b->oflags;
	a->open = b->open;
	a->path = b->path;
	a->dir = b->dir;
	b->node = tmp.node;
	b->aux = tmp.aux;
	b->qid = tmp.qid;
	b->oflags = tmp.oflags;
	b->open = tmp.open;
	b->path = tmp.path;
	b->dir = tmp.dir;
}

void p9_fid_remove_all(struct p9_session *s, bool root_too)
{
	struct p9_fid *fid, *root = NULL;

	for (uint32_t i = 0; i <= s->bucket_mask; i++) {
		while ((fid = s->buckets[i])) {
			s->buckets[i] = fid->next;
			if (fid == s->root && !root_too)
				root = fid;
			else
				p9_fid_put(fid);
		}
	}
	if (root)
		p9_fid_insert(root, root->num);
	else
		s->root = NULL;
}
