/* SPDX-License-Identifier: MIT */
/* vm.*: life cycle, listing and waiting. */
#include <stddef.h>
#include <string.h>
#include "config.h"
#include "limits.h"
#include "rpc_handlers.h"
#include "template.h"
#include "vcpu_debug.h"
#include "vm_limit.h"
#include "vm_moves.h"

/* args of vm.create, as in the table */
enum { ARG_TEMPLATE, ARG_NAME, ARG_LIMITS, ARG_CPUS, ARG_NICE, ARG_DRIVES, ARG_LINKS };

struct vm *rpc_vm_of(struct rpc_request *request)
{
	struct vm *vm = vm_find(rpc_daemon(request), request->args[0].number);

	if (!vm)
		rpc_fail(request, RPC_NO_OBJECT, "no VM %llu; vm.list names them",
			 (unsigned long long)request->args[0].number);
	return vm;
}

/* The VM that args[0] numbers, if its state allows the move; else NULL and the request is done. */
static struct vm *vm_to_move(struct rpc_request *request, enum vm_move move)
{
	struct vm *vm = rpc_vm_of(request);
	const char *refusal;

	if (!vm)
		return NULL;
	refusal = vm_move_refusal(vm, move);
	if (!refusal)
		return vm;
	rpc_fail(request, RPC_WRONG_STATE, "VM %llu is %s: no %s; %s",
		 (unsigned long long)vm->number, vm_state_name(vm), vm_move_name(move), refusal);
	return NULL;
}

static cJSON *short_json(const struct vm *vm)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddNumberToObject(json, "vm", (double)vm->number);
	cJSON_AddStringToObject(json, "state", vm_state_name(vm));
	return json;
}

static const struct {
	const char *name;
	size_t offset;
} limit_members[] = {
	{ "run_time_ms", offsetof(struct vm_limits, run_time_ms) },
	{ "exits", offsetof(struct vm_limits, exits) },
	{ "vcpus", offsetof(struct vm_limits, vcpus) },
	{ "memory_bytes", offsetof(struct vm_limits, memory_bytes) },
};

#define LIMIT_MEMBERS (sizeof(limit_members) / sizeof(limit_members[0]))

static struct vm_limits limits_of(const cJSON *json)
{
	struct vm_limits limits = { 0 };
	const cJSON *item;

	for (size_t i = 0; i < LIMIT_MEMBERS; i++) {
		item = cJSON_GetObjectItemCaseSensitive(json, limit_members[i].name);
		if (item)
			rpc_u64(item, (uint64_t *)((char *)&limits + limit_members[i].offset));
	}
	return limits;
}

static cJSON *limits_json(const struct vm *vm)
{
	cJSON *json = cJSON_CreateObject();

	for (size_t i = 0; i < LIMIT_MEMBERS; i++) {
		uint64_t value = *(const uint64_t *)((const char *)&vm->limits +
						     limit_members[i].offset);

		if (value)
			cJSON_AddNumberToObject(json, limit_members[i].name, (double)value);
	}
	return json;
}

/* True: the template has more than it may, and the request is answered. */
static bool is_too_big(struct rpc_request *request, const struct template *template,
		       const struct vm_limits *limits)
{
	const struct config_limits *most = &rpc_daemon(request)->config->limits;
	uint64_t vcpus = template->view.vcpu_count, bytes = template->memory_bytes;

	if (vcpus > most->vm_vcpus)
		rpc_fail_limit(request, "vm_vcpus", most->vm_vcpus,
			       "the template has %llu vCPUs; svmrund.conf allows fewer",
			       (unsigned long long)vcpus);
	else if (bytes > most->vm_memory_bytes)
		rpc_fail_limit(request, "vm_memory_bytes", most->vm_memory_bytes,
			       "the template has %llu bytes of memory; svmrund.conf allows fewer",
			       (unsigned long long)bytes);
	else if (limits->vcpus && vcpus > limits->vcpus)
		rpc_fail_limit(request, "vcpus", limits->vcpus, "the template has %llu vCPUs, more "
			       "than the limit in this request", (unsigned long long)vcpus);
	else if (limits->memory_bytes && bytes > limits->memory_bytes)
		rpc_fail_limit(request, "memory_bytes", limits->memory_bytes, "the template has %llu "
			       "bytes of memory, more than the limit in this request",
			       (unsigned long long)bytes);
	else
		return false;
	return true;
}

