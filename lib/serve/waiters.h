/* SPDX-License-Identifier: ISC */
/*
 * waiters.h: kept requests in the order in which they came. They are chained by their aux, so one
 * request waits in one list. Inline; no memory, no locks.
 */
#pragma once
#include "9p/server.h"

struct waiters {
	struct p9_request *first;
};

/* Always P9_KEEP, so that an op can end with it. */
static inline int waiters_add(struct waiters *w, struct p9_request *req)
{
	struct p9_request **at = &w->first;

	while (*at)
		at = (struct p9_request **)&(*at)->aux;
	req->aux = NULL;
	*at = req;
	return P9_KEEP;
}

/* The one that waits longest, out of the list, or NULL. */
static inline struct p9_request *waiters_take(struct waiters *w)
{
	struct p9_request *req = w->first;

	if (req) {
		w->first = req->aux;
		req->aux = NULL;
	}
	return req;
}

/* It is not to wait any more. False: it was not in the list. */
static inline bool waiters_remove(struct waiters *w, const struct p9_request *req)
{
	struct p9_request **at = &w->first;

	while (*at && *at != req)
		at = (struct p9_request **)&(*at)->aux;
	if (!*at)
		return false;
	*at = req->aux;
	return true;
}
