/* SPDX-License-Identifier: MIT */
/* events.*: subscriptions of the calling client, and how their parameters become a filter. */
#include <string.h>
#include "event_json.h"
#include "events.h"
#include "limits.h"
#include "rpc_handlers.h"
#include "subscription.h"

/* args of events.subscribe, as in the table */
enum {
	ARG_VM, ARG_MODE, ARG_VCPU, ARG_EXITS, ARG_PORTS, ARG_GPAS, ARG_MSRS, ARG_RIPS, ARG_SAMPLE,
	ARG_FIELDS, ARG_FORMAT, ARG_FROM_SEQ
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

/* The exits that are named, and those that ports, gpas and msrs are about. */
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
	if (filter->msrs.count)
		event_filter_add_exit(filter, "MSR");
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
	take_ranges(&filter->msrs, request->args[ARG_MSRS].json);
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

/* False: the request is answered. Sequence numbers are per vCPU, so from_seq is about one. */
static bool take_options(struct rpc_request *request, const struct vm *vm,
			 struct subscription_options *options)
{
	const struct rpc_arg *args = request->args;

	options->lossless = args[ARG_MODE].given && !strcmp(args[ARG_MODE].text, "lossless");
	options->binary = args[ARG_FORMAT].given && !strcmp(args[ARG_FORMAT].text, "binary");
	options->from_seq = args[ARG_FROM_SEQ].number;
	if (options->lossless && !rpc_need_role(request, ROLE_OPERATOR, "a lossless subscription"))
		return false;
	if (options->binary && args[ARG_FIELDS].given) {
		rpc_fail_param(request, "fields", "events.subscribe: binary records have all fields; "
			       "leave out fields, or take the format json");
		return false;
	}
	if (args[ARG_FROM_SEQ].given && !args[ARG_VCPU].given && vm->vcpu_count > 1) {
		rpc_fail_param(request, "vcpu", "events.subscribe: each of the %u vCPUs of VM %llu "
			       "counts by itself; say of which one from_seq is",
			       vm->vcpu_count, (unsigned long long)vm->number);
		return false;
	}
	return take_filter(request, vm, &options->filter) &&
		take_fields(request, &options->fields);
}

void rpc_events_subscribe(struct rpc_request *request)
{
	bool again = request->args[ARG_FROM_SEQ].given;
	struct vm *vm = rpc_vm_of(request);
	struct subscription_options options = { 0 };
	struct subscription *subscription;
	cJSON *result;

	if (!vm || !take_options(request, vm, &options) || rpc_has_all_subscriptions(request))
		return;
	subscription = subscription_new(request->client, vm, &options);
	result = cJSON_CreateObject();
	cJSON_AddNumberToObject(result, "subscription", (double)subscription->number);
	rpc_reply(request, result);
	if (again)
		events_tell_again(vm->vcpus[options.filter.vcpu], subscription, options.from_seq);
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
