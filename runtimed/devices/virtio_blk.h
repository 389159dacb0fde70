/* SPDX-License-Identifier: MIT */
/* The virtio block device (Virtual I/O Device 1.2, 5.2) on a raw image. */
#ifndef SVMRUND_VIRTIO_BLK_H
#define SVMRUND_VIRTIO_BLK_H

#include <svmkit/svmt.h>
#include "../engine.h"

struct vm;

/* On what vm->backings has for the row's name. */
int virtio_blk_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error);

#endif
