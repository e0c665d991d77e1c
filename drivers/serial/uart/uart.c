/* SPDX-License-Identifier: ISC */
/*
 * uart.c: the 16550 itself: registers, interrupts, queues.
 *
 * The line is an edge at the interrupt controller, so the handler goes on until the chip has no
 * reason left; a bound keeps a chip that always has one from holding the loop. The transmitter is
 * asked again after each queue's worth, since an emulated one is empty at once.
 *
 * Who may lie: the chip. A byte that was lost is counted and told in `status`.
 */
#include <errno.h>
#include "drivers/serial/uart/regs.h"
#include "drivers/serial/uart/uart.h"
#include "sys/boot.h"

#define ROUNDS	 64u   /* passes of the handler; a chip that wants more gets the next interrupt */
#define SEND_MAX 4096u /* bytes in one go, so that the other direction has its turn */

static uint8_t reg_read(const struct uart *u, uint32_t reg)
{
	int64_t value = sys_port_read(u->device, u->base + reg, 1);

	return value < 0 ? 0 : (uint8_t)value;
}

static int reg_write(const struct uart *u, uint32_t reg, uint8_t value)
{
	return (int)sys_port_write(u->device, u->base + reg, 1, value);
}

void uart_feed(struct uart *u)
{
	const uint8_t *at;
	struct p9_request *req;

	while (bytes_used(&u->m->rx) && (req = waiters_take(&u->readers))) {
		uint32_t n = bytes_piece(&u->m->rx, &at, req->t.read.count);

		bytes_drop(&u->m->rx, n);
		p9_respond_data(req, at, n);
	}
}

int64_t uart_take(struct uart *u, struct p9_request *req, uint32_t count)
{
	uint8_t piece[512];
	uint32_t done = 0, room = bytes_room(&u->m->tx), n;
	int err;

	if (count > room)
		count = room;
	for (; done < count; done += n) {
		n = count - done < sizeof(piece) ? count - done : (uint32_t)sizeof(piece);
		err = p9_request_get(req, done, piece, n);
		if (err)
			return done ? (int64_t)done : err;
		for (uint32_t i = 0; i < n; i++)
			bytes_put(&u->m->tx, piece[i]);
	}
	return done;
}

void uart_drain(struct uart *u)
{
	struct p9_request *req;
	int64_t n;

	while (bytes_room(&u->m->tx) && (req = waiters_take(&u->writers))) {
		n = uart_take(u, req, req->t.write.data.len);
		if (n > 0)
			p9_request_wrote(req, (uint32_t)n);
		p9_respond(req, n < 0 ? (int)n : 0);
	}
}

static void interrupts_set(struct uart *u, bool sending)
{
	u->sending = sending;
	if (reg_write(u, UART_IER, IER_RX | IER_LINE | (sending ? IER_TX : 0)))
		u->errors++;
}

void uart_send(struct uart *u)
{
	uint32_t done = 0;

	while (bytes_used(&u->m->tx) && done < SEND_MAX && reg_read(u, UART_LSR) & LSR_THRE) {
		for (unsigned i = 0; i < UART_FIFO && bytes_used(&u->m->tx); i++, done++) {
			if (reg_write(u, UART_THR, bytes_first(&u->m->tx)))
				u->errors++;
			bytes_drop(&u->m->tx, 1);
		}
	}
	u->sent += done;
	if (u->sending != (bytes_used(&u->m->tx) || u->drainers.first))
		interrupts_set(u, !u->sending);
}

bool uart_idle(struct uart *u)
{
	return !bytes_used(&u->m->tx) && !u->writers.first && reg_read(u, UART_LSR) & LSR_THRE;
}

static void drained(struct uart *u)
{
	struct p9_request *req;

	while (u->drainers.first && uart_idle(u)) {
		req = waiters_take(&u->drainers);
		p9_respond(req, 0);
	}
	/* The interrupt says when the chip is empty, too. */
	if (u->drainers.first && !u->sending)
		interrupts_set(u, true);
}

