/* SPDX-License-Identifier: ISC */
/*
 * port.c: port access, the polled debug UART (COM1, 115200 8N1), reset, hardware random numbers.
 * The UART has no interrupt here; a put waits for room at most a bounded number of polls.
 */
#include "private.h"

#define UART_DATA	 (UART_PORT_BASE + 0)
#define UART_IER	 (UART_PORT_BASE + 1)
#define UART_FCR	 (UART_PORT_BASE + 2)
#define UART_LCR	 (UART_PORT_BASE + 3)
#define UART_MCR	 (UART_PORT_BASE + 4)
#define UART_LSR	 (UART_PORT_BASE + 5)
#define UART_LSR_DATA	 0x01
#define UART_LSR_ROOM	 0x20
#define UART_PUT_POLLS	 100000
#define RANDOM_TRIES	 10
#define KEYBOARD_COMMAND 0x64
#define RESET_CONTROL	 0xcf9

static bool uart_there;

uint32_t arch_port_read(uint16_t port, unsigned width)
{
	uint16_t word;

	switch (width) {
	case 1: return inb(port);
	case 2: __asm__ volatile("inw %1, %0" : "=a"(word) : "Nd"(port)); return word;
	case 4: return inl(port);
	}
	panic("port width %u", width);
}

void arch_port_write(uint16_t port, unsigned width, uint32_t value)
{
	switch (width) {
	case 1: outb(port, (uint8_t)value); return;
	case 2: __asm__ volatile("outw %0, %1" : : "a"((uint16_t)value), "Nd"(port)); return;
	case 4: outl(port, value); return;
	}
	panic("port width %u", width);
}

void arch_uart_init(void)
{
	outb(UART_IER, 0);
	outb(UART_LCR, 0x80); /* divisor 1: 115200 */
	outb(UART_DATA, 1);
	outb(UART_IER, 0);
	outb(UART_LCR, 0x03); /* 8N1 */
	outb(UART_FCR, 0x07); /* FIFO on, emptied */
	outb(UART_MCR, 0x0b); /* DTR, RTS, interrupt output on for a driver to come */
	uart_there = inb(UART_LSR) != 0xff;
}

void arch_uart_put(char c)
{
	if (!uart_there)
		return;
	for (int i = 0; i < UART_PUT_POLLS && !(inb(UART_LSR) & UART_LSR_ROOM); i++)
		arch_relax();
	outb(UART_DATA, (uint8_t)c);
}

int arch_uart_get(void)
{
	if (!uart_there || !(inb(UART_LSR) & UART_LSR_DATA))
		return -1;
	return inb(UART_DATA);
}

void arch_reset(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) nothing = {0, 0};

	__asm__ volatile("cli");
	outb(RESET_CONTROL, 0x02);
	outb(RESET_CONTROL, 0x06);
	delay_us(50000);
	outb(KEYBOARD_COMMAND, 0xfe);
	delay_us(50000);
	__asm__ volatile("lidt %0; int3" : : "m"(nothing));
	for (;;)
		__asm__ volatile("hlt");
}

bool arch_hw_random(uint64_t *out)
{
	static int has = -1;
	uint8_t ok = 0;

	if (has < 0)
		has = cpuid(1, 0).c >> 30 & 1;
	for (int i = 0; has && !ok && i < RANDOM_TRIES; i++)
		__asm__ volatile("rdrand %0; setc %1" : "=r"(*out), "=qm"(ok) : : "cc");
	return ok;
}
