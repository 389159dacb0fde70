/* SPDX-License-Identifier: MIT */
/* The keyboard controller of a PC without keyboard and mouse. */
#ifndef SVMRUND_I8042_H
#define SVMRUND_I8042_H

struct vm;

void keyboard_add(struct vm *vm);

#endif
