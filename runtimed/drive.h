/* SPDX-License-Identifier: MIT */
/*
 * Raw images behind drives. One that a VM may write is no other VM's: OFD locks say so between
 * processes, and a look at its own VMs within the daemon (a client may send one descriptor twice).
 */
#ifndef SVMRUND_DRIVE_H
#define SVMRUND_DRIVE_H

#include "daemon.h"
#include "vm_backing.h"

/* Checks and locks the image behind the fd of `backing`, one of `own`, and fills in the rest. False:
 * `text` says why not. */
bool drive_take(const struct daemon *daemon, const struct vm_backings *own,
		struct vm_backing *backing, char text[VM_BACKING_ERROR_BYTES]);

#endif
