/* SPDX-License-Identifier: MIT */
/* A port whose written bytes are output of the VM's console; it reads as 0xe9, which says so. */
#ifndef SVMRUND_DEBUG_CONSOLE_H
#define SVMRUND_DEBUG_CONSOLE_H

#include <svmkit/svmt.h>
#include "../engine.h"

struct vm;

int debug_console_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error);

#endif
