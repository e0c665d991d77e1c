/* SPDX-License-Identifier: ISC */
/*
 * registry.c: which silos there are: places, ids, labels.
 *
 * Place i of the registry is slot i of the store for as long as the silo is known. Invariant: ids
 * and labels of used slots are unique; slot->used is written last when a silo is made and first
 * when it goes, so that a store that was cut short shows a whole silo or none.
 */
#include "servers/sipd/sipd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

unsigned silo_index(const struct silo *s)
{
	return (unsigned)(s - s->sipd->silo);
}

struct silo *silo_by_id(struct sipd *d, uint32_t id)
{
	for (unsigned i = 0; i < SIPD_SILOS; i++)
		if (d->silo[i].slot && d->silo[i].id == id)
			return &d->silo[i];
	return NULL;
}

struct silo *silo_by_label(struct sipd *d, const char *label)
{
	for (unsigned i = 0; i < SIPD_SILOS; i++)
		if (d->silo[i].slot && !strcmp(d->silo[i].slot->desc.name, label))
			return &d->silo[i];
	return NULL;
}

struct silo *silo_after(struct sipd *d, uint32_t after)
{
	struct silo *best = NULL;

	for (unsigned i = 0; i < SIPD_SILOS; i++) {
		struct silo *s = &d->silo[i];

		if (s->slot && s->id > after && (!best || s->id < best->id))
			best = s;
	}
	return best;
}

/* From *next on, once around. */
static uint32_t id_search(struct sipd *d, uint32_t *next, uint32_t first, uint32_t last)
{
	uint32_t id = *next >= first && *next <= last ? *next : first;

	for (uint32_t tries = 0; tries <= SIPD_SILOS; tries++) {
		if (!silo_by_id(d, id)) {
			*next = id == last ? first : id + 1;
			return id;
		}
		id = id == last ? first : id + 1;
	}
	return 0;
}

uint32_t silo_id_choose(struct sipd *d, enum silo_tier tier)
{
	switch (tier) {
	case SILO_CRITICAL: {
		uint32_t first = 1;

		return id_search(d, &first, 1, 9);
	}
	case SILO_SYSTEM: return id_search(d, &d->store->next_system, SIPD_FIRST_SYS, 999);
	case SILO_USER: return id_search(d, &d->store->next_user, SIPD_FIRST_USER, INT32_MAX - 1);
	case SILO_TIER_COUNT: break;
	}
	return 0;
}

static struct silo *place_free(struct sipd *d)
{
	for (unsigned i = 0; i < SIPD_SILOS; i++)
		if (!d->silo[i].slot)
			return &d->silo[i];
	return NULL;
}

static int id_settle(struct sipd *d, const struct silo_desc *desc, uint32_t *id)
{
	*id = desc->id ? desc->id : silo_id_choose(d, desc->tier);
	if (!*id)
		return -ENOSPC;
	return silo_by_id(d, *id) ? -EEXIST : 0;
}

int silo_new(struct sipd *d, const struct silo_desc *desc, uint32_t flags, struct silo **out)
{
	struct silo *s = place_free(d);
	struct slot *slot;
	uint32_t id;
	int err;

	if (!s)
		return -ENOSPC;
	if (desc->name[0] && silo_by_label(d, desc->name))
		return -EEXIST;
	err = id_settle(d, desc, &id);
	if (err)
		return err;
	memset(s, 0, sizeof(*s));
	s->sipd = d;
	s->id = id;
	silo_watch_init(s);
	slot = &d->store->slot[s - d->silo];
	memset(slot, 0, sizeof(*slot));
	life_init(&slot->life);
	slot->flags = flags;
	slot->desc = *desc;
	slot->desc.id = id;
	if (!desc->name[0])
		snprintf(slot->desc.name, sizeof(slot->desc.name), "srv%u", id);
	snprintf(slot->title, sizeof(slot->title), "%s", slot->desc.name);
	s->slot = slot;
	err = flags & SLOT_FOREIGN ? 0 : output_begin(s);
	if (err) {
		s->slot = NULL;
		return err;
	}
	slot->used = SLOT_IN_USE;
	*out = s;
	return 0;
}

void silo_free(struct silo *s)
{
	s->slot->used = 0;
	output_end(s);
	p9_text_free(&s->core);
	s->slot = NULL;
}
