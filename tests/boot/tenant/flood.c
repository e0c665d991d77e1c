/* SPDX-License-Identifier: ISC */
/*
 * flood.c: messages that mean nothing: frames with fields of chance (most of them with a sound head
 * and type, so that they get past the first check), other labels, handles that nobody asked for,
 * buffers that are not there.
 *
 * Who is asked may answer what it likes, but must answer.
 */
#include <errno.h>
#include <string.h>
#include "sys/info.h"
#include "sys/ipc.h"
#include "serve/serve.h"
#include "tests/boot/tenant/tenant.h"

#define CALL_NS (2 * NS_PER_S)

static uint64_t state;

static uint64_t chance(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1dull;
}

static uint32_t below(uint32_t limit)
{
	return (uint32_t)(chance() >> 33) % limit;
}

/* A number that is mostly small, or at a border. */
static uint32_t number(void)
{
	static const uint32_t borders[] = {0, 1, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};

	return below(4) ? below(8) : borders[below(6)];
}

static uint32_t frame_make(uint8_t *p)
{
	static const uint8_t types[] = {8,   12,  14,  16,  18,	 20,  22,  24,	26,  30,  32,  40,
					50,  52,  54,  70,  72,	 74,  76,  100, 102, 104, 108, 110,
					112, 114, 116, 118, 120, 122, 124, 126, 200, 202, 204};
	static const char *const words[] = {"", ".", "..", "ctl", "a/../..", "events", "\0x"};
	uint32_t len = P9_HEAD, size, word;

	p[4] = below(16) ? types[below(sizeof(types))] : (uint8_t)chance();
	memcpy(p + 5, &(uint16_t){(uint16_t)below(4)}, 2);
	for (uint32_t fields = below(8); fields; fields--) {
		word = number();
		if (below(3)) {
			memcpy(p + len, &word, 4);
			len += 4;
		} else {
			const char *text = words[below(sizeof(words) / sizeof(words[0]))];
			uint16_t n = (uint16_t)strlen(text);

			n = below(16) ? n : (uint16_t)word;
			memcpy(p + len, &n, 2);
			memcpy(p + len + 2, text, strlen(text));
			len += 2 + (uint32_t)strlen(text);
		}
	}
	size = below(16) ? len : number();
	memcpy(p, &size, 4);
	return below(16) ? len : below(MSG_DATA_MAX);
}

static uint64_t label(void)
{
	static const uint32_t others[] = {SERVE_LABEL_PING, SERVE_LABEL_STOP, 0x4d4e5400,
					  0x53554252,	    0x52494e47,	      0x4d534958};

	if (below(4))
		return SERVE_LABEL_9P | below(100);
	return below(2) ? others[below(6)] : chance() & 0x7fffffff;
}

/* Something that may travel. */
static handle_t handle_make(void)
{
	int64_t h;

	switch (below(3)) {
	case 0: h = sys_vmo_create(PAGE_SIZE, VMO_ANON); break;
	case 1: h = sys_signal_create(0); break;
	default: h = sys_channel_create(); break;
	}
	return h < 0 ? HANDLE_NONE : (handle_t)h;
}

static void buffers_make(struct message_page *page)
{
	static uint8_t memory[8192];

	page->in = below(2) ? (uintptr_t)memory : chance();
	page->in_len = below(2) ? sizeof(memory) : number();
	page->out = below(2) ? (uintptr_t)memory : chance();
	page->out_len = below(2) ? sizeof(memory) : number();
}

uint64_t flood(handle_t session, uint64_t seed, uint64_t count)
{
	struct message_page *page = message_page();
	uint64_t answered = 0;

	state = seed | 1;
	for (uint64_t i = 0; i < count; i++) {
		struct ipc_msg m = {.tag = 0};
		unsigned handles = below(8) ? 0 : below(MSG_HANDLES_MAX + 1);
		int64_t err;

		for (unsigned n = 0; n < handles; n++)
			page->handles[n] = handle_make();
		for (unsigned n = 0; n < MSG_WORDS; n++)
			m.w[n] = below(2) ? number() : chance();
		m.tag = MSG_LABEL(label()) | MSG_HANDLES(handles);
		m.tag |= frame_make(page->data) & MSG_BYTES_MASK;
		if (below(2)) {
			m.tag |= MSG_BUFFERS;
			buffers_make(page);
		}
		err = ipc_call(session, &m, time_in(CALL_NS));
		answered += !err;
		for (unsigned n = 0; !err && n < MSG_NHANDLES(m.tag); n++)
			sys_handle_close(page->handles[n]);
		for (unsigned n = 0; err && n < handles; n++)
			if (page->handles[n])
				sys_handle_close(page->handles[n]);
		if (err == -EPIPE)
			break;
	}
	return answered;
}
