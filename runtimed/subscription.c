/* SPDX-License-Identifier: MIT */
/*
 * Who gets events, and what happens when somebody does not read them. `held` of a VM is true while
 * at least one lossless subscriber is congested; every change of that is made in update_hold().
 */
#include <stdlib.h>
#include <string.h>
#include "console.h"
#include "event_json.h"
#include "events.h"
#include "json_out.h"
#include "limits.h"
#include "log.h"
#include "subscription.h"

/* Tells the kernel whether a full ring stops the vCPU, and whether we drain at all. */
static void update_hold(struct vm *vm)
{
	bool lossless = false, held = false, was_held = vm->held;

	list_each(link, &vm->subscriptions) {
		struct subscription *s = list_object(link, struct subscription, vm_link);

		lossless |= s->lossless;
		held |= s->lossless && s->client->congested;
	}
	vm->held = held;
	for (unsigned int i = 0; i < vm->vcpu_count; i++) {
		struct vcpu *vcpu = vm->vcpus[i];

		__atomic_store_n(&vcpu->pages.ring->lossless, lossless, __ATOMIC_RELEASE);
		if (held)
			events_pause(vcpu);
		else if (was_held && vm->state != VM_STOPPED && vm->state != VM_FAILED)
			events_resume(vcpu);
	}
	/* A VM that ended while it was held still has to say so, but not from this stack. */
	if (was_held && !held)
		daemon_wake(vm->daemon);
}

struct subscription *subscription_new(struct client *client, struct vm *vm, bool lossless)
{
	struct subscription *s = need_memory(sizeof(*s) + vm->vcpu_count * sizeof(s->dropped[0]));
	char *end;

	s->client = client;
	s->vm = vm;
	s->number = ++client->daemon->last_subscription;
	s->lossless = lossless;
	memcpy(s->prefix, EVENT_JSON_PREFIX, sizeof(EVENT_JSON_PREFIX) - 1);
	end = json_put_u64(s->prefix + sizeof(EVENT_JSON_PREFIX) - 1, s->number);
	s->prefix_bytes = (size_t)(end - s->prefix);
	list_append(&client->subscriptions, &s->client_link);
	list_append(&vm->subscriptions, &s->vm_link);
	client->subscription_count++;
	update_hold(vm);
	return s;
}

struct subscription *subscription_find(struct client *client, uint64_t number)
{
	list_each(link, &client->subscriptions) {
		struct subscription *s = list_object(link, struct subscription, client_link);

		if (s->number == number)
			return s;
	}
	return NULL;
}

void subscription_free(struct subscription *s)
{
	struct vm *vm = s->vm;

	list_remove(&s->client_link);
	list_remove(&s->vm_link);
	s->client->subscription_count--;
	free(s);
	update_hold(vm);
}

static void report_drops(struct subscription *s, unsigned int vcpu)
{
	struct json_out *out = client_output(s->client);

	JSON_OUT_LITERAL(out, "{\"jsonrpc\":\"2.0\",\"method\":\"events.dropped\",\"params\":{"
			 "\"subscription\":");
	json_out_u64(out, s->number);
	JSON_OUT_LITERAL(out, ",\"vm\":");
	json_out_u64(out, s->vm->number);
	JSON_OUT_LITERAL(out, ",\"vcpu\":");
	json_out_u64(out, vcpu);
	JSON_OUT_LITERAL(out, ",\"count\":");
	json_out_u64(out, s->dropped[vcpu]);
	JSON_OUT_LITERAL(out, "}}\n");
	s->dropped[vcpu] = 0;
	client_queued(s->client);
}

void subscription_send_all(struct vm *vm, unsigned int vcpu, const char *body, size_t length)
{
	bool became_full = false;

	list_each(link, &vm->subscriptions) {
		struct subscription *s = list_object(link, struct subscription, vm_link);
		struct json_out *out = client_output(s->client);
		bool was_congested = s->client->congested;

		if (was_congested && !s->lossless) {
			s->dropped[vcpu]++;
			continue;
		}
		if (s->dropped[vcpu])
			report_drops(s, vcpu);
		json_out_bytes(out, s->prefix, s->prefix_bytes);
		json_out_bytes(out, body, length);
		client_queued(s->client);
		became_full |= s->client->congested && !was_congested;
	}
	if (became_full)
		update_hold(vm);
}

void subscription_count_drops(struct vm *vm, unsigned int vcpu, uint64_t count)
{
	list_each(link, &vm->subscriptions)
		list_object(link, struct subscription, vm_link)->dropped[vcpu] += count;
}

void subscription_report_drops(struct vm *vm)
{
	list_each(link, &vm->subscriptions) {
		struct subscription *s = list_object(link, struct subscription, vm_link);

		for (unsigned int i = 0; i < vm->vcpu_count; i++)
			if (s->dropped[i])
				report_drops(s, i);
	}
}

void subscription_client_relieved(struct client *client)
{
	list_each(link, &client->subscriptions) {
		struct subscription *s = list_object(link, struct subscription, client_link);

		for (unsigned int i = 0; i < s->vm->vcpu_count; i++)
			if (s->dropped[i])
				report_drops(s, i);
		update_hold(s->vm);
	}
}

void subscription_client_stalled(struct client *client)
{
	list_each(link, &client->subscriptions) {
		struct subscription *s = list_object(link, struct subscription, client_link);

		if (!s->lossless)
			continue;
		log_line(LOG_WARNING, "subscription %llu of client %llu (pid %d) is lossy from now "
			 "on: the client read nothing for %u ms", (unsigned long long)s->number,
			 (unsigned long long)client->number, (int)client->pid, LIMIT_STALL_MS);
		s->lossless = false;
		update_hold(s->vm);
	}
}

void subscription_forget_client(struct client *client)
{
	list_each(link, &client->subscriptions)
		subscription_free(list_object(link, struct subscription, client_link));
	list_each(link, &client->attachments)
		console_detach(list_object(link, struct attachment, client_link));
}
