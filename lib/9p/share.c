/* SPDX-License-Identifier: ISC */
/*
 * share.c: what each client holds of a server, so that none can hold it all.
 *
 * A client is a silo. Who asks for a session, walks to a fid, opens a file or leaves a request
 * waiting is charged for the memory that it takes here, until it is given back; whose session it
 * comes on does not matter. What is the server's own (connectors, streams) is nobody's.
 *
 * A client may hold a quarter of what nobody holds yet (limits.share): alone it comes to a fifth of
 * the whole, and whoever comes later always finds something. So there is no number to set for a
 * client, and the server's own memory limit holds however many clients conspire.
 *
 * Invariant: server->charged is the sum of all peers' memory; a peer lives while it has a session
 * or memory.
 */
#include <errno.h>
#include <stdlib.h>
#include "9p/engine.h"

static struct p9_peer **bucket_of(struct p9_server *server, uint32_t silo)
{
	return &server->peers[silo % P9_PEER_BUCKETS];
}

static struct p9_peer *peer_find(struct p9_server *server, uint32_t silo)
{
	struct p9_peer *peer = *bucket_of(server, silo);

	while (peer && peer->silo != silo)
		peer = peer->next;
	return peer;
}

static struct p9_peer *peer_make(struct p9_server *server, uint32_t silo)
{
	struct p9_peer **bucket = bucket_of(server, silo), *peer = malloc(sizeof(*peer));

	if (!peer)
		return NULL;
	*peer = (struct p9_peer){.next = *bucket, .silo = silo};
	*bucket = peer;
	server->peers_live++;
	return peer;
}

static void peer_trim(struct p9_server *server, struct p9_peer *peer)
{
	struct p9_peer **at = bucket_of(server, peer->silo);

	if (peer->memory || peer->sessions)
		return;
	while (*at != peer)
		at = &(*at)->next;
	*at = peer->next;
	server->peers_live--;
	free(peer);
}

static bool has_room(const struct p9_server *server, const struct p9_peer *peer, uint64_t bytes)
{
	uint64_t held = peer ? peer->memory : 0, limit = server->limits.memory;

	return server->charged <= limit && bytes <= limit - server->charged &&
	       held + bytes <= (limit - server->charged - bytes) / server->limits.share;
}

int p9_charge(struct p9_server *server, uint32_t silo, uint64_t bytes, bool force,
	      struct p9_peer **out)
{
	struct p9_peer *peer = peer_find(server, silo);

	*out = NULL;
	if (!force && !has_room(server, peer, bytes))
		return -ENOMEM;
	if (!peer)
		peer = peer_make(server, silo);
	if (!peer)
		return -ENOMEM;
	peer->memory += bytes;
	server->charged += bytes;
	*out = peer;
	return 0;
}

void p9_uncharge(struct p9_server *server, struct p9_peer *peer, uint64_t bytes)
{
	if (!peer)
		return;
	peer->memory -= bytes;
	server->charged -= bytes;
	peer_trim(server, peer);
}

int p9_charge_session(struct p9_server *server, uint32_t silo, uint64_t bytes, struct p9_peer **out)
{
	uint32_t left = server->limits.sessions - server->session_count;
	const struct p9_peer *peer = peer_find(server, silo);
	int err;

	*out = NULL;
	if (server->session_count >= server->limits.sessions ||
	    (peer && peer->sessions && peer->sessions >= (left - 1) / server->limits.share))
		return -ENFILE;
	err = p9_charge(server, silo, bytes, false, out);
	if (!err)
		(*out)->sessions++;
	return err;
}

void p9_uncharge_session(struct p9_server *server, struct p9_peer *peer, uint64_t bytes)
{
	if (peer)
		peer->sessions--;
	p9_uncharge(server, peer, bytes);
}

void p9_peers_free(struct p9_server *server)
{
	for (unsigned i = 0; i < P9_PEER_BUCKETS; i++) {
		while (server->peers[i]) {
			struct p9_peer *peer = server->peers[i];

			server->peers[i] = peer->next;
			free(peer);
		}
	}
}

int p9_fid_charge(struct p9_fid *fid, uint32_t bytes)
{
	struct p9_server *server = fid->session->server;
	struct p9_peer *peer;

	if (!fid->peer)
		return 0;
	if (p9_charge(server, fid->peer->silo, bytes, false, &peer))
		return -ENOMEM;
	fid->charged += bytes;
	return 0;
}

int p9_request_charge(struct p9_request *req, uint32_t bytes, struct p9_peer **out)
{
	return p9_charge(req->session->server, req->from.silo, bytes, false, out);
}

void p9_peer_uncharge(struct p9_server *server, struct p9_peer *peer, uint32_t bytes)
{
	p9_uncharge(server, peer, bytes);
}

void p9_fid_uncharge(struct p9_fid *fid, uint32_t bytes)
{
	if (!fid->peer)
		return;
	fid->charged -= bytes; /* the fid itself stays charged, so the peer lives */
	p9_uncharge(fid->session->server, fid->peer, bytes);
}
