/* SPDX-License-Identifier: ISC */
/*
 * aim.c: random numbers, what an attacker knows, and arguments: aimed, so that a call can get far
 * into the kernel, or wild, so that it meets what nobody thought of.
 *
 *   V vmo  W pager vmo  A aspace  B own aspace  P process  T thread  C channel  S sender  R reply
 *   Q queue  G signal  L silo  D device  I irq  O log  K clock  * any handle  y number given away
 *   n small number  w any word  r rights  o offset  z size  a address in the arena  p memory
 *   s word of 0  b bytes  d deadline  t time span  f, g flags of handles, of process_give
 *   c badge  i queue's id  j pid  F word to wait at  J inherit  7 protection  k 0 or 1
 *   m x h e l v: map, process, thread, exec, silo, device arguments  u U: registers
 *   H, Z a page of registers  q port  X silo operation  Y 9 limit, its value  M mode
 *   E machine operation  N reply to charge  8 address that every process has
 *   0 1 4 5: the number, 4096, length for U
 */
#include <string.h>
#include "attack.h"

uint64_t rnd(struct thrower *t)
{
	t->state ^= t->state << 13;
	t->state ^= t->state >> 7;
	t->state ^= t->state << 17;
	return t->state;
}

uint64_t below(struct thrower *t, uint64_t n)
{
	return (rnd(t) >> 20) % n;
}

/* ---- handles --------------------------------------------------------------------------------- */

handle_t pick(struct thrower *t, unsigned pool)
{
	uint64_t at = below(t, KNOWN);

	for (unsigned i = 0; i < KNOWN; i++)
		if (t->pool[pool][(at + i) % KNOWN])
			return t->pool[pool][(at + i) % KNOWN];
	return HANDLE_NONE;
}

handle_t pick_any(struct thrower *t)
{
	switch (below(t, 16)) {
	case 0: return (handle_t)rnd(t);
	case 1: return (handle_t)(below(t, 64) | 1u << HANDLE_SLOT_BITS);
	case 2: return below(t, 2) ? REPLY_CURRENT : REPLY_NONE;
	}
	return pick(t, (unsigned)below(t, POOLS));
}

void keep(struct thrower *t, unsigned pool, handle_t h)
{
	uint64_t at = below(t, KNOWN);

	if (pool == OBJ_NONE || pool >= POOLS)
		return;
	for (unsigned i = 0; i < KNOWN; i++)
		if (!t->pool[pool][i])
			at = i;
	t->pool[pool][at] = h; /* what stood there stays open, and is known no more */
}

void forget(struct thrower *t, handle_t h)
{
	for (unsigned pool = 0; pool < POOLS; pool++)
		for (unsigned i = 0; i < KNOWN; i++)
			if (t->pool[pool][i] == h)
				t->pool[pool][i] = HANDLE_NONE;
}

/* ---- anything -------------------------------------------------------------------------------- */

static uint64_t wild_number(struct thrower *t)
{
	switch (below(t, 12)) {
	case 0: return rnd(t);
	case 1: return 1ull << below(t, 64);
	case 2: return (1ull << below(t, 64)) - 1;
	case 3: return 0;
	case 4: return PAGES(below(t, 20));
	case 5: return PAGES(below(t, 20)) + (uint64_t)t->scratch;
	case 6: return time_in(below(t, NS_PER_MS));
	case 7: return ARENA + PAGES(below(t, 64));
	case 8: return USER_HI - PAGES(below(t, 4));
	}
	return below(t, 16);
}

static uint32_t wild_word(struct thrower *t)
{
	switch (below(t, 6)) {
	case 0: return (uint32_t)rnd(t);
	case 1: return 1u << below(t, 32);
	case 2: return RIGHTS_SAME;
	case 3: return RIGHTS_ALL;
	}
	return (uint32_t)below(t, 16);
}

/* What structures are made of: handles, small numbers, addresses. */
static void scramble(struct thrower *t, uint64_t *at, unsigned words)
{
	for (unsigned i = 0; i < words; i++)
		switch (below(t, 4)) {
		case 0: at[i] = wild_number(t); break;
		case 1: at[i] = (uint64_t)wild_word(t) << 32 | pick_any(t); break;
		case 2: at[i] = (uint64_t)wild_word(t) << 32 | wild_word(t); break;
		case 3: at[i] = 0; break;
		}
}

static uint64_t *room(struct thrower *t)
{
	return &t->scratch[below(t, SCRATCH / 8 - 1536)];
}

static uint64_t wild_pointer(struct thrower *t)
{
	uint64_t *at = room(t);

	switch (below(t, 12)) {
	case 0: return rnd(t);
	case 1: return 0;
	case 2: return USER_INFO_PAGE;
	case 3: return (uint64_t)wild_pointer; /* text */
	case 4: return (uint64_t)(t->scratch + SCRATCH / 8) - below(t, 64);
	case 5: return USER_HI - below(t, 64);
	case 6: return ARENA + below(t, ARENA_LEN);
	}
	scramble(t, at, 64);
	return (uint64_t)at;
}

