/* SPDX-License-Identifier: ISC */
/* sessions.c: see sessions.h. Ids grow with time, so the oldest entry is that of the smallest. */
#include "serve/sessions.h"

#define NUMBER(id) ((id) & ~(P9_ID_NARROWED | P9_ID_CONNECTOR))

static struct sessions_entry *entry_find(struct sessions_entry *table, uint32_t size, uint64_t id)
{
	for (uint32_t i = 0; i < size; i++)
		if (table[i].id == id)
			return &table[i];
	return NULL;
}

static struct sessions_entry *entry_oldest(struct sessions_entry *table, uint32_t size)
{
	struct sessions_entry *oldest = table;

	for (uint32_t i = 1; i < size; i++)
		if (NUMBER(table[i].id) < NUMBER(oldest->id))
			oldest = &table[i];
	return oldest;
}

void sessions_made(struct sessions_entry *table, uint32_t size, uint64_t id, uint64_t file)
{
	struct sessions_entry *e = entry_find(table, size, 0);

	if (!e)
		e = entry_oldest(table, size);
	__atomic_store_n(&e->id, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&e->file, file, __ATOMIC_RELEASE);
	__atomic_store_n(&e->id, id, __ATOMIC_RELEASE);
}

void sessions_gone(struct sessions_entry *table, uint32_t size, uint64_t id)
{
	struct sessions_entry *e = entry_find(table, size, id);

	if (e)
		__atomic_store_n(&e->id, 0, __ATOMIC_RELEASE);
}

bool sessions_find(const struct sessions_entry *table, uint32_t size, uint64_t id, uint64_t *file)
{
	for (uint32_t i = 0; i < size; i++) {
		if (table[i].id != id)
			continue;
		*file = table[i].file;
		return true;
	}
	return false;
}
