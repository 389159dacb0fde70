/* SPDX-License-Identifier: MIT */
/* The virtio network device (Virtual I/O Device 1.2, 5.1) on a tap interface of the host. */
#ifndef SVMRUND_VIRTIO_NET_H
#define SVMRUND_VIRTIO_NET_H

#include <svmkit/svmt.h>
#include "../engine.h"

struct vm;

/* On what vm->backings has for the row's name. Without a MAC in the row the VM gets a random one. */
int virtio_net_add(struct vm *vm, const struct svmt_device *row, struct engine_error *error);

#endif
