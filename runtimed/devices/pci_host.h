/* SPDX-License-Identifier: MIT */
/* PCI configuration space: a host bridge, and nothing behind it. */
#ifndef SVMRUND_PCI_HOST_H
#define SVMRUND_PCI_HOST_H

struct engine_error;
struct vm;

int pci_host_add(struct vm *vm, struct engine_error *error);

#endif
