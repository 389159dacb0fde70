/* SPDX-License-Identifier: MIT */
/* A 16550A. The first one of a VM is its console; nothing is plugged into the others. */
#ifndef SVMRUND_UART_H
#define SVMRUND_UART_H

#include <svmkit/svmt.h>
#include "../engine.h"

struct vm;

int uart_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error);

#endif
