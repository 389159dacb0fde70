/* SPDX-License-Identifier: MIT */
/* A 16550A whose output goes to the VM's console, and which receives its input. It raises no
 * interrupt: a guest has to poll. */
#ifndef SVMRUND_UART_H
#define SVMRUND_UART_H

#include <svmkit/svmt.h>
#include "../engine.h"

struct vm;

int uart_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error);

#endif