static void receive(struct uart *u)
{
	uint8_t status;

	for (unsigned i = 0; i < UART_RX; i++) {
		status = reg_read(u, UART_LSR);
		u->overruns += status & LSR_OVER ? 1 : 0;
		u->errors += status & LSR_ERROR ? 1 : 0;
		if (!(status & LSR_RX))
			return;
		u->received++;
		if (!bytes_put(&u->m->rx, reg_read(u, UART_RBR)))
			u->dropped++;
	}
}

static void service(struct uart *u)
{
	for (unsigned round = 0; round < ROUNDS; round++) {
		receive(u);
		uart_feed(u);
		uart_send(u);
		uart_drain(u);
		drained(u);
		if (reg_read(u, UART_IIR) & 1) /* nothing is pending */
			break;
	}
}

static void on_interrupt(struct serve_watch *w, const struct event *e)
{
	struct uart *u = w->arg;

	u->interrupts += e->count;
	service(u);
	if (sys_irq_ack(u->irq) < 0)
		u->errors++;
}

int uart_baud(struct uart *u, uint32_t baud)
{
	uint32_t divisor;
	int err;

	if (baud < 50 || baud > UART_CLOCK || UART_CLOCK % baud)
		return -EINVAL;
	divisor = UART_CLOCK / baud;
	err = reg_write(u, UART_LCR, LCR_DLAB | LCR_8N1);
	if (!err)
		err = reg_write(u, UART_DLL, (uint8_t)divisor);
	if (!err)
		err = reg_write(u, UART_DLM, (uint8_t)(divisor >> 8));
	if (!err)
		err = reg_write(u, UART_LCR, LCR_8N1);
	if (!err)
		u->m->baud = baud;
	return err;
}

/* Where its ports and line are. */
static int device_find(struct uart *u, uint32_t *line)
{
	struct device_info info;
	int64_t err;

	u->device = boot_handle("device:0");
	if (u->device == HANDLE_NONE)
		return -ENXIO;
	err = sys_device_info(u->device, &info);
	if (err < 0)
		return (int)err;
	if (info.args.ports[0].len < UART_PORTS || !info.args.lines[0])
		return -ENXIO;
	u->base = (uint32_t)info.args.ports[0].base;
	*line = info.args.lines[0] - 1;
	return 0;
}

int uart_remember(struct uart *u, uint32_t baud)
{
	struct uart_memory *m = serve_state(sizeof(*m));

	if (!m)
		return -ENOMEM;
	u->m = m;
	u->adopted = m->magic == UART_MAGIC && m->version == UART_VERSION;
	if (!bytes_adopt(&m->rx, m->rx_ring, UART_RX) || !bytes_adopt(&m->tx, m->tx_ring, UART_TX))
		u->adopted = false;
	if (u->adopted)
		return 0;
	m->rx.head = m->rx.tail = m->tx.head = m->tx.tail = 0;
	m->baud = baud;
	m->version = UART_VERSION;
	__atomic_store_n(&m->magic, UART_MAGIC, __ATOMIC_RELEASE);
	return 0;
}

/* What a predecessor's chip holds stays. No interrupts yet. */
static int chip_setup(struct uart *u)
{
	uint8_t clear = u->adopted ? 0 : FCR_CLEAR;
	int err = uart_baud(u, u->m->baud);

	if (!err)
		err = reg_write(u, UART_IER, 0);
	if (!err)
		err = reg_write(u, UART_FCR, (uint8_t)(FCR_ON | FCR_RX_8 | clear));
	return err ? err : reg_write(u, UART_MCR, MCR_ON);
}

int uart_open(struct uart *u, struct serve *s)
{
	uint32_t line = 0;
	int64_t irq;
	int err;

	err = device_find(u, &line);
	if (!err)
		err = chip_setup(u);
	if (err)
		return err;
	if (reg_read(u, UART_LSR) == 0xff)
		return -ENODEV;
	irq = sys_irq_create(u->device, IRQ_LINE, line, 0);
	if (irq < 0)
		return (int)irq;
	u->irq = (handle_t)irq;
	u->watch = (struct serve_watch){.fn = on_interrupt, .arg = u};
	err = serve_watch_add(s, &u->watch, u->irq, EVENT_IRQ, 0, 0);
	if (err)
		return err;
	interrupts_set(u, false);
	service(u); /* what came, and what was to go, while nobody served */
	return 0;
}
