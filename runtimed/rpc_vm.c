/* SPDX-License-Identifier: MIT */
/* vm.*: life cycle, listing and waiting. */
#include "limits.h"
#include "rpc_handlers.h"
#include "template.h"

struct vm *rpc_vm_of(struct rpc_request *request)
{
	struct vm *vm = vm_find(rpc_daemon(request), request->args[0].number);

	if (!vm)
		rpc_fail(request, RPC_NO_OBJECT, "no VM %llu; vm.list names them",
			 (unsigned long long)request->args[0].number);
	return vm;
}

static void wrong_state(struct rpc_request *request, const struct vm *vm, const char *remedy)
{
	rpc_fail(request, RPC_WRONG_STATE, "VM %llu is %s: %s", (unsigned long long)vm->number,
		 vm_state_name(vm), remedy);
}

static cJSON *short_json(const struct vm *vm)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddNumberToObject(json, "vm", (double)vm->number);
	cJSON_AddStringToObject(json, "state", vm_state_name(vm));
	return json;
}

void rpc_vm_create(struct rpc_request *request)
{
	struct daemon *daemon = rpc_daemon(request);
	struct template *template = template_find(daemon, request->args[0].text);
	struct engine_error error;
	struct vm *vm;
	cJSON *result;

	if (!template) {
		rpc_fail(request, RPC_NO_OBJECT, "no template %s is loaded; use template.load",
			 request->args[0].text);
	} else if (daemon->closing) {
		rpc_fail(request, RPC_WRONG_STATE, "svmrund is shutting down: start it again");
	} else if (daemon->vm_count >= LIMIT_VMS) {
		rpc_fail_limit(request, "vms", LIMIT_VMS, "%u VMs exist; destroy one", LIMIT_VMS);
	} else {
		vm = vm_create(daemon, template, request->args[1].text, &error);
		if (!vm) {
			rpc_fail_engine(request, &error);
			return;
		}
		result = cJSON_CreateObject();
		cJSON_AddNumberToObject(result, "vm", (double)vm->number);
		rpc_reply(request, result);
	}
}

void rpc_vm_start(struct rpc_request *request)
{
	struct vm *vm = rpc_vm_of(request);
	struct engine_error error;

	if (!vm)
		return;
	if (vm->daemon->closing)
		rpc_fail(request, RPC_WRONG_STATE, "svmrund is shutting down: start it again");
	else if (vm->state != VM_DEFINED)
		wrong_state(request, vm, "a VM runs once; create another from the same template");
	else if (!vm_start(vm, &error))
		rpc_fail_engine(request, &error);
	else
		rpc_reply(request, short_json(vm));
}

void rpc_vm_stop(struct rpc_request *request)
{
	struct vm *vm = rpc_vm_of(request);

	if (!vm)
		return;
	if (vm->state == VM_DEFINED) {
		wrong_state(request, vm, "only a running VM can be stopped; use vm.destroy");
	} else if (vm_is_running(vm)) {
		vm_wait_add(vm, request, VM_WAIT_STOP, 0);
		if (vm->state == VM_RUNNING)
			vm_request_stop(vm);
	} else {
		/* It may have ended by itself a moment ago: that is what the caller wanted. */
		rpc_reply(request, short_json(vm));
	}
}

void rpc_vm_destroy(struct rpc_request *request)
{
	struct vm *vm = rpc_vm_of(request);
	cJSON *result;

	if (!vm)
		return;
	if (vm_is_running(vm)) {
		wrong_state(request, vm, "stop it first (vm.stop)");
		return;
	}
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "vm", (double)vm->number);
	vm_destroy(vm);
	rpc_reply(request, result);
}

void rpc_vm_list(struct rpc_request *request)
{
	cJSON *result = cJSON_CreateObject(), *array = cJSON_AddArrayToObject(result, "vms");

	list_each(link, &rpc_daemon(request)->vms) {
		const struct vm *vm = list_object(link, struct vm, link);
		cJSON *json = cJSON_CreateObject();

		cJSON_AddNumberToObject(json, "vm", (double)vm->number);
		cJSON_AddStringToObject(json, "name", vm->name);
		cJSON_AddStringToObject(json, "state", vm_state_name(vm));
		cJSON_AddStringToObject(json, "template", vm->template->identity);
		cJSON_AddItemToArray(array, json);
	}
	rpc_reply(request, result);
}

void rpc_vm_info(struct rpc_request *request)
{
	const struct vm *vm = rpc_vm_of(request);
	cJSON *result;

	if (!vm)
		return;
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "vm", (double)vm->number);
	cJSON_AddStringToObject(result, "name", vm->name);
	cJSON_AddStringToObject(result, "state", vm_state_name(vm));
	cJSON_AddStringToObject(result, "template", vm->template->identity);
	cJSON_AddItemToObject(result, "vcpus", rpc_vcpu_stats(vm));
	cJSON_AddItemToObject(result, "end", vm_end_json(vm));
	rpc_reply(request, result);
}

void rpc_vm_wait(struct rpc_request *request)
{
	struct vm *vm = rpc_vm_of(request);
	const struct rpc_arg *timeout = &request->args[1];

	if (!vm)
		return;
	if (vm->state == VM_STOPPED || vm->state == VM_FAILED ||
	    (timeout->given && !timeout->number))
		rpc_reply(request, vm_state_json(vm));
	else
		vm_wait_add(vm, request, VM_WAIT_END,
			    timeout->given ? daemon_now_ms(vm->daemon) + timeout->number : 0);
}
