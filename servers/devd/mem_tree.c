/* SPDX-License-Identifier: ISC */
/*
 * mem_tree.c: /dev/mem: registers and ports by offset, for a silo that drives a device by files.
 *
 *	mem	offset is a physical address; 1, 2, 4 or 8 bytes, aligned, in one access
 *	io	offset is a port; 1, 2 or 4 bytes. Or text: "outb 0x3f8 0x41", "inb 0x3f8" (also
 *		w and l), and a read of more than 4 bytes gives what the last one got
 *
 * A silo reaches what it has leased and nothing else, so RAM is out of reach: no lease covers it.
 * The check is made for each access, by the sender's silo as the kernel says it.
 */
#include "servers/devd/devd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "sys/sys.h"

#define COMMAND_MAX 64u

/* ---- registers ------------------------------------------------------------------- */

static uint64_t register_get(const volatile void *at, uint32_t width)
{
	switch (width) {
	case 1: return *(const volatile uint8_t *)at;
	case 2: return *(const volatile uint16_t *)at;
	case 4: return *(const volatile uint32_t *)at;
	}
	return *(const volatile uint64_t *)at;
}

static void register_put(volatile void *at, uint32_t width, uint64_t value)
{
	switch (width) {
	case 1: *(volatile uint8_t *)at = (uint8_t)value; return;
	case 2: *(volatile uint16_t *)at = (uint16_t)value; return;
	case 4: *(volatile uint32_t *)at = (uint32_t)value; return;
	}
	*(volatile uint64_t *)at = value;
}

/* Map the register for one access. 0, -EINVAL width or alignment, -EPERM not leased. */
static int register_map(struct p9_call *call, uint64_t offset, uint32_t width, uint32_t prot,
			volatile void **at)
{
	struct devd *d = call->ctx;

	if ((width != 1 && width != 2 && width != 4 && width != 8) || offset % width)
		return -EINVAL;
	if (!lease_covering(d, call->req->from.silo, false, offset, width) ||
	    !(call->req->from.mode & MODE_IO))
		return -EPERM;
	*at = phys_map(d, offset, width, prot);
	return *at ? 0 : -EPERM;
}

static int mem_read(struct p9_call *call, uint64_t offset, uint32_t count)
{
	volatile void *at;
	uint64_t value;
	int err = register_map(call, offset, count, PROT_R, &at);

	if (err)
		return err;
	value = register_get(at, count);
	phys_unmap(call->ctx, at, count);
	return p9_respond_data(call->req, &value, count);
}

static int mem_write(struct p9_call *call, uint64_t offset, uint32_t count)
{
	volatile void *at;
	uint64_t value = 0;
	int err = register_map(call, offset, count, PROT_R | PROT_W, &at);

	if (err)
		return err;
	err = p9_request_get(call->req, 0, &value, count);
	if (!err)
		register_put(at, count, value);
	phys_unmap(call->ctx, at, count);
	return err;
}

/* ---- ports ----------------------------------------------------------------------- */

/* The device handle to use, or 0: not leased. */
static handle_t port_device(struct p9_call *call, uint64_t port, uint32_t width)
{
	struct unit *u = lease_covering(call->ctx, call->req->from.silo, true, port, width);

	return u && call->req->from.mode & MODE_IO ? u->lease : HANDLE_NONE;
}

static int64_t port_access(struct p9_call *call, uint64_t port, uint32_t width, bool write,
			   uint32_t value)
{
	handle_t device;

	if ((width != 1 && width != 2 && width != 4) || port % width)
		return -EINVAL;
	device = port_device(call, port, width);
	if (device == HANDLE_NONE)
		return -EPERM;
	if (write)
		return sys_port_write(device, (uint32_t)port, width, value);
	return sys_port_read(device, (uint32_t)port, width);
}

/* What an opener's last "in" command got, as text, is its state: value + 1. */
static int io_text(struct p9_call *call, uint64_t offset)
{
	struct p9_text text = {0};
	int r = 0;

	if (*call->state)
		p9_text_printf(&text, "0x%llx\n",
			       (unsigned long long)((uintptr_t)*call->state - 1));
	if (text.failed)
		r = -ENOMEM;
	else if (offset < text.len)
		r = p9_respond_data(call->req, text.ptr + offset, text.len - (uint32_t)offset);
	p9_text_free(&text);
	return r;
}

static int io_read(struct p9_call *call, uint64_t offset, uint32_t count)
{
	uint32_t value;
	int64_t r;

	if (count > 4)
		return io_text(call, offset);
	r = port_access(call, offset, count, false, 0);
	if (r < 0)
		return (int)r;
	value = (uint32_t)r;
	return p9_respond_data(call->req, &value, count);
}

/* A number that is a whole word. */
static bool number(const char *word, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(word, &end, 0);
	return end != word && !*end && *word != '-' && !errno && *out <= max;
}

static int io_command(struct p9_call *call, char *line)
{
	char *word[4];
	int n = p9_words_split(line, word, 4);
	uint64_t port, value = 0;
	uint32_t width = 0;
	bool write;
	int64_t r;
	size_t len;

	if (n < 2 || n > 3 || !number(word[1], 0xffff, &port))
		return -EINVAL;
	write = n == 3;
	len = strlen(word[0]);
	if (strncmp(word[0], write ? "out" : "in", write ? 3 : 2) || len != (write ? 4 : 3))
		return -EINVAL;
	switch (word[0][len - 1]) {
	case 'b': width = 1; break;
	case 'w': width = 2; break;
	case 'l': width = 4; break;
	}
	if (write && !number(word[2], UINT32_MAX, &value))
		return -EINVAL;
	r = port_access(call, port, width, write, (uint32_t)value);
	if (r < 0)
		return (int)r;
	if (!write)
		*call->state = (void *)(uintptr_t)((uint64_t)r + 1);
	return 0;
}

static int io_write(struct p9_call *call, uint64_t offset, uint32_t count)
{
	char line[COMMAND_MAX + 1];
	uint32_t value = 0;
	int err;

	if (count > COMMAND_MAX)
		return -EINVAL;
	if (count <= 4) {
		err = p9_request_get(call->req, 0, &value, count);
		return err ? err : (int)port_access(call, offset, count, true, value);
	}
	err = p9_request_get(call->req, 0, line, count);
	if (err)
		return err;
	line[count] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return io_command(call, line);
}

const struct p9_file mem_dir[] = {
	{.name = "mem",
	 .mode = P9_S_IFREG | 0666,
	 .read = mem_read,
	 .write = mem_write,
	 .append = true},
	{.name = "io",
	 .mode = P9_S_IFREG | 0666,
	 .read = io_read,
	 .write = io_write,
	 .append = true},
	{.name = NULL},
};
