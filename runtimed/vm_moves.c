/* SPDX-License-Identifier: MIT */
/*
 * The state machine of a VM as a table of refusals: one row for every state, inner ones included,
 * one column for every move. An empty field is a legal move.
 */
#include "vm_moves.h"

#define ONCE "a VM runs once; create another from the same template"
#define STOP_FIRST "stop it first (vm.stop)"
#define NOT_RUNNING "only a running VM can be paused"
#define NOT_PAUSED "only a paused VM can be resumed"
#define ENDING "its run is ending"

static const char *const refusals[VM_STATES][VM_MOVES] = {
	[VM_DEFINED] = {
		[VM_MOVE_PAUSE] = NOT_RUNNING "; use vm.start first",
		[VM_MOVE_RESUME] = NOT_PAUSED "; use vm.start",
		[VM_MOVE_STOP] = "only a running or paused VM can be stopped; use vm.destroy",
	},
	[VM_RUNNING] = {
		[VM_MOVE_START] = ONCE,
		[VM_MOVE_RESUME] = NOT_PAUSED,
		[VM_MOVE_DESTROY] = STOP_FIRST,
	},
	[VM_PAUSING] = {
		[VM_MOVE_START] = ONCE,
		[VM_MOVE_RESUME] = NOT_PAUSED "; its vm.pause is not answered yet",
		[VM_MOVE_DESTROY] = STOP_FIRST,
	},
	[VM_PAUSED] = {
		[VM_MOVE_START] = ONCE ", or go on with vm.resume",
		[VM_MOVE_PAUSE] = NOT_RUNNING,
		[VM_MOVE_DESTROY] = STOP_FIRST,
	},
	[VM_STOPPING] = {
		[VM_MOVE_START] = ONCE, [VM_MOVE_PAUSE] = ENDING, [VM_MOVE_RESUME] = ENDING,
		[VM_MOVE_DESTROY] = ENDING "; wait for that (vm.wait)",
	},
	[VM_DRAINING] = {
		[VM_MOVE_START] = ONCE, [VM_MOVE_PAUSE] = ENDING, [VM_MOVE_RESUME] = ENDING,
		[VM_MOVE_DESTROY] = ENDING "; wait for that (vm.wait)",
	},
	/* vm.stop is legal: the VM may have ended by itself a moment before it was asked for. */
	[VM_STOPPED] = {
		[VM_MOVE_START] = ONCE, [VM_MOVE_PAUSE] = NOT_RUNNING,
		[VM_MOVE_RESUME] = NOT_PAUSED,
	},
	[VM_FAILED] = {
		[VM_MOVE_START] = ONCE, [VM_MOVE_PAUSE] = NOT_RUNNING,
		[VM_MOVE_RESUME] = NOT_PAUSED,
	},
};

const char *vm_move_name(enum vm_move move)
{
	static const char *const names[VM_MOVES] = {
		"vm.start", "vm.pause", "vm.resume", "vm.stop", "vm.destroy",
	};

	return names[move];
}

const char *vm_move_refusal(const struct vm *vm, enum vm_move move)
{
	return refusals[vm->state][move];
}
