/* SPDX-License-Identifier: ISC */
/*
 * state.c: rootd's own death. The root lies in a VMO that init gives to each rootd in turn; the
 * connectors of what is mounted are kept handles, matched with the nodes by object number and
 * rights, so that no mount gets more than it had. So nothing that was mounted is ever missing.
 *
 * Who may lie: a predecessor that was broken wrote the state. It is checked as a whole; if it is no
 * tree, a new root takes its place and waits for the supervisors, which mount everything again
 * after each restart.
 */
#include <errno.h>
#include <string.h>
#include "servers/init/kept.h"
#include "servers/rootd/rootd.h"
#include "sys/boot.h"
#include "sys/info.h"
#include "sys/log.h"

#define KEPT_LIST (2 * ROOT_NODES)

int root_keep(handle_t *handle, uint64_t *object)
{
	struct kept kept;
	int err = kept_make(boot_handle("self"), &kept, *handle);

	if (err)
		return err;
	*handle = kept.handle;
	*object = kept.object;
	return 0;
}

/* Take a mount's connector out of what was kept. */
static bool connector_adopt(struct root_node *n, struct kept *list, unsigned count)
{
	struct handle_info info;

	for (unsigned i = 0; i < count; i++) {
		if (list[i].handle == HANDLE_NONE || list[i].object != n->object ||
		    sys_handle_info(list[i].handle, &info) < 0 || info.rights != n->rights)
			continue;
		n->connector = list[i].handle;
		list[i].handle = HANDLE_NONE;
		return true;
	}
	return false;
}

static void connectors_adopt(struct root *r)
{
	static struct kept list[KEPT_LIST];
	int n = kept_own(boot_handle("self"), list, KEPT_LIST);
	unsigned count = n < 0 ? 0 : (unsigned)n;

	for (unsigned i = 0; i < ROOT_NODES; i++) {
		struct root_node *node = &r->nodes[i];

		if (node->kind != ROOT_MOUNT || connector_adopt(node, list, count))
			continue;
		log_print("rootd: what was mounted at %s is lost", node->name);
		root_drop(r, node);
	}
	/* What was mounted or unmounted in vain; the channel is lib/serve's. */
	for (unsigned i = 0; i < count; i++)
		if (list[i].handle == boot_handle("serve"))
			list[i].handle = HANDLE_NONE;
	kept_close(list, count);
}

static bool registrar_sane(const struct root *r, const struct root_registrar *g)
{
	return !g->badge || (g->badge & SERVE_BADGE_PRIVATE && g->badge < r->next_badge &&
			     memchr(g->paths, 0, sizeof(g->paths)) && !root_paths_check(g->paths));
}

static bool state_sane(struct root *r)
{
	if (r->magic != ROOT_MAGIC || r->version != ROOT_VERSION || !root_sane(r) ||
	    !(r->next_badge & SERVE_BADGE_PRIVATE))
		return false;
	for (unsigned i = 0; i < ROOT_REGISTRARS; i++)
		if (!registrar_sane(r, &r->registrars[i]))
			return false;
	return true;
}

int root_open(struct root **out)
{
	struct root *r = serve_state(sizeof(*r));

	if (!r)
		return -ENOMEM;
	if (state_sane(r)) {
		root_settle(r);
	} else {
		if (r->magic)
			log_print("rootd: its state memory is damaged");
		root_init(r, SERVE_BADGE_PRIVATE | time_now());
	}
	connectors_adopt(r);
	*out = r;
	return 0;
}

/* ---- narrowed sessions ------------------------------------------------------------------------
 */

int root_session_made(struct p9_session *s, struct p9_fid *fid)
{
	struct root *r = s->server->ctx;

	sessions_made(r->sessions, ROOT_SESSIONS, s->id, (uintptr_t)fid->node);
	return 0;
}

void root_session_gone(struct p9_session *s)
{
	struct root *r = s->server->ctx;

	sessions_gone(r->sessions, ROOT_SESSIONS, s->id);
}

int root_session_restore(struct p9_session *s, struct p9_fid *fid)
{
	struct root *r = s->server->ctx;
	uint64_t serial;

	if (!sessions_find(r->sessions, ROOT_SESSIONS, s->id, &serial) || !root_find(r, serial))
		return -ESTALE;
	root_fid_set(fid, root_find(r, serial));
	return 0;
}
