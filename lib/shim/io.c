/* SPDX-License-Identifier: ISC */
/*
 * io.c: file descriptors 0, 1 and 2, by the bootstrap handles "fd:0", "fd:1" and "fd:2".
 *
 * A log handle takes writes as lines and reads as empty. A send handle is a 9P2000.L session whose
 * fid 0 is the open file: Tread and Twrite with the header in the message page and the payload in
 * the program's own buffer, named to the kernel as the call's buffer and never copied here. These
 * calls write over the message page. A wait for input has no deadline, as a terminal has none;
 * thread_interrupt ends it with -EINTR.
 *
 * Who may lie: the server, in every byte of the reply; counts are checked against what was asked.
 */
#include "shim/state.h"
#include "sys/ipc.h"

#define P9_RLERROR    7
#define P9_TREAD      116
#define P9_RREAD      117
#define P9_TWRITE     118
#define P9_RWRITE     119
#define P9_IO_LEN     23 /* size type tag fid offset count */
#define P9_REPLY_LEN  11 /* size type tag count (or error) */
#define IO_MAX	      (1u << 20)
#define IO_RETRIES    3
#define LOG_MAX	      1024
#define IOV_MAX	      1024
#define STAT_LEN      144
#define STAT_MODE     24
#define STAT_BLKSIZE  56
#define MODE_TERMINAL 0020620u /* a character device, rw--w---- */

struct linux_iovec {
	uint64_t base, len;
};

