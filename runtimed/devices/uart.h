/* SPDX-License-Identifier: MIT */
/* A 16550A whose output goes to the VM's console. It raises no interrupt and receives nothing. */
#ifndef SVMRUND_UART_H
#define SVMRUND_UART_H

#include "../io.h"

struct io_device *uart_new(uint16_t first_port);	/* for io_bus_add() */

#endif
