/* SPDX-License-Identifier: MIT */
/*
 * Requests that are answered when a run has ended, vm.wait and vm.stop, or when every vCPU has left
 * RUN, vm.pause. A waiter is owned by its VM
 * and leaves with its answer, its deadline or its client.
 */
#include <stdlib.h>
#include "log.h"
#include "rpc.h"
#include "vm.h"

struct vm_waiter {
	struct list link;	/* vm.waiters */
	struct rpc_request *request;
	enum vm_waiter_kind kind;
	uint64_t deadline_ms;	/* 0: none */
};

static void remove_waiter(struct vm_waiter *waiter)
{
	list_remove(&waiter->link);
	free(waiter);
}

static void on_cancel(struct rpc_request *request)
{
	remove_waiter(request->owner);
}

void vm_wait_add(struct vm *vm, struct rpc_request *request, enum vm_waiter_kind kind,
		 uint64_t deadline_ms)
{
	struct vm_waiter *waiter = need_memory(sizeof(*waiter));

	waiter->request = request;
	waiter->kind = kind;
	waiter->deadline_ms = deadline_ms;
	request->cancel = on_cancel;
	request->owner = waiter;
	list_append(&vm->waiters, &waiter->link);
	if (deadline_ms)
		daemon_need_tick(vm->daemon);
}

static void answer(struct vm *vm, struct vm_waiter *waiter)
{
	struct rpc_request *request = waiter->request;
	cJSON *state = vm_state_json(vm);

	if (waiter->kind != VM_WAIT_END)
		cJSON_DeleteItemFromObjectCaseSensitive(state, "end");
	remove_waiter(waiter);
	rpc_reply(request, state);
}

static void refuse_pause(const struct vm *vm, struct vm_waiter *waiter)
{
	struct rpc_request *request = waiter->request;

	remove_waiter(waiter);
	rpc_fail(request, RPC_WRONG_STATE, "VM %llu is %s: its run ended before vm.pause was done",
		 (unsigned long long)vm->number, vm_state_name(vm));
}

void vm_wait_answer_all(struct vm *vm)
{
	list_each(link, &vm->waiters) {
		struct vm_waiter *waiter = list_object(link, struct vm_waiter, link);

		if (waiter->kind == VM_WAIT_PAUSE)
			refuse_pause(vm, waiter);
		else
			answer(vm, waiter);
	}
}

void vm_wait_answer_paused(struct vm *vm)
{
	list_each(link, &vm->waiters) {
		struct vm_waiter *waiter = list_object(link, struct vm_waiter, link);

		if (waiter->kind == VM_WAIT_PAUSE)
			answer(vm, waiter);
	}
}

void vm_wait_refuse_all(struct vm *vm)
{
	list_each(link, &vm->waiters) {
		struct vm_waiter *waiter = list_object(link, struct vm_waiter, link);
		struct rpc_request *request = waiter->request;

		remove_waiter(waiter);
		rpc_fail(request, RPC_NO_OBJECT, "VM %llu was destroyed before it ran",
			 (unsigned long long)vm->number);
	}
}

bool vm_wait_tick(struct vm *vm)
{
	uint64_t now = daemon_now_ms(vm->daemon);
	bool more = false;

	list_each(link, &vm->waiters) {
		struct vm_waiter *waiter = list_object(link, struct vm_waiter, link);

		if (!waiter->deadline_ms)
			continue;
		if (now >= waiter->deadline_ms)
			answer(vm, waiter);
		else
			more = true;
	}
	return more;
}
