/* SPDX-License-Identifier: MIT */
/* The I/O APIC: 24 inputs, whose messages go to the local APICs in the kernel. */
#ifndef SVMRUND_IOAPIC_H
#define SVMRUND_IOAPIC_H

#include <stdint.h>
#include "../engine.h"

struct vm;

/* 0, or -1 with `error` filled. */
int ioapic_add(struct vm *vm, uint8_t id, struct engine_error *error);

#endif
