/* SPDX-License-Identifier: MIT */
/* Everything that `chipset: pc` stands for, but the local APICs, which are in the kernel. */
#ifndef SVMRUND_CHIPSET_PC_H
#define SVMRUND_CHIPSET_PC_H

#include <svmkit/svmt.h>
#include "../engine.h"

struct vm;

int chipset_pc_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error);

#endif
