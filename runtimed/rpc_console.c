/* SPDX-License-Identifier: MIT */
/* console.*: serial output of a VM to the calling client, and input to the VM. */
#include <stdlib.h>
#include <string.h>
#include "json_b64.h"
#include "limits.h"
#include "log.h"
#include "rpc_handlers.h"

void rpc_console_attach(struct rpc_request *request)
{
	struct client *client = request->client;
	struct vm *vm = rpc_vm_of(request);
	cJSON *result;

	if (!vm)
		return;
	if (rpc_has_all_subscriptions(request))
		return;
	if (!console_attach(vm, client)) {
		rpc_fail(request, RPC_WRONG_STATE, "this client is attached to VM %llu already",
			 (unsigned long long)vm->number);
		return;
	}
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "vm", (double)vm->number);
	if (console_lost_bytes(&vm->console))
		cJSON_AddNumberToObject(result, "lost_bytes",
					(double)console_lost_bytes(&vm->console));
	rpc_reply(request, result);
	console_send_history(vm, client);
}

void rpc_console_detach(struct rpc_request *request)
{
	struct client *client = request->client;
	struct vm *vm = rpc_vm_of(request);

	if (!vm)
		return;
	list_each(link, &vm->attachments) {
		struct attachment *attachment = list_object(link, struct attachment, vm_link);

		if (attachment->client != client)
			continue;
		console_detach(attachment);
		rpc_reply(request, cJSON_CreateObject());
		return;
	}
	rpc_fail(request, RPC_WRONG_STATE, "this client is not attached to VM %llu",
		 (unsigned long long)vm->number);
}

/* args of console.write, as in the table */
enum { ARG_VM, ARG_DATA, ARG_BASE64 };

static void type(struct rpc_request *request, struct vm *vm, const char *bytes, size_t length)
{
	size_t waiting;
	cJSON *result;

	if (!console_type(&vm->console, bytes, length, &waiting)) {
		rpc_fail_limit(request, "console_input_bytes", CONSOLE_INPUT_BYTES,
			       "no room for %zu bytes: the guest has not read %zu yet", length, waiting);
		return;
	}
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "vm", (double)vm->number);
	cJSON_AddNumberToObject(result, "waiting_bytes", (double)waiting);
	rpc_reply(request, result);
}

static void type_base64(struct rpc_request *request, struct vm *vm, const char *text)
{
	size_t length = strlen(text), bad = 0;
	char *bytes = need_memory(length + 1);
	ssize_t got = json_b64_decode(bytes, text, length, &bad);

	if (got < 0)
		rpc_fail_param(request, "base64", "console.write: parameter base64 is not base64 at "
			       "character %zu", bad);
	else
		type(request, vm, bytes, (size_t)got);
	free(bytes);
}

void rpc_console_write(struct rpc_request *request)
{
	const struct rpc_arg *data = &request->args[ARG_DATA], *base64 = &request->args[ARG_BASE64];
	struct vm *vm = rpc_vm_of(request);

	if (!vm)
		return;
	if (data->given == base64->given)
		rpc_fail_param(request, "data", "console.write: exactly one of the parameters data "
			       "and base64 must be given");
	else if (!vm->console.exists)
		rpc_fail(request, RPC_WRONG_STATE, "VM %llu has no serial port; give its spec a uart "
			 "in devices", (unsigned long long)vm->number);
	else if (vm->state == VM_STOPPED || vm->state == VM_FAILED)
		rpc_fail(request, RPC_WRONG_STATE, "VM %llu is %s: nobody will read it",
			 (unsigned long long)vm->number, vm_state_name(vm));
	else if (data->given)
		type(request, vm, data->text, strlen(data->text));
	else
		type_base64(request, vm, base64->text);
}
