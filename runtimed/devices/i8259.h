/* SPDX-License-Identifier: MIT */
/* The two 8259A of a PC, the second on input 2 of the first, with the ELCR of the PIIX beside them. */
#ifndef SVMRUND_I8259_H
#define SVMRUND_I8259_H

#include <stdint.h>

struct pic;
struct vm;

/* Becomes vm->pic; its output is the INTR line of vCPU 0. `elcr`: lines that are level-triggered. */
void pic_add(struct vm *vm, uint16_t elcr);
/* An INTA cycle, with the bus's lock: the vector. */
uint8_t pic_acknowledge(struct pic *pic);

#endif
