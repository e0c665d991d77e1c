/* SPDX-License-Identifier: ISC */
/*
 * rootd: the root of the namespace, the mount table and the registry.
 *
 *	rootd
 *
 * Bootstrap handles: "serve" its channel, whose connector (SERVE_BADGE_CONNECTOR) is what others
 * get as "ns:/", and whose SERVE_BADGE_REGISTRAR is the full registrar. Whoever made the channel
 * makes these two senders. "state": memory for what outlives this process.
 */
#include <errno.h>
#include "servers/rootd/rootd.h"
#include "sys/error.h"
#include "sys/log.h"

static struct serve server;

int main(void)
{
	struct p9_limits limits = {
		.sessions = 4096, .requests = 16, .fids = 256, .memory = 4 << 20};
	struct root *root;
	int err = root_open(&root);

	if (!err)
		err = serve_init(&server, &root_ops, root, &limits);
	if (!err && server.own_channel)
		err = -ENXIO; /* nobody could ever reach it */
	if (err) {
		log_print("rootd: it cannot start: %s", error_text(err));
		return 1;
	}
	server.call = root_call;
	server.closed = root_closed;
	server.ctx = root;
	return serve_run(&server) ? 1 : 0;
}