uint64_t aim_wildly(struct thrower *t, char kind)
{
	switch (kind) {
	case 'h': return pick_any(t);
	case 'w': return wild_word(t);
	case 'q': return wild_number(t);
	}
	return wild_pointer(t);
}

/* ---- structures ------------------------------------------------------------------------------ */

static uint64_t arena(struct thrower *t)
{
	if (t->mapped && below(t, 2))
		return t->mapped;
	return ARENA + PAGES(below(t, ARENA_LEN / PAGE_SIZE - 16));
}

static uint64_t protection(struct thrower *t)
{
	static const uint8_t prots[] = {0, PROT_R, PROT_R | PROT_W, PROT_R | PROT_W,
					PROT_R | PROT_X};

	return prots[below(t, sizeof(prots))];
}

static void map_args(struct thrower *t, struct map_args *m)
{
	static const uint32_t flags[] = {0,	      MAP_POPULATE, MAP_SHARE,	MAP_DROP,
					 MAP_REPLACE, MAP_REPLACE,  MAP_REPLACE};

	m->vmo = pick(t, below(t, 4) ? OBJ_VMO : POOL_PAGER);
	m->flags = (uint32_t)(protection(t) | flags[below(t, 7)] | MAP_AT);
	m->addr = arena(t);
	m->offset = PAGES(below(t, 4));
	m->len = PAGES(1 + below(t, 6));
}

static void process_args(struct thrower *t, struct process_args *p)
{
	p->flags = below(t, 3) ? 0 : PROCESS_INHERIT;
	p->pledges = below(t, 2) ? 0 : PLEDGE_STDIO;
	memcpy(p->name, "prey", 5);
}

static void thread_args(struct thrower *t, struct thread_args *a, bool foreign)
{
	if (!slot_take(t, a, foreign))
		*a = (struct thread_args){.entry = ARENA, .sp = ARENA + PAGE_SIZE};
	if (!below(t, 8))
		a->msg = arena(t);
}

static void silo_args(struct thrower *t, struct silo_args *s)
{
	s->id = (uint32_t)(FIRST_SILO + below(t, 50));
	s->mode = below(t, 2) ? 0 : MODE_LOOKUP | MODE_BIND;
	s->flags = below(t, 4) ? 0 : SILO_STRICT;
	s->xcr0 = below(t, 4) ? 0 : 3;
	s->limits[LIMIT_MEMORY] = below(t, 2) ? 0 : 1 << 20;
	if (!below(t, 4))
		s->limits[LIMIT_MEM_MIN] = 64 << 10;
	if (!below(t, 4)) {
		s->limits[LIMIT_CPU_QUOTA_US] = 1000;
		s->limits[LIMIT_CPU_PERIOD_US] = 10000;
	}
}

static void device_args(struct thrower *t, struct device_args *d)
{
	d->ports[0] = (struct phys_range){POST_PORT, below(t, 2)};
	d->regs[0] = (struct phys_range){HPET, below(t, 2) * PAGE_SIZE};
	d->msi = 1;
	d->source = below(t, 4) ? ~0u : TEST_SOURCE;
	d->dma_max = PAGES(4);
	memcpy(d->name, "part", 5);
}

static uint64_t structure(struct thrower *t, char letter)
{
	uint64_t *at = room(t);

	memset(at, 0, 512);
	switch (letter) {
	case 'm': map_args(t, (struct map_args *)at); break;
	case 'x': process_args(t, (struct process_args *)at); break;
	case 'h': thread_args(t, (struct thread_args *)at, true); break;
	case 'e':
		process_args(t, &((struct exec_args *)at)->process);
		((struct exec_args *)at)->process.flags = 0;
		thread_args(t, &((struct exec_args *)at)->thread, true);
		((struct exec_args *)at)->aspace = core_aspace;
		break;
	case 'l': silo_args(t, (struct silo_args *)at); break;
	case 'v': device_args(t, (struct device_args *)at); break;
	case 'u':
	case 'U':
		scramble(t, at, 20);
		((struct thread_regs *)at)->rip = ARENA + below(t, ARENA_LEN);
		((struct thread_regs *)at)->fs = ((struct thread_regs *)at)->gs = 0;
		break;
	}
	return (uint64_t)at;
}

/* ---- aimed ----------------------------------------------------------------------------------- */

