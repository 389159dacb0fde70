/* SPDX-License-Identifier: MIT */
/*
 * The virtio console (Virtual I/O Device 1.2, 5.3) with one port. Its output goes to the VM's console
 * with that of the serial ports; what is typed goes to the first of them all in the spec.
 */
#ifndef SVMRUND_VIRTIO_CONSOLE_H
#define SVMRUND_VIRTIO_CONSOLE_H

#include <svmkit/svmt.h>
#include "../engine.h"

struct vm;

int virtio_console_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error);

#endif
