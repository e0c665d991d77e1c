/* SPDX-License-Identifier: ISC */
/*
 * 9p_client.c: any bytes as the answers of a server, to the client. Each call takes a piece of the
 * input: how it ends, how much of it is frame, how much payload, whether a handle came.
 *
 * At the end no link and no handle may be left.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "9p/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
	const uint8_t *data;
	size_t size;
	unsigned links, handles;
};

struct fuzz_link {
	struct p9_link link;
	struct source *source;
	uint8_t frame[4096];
};

static uint8_t take(struct source *s)
{
	if (!s->size)
		return 0;
	s->size--;
	return *s->data++;
}

static uint32_t take_bytes(struct source *s, void *dst, uint32_t len)
{
	len = len < s->size ? len : (uint32_t)s->size;
	memcpy(dst, s->data, len);
	s->data += len;
	s->size -= len;
	return len;
}

static void *link_frame(struct p9_link *link, uint32_t *cap)
{
	*cap = sizeof(((struct fuzz_link *)link)->frame);
	return ((struct fuzz_link *)link)->frame;
}

/* A head that fits, so that more than the size check is reached. */
static void head_mend(struct fuzz_link *l, uint8_t type, struct p9_rpc *rpc)
{
	uint32_t size = rpc->r_len + rpc->out_len;

	memcpy(l->frame, &size, 4);
	l->frame[4] = type;
}

static int link_rpc(struct p9_link *link, struct p9_rpc *rpc)
{
	static const int errors[] = {-ERESTART, -EPIPE, -ETIMEDOUT, -EINTR};
	struct fuzz_link *l = (struct fuzz_link *)link;
	struct source *s = l->source;
	uint8_t how = take(s), type = l->frame[4] + 1;

	if (!s->size)
		return -EPIPE;
	if (how < 16)
		return errors[how % 4];
	rpc->r_len = P9_HEAD + take_bytes(s, l->frame + P9_HEAD, take(s));
	if (rpc->out_max && how & 1)
		rpc->out_len = take_bytes(s, rpc->out, rpc->out_max < how ? rpc->out_max : how);
	head_mend(l, how & 2 ? P9_RLERROR : type, rpc);
	if (how & 4) {
		rpc->handle = 1;
		s->handles++;
	}
	return 0;
}

static struct p9_link *link_new(struct source *s, enum p9_dialect dialect);

static int link_adopt(struct p9_link *link, uint32_t handle, struct p9_link **out)
{
	struct source *s = ((struct fuzz_link *)link)->source;

	(void)handle;
	s->handles--;
	if (take(s) < 8)
		return -ENOMEM;
	*out = link_new(s, P9_DIALECT_LOCAL);
	return 0;
}

static void link_drop(struct p9_link *link, uint32_t handle)
{
	(void)handle;
	((struct fuzz_link *)link)->source->handles--;
}

static void link_close(struct p9_link *link)
{
	((struct fuzz_link *)link)->source->links--;
	free(link);
}

static const struct p9_link_ops link_ops = {
	.frame = link_frame,
	.rpc = link_rpc,
	.adopt = link_adopt,
	.drop = link_drop,
	.close = link_close,
};

static struct p9_link *link_new(struct source *s, enum p9_dialect dialect)
{
	struct fuzz_link *l = malloc(sizeof(*l));

	if (!l)
		abort();
	memset(l->frame, 0, sizeof(l->frame));
	l->link = (struct p9_link){&link_ops, dialect, 4096};
	l->source = s;
	s->links++;
	return &l->link;
}

static void use(struct p9_client *c, struct source *s)
{
	static const char *const paths[] = {"/a/b/../c", "x/./y", "/m/n", "..", "/"};
	const char *path = paths[take(s) % 5];
	struct p9_file *f = NULL;
	struct p9_attr attr;
	struct p9_statfs st;
	uint8_t buf[512], status;
	uint64_t value;
	uint32_t handle;
	int r = 0;

	switch (take(s) % 9) {
	case 0: r = p9_client_stat(c, path, take(s) & 1, &attr); break;
	case 1: r = p9_client_mkdir(c, path, 0755); break;
	case 2: r = p9_client_rename(c, path, "/q"); break;
	case 3: r = (int)p9_client_load(c, path, buf, sizeof(buf)); break;
	case 4: r = p9_client_command(c, path, "words"); break;
	case 5: r = p9_client_chdir(c, path); break;
	case 6: r = p9_client_statfs(c, path, &st); break;
	case 7: r = p9_client_readlink(c, path, (char *)buf, sizeof(buf)); break;
	case 8: break;
	}
	r = p9_client_open(c, path, P9_O_RDWR | (take(s) & 1 ? P9_O_CREAT : 0), 0644, &f);
	if (r)
		return;
	for (unsigned i = take(s) % 4; i; i--) {
		if (p9_client_read(f, buf, sizeof(buf)) > (int64_t)sizeof(buf) ||
		    p9_client_readdir(f, buf, sizeof(buf)) > (int64_t)sizeof(buf) ||
		    p9_client_write(f, buf, 100) > 100)
			abort();
		r = p9_client_getattr(f, P9_GETATTR_BASIC, &attr);
		r = p9_client_flock(f, &(struct p9_lock){.type = 0}, &status);
		if (!p9_client_gethandle(f, P9_HANDLE_VMO, 1, &value, &handle))
			s->handles--;
	}
	p9_client_close(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source s = {data, size, 0, 0};
	enum p9_dialect dialect = take(&s) & 1 ? P9_DIALECT_L : P9_DIALECT_LOCAL;
	struct p9_link *link = link_new(&s, dialect);
	struct p9_client c;

	if (take(&s) & 1 && p9_link_attach(link, 8192, "u", "", 0) == 0)
		link->msize = 4096;
	link->dialect = dialect;
	if (p9_client_init(&c, link))
		abort();
	while (s.size)
		use(&c, &s);
	p9_client_fini(&c);
	if (s.links || s.handles)
		abort();
	return 0;
}
