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
	if (client->subscription_count >= LIMIT_SUBSCRIPTIONS) {
		rpc_fail_limit(request, "subscriptions", LIMIT_SUBSCRIPTIONS,
			       "this client has %u subscriptions and consoles; end one",
			       LIMIT_SUBSCRIPTIONS);
		return;
	}
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
