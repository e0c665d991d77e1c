/* SPDX-License-Identifier: ISC */
/* regs.h: registers of the 16550 UART, as offsets from its first port. Spec: PC16550D data sheet.
 */
#pragma once

#define UART_RBR   0u /* read: received byte */
#define UART_THR   0u /* write: byte to send */
#define UART_DLL   0u /* divisor, with LCR_DLAB */
#define UART_DLM   1u
#define UART_IER   1u
#define UART_IIR   2u /* read */
#define UART_FCR   2u /* write */
#define UART_LCR   3u
#define UART_MCR   4u
#define UART_LSR   5u
#define UART_PORTS 8u

#define IER_RX	   0x01u
#define IER_TX	   0x02u
#define IER_LINE   0x04u
#define FCR_ON	   0x01u
#define FCR_CLEAR  0x06u /* both queues */
#define FCR_RX_8   0x80u /* interrupt at 8 bytes, or after four characters' time */
#define LCR_8N1	   0x03u
#define LCR_DLAB   0x80u
#define MCR_ON	   0x0bu /* DTR, RTS, and OUT2, which lets the interrupt through */
#define LSR_RX	   0x01u
#define LSR_OVER   0x02u
#define LSR_ERROR  0x0cu /* parity, framing */
#define LSR_THRE   0x20u
#define UART_FIFO  16u
#define UART_CLOCK 115200u /* baud at divisor 1 */
