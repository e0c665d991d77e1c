/* SPDX-License-Identifier: ISC */
/*
 * uart.h: one 16550, its queues and the requests that wait for it. Private to drivers/serial/uart.
 *
 * Event-driven: bytes come and go in the interrupt handler; a write to an idle line starts sending
 * by itself. Invariant: a reader waits only while rx is empty, a writer only while tx is full.
 *
 * What was received and not read, and written and not sent, lies in memory that outlives the driver
 * (struct uart_memory). A byte is taken out of tx when the chip has it, and out of rx before its
 * reader has it: a driver that dies between the two sends one twice, or loses what it just read,
 * and never gives the same input twice.
 */
#pragma once
#include "serve/bytes.h"
#include "serve/serve.h"
#include "serve/waiters.h"

#define UART_RX 4096u
#define UART_TX 16384u

#define UART_MAGIC   0x54524155u /* "UART" */
#define UART_VERSION 1u

/* Who may lie: a predecessor that was broken wrote it. */
struct uart_memory {
	uint32_t magic, version;
	uint32_t baud;
	struct bytes rx, tx;
	uint8_t rx_ring[UART_RX], tx_ring[UART_TX];
};

struct uart {
	struct uart_memory *m;
	bool adopted; /* m is a predecessor's: the chip is set up, and may hold bytes */
	handle_t device, irq;
	uint32_t base; /* first port */
	bool sending;  /* the transmitter's interrupt is on */
	struct waiters readers, writers, drainers;
	uint64_t received, sent, interrupts, overruns, errors, dropped;
	struct serve_watch watch;
};

/* Find what a predecessor left, or begin anew with this rate. -ENOMEM. */
P9_MUST int uart_remember(struct uart *u, uint32_t baud);
/* Find the device's ports and line (bootstrap handle "device:0"), set the line up, watch it.
 * Errors: -ENXIO no device with eight ports and a line; -ENODEV nothing answers there; the
 * kernel's. */
P9_MUST int uart_open(struct uart *u, struct serve *s);
/* 50 ... 115200, a divisor of UART_CLOCK. -EINVAL; -EIO. */
P9_MUST int uart_baud(struct uart *u, uint32_t baud);
/* Send what waits, as far as the line takes it. */
void uart_send(struct uart *u);
/* Give what was received to those who wait for it. */
void uart_feed(struct uart *u);
/* Take what writers have, as far as there is room. */
void uart_drain(struct uart *u);
/* Nothing waits to be sent, and the chip is empty but for what it sends now. */
bool uart_idle(struct uart *u);
/* As much of a write as there is room for: bytes, or an error of the client's memory. */
P9_MUST int64_t uart_take(struct uart *u, struct p9_request *req, uint32_t count);

/* tree.c */
extern const struct p9_file uart_tree;