static void put32(uint8_t *to, uint64_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

static uint32_t get32(const volatile uint8_t *from)
{
	return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

static struct shim_fd *fd_get(uint64_t fd)
{
	if ((uint32_t)fd >= SHIM_FDS || shim_state.fds[(uint32_t)fd].handle == HANDLE_NONE)
		return NULL;
	return &shim_state.fds[(uint32_t)fd];
}

void shim_io_init(const struct bootstrap *block)
{
	for (uint32_t i = 0; i < block->count && i < BOOTSTRAP_NAMES; i++) {
		const char *name = block->handles[i].name;
		struct handle_info info;
		struct shim_fd *f;

		if (name[0] != 'f' || name[1] != 'd' || name[2] != ':' || name[3] < '0' ||
		    name[3] >= '0' + SHIM_FDS || name[4])
			continue;
		if (sys_handle_info(block->handles[i].handle, &info) < 0)
			continue;
		f = &shim_state.fds[name[3] - '0'];
		f->type = info.type;
		if (info.type == OBJ_LOG || info.type == OBJ_SENDER)
			f->handle = block->handles[i].handle;
	}
}

/* One call. Returns bytes moved. */
static int64_t session_once(struct shim_fd *f, uint64_t addr, uint32_t len, bool write)
{
	struct message_page *page = message_page();
	struct ipc_msg m = {.tag = P9_IO_LEN | MSG_BUFFERS};
	uint8_t *frame = page->data;
	uint32_t count;
	int64_t result;

	put32(frame, write ? P9_IO_LEN + len : P9_IO_LEN);
	frame[4] = write ? P9_TWRITE : P9_TREAD;
	frame[5] = 1, frame[6] = 0;
	put32(frame + 7, 0);
	put32(frame + 11, f->offset);
	put32(frame + 15, f->offset >> 32);
	put32(frame + 19, len);
	page->in = page->out = addr;
	page->in_len = write ? len : 0;
	page->out_len = write ? 0 : len;
	result = ipc_call(f->handle, &m, DEADLINE_NEVER);
	if (result < 0)
		return result;
	for (unsigned i = 0; i < MSG_NHANDLES(m.tag) && i < MSG_HANDLES_MAX; i++)
		sys_handle_close(page->handles[i]); /* nobody asked for one */
	if ((m.tag & MSG_BYTES_MASK) < P9_REPLY_LEN)
		return -EPROTO;
	count = get32(frame + 7);
	if (frame[4] == P9_RLERROR)
		return count >= 1 && count < 4096 ? -(int64_t)count : -EPROTO;
	if (frame[4] != (write ? P9_RWRITE : P9_RREAD) || count > len)
		return -EPROTO;
	return count;
}

/* A server that restarts: reading and writing at an offset is harmless to repeat. */
static int64_t session_io(struct shim_fd *f, uint64_t addr, uint64_t len, bool write)
{
	uint32_t part = len > IO_MAX ? IO_MAX : (uint32_t)len;
	int64_t result = -ERESTART;

	for (int i = 0; i < IO_RETRIES && result == -ERESTART; i++)
		result = session_once(f, addr, part, write);
	if (result == -ERESTART)
		return -EIO;
	if (result > 0)
		f->offset += (uint64_t)result;
	return result;
}

/* Bytes up to and without the next line end; at most LOG_MAX. line: LOG_MAX bytes. */
static int64_t take_line(char *line, uint64_t addr, uint64_t len, bool *ended)
{
	uint64_t n = len < LOG_MAX ? len : LOG_MAX;
	int64_t result = shim_copy(line, (const void *)addr, n);

	*ended = false;
	if (result < 0)
		return result;
	for (uint64_t i = 0; i < n; i++)
		if (line[i] == '\n') {
			*ended = true;
			return (int64_t)i;
		}
	return (int64_t)n;
}

static int64_t log_write(handle_t log, uint64_t addr, uint64_t len)
{
	char line[LOG_MAX];
	uint64_t done = 0;

	while (done < len) {
		bool ended;
		int64_t n = take_line(line, addr + done, len - done, &ended);
		int64_t result = n < 0 ? n : sys_log_write(log, line, (uint64_t)n);

		if (result < 0)
			return done ? (int64_t)done : result;
		done += (uint64_t)n + ended;
	}
	return (int64_t)done;
}

int64_t shim_io(uint64_t fd, uint64_t addr, uint64_t len, bool write)
{
	struct shim_fd *f = fd_get(fd);

	if (!f)
		return -EBADF;
	if (len > INT64_MAX)
		return -EINVAL;
	if (f->type == OBJ_SENDER)
		return session_io(f, addr, len, write);
	return write ? log_write(f->handle, addr, len) : 0;
}

/* Stops at the first short part. A read gives the first part that is not empty: the next might
 * have to wait. */
int64_t shim_iov(uint64_t fd, uint64_t iov, uint64_t count, bool write)
{
	int64_t total = 0;

	if (!fd_get(fd))
		return -EBADF;
	if (count > IOV_MAX)
		return -EINVAL;
	for (uint64_t i = 0; i < count; i++) {
		struct linux_iovec part;
		int64_t n = shim_copy(&part, (const void *)(iov + i * sizeof(part)), sizeof(part));

		if (n == 0 && part.len)
			n = shim_io(fd, part.base, part.len, write);
		if (n < 0)
			return total ? total : n;
		if (__builtin_add_overflow(total, n, &total))
			return -EINVAL;
		if ((uint64_t)n < part.len || (n > 0 && !write))
			break;
	}
	return total;
}

int64_t shim_close(uint64_t fd)
{
	struct shim_fd *f = fd_get(fd);

	if (!f)
		return -EBADF;
	/* The handle may be named elsewhere too ("log"): it stays the program's. */
	f->handle = HANDLE_NONE;
	return 0;
}

int64_t shim_fstat(uint64_t fd, uint64_t to)
{
	uint8_t stat[STAT_LEN];

	if (!fd_get(fd))
		return -EBADF;
	for (int i = 0; i < STAT_LEN; i++)
		stat[i] = 0;
	put32(stat + STAT_MODE, MODE_TERMINAL);
	put32(stat + STAT_BLKSIZE, PAGE_SIZE);
	return shim_copy((void *)to, stat, sizeof(stat));
}

/* lseek and ioctl: not on these, but a closed descriptor answers so. */
int64_t shim_control(uint64_t fd, int64_t otherwise)
{
	return fd_get(fd) ? otherwise : -EBADF;
}
