/* SPDX-License-Identifier: MIT */
/* A 16550A whose output goes to the VM's console, and which receives its input. It raises no
 * interrupt: a guest has to poll. */
#ifndef SVMRUND_UART_H
#define SVMRUND_UART_H

#include "../io.h"

struct console;

/* For io_bus_add(). */
struct io_device *uart_new(uint16_t first_port, struct console *console);

#endif
