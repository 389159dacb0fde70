/* SPDX-License-Identifier: MIT */
/*
 * The VM behind an RPC connection as a target of gdb_server.h: vcpu.get and vcpu.set, memory through
 * memory.translate, breakpoints by vcpu.debug and by INT3 in memory.
 */
#ifndef SVMKIT_CTL_GDB_VM_H
#define SVMKIT_CTL_GDB_VM_H

#include "gdb_server.h"
#include "rpc.h"

struct gdb_vm;

/* Pauses the VM if it runs. NULL: it was said why not. The connection stays the caller's. */
struct gdb_vm *gdb_vm_new(struct rpc *rpc, long vm);
/* Takes the breakpoints out again; the VM stays as it is. */
void gdb_vm_free(struct gdb_vm *vm);
void gdb_vm_target(struct gdb_vm *vm, struct gdb_target *target);
/*
 * Takes notifications that have come. True: the VM has stopped, `stop` is filled. After a failure of
 * the connection, which was said, `*lost` is set.
 */
bool gdb_vm_poll(struct gdb_vm *vm, struct gdb_stop *stop, bool *lost);

#endif
