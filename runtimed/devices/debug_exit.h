/* SPDX-License-Identifier: MIT */
/* A port whose write ends the run with the written value as status; reads give 0. */
#ifndef SVMRUND_DEBUG_EXIT_H
#define SVMRUND_DEBUG_EXIT_H

#include <svmkit/svmt.h>
#include "../engine.h"

struct vm;

int debug_exit_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error);

#endif
