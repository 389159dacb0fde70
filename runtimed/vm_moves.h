/* SPDX-License-Identifier: MIT */
/*
 * Which moves a VM's state allows. The table in vm_moves.c decides for every request that moves a
 * VM; svmrund-rpc(7) shows it to clients, and a test walks all of it.
 */
#ifndef SVMRUND_VM_MOVES_H
#define SVMRUND_VM_MOVES_H

#include "vm.h"

enum vm_move {
	VM_MOVE_START, VM_MOVE_PAUSE, VM_MOVE_RESUME, VM_MOVE_STOP, VM_MOVE_DESTROY, VM_MOVES
};

/* The name of the method that asks for the move. */
const char *vm_move_name(enum vm_move move);
/* NULL: the move is legal now. Else why not, and what to do. */
const char *vm_move_refusal(const struct vm *vm, enum vm_move move);

#endif
