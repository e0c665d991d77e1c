/* SPDX-License-Identifier: ISC */
/*
 * recover.c: sipd's own death. The store is a VMO of init's (bootstrap name "state"); handles that
 * belong to silos are kept ones, which init takes out of our corpse and gives to the successor
 * without names. Here they are matched with the store by object number.
 *
 * What survives: the silos, with their processes, channels, sessions, ids, labels, settings,
 * budgets; who has a session with /dev/sip goes on after ERESTART. What does not: text in output
 * rings, positions in `events` and `audit`, and what they held.
 *
 * Who may lie: a predecessor that was broken wrote the store. Its magic, version and sizes are
 * checked, each slot's enums and strings are checked, numbers of objects that we do not hold mean
 * none. A slot that fails is dropped: its silo ends with its last handle.
 */
#include "servers/sipd/sipd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "sys/boot.h"
#include "sys/info.h"
#include "sys/log.h"

#define ADOPT_MAX 2048u
#define PAGES(n)  (((n) + PAGE_SIZE - 1) & ~(uint64_t)(PAGE_SIZE - 1))

int sipd_keep(struct sipd *d, handle_t *handle, uint64_t *object)
{
	struct kept kept;
	int err = kept_make(d->self, &kept, *handle);

	if (err)
		return err;
	*handle = kept.handle;
	*object = kept.object;
	return 0;
}

