/* SPDX-License-Identifier: ISC */
/*
 * lease.c: giving a unit to a silo and taking it back.
 *
 * A lease is a device object of its own below the unit's. Its driver gets a handle without REVOKE,
 * which it or its supervisor may hand on. Taking back: the function is silenced and reset, then
 * its DMA memory is released, all handles and mappings are revoked, and the unit is free.
 *
 * Gates are the sender's mode and silo, as the kernel wrote them into the message: leasing needs
 * SPAWN and PROXY, which supervisors have and drivers have not, so that a driver that was broken
 * into cannot help itself to more hardware; resetting needs STOP and PROXY, or to be the one who
 * has the lease.
 */
#include "servers/devd/devd.h"

#include <errno.h>
#include <stdio.h>
#include "sys/log.h"
#include "sys/sys.h"

#define LEASE_RIGHTS                                                                               \
	(RIGHT_READ | RIGHT_WRITE | RIGHT_MAP | RIGHT_GRANT | RIGHT_WAIT | RIGHT_MANAGE |          \
	 RIGHT_INSIDE)

void unit_set(struct unit *u, enum unit_state state)
{
	u->state = state;
}

int lease_gate(const struct identity *from)
{
	uint32_t digits = MODE_SPAWN | MODE_PROXY;

	return (from->mode & digits) == digits ? 0 : -EPERM;
}

int config_gate(const struct identity *from)
{
	uint32_t digits = MODE_STOP | MODE_PROXY;

	return (from->mode & digits) == digits ? 0 : -EPERM;
}

int manage_gate(const struct unit *u, const struct identity *from)
{
	return u->state != UNIT_FREE && u->silo == from->silo ? 0 : config_gate(from);
}

/* ---- taking ---------------------------------------------------------------------- */

static int lease_cut(struct unit *u, uint32_t silo)
{
	struct device_args args = u->args;
	int64_t h;

	snprintf(args.name, sizeof(args.name), "%s silo %u", u->name, silo);
	h = sys_device_create(u->device, &args);
	if (h < 0)
		return (int)h;
	u->lease = (handle_t)h;
	/* What an earlier lease may have left: the function is in reset since. */
	h = sys_device_quiesced(u->lease);
	return h ? (int)h : handle_keep(u->devd, &u->lease);
}

static void lease_drop(struct unit *u)
{
	if (u->lease != HANDLE_NONE)
		sys_handle_close(u->lease);
	u->lease = HANDLE_NONE;
}

/* Nobody has it, or a predecessor of the one who asks. */
static int available(struct unit *u, uint32_t silo)
{
	switch (u->state) {
	case UNIT_FREE: return u->device == HANDLE_NONE ? -EPERM : 0;
	case UNIT_LEASED: return u->silo == silo ? lease_reset(u) : -EBUSY;
	case UNIT_RESETTING: return -EBUSY;
	case UNIT_FAILED: return -EIO;
	case UNIT_STATES: break;
	}
	return -EINVAL;
}

int lease_take(struct unit *u, uint32_t silo, handle_t *out)
{
	int err = available(u, silo);
	int64_t h;

	if (!err)
		err = lease_cut(u, silo);
	if (err) {
		if (u->state == UNIT_FREE)
			lease_drop(u);
		return err;
	}
	h = sys_handle_dup(u->lease, LEASE_RIGHTS);
	if (h < 0) {
		lease_drop(u);
		return (int)h;
	}
	if (u->f)
		function_enable(u, true);
	u->silo = silo;
	u->leases++;
	unit_set(u, UNIT_LEASED);
	*out = (handle_t)h;
	return 0;
}

int lease_gethandle(struct p9_call *call, enum p9_handle_kind kind, uint64_t arg, uint64_t *value,
		    uint32_t *handle)
{
	struct unit *u = unit_of(call->ctx, call->obj);
	const struct identity *from = &call->req->from;
	uint64_t silo = arg ? arg : from->silo;
	int err;

	if (kind != P9_HANDLE_DEVICE)
		return -EOPNOTSUPP;
	if (silo > UINT32_MAX)
		return -EINVAL;
	err = lease_gate(from);
	if (!err)
		err = lease_take(u, (uint32_t)silo, handle);
	if (err) {
		log_print("devd: %s is not leased to silo %u: %d", u->name, (unsigned)silo, err);
		return err;
	}
	*value = u->args.source;
	return 0;
}

/* ---- taking back ----------------------------------------------------------------- */

static void lease_end(struct unit *u)
{
	int64_t err;

	irq_files_end(u);
	dma_files_end(u);
	err = sys_device_quiesced(u->lease);
	if (!err)
		err = sys_handle_revoke(u->lease);
	if (err)
		log_print("devd: %s: ending its lease: %d", u->name, (int)err);
	lease_drop(u);
	u->silo = 0;
}

static void answer_resetters(struct unit *u, int err)
{
	struct p9_request *req;

	while ((req = waiters_take(&u->resetters)))
		p9_respond(req, err);
}

void lease_reset_done(struct unit *u, int err)
{
	if (err) {
		log_print("devd: %s does not let itself be reset: %d", u->name, err);
		unit_set(u, UNIT_FAILED);
	} else {
		u->resets++;
		lease_end(u);
		unit_set(u, UNIT_FREE);
	}
	answer_resetters(u, err);
}

int lease_reset(struct unit *u)
{
	switch (u->state) {
	case UNIT_FREE: return 0;
	case UNIT_RESETTING: return -EBUSY;
	case UNIT_LEASED:
	case UNIT_FAILED: break;
	case UNIT_STATES: return -EINVAL;
	}
	unit_set(u, UNIT_RESETTING);
	if (u->f)
		function_reset(u);
	else
		lease_reset_done(u, 0);
	/* It may be over already. */
	switch (u->state) {
	case UNIT_FREE: return 0;
	case UNIT_RESETTING: return -EBUSY;
	case UNIT_LEASED:
	case UNIT_FAILED:
	case UNIT_STATES: break;
	}
	return -EIO;
}

int lease_command_reset(struct p9_call *call, int argc, char **argv)
{
	struct unit *u = unit_of(call->ctx, call->obj);
	int err = manage_gate(u, &call->req->from);

	(void)argc;
	(void)argv;
	if (err)
		return p9_tree_fail(call, EPERM, "reset: not your lease, and not STOP and PROXY");
	err = lease_reset(u);
	return err == -EBUSY ? waiters_add(&u->resetters, call->req) : err;
}

int lease_command_flush(struct p9_call *call)
{
	struct unit *u = unit_of(call->ctx, call->obj);

	waiters_remove(&u->resetters, call->req);
	return 0;
}

struct unit *lease_covering(struct devd *d, uint32_t silo, bool ports, uint64_t base, uint64_t len)
{
	for (unsigned i = 0; i < d->units; i++) {
		struct unit *u = &d->unit[i];
		const struct phys_range *r = ports ? u->args.ports : u->args.regs;

		if (u->state != UNIT_LEASED || u->silo != silo)
			continue;
		for (unsigned n = 0; n < DEVICE_RANGES; n++)
			if (base >= r[n].base && len <= r[n].len &&
			    base - r[n].base <= r[n].len - len)
				return u;
	}
	return NULL;
}
