/* SPDX-License-Identifier: ISC */
/*
 * node.c: nodes, names, and what they are charged.
 *
 * Names are found by a hash over (directory, name) for the whole tree, doubled when it is full;
 * the order in a directory is that of creation, by a cookie that is never given twice, so that a
 * reader neither misses nor repeats an entry while others come and go.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "servers/ramfs/ramfs.h"
#include "sys/info.h"

#define BUCKETS_FIRST 64u

uint64_t ram_now(void)
{
	return time_wall();
}

void ram_touch(struct ram_node *n)
{
	n->mtime = n->ctime = ram_now();
	n->version++;
}

struct p9_qid ram_qid(const struct ram_node *n)
{
	static const uint8_t types[] = {
		[RAM_DIR] = P9_QTDIR, [RAM_FILE] = P9_QTFILE, [RAM_LINK] = P9_QTSYMLINK};

	return (struct p9_qid){.path = n->id, .version = n->version, .type = types[n->kind]};
}

int ram_charge(struct ram_fs *fs, uint64_t bytes)
{
	if (bytes > fs->limit - fs->used)
		ram_reap(fs);
	if (bytes > fs->limit - fs->used)
		return -ENOSPC;
	fs->used += bytes;
	return 0;
}

void ram_uncharge(struct ram_fs *fs, uint64_t bytes)
{
	fs->used -= bytes;
}

struct ram_node *ram_node_new(struct ram_fs *fs, enum ram_kind kind, uint32_t mode, uint32_t gid,
			      int *err)
{
	struct ram_node *n;

	*err = ram_charge(fs, RAM_NODE_FEE);
	if (*err)
		return NULL;
	n = calloc(1, sizeof(*n));
	if (!n) {
		ram_uncharge(fs, RAM_NODE_FEE);
		*err = -ENOMEM;
		return NULL;
	}
	n->id = fs->next_id++;
	n->kind = kind;
	n->mode = mode & 07777;
	n->gid = gid == UINT32_MAX ? 0 : gid; /* not said */
	n->refs = 1;
	n->next_cookie = 3; /* 1 and 2 are "." and ".." */
	n->atime = n->mtime = n->ctime = n->btime = ram_now();
	fs->nodes++;
	return n;
}

void ram_node_put(struct ram_fs *fs, struct ram_node *n)
{
	if (--n->refs)
		return;
	ram_data_free(fs, n);
	ram_uncharge(fs, RAM_NODE_FEE);
	fs->nodes--;
	free(n);
}

int ram_init(struct ram_fs *fs, uint64_t limit)
{
	int err;

	*fs = (struct ram_fs){.limit = limit, .next_id = 1, .mask = BUCKETS_FIRST - 1};
	fs->buckets = calloc(BUCKETS_FIRST, sizeof(fs->buckets[0]));
	if (!fs->buckets)
		return -ENOMEM;
	fs->root = ram_node_new(fs, RAM_DIR, 0755, 0, &err);
	if (!fs->root)
		return err;
	fs->root->parent = fs->root;
	fs->root->nlink = 2;
	return 0;
}

/* FNV-1a, from the directory's number on. */
static uint32_t name_hash(const struct ram_node *dir, struct p9_str name)
{
	uint32_t h = 2166136261u ^ (uint32_t)dir->id * 2654435761u;

	for (uint32_t i = 0; i < name.len; i++)
		h = (h ^ (uint8_t)name.ptr[i]) * 16777619u;
	return h ^ h >> 15;
}

static struct p9_str entry_name(const struct ram_entry *e)
{
	return (struct p9_str){e->name, e->len};
}

struct ram_entry *ram_find(struct ram_fs *fs, const struct ram_node *dir, struct p9_str name)
{
	struct ram_entry *e = fs->buckets[name_hash(dir, name) & fs->mask];

	while (e && (e->dir != dir || e->len != name.len || memcmp(e->name, name.ptr, name.len)))
		e = e->chain;
	return e;
}

static void hash_insert(struct ram_fs *fs, struct ram_entry *e)
{
	struct ram_entry **bucket = &fs->buckets[name_hash(e->dir, entry_name(e)) & fs->mask];

	e->chain = *bucket;
	*bucket = e;
}

static void hash_remove(struct ram_fs *fs, struct ram_entry *e)
{
	struct ram_entry **at = &fs->buckets[name_hash(e->dir, entry_name(e)) & fs->mask];

	while (*at != e)
		at = &(*at)->chain;
	*at = e->chain;
}

/* Twice as many buckets; without memory the chains get longer. */
static void hash_grow(struct ram_fs *fs)
{
	uint32_t old_size = fs->mask + 1;
	struct ram_entry **old = fs->buckets, *e, *next;
	struct ram_entry **buckets = calloc((size_t)old_size * 2, sizeof(*buckets));

	if (!buckets)
		return;
	fs->buckets = buckets;
	fs->mask = old_size * 2 - 1;
	for (uint32_t i = 0; i < old_size; i++) {
		for (e = old[i]; e; e = next) {
			next = e->chain;
			hash_insert(fs, e);
		}
	}
	free(old);
}

int ram_link(struct ram_fs *fs, struct ram_node *dir, struct p9_str name, struct ram_node *node)
{
	struct ram_entry *e;
	int err;

	if (!dir->parent)
		return -ENOENT;
	if (node->nlink >= RAM_LINKS || dir->nlink >= RAM_LINKS)
		return -EMLINK;
	err = ram_charge(fs, RAM_NAME_FEE + name.len);
	if (err)
		return err;
	e = malloc(sizeof(*e) + name.len);
	if (!e) {
		ram_uncharge(fs, RAM_NAME_FEE + name.len);
		return -ENOMEM;
	}
	*e = (struct ram_entry){
		.dir = dir, .node = node, .cookie = dir->next_cookie++, .len = name.len};
	memcpy(e->name, name.ptr, name.len);
	e->prev = dir->last;
	*(dir->last ? &dir->last->next : &dir->first) = e;
	dir->last = e;
	if (fs->names++ > fs->mask)
		hash_grow(fs);
	hash_insert(fs, e);
	node->refs++;
	node->nlink++;
	if (node->kind == RAM_DIR) {
		node->parent = dir;
		node->nlink++; /* its "." */
		dir->nlink++;  /* its ".." */
	}
	ram_touch(dir);
	return 0;
}

void ram_unlink(struct ram_fs *fs, struct ram_entry *e)
{
	struct ram_node *dir = e->dir, *node = e->node;

	hash_remove(fs, e);
	fs->names--;
	*(e->prev ? &e->prev->next : &dir->first) = e->next;
	*(e->next ? &e->next->prev : &dir->last) = e->prev;
	ram_uncharge(fs, RAM_NAME_FEE + e->len);
	free(e);
	node->nlink--;
	if (node->kind == RAM_DIR) {
		node->parent = NULL;
		node->nlink--;
		dir->nlink--;
	}
	node->ctime = ram_now();
	ram_touch(dir);
	ram_node_put(fs, node);
}
