/* SPDX-License-Identifier: MIT */
/* The virtio entropy device (Virtual I/O Device 1.2, 5.4): the host's random bytes. */
#ifndef SVMRUND_VIRTIO_RNG_H
#define SVMRUND_VIRTIO_RNG_H

#include <svmkit/svmt.h>
#include "../engine.h"

struct vm;

int virtio_rng_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error);

#endif
