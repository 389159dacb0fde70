/* SPDX-License-Identifier: MIT */
/* The small ports of a PC's chipset: 80h (POST), 92h (A20 and reset) and CF9h (reset). */
#ifndef SVMRUND_SYSTEM_PORTS_H
#define SVMRUND_SYSTEM_PORTS_H

struct vm;

void system_ports_add(struct vm *vm);

#endif
