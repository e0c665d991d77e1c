/* SPDX-License-Identifier: ISC */
/*
 * adopt.c: init's own death. What init makes it also gives to itself as kept; whoever restarts init
 * takes all that out of the corpse and gives it to the successor, where it is found here: a state
 * VMO by its magic number, the rest by the object numbers that it holds. The servers have gone on
 * meanwhile and notice nothing.
 *
 * Who may lie: a predecessor that was broken wrote the state. Numbers that match nothing are taken
 * as none; a server without process or silo is started anew.
 */
#include "servers/init/init.h"

#include <errno.h>
#include <string.h>
#include "sys/boot.h"
#include "sys/info.h"
#include "sys/log.h"
#include "sys/sys.h"

#define STATE_SIZE ((sizeof(struct init_state) + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1))

int init_keep(struct init *init, handle_t *handle, uint64_t *object)
{
	struct kept kept;
	int err = kept_make(init->self, &kept, *handle);

	if (err)
		return err;
	*handle = kept.handle;
	*object = kept.object;
	return 0;
}

static int state_map(struct init *init, handle_t vmo)
{
	handle_t aspace = boot_handle("aspace");
	struct map_args args = {.vmo = vmo, .flags = PROT_R | PROT_W, .len = STATE_SIZE};
	int64_t addr = sys_aspace_map(aspace, &args);

	if (addr < 0)
		return (int)addr;
	init->state = (struct init_state *)addr;
	return 0;
}

int init_state_make(struct init *init)
{
	int64_t vmo = sys_vmo_create(STATE_SIZE, VMO_ANON);
	uint64_t object;
	handle_t handle;
	int err;

	if (vmo < 0)
		return (int)vmo;
	handle = (handle_t)vmo;
	err = init_keep(init, &handle, &object);
	if (!err)
		err = state_map(init, handle);
	if (err)
		return err;
	init->state->magic = INIT_STATE_MAGIC;
	init->state->version = INIT_STATE_VERSION;
	return 0;
}

/* The state VMO among what we were given. */
static bool state_find(struct init *init, struct kept *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		uint32_t head[2];

		if (list[i].type != OBJ_VMO || list[i].handle == init->archive ||
		    sys_vmo_read(list[i].handle, 0, head, sizeof(head), 0) < 0)
			continue;
		if (head[0] != INIT_STATE_MAGIC || head[1] != INIT_STATE_VERSION ||
		    state_map(init, list[i].handle))
			continue;
		list[i].handle = HANDLE_NONE;
		return true;
	}
	return false;
}

/* A handle by its object's number, 0 if the number means nothing to us. */
static handle_t pick(struct kept *list, unsigned count, uint64_t *object)
{
	handle_t h = *object ? kept_pick(list, count, *object) : HANDLE_NONE;

	if (h == HANDLE_NONE)
		*object = 0;
	return h;
}

static void server_adopt(struct init *init, struct server *s, struct kept *list, unsigned count)
{
	struct server_ids *ids = &s->memory->ids;
	int64_t err;

	s->silo = pick(list, count, &ids->silo);
	s->process = pick(list, count, &ids->process);
	s->thread = pick(list, count, &ids->thread);
	s->state = pick(list, count, &ids->state);
	place_adopt(&s->place, &ids->place, list, count);
	s->mounted = true;
	s->ping_at = UINT64_MAX;
	s->when = 0;
	if (s->silo == HANDLE_NONE || s->process == HANDLE_NONE) {
		if (s->memory->state == SERVER_RUNNING)
			s->memory->state = SERVER_DOWN;
		return;
	}
	if (s->desc.heartbeat_ms && s->place.connector != HANDLE_NONE)
		s->ping_at = time_in(s->desc.heartbeat_ms * NS_PER_MS);
	err = sys_queue_add(init->queue, s->silo, EVENT_SILO, (uint64_t)(s - init->server), 0, 0);
	if (err < 0)
		log_print("init: %s is not watched: %d", s->name, (int)err);
}

bool init_adopt(struct init *init)
{
	static struct kept list[2 * KEPT_MAX];
	int n = kept_own(init->self, list, sizeof(list) / sizeof(list[0]));

	if (n <= 0 || !state_find(init, list, (unsigned)n))
		return false;
	init->registrar = pick(list, (unsigned)n, &init->state->registrar);
	for (unsigned i = 0; i < SERVERS; i++) {
		struct server *s = &init->server[i];

		s->memory = &init->state->server[i];
		server_adopt(init, s, list, (unsigned)n);
	}
	/* It may have ended while nobody looked. */
	for (unsigned i = 0; i < SERVERS; i++)
		server_event(init, &init->server[i]);
	log_print("init: goes on with what its predecessor had started");
	return true;
}
