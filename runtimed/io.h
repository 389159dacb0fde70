/* SPDX-License-Identifier: MIT */
/* Port I/O: finishes an IOIO exit by accesses to the VM's bus. */
#ifndef SVMRUND_IO_H
#define SVMRUND_IO_H

#include <stdbool.h>

struct vcpu;

/* vCPU thread, exit IOIO: completes the access in the run page. False: vcpu->end is filled. */
bool io_handle_exit(struct vcpu *vcpu);

#endif
