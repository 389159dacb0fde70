/* SPDX-License-Identifier: MIT */
/*
 * Nested page faults on addresses without memory: the instruction is emulated. Where no device is,
 * reads give all ones; writes, also to ROM, are dropped, as on a PC.
 */
#ifndef SVMRUND_MMIO_H
#define SVMRUND_MMIO_H

#include <stdbool.h>

struct vcpu;

/* vCPU thread, exit NPF. False: vcpu->end is filled and names the instruction, RIP and GPA. */
bool mmio_handle_exit(struct vcpu *vcpu);

#endif