static bool terminated(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool desc_sane(const struct silo_desc *d)
{
	bool sane = terminated(d->name, sizeof(d->name)) && d->id && d->exec < SILO_TEXT_MAX &&
		    (unsigned)d->family < SILO_FAMILY_COUNT && d->args <= SILO_ARGS_MAX &&
		    d->envs <= SILO_ENV_MAX && d->unveils <= SILO_UNVEIL_MAX &&
		    d->devices <= SILO_DEVICES_MAX && d->provide_count <= SILO_PROVIDES_MAX &&
		    d->need_count <= SILO_NEEDS_MAX && d->text_len <= SILO_TEXT_MAX &&
		    d->text[SILO_TEXT_MAX - 1] == '\0';

	for (uint32_t i = 0; sane && i < d->args; i++)
		sane = d->arg[i] < SILO_TEXT_MAX;
	for (uint32_t i = 0; sane && i < d->envs; i++)
		sane = d->env[i] < SILO_TEXT_MAX;
	for (uint32_t i = 0; sane && i < d->provide_count; i++)
		sane = d->provides[i] < SILO_TEXT_MAX;
	for (uint32_t i = 0; sane && i < d->unveils; i++)
		sane = d->unveil[i].path < SILO_TEXT_MAX;
	for (uint32_t i = 0; sane && i < d->need_count; i++)
		sane = terminated(d->needs[i], sizeof(d->needs[i]));
	return sane && (unsigned)d->restart.when < SILO_RESTART_COUNT;
}

static bool slot_sane(const struct slot *s)
{
	bool sane = (unsigned)s->life.state < LIFE_DESTROYED &&
		    terminated(s->title, sizeof(s->title)) &&
		    terminated(s->notes, sizeof(s->notes)) &&
		    terminated(s->error, sizeof(s->error)) &&
		    terminated(s->console, sizeof(s->console)) && desc_sane(&s->desc);

	for (unsigned i = 0; sane && i < SIPD_BOUND_MAX; i++)
		sane = terminated(s->bound[i], sizeof(s->bound[i]));
	sane = sane && s->leases <= SIPD_DEVICES_MAX;
	for (unsigned i = 0; sane && i < s->leases; i++)
		sane = terminated(s->lease[i].path, sizeof(s->lease[i].path));
	return sane;
}

static handle_t pick(struct kept *list, unsigned count, uint64_t *object)
{
	handle_t h = *object ? kept_pick(list, count, *object) : HANDLE_NONE;

	if (h == HANDLE_NONE)
		*object = 0;
	return h;
}

static void handles_adopt(struct silo *s, struct kept *list, unsigned count)
{
	struct slot_ids *ids = &s->slot->ids;

	s->silo = pick(list, count, &ids->silo);
	s->process = pick(list, count, &ids->process);
	s->thread = pick(list, count, &ids->thread);
	s->state = pick(list, count, &ids->state);
	s->output_sender = pick(list, count, &ids->output);
	place_adopt(&s->place, &ids->place, list, count);
	s->mounted = s->place.connector != HANDLE_NONE;
	s->pid = s->slot->pid;
}

static void silo_resume(struct silo *s)
{
	struct life *life = &s->slot->life;
	bool lost = life_active(life) && (s->silo == HANDLE_NONE || s->process == HANDLE_NONE);

	if (life->state == LIFE_LOADING || lost) {
		/* A worker had it in hand, or its process cannot be watched any more. */
		launch_undo(s);
		life->state = LIFE_WAITING;
		life->doomed = life->hung = life->killed = false;
		life->when = UINT64_MAX;
	}
	if (s->silo != HANDLE_NONE && silo_watch(s))
		log_print("sipd: %s is not watched", s->slot->desc.name);
	if (life_active(life)) {
		health_begin(s);
		silo_look(s); /* it may have ended while nobody looked */
	}
}

void silos_resume(struct sipd *d)
{
	for (unsigned i = 0; i < SIPD_SILOS; i++)
		if (d->silo[i].slot && !(d->silo[i].slot->flags & SLOT_FOREIGN))
			silo_resume(&d->silo[i]);
}

static void silo_adopt(struct sipd *d, unsigned i, struct kept *list, unsigned count)
{
	struct slot *slot = &d->store->slot[i];
	struct silo *s = &d->silo[i];

	if (slot->used != SLOT_IN_USE)
		return;
	if (!slot_sane(slot) || silo_by_id(d, slot->desc.id)) {
		log_print("sipd: a silo in the state memory is damaged and dropped");
		slot->used = 0;
		return;
	}
	memset(s, 0, sizeof(*s));
	s->sipd = d;
	s->slot = slot;
	s->id = slot->desc.id;
	silo_watch_init(s);
	if (slot->flags & SLOT_FOREIGN)
		return;
	handles_adopt(s, list, count);
	if (output_begin(s))
		log_print("sipd: no output ring for %s", slot->desc.name);
}

/* What no slot knows: silos whose slot was damaged, or all of them. Nobody could ever end them, and
 * their ids would be taken for ever. */
static void orphans_end(struct kept *list, unsigned count)
{
	int64_t err;

	for (unsigned i = 0; i < count; i++) {
		if (list[i].handle == HANDLE_NONE || list[i].type == OBJ_SILO)
			continue;
		if (list[i].type == OBJ_PROCESS && sys_process_kill(list[i].handle, -1) < 0)
			log_print("sipd: a process of an unknown silo lives on");
		sys_handle_close(list[i].handle);
		list[i].handle = HANDLE_NONE;
	}
	for (unsigned i = 0; i < count; i++) {
		if (list[i].handle == HANDLE_NONE)
			continue;
		err = sys_silo_control(list[i].handle, SILO_OP_KILL, 0);
		if (!err || err == -EINVAL)
			err = sys_silo_control(list[i].handle, SILO_OP_DESTROY, 0);
		log_print("sipd: an unknown silo was ended: %d", (int)err);
	}
	kept_close(list, count);
}

static bool store_valid(const struct store *store)
{
	return store->magic == STORE_MAGIC && store->version == STORE_VERSION &&
	       store->slot_size == sizeof(struct slot) && store->slots == SIPD_SILOS;
}

/* Fresh memory is zero already; touching it all would be paid for. */
static void store_clear(struct store *store)
{
	for (unsigned i = 0; store->magic && i < SIPD_SILOS; i++)
		store->slot[i].used = 0;
	store->version = STORE_VERSION;
	store->slot_size = sizeof(struct slot);
	store->slots = SIPD_SILOS;
	store->next_user = store->next_system = 0;
	store->recovery = 0;
	store->magic = STORE_MAGIC;
}

static int store_map(struct sipd *d)
{
	struct map_args args = {.vmo = boot_handle("state"),
				.flags = PROT_R | PROT_W,
				.len = PAGES(sizeof(struct store))};
	int64_t addr = -ENXIO;

	if (args.vmo != HANDLE_NONE)
		addr = sys_aspace_map(boot_handle("aspace"), &args);
	if (addr < 0) {
		log_print("sipd: no state memory: silos will not survive this process");
		d->store = calloc(1, sizeof(struct store));
		return d->store ? 0 : -ENOMEM;
	}
	d->store = (struct store *)addr;
	return 0;
}

int store_open(struct sipd *d, bool *survived)
{
	static struct kept list[ADOPT_MAX];
	int n, err = store_map(d);

	*survived = false;
	if (err)
		return err;
	n = kept_own(d->self, list, ADOPT_MAX);
	if (n < 0)
		return n;
	/* The channel of /dev/sip is lib/serve's. */
	for (int i = 0; i < n; i++)
		if (list[i].handle == boot_handle("serve"))
			list[i].handle = HANDLE_NONE;
	*survived = store_valid(d->store);
	if (!*survived)
		store_clear(d->store);
	for (unsigned i = 0; *survived && i < SIPD_SILOS; i++)
		silo_adopt(d, i, list, (unsigned)n);
	d->recovery = pick(list, (unsigned)n, &d->store->recovery);
	orphans_end(list, (unsigned)n);
	return 0;
}
