/* SPDX-License-Identifier: MIT */
/* events.*: subscriptions of the calling client. */
#include <string.h>
#include "limits.h"
#include "rpc_handlers.h"
#include "subscription.h"

void rpc_events_subscribe(struct rpc_request *request)
{
	bool lossless = request->args[1].given && !strcmp(request->args[1].text, "lossless");
	struct vm *vm = rpc_vm_of(request);
	struct subscription *subscription;
	cJSON *result;

	if (!vm)
		return;
	if (request->client->subscription_count >= LIMIT_SUBSCRIPTIONS) {
		rpc_fail_limit(request, "subscriptions", LIMIT_SUBSCRIPTIONS,
			       "this client has %u subscriptions and consoles; end one",
			       LIMIT_SUBSCRIPTIONS);
		return;
	}
	subscription = subscription_new(request->client, vm, lossless);
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "subscription", (double)subscription->number);
	rpc_reply(request, result);
}

void rpc_events_unsubscribe(struct rpc_request *request)
{
	struct subscription *subscription =
		subscription_find(request->client, request->args[0].number);

	if (!subscription) {
		rpc_fail(request, RPC_NO_OBJECT, "this client has no subscription %llu",
			 (unsigned long long)request->args[0].number);
		return;
	}
	subscription_free(subscription);
	rpc_reply(request, cJSON_CreateObject());
}
