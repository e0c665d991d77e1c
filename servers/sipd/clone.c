/* SPDX-License-Identifier: ISC */
/*
 * clone.c: /dev/sip/servers/clone. An opener writes a type (SYS DRV FS NET WASM USR) and reads the
 * id of a new silo, then the crash notes that nobody has read yet. The id belongs to the opener: a
 * silo that was never started goes when the opener closes.
 *
 * The file is a stream: the offset of a read is ignored, so that one descriptor can write and then
 * read. One open makes at most one silo.
 *
 * A new silo may not have more than its maker: its mode is at most the asker's, its family's
 * ceiling and LOOKUP, until `mode` and `cap add` say otherwise under the same rule. One of user
 * tier has a limit of memory, so that a program that eats all it can get is ended before others
 * notice.
 */
#include "servers/sipd/sipd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct clone {
	uint32_t id; /* 0: nothing was made yet */
	bool begun;  /* text holds what is read */
	uint32_t pos;
	struct p9_text text;
};

int clone_open(struct p9_call *call, uint32_t oflags)
{
	struct clone *c;
	int err = gate(call, MODE_SPAWN, AUDIT_SPAWN, 0);

	(void)oflags;
	if (err)
		return err;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	*call->state = c;
	return 0;
}

void clone_close(struct p9_call *call)
{
	struct sipd *d = call->ctx;
	struct clone *c = *call->state;
	struct silo *s = c->id ? silo_by_id(d, c->id) : NULL;

	if (s && s->slot->life.state == LIFE_CREATED && !s->slot->starts &&
	    silo_happen(s, LIFE_DESTROY))
		s->slot->flags &= ~SLOT_NOTED; /* it stays, as an ordinary one */
	p9_text_free(&c->text);
	free(c);
}

static void desc_fill(struct silo_desc *desc, enum silo_family family, uint32_t mode)
{
	bool user = family == SILO_USR || family == SILO_WASM;

	memset(desc, 0, sizeof(*desc));
	desc->family = family;
	desc->tier = user ? SILO_USER : SILO_SYSTEM;
	desc->mode = (uint16_t)(MODE_LOOKUP & silo_mode_ceiling(family) & mode);
	desc->text_len = 1; /* exec is the empty string there, until `module` */
	desc->start = SILO_START_NEVER;
	desc->restart = SILO_RESTART_DEFAULT;
	desc->restart.when = SILO_NEVER;
	if (user) {
		desc->limits.value[SILO_MEMORY] = SIPD_USER_MEMORY;
		desc->limits.given = 1u << SILO_MEMORY;
	}
}

int clone_line(struct p9_call *call, char *line)
{
	static struct silo_desc desc;
	struct sipd *d = call->ctx;
	struct clone *c = *call->state;
	const struct identity *who = &call->req->from;
	char reason[SILO_REASON_MAX];
	enum silo_family family;
	struct silo *s;
	int err = gate(call, MODE_SPAWN, AUDIT_SPAWN, 0);

	if (err)
		return err;
	if (c->id)
		return p9_tree_fail(call, EBUSY, "this opener has made srv%u already", c->id);
	err = silo_parse_family(line, strlen(line), &family, reason);
	if (err)
		return p9_tree_fail(call, -err, "%s", reason);
	desc_fill(&desc, family, who->mode);
	err = silo_new(d, &desc, 0, &s);
	audit(d, who, AUDIT_SPAWN, err ? 0 : s->id, err);
	if (err)
		return p9_tree_fail(call, -err, "no room for another silo");
	s->slot->owner_silo = who->silo;
	s->slot->owner_pid = who->pid;
	c->id = s->id;
	return 0;
}

void pending_notes(struct sipd *d, struct p9_text *out)
{
	for (struct silo *s = silo_after(d, 0); s; s = silo_after(d, s->id)) {
		if (s->slot->flags & SLOT_NOTED || s->slot->flags & SLOT_FOREIGN)
			continue;
		crash_note(s, out);
		if (s->slot->last.pid)
			s->slot->flags |= SLOT_NOTED;
	}
}

int clone_read(struct p9_call *call, uint64_t offset, uint32_t count)
{
	struct clone *c = *call->state;
	uint32_t len;

	(void)offset;
	if (!c->begun) {
		if (c->id)
			p9_text_printf(&c->text, "%u\n", c->id);
		pending_notes(call->ctx, &c->text);
		if (c->text.failed)
			return -ENOMEM;
		c->begun = true;
	}
	len = c->text.len - c->pos < count ? c->text.len - c->pos : count;
	c->pos += len;
	return len ? p9_respond_data(call->req, c->text.ptr + c->pos - len, len) : 0;
}
