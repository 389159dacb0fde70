/* SPDX-License-Identifier: MIT */
/* Tap interfaces behind links: made beforehand by whoever runs the host's network. */
#ifndef SVMRUND_LINK_H
#define SVMRUND_LINK_H

#include "config.h"
#include "vm_backing.h"

#define LINK_HEADER_BYTES 12u	/* struct virtio_net_hdr of virtio 1: with num_buffers */

/* The tap of that name into backing->fd, if the configuration allows it. False: `text` says why not. */
bool link_open(const struct config *config, const char *tap, struct vm_backing *backing,
	       char text[VM_BACKING_ERROR_BYTES]);
/* Whether what a client sent is a tap, and prepares it. False: `text` says why not. */
bool link_take(struct vm_backing *backing, char text[VM_BACKING_ERROR_BYTES]);

#endif
