/* SPDX-License-Identifier: ISC */
/*
 * liar: a block driver without a disk, which takes the ring that it is offered and lies.
 *
 *	liar PATH
 *
 * Whoever offers a ring is told of a disk of 1 GiB. Then it says in the ring that a thousand
 * requests are done, and looks whether it can still reach the ring: each 10 ms it counts in a
 * reserved word of it, and after 5 s it logs that it still could. It should not live that long.
 */
#include <errno.h>
#include <string.h>
#include "9p/tree.h"
#include "abi/ring.h"
#include "serve/register.h"
#include "sys/boot.h"
#include "sys/error.h"
#include "sys/info.h"
#include "sys/log.h"

#define RING_LEN     ((RING_BYTES(RING_ENTRIES, RING_SEGS) + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1ull))
#define RING_ENTRIES 256u
#define RING_SEGS    4096u
#define PERIOD	     (10 * NS_PER_MS)
#define LOOKS	     500u

static struct serve server;
static struct p9_tree tree;
static struct serve_watch clock;
static struct ring_header *ring;
static handle_t pool, bell;
static unsigned looks;

static int status_text(struct p9_call *call, struct p9_text *out)
{
	(void)call;
	p9_text_printf(out, "name liar\nstate attached\n");
	return 0;
}

static const struct p9_file files[] = {
	{.name = "status", .mode = P9_S_IFREG | 0444, .text = status_text},
	{.name = NULL},
};
static const struct p9_file liar_tree = {.name = "/", .mode = P9_S_IFDIR | 0555, .children = files};

static void on_clock(struct serve_watch *w, const struct event *e)
{
	uint64_t word = 0;

	(void)w;
	(void)e;
	ring->reserved[0]++;
	if (++looks == LOOKS)
		log_print("liar: it can still reach the ring; the pool: %lld",
			  (long long)sys_vmo_write(pool, 0, &word, sizeof(word)));
}

static int64_t offer_take(struct serve *s, struct serve_call *c)
{
	struct map_args args = {.flags = PROT_R | PROT_W, .len = RING_LEN};
	int64_t at;

	if (c->label != RING_OFFER || c->nhandles != 4 || ring)
		return -EINVAL;
	args.vmo = c->handles[0];
	pool = c->handles[1];
	bell = c->handles[2];
	memset(c->handles, 0, sizeof(c->handles)); /* they are ours now */
	at = sys_aspace_map(boot_handle("aspace"), &args);
	if (at <= 0)
		return at;
	ring = (struct ring_header *)at;
	c->answer[1] = 512;
	c->answer[2] = 1 << 21;
	c->answer[3] = 64;
	c->answer[4] = 512;
	log_print("liar: it has %s ring", ring->magic == RING_MAGIC ? "a sound" : "a broken");
	ring->magic = 0;
	ring->complete_tail = 1000;
	if (sys_signal_set(bell, 0, RING_BELL_CLIENT) < 0)
		return -EIO;
	return serve_watch_timer(s, &clock, time_in(PERIOD), PERIOD);
}

int main(int argc, char **argv)
{
	int err = argc == 2 ? p9_tree_init(&tree, &liar_tree, NULL) : -EINVAL;

	clock.fn = on_clock;
	if (!err)
		err = serve_init(&server, &p9_tree_ops, &tree, NULL);
	server.call = offer_take;
	if (!err)
		err = serve_register(&server, argv[1]);
	if (!err)
		err = serve_run(&server);
	log_print("liar: it cannot start: %s", error_text(err));
	return 1;
}
