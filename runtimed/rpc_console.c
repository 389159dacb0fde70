/* SPDX-License-Identifier: MIT */
/* console.attach: serial output of a VM to the calling client. */
#include "limits.h"
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
