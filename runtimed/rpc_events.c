/* SPDX-License-Identifier: MIT */
/* events.*: subscriptions of the calling client, and how their parameters become a filter. */
#include <string.h>
#include "event_json.h"
#include "limits.h"
#include "rpc_handlers.h"
#include "subscription.h"

/* args of events.subscribe, as in the table */
enum {
	ARG_VM, ARG_MODE, ARG_VCPU, ARG_EXITS, ARG_PORTS, ARG_GPAS, ARG_RIPS, ARG_SAMPLE, ARG_FIELDS
};

static void take_ranges(struct event_ranges *ranges, const cJSON *array)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, array) {
		unsigned int at = ranges->count++;

		rpc_u64(cJSON_GetObjectItemCaseSensitive(item, "first"), &ranges->range[at].first);
		rpc_u64(cJSON_GetObjectItemCaseSensitive(item, "last"), &ranges->range[at].last);
	}
}

/* The exits that are named, and those that ports and gpas are about. */
static bool take_exits(struct rpc_request *request, struct event_filter *filter)
{
	const cJSON *name;

	cJSON_ArrayForEach(name, request->args[ARG_EXITS].json) {
		if (event_filter_add_exit(filter, name->valuestring))
			continue;
		rpc_fail_param(request, "exits", "events.subscribe: there is no exit %.64s; its "
			       "name is the one in a spec, such as IOIO", name->valuestring);
		return false;
	}
	if (filter->ports.count)
		event_filter_add_exit(filter, "IOIO");
	if (filter->gpas.count)
		event_filter_add_exit(filter, "NPF");
	return true;
}

/* False: the request is answered. */
static bool take_filter(struct rpc_request *request, const struct vm *vm,
			struct event_filter *filter)
{
	const struct rpc_arg *vcpu = &request->args[ARG_VCPU];

	if (vcpu->given && vcpu->number >= vm->vcpu_count) {
		rpc_fail(request, RPC_NO_OBJECT, "VM %llu has no vCPU %llu; it has %u",
			 (unsigned long long)vm->number, (unsigned long long)vcpu->number,
			 vm->vcpu_count);
		return false;
	}
	filter->one_vcpu = vcpu->given;
	filter->vcpu = (unsigned int)vcpu->number;
	filter->sample = request->args[ARG_SAMPLE].number;
	take_ranges(&filter->ports, request->args[ARG_PORTS].json);
	take_ranges(&filter->gpas, request->args[ARG_GPAS].json);
	take_ranges(&filter->rips, request->args[ARG_RIPS].json);
	return take_exits(request, filter);
}

static bool take_fields(struct rpc_request *request, uint32_t *fields)
{
	const cJSON *array = request->args[ARG_FIELDS].json, *name;

	*fields = array ? 0 : EVENT_FIELDS_ALL;
	cJSON_ArrayForEach(name, array) {
		uint32_t field;

		if (event_json_field(name->valuestring, &field)) {
			*fields |= field;
			continue;
		}
		rpc_fail_param(request, "fields", "events.subscribe: the notification exit has no "
			       "field %.64s", name->valuestring);
		return false;
	}
	return true;
}

bool rpc_has_all_subscriptions(struct rpc_request *request)
{
	uint64_t most = rpc_daemon(request)->config->limits.subscriptions;

	if (request->client->subscription_count < most)
		return false;
	rpc_fail_limit(request, "subscriptions", most,
		       "this client has %llu subscriptions and consoles; end one",
		       (unsigned long long)most);
	return true;
}

void rpc_events_subscribe(struct rpc_request *request)
{
	const struct rpc_arg *mode = &request->args[ARG_MODE];
	bool lossless = mode->given && !strcmp(mode->text, "lossless");
	struct vm *vm = rpc_vm_of(request);
	struct event_filter filter = { 0 };
	struct subscription *subscription;
	uint32_t fields;
	cJSON *result;

	if (!vm || (lossless && !rpc_need_role(request, ROLE_OPERATOR, "a lossless subscription")))
		return;
	if (!take_filter(request, vm, &filter) || !take_fields(request, &fields))
		return;
	if (rpc_has_all_subscriptions(request))
		return;
	subscription = subscription_new(request->client, vm, lossless, &filter, fields);
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
