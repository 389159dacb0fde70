/* SPDX-License-Identifier: MIT */
/* The interval timer of a PC with its three counters, and port 61h, which gates the third. */
#ifndef SVMRUND_I8254_H
#define SVMRUND_I8254_H

#include "../engine.h"

struct vm;

/* 0, or -1 with `error` filled. */
int pit_add(struct vm *vm, struct engine_error *error);

#endif
