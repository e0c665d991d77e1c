/* SPDX-License-Identifier: ISC */
/*
 * client_channel.h: a 9P client's link over a send handle.
 *
 * A request is one call: the frame in the calling thread's message page, payloads in buffers that
 * the call names. So any number of threads may use one link at the same time, and nothing is
 * locked here. Who may lie: the server, in its frames; the kernel says how long they are.
 */
#pragma once
#include "9p/client.h"
#include "abi/types.h"

/* handle is the link's from now on, also on failure. Errors: -ENOMEM. */
P9_MUST int channel_link_create(handle_t handle, struct p9_link **out);

/* The handle below a link that channel_link_create made; it stays the link's. */
handle_t channel_link_handle(const struct p9_link *link);

/*
 * Make a session through a connector (which stays the caller's): Tconnect, again after -ERESTART.
 * Errors: -EPIPE, -ERESTART, -ETIMEDOUT, what the server says; -EOPNOTSUPP or -EPERM: the handle
 * is no connector.
 */
P9_MUST int channel_connect(handle_t connector, uint64_t deadline, handle_t *session);