static void create_from(struct rpc_request *request, struct template *template)
{
	struct vm_backings backings;
	struct vm_options options = {
		.name = request->args[ARG_NAME].text,
		.backings = &backings,
		.limits = limits_of(request->args[ARG_LIMITS].json),
	};
	char text[VM_PLACE_ERROR_BYTES];
	const char *param = vm_place_take(&options.place, request->args[ARG_CPUS].json,
					  request->args[ARG_NICE].json, text);
	struct engine_error error;
	struct vm *vm;
	cJSON *result;

	if (param) {
		rpc_fail_param(request, param, "vm.create: %s", text);
		return;
	}
	if (is_too_big(request, template, &options.limits) ||
	    !rpc_take_backings(request, template, request->args[ARG_DRIVES].json,
			       request->args[ARG_LINKS].json, &backings))
		return;
	vm = vm_create(rpc_daemon(request), template, &options, &error);
	if (!vm) {
		rpc_fail_engine(request, &error);
		return;
	}
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "vm", (double)vm->number);
	rpc_reply(request, result);
}

void rpc_vm_create(struct rpc_request *request)
{
	struct daemon *daemon = rpc_daemon(request);
	struct template *template = template_find(daemon, request->args[ARG_TEMPLATE].text);

	if (!template)
		rpc_fail(request, RPC_NO_OBJECT, "no template %s is loaded; use template.load",
			 request->args[ARG_TEMPLATE].text);
	else if (daemon->closing)
		rpc_fail(request, RPC_WRONG_STATE, "svmrund is shutting down: start it again");
	else if (daemon->vm_count >= daemon->config->limits.vms)
		rpc_fail_limit(request, "vms", daemon->config->limits.vms,
			       "%u VMs exist; destroy one", daemon->vm_count);
	else
		create_from(request, template);
}

void rpc_vm_start(struct rpc_request *request)
{
	struct vm *vm = vm_to_move(request, VM_MOVE_START);
	struct engine_error error;

	if (!vm)
		return;
	if (vm->daemon->closing)
		rpc_fail(request, RPC_WRONG_STATE, "svmrund is shutting down: start it again");
	else if (!vm_start(vm, &error))
		rpc_fail_engine(request, &error);
	else
		rpc_reply(request, short_json(vm));
}

void rpc_vm_pause(struct rpc_request *request)
{
	struct vm *vm = vm_to_move(request, VM_MOVE_PAUSE);

	if (!vm)
		return;
	vm_wait_add(vm, request, VM_WAIT_PAUSE, 0);
	if (vm->state == VM_RUNNING)
		vm_request_pause(vm);
}

void rpc_vm_resume(struct rpc_request *request)
{
	struct vm *vm = vm_to_move(request, VM_MOVE_RESUME);
	struct vcpu *only = NULL;

	if (!vm)
		return;
	if (request->args[1].given) {
		only = rpc_vcpu_of(request);
		if (!only)
			return;
	}
	vm_resume(vm, only, request->args[2].given);
	rpc_reply(request, short_json(vm));
}

void rpc_vm_stop(struct rpc_request *request)
{
	struct vm *vm = vm_to_move(request, VM_MOVE_STOP);

	if (!vm)
		return;
	if (vm_is_running(vm)) {
		vm_wait_add(vm, request, VM_WAIT_STOP, 0);
		if (vm->state < VM_STOPPING)
			vm_request_stop(vm);
	} else {
		/* It may have ended by itself a moment ago: that is what the caller wanted. */
		rpc_reply(request, short_json(vm));
	}
}

void rpc_vm_destroy(struct rpc_request *request)
{
	struct vm *vm = vm_to_move(request, VM_MOVE_DESTROY);
	cJSON *result;

	if (!vm)
		return;
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
		cJSON_AddStringToObject(json, "template", vm->identity);
		cJSON_AddItemToArray(array, json);
	}
	rpc_reply(request, result);
}

void rpc_vm_info(struct rpc_request *request)
{
	struct vm *vm = rpc_vm_of(request);
	cJSON *result;

	if (!vm)
		return;
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "vm", (double)vm->number);
	cJSON_AddStringToObject(result, "name", vm->name);
	cJSON_AddStringToObject(result, "state", vm_state_name(vm));
	cJSON_AddStringToObject(result, "template", vm->identity);
	cJSON_AddItemToObject(result, "limits", limits_json(vm));
	vm_place_add_json(&vm->place, result);
	cJSON_AddNumberToObject(result, "run_time_ms", (double)vm_run_time_ms(vm));
	cJSON_AddItemToObject(result, "vcpus", rpc_vcpu_stats(vm));
	cJSON_AddItemToObject(result, "missed_ticks", rpc_missed_ticks(vm));
	cJSON_AddItemToObject(result, "end", vm_end_json(vm));
	cJSON_AddItemToObject(result, "debug", vm->state == VM_PAUSED ? vcpu_debug_json(vm) :
			      cJSON_CreateNull());
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
