/* SPDX-License-Identifier: MIT */
/* The real-time clock of a PC and its CMOS memory. */
#ifndef SVMRUND_MC146818_H
#define SVMRUND_MC146818_H

#include "../engine.h"

struct vm;

/* 0, or -1 with `error` filled. */
int rtc_add(struct vm *vm, struct engine_error *error);

#endif