static uint64_t aim_handle(struct thrower *t, char letter)
{
	static const char types[] = "?VAPTCSRQGLDIOK"; /* as enum object_type */
	const char *at = strchr(types, letter);

	if (letter == 'W')
		return pick(t, POOL_PAGER);
	if (letter == 'B')
		return below(t, 8) ? core_aspace : pick(t, OBJ_ASPACE);
	if (letter == 'A' && below(t, 2))
		return core_aspace;
	if (letter == 'R' && below(t, 3))
		return REPLY_CURRENT;
	if (letter == 'N')
		return below(t, 3) ? REPLY_NONE : REPLY_CURRENT;
	if (!at)
		return pick_any(t);
	return pick(t, (unsigned)(at - types));
}

static uint64_t aim_number(struct thrower *t, char letter)
{
	static const uint8_t ops[] = {SILO_OP_LOAD,   SILO_OP_READY, SILO_OP_START,
				      SILO_OP_RESUME, SILO_OP_RESET, SILO_OP_DESTROY};

	switch (letter) {
	case '0': return 0;
	case '1': return 1;
	case '4': return PAGE_SIZE;
	case '5': return sizeof(struct thread_regs);
	case 'k': return below(t, 2);
	case 'r': return below(t, 4) ? RIGHTS_SAME : below(t, RIGHTS_ALL);
	case 'f': return below(t, 4);
	case 'g': return below(t, 4) ? 0 : below(t, 2) ? HANDLE_KEPT : GIVE_MOVE;
	case 'c': return below(t, 12);
	case 'i': return 1 + below(t, 24);
	case 'j': return t->pid + below(t, 12) - 2;
	case 'J': return (uint64_t[]){0, MAP_SHARE, MAP_DROP}[below(t, 3)];
	case '7': return protection(t);
	case 'q': return POST_PORT;
	case 'X': return below(t, 20) ? ops[below(t, sizeof(ops))] : below(t, SILO_OPS);
	case '9': return below(t, 2) ? 0 : below(t, 2) ? 1ull << (20 + below(t, 8)) : below(t, 16);
	case 'Y': return below(t, LIMIT_KEYS);
	case 'M': return 0777 & ~(below(t, 4) ? 0 : MODE_PROXY);
	case 'E': return MACHINE_LOG_LEVEL; /* nothing else: it would end the test */
	case 'y': return t->given;
	case 'w': return wild_word(t);
	}
	return below(t, 16);
}

static uint64_t aim_place(struct thrower *t, char letter)
{
	switch (letter) {
	case 'o': return PAGES(below(t, below(t, 4) ? 3 : 12));
	case 'z': return PAGES(1 + below(t, below(t, 8) ? 4 : 40));
	case '8': return SHARED_AT + below(t, 64);
	case 'a': return arena(t);
	case 'b': return below(t, 4) ? below(t, 600) : below(t, 12000);
	case 'd': return time_in(below(t, NS_PER_MS));
	case 't': return below(t, 2) ? 0 : 10000 + below(t, NS_PER_MS);
	case 'F': return SHARED_AT + 4 * below(t, 8);
	case 'H': return HPET;
	case 'Z': return PAGE_SIZE;
	case 's': return (uint64_t)memset(room(t), 0, 8);
	}
	return (uint64_t)room(t);
}

uint64_t aim(struct thrower *t, char letter)
{
	if (strchr("VWABPTCSRQGLDIOK*N", letter))
		return aim_handle(t, letter);
	if (strchr("mxhelvuU", letter))
		return structure(t, letter);
	if (strchr("ozabdtFHZsp8", letter))
		return aim_place(t, letter);
	return aim_number(t, letter);
}

/* Kind, source and rights of a watch go together. */
void aim_queue_add(struct thrower *t, uint64_t a[6])
{
	static const struct {
		uint32_t kind, pool;
		uint64_t arg;
	} fits[] = {{EVENT_MESSAGE, OBJ_CHANNEL, 0},   {EVENT_MESSAGE, OBJ_CHANNEL, 0},
		    {EVENT_IRQ, OBJ_IRQ, 0},	       {EVENT_PROCESS, OBJ_PROCESS, 1},
		    {EVENT_PROCESS, OBJ_PROCESS, 0xf}, {EVENT_PROCESS, OBJ_PROCESS, 9},
		    {EVENT_SILO, OBJ_SILO, 0},	       {EVENT_SIGNAL, OBJ_SIGNAL, 3},
		    {EVENT_SIGNAL, OBJ_SIGNAL, ~0ull}, {EVENT_PRESSURE, OBJ_SILO, 0}};
	unsigned i = (unsigned)below(t, sizeof(fits) / sizeof(fits[0]));

	a[0] = pick(t, OBJ_QUEUE);
	a[1] = pick(t, fits[i].pool);
	a[2] = fits[i].kind;
	a[3] = below(t, 16);
	a[4] = fits[i].kind == EVENT_MESSAGE ? 0 : below(t, 4);
	a[5] = fits[i].arg;
}
