/* SPDX-License-Identifier: MIT */
/*
 * Who gets events, and what happens when somebody does not read them. `held` of a VM is true while
 * at least one lossless subscriber is congested; every change of that is made in
 * subscription_update_hold().
 */
#include <stdio.h>
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
void subscription_update_hold(struct vm *vm)
{
	bool lossless = vm->recorded, held = false, was_held = vm->held;

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

struct subscription *subscription_new(struct client *client, struct vm *vm, bool lossless,
				      const struct event_filter *filter, uint32_t fields)
{
	struct subscription *s = need_memory(sizeof(*s) + vm->vcpu_count * sizeof(s->dropped[0]));
	char *end;

	s->client = client;
	s->vm = vm;
	s->number = ++client->daemon->last_subscription;
	s->lossless = lossless;
	s->filter = *filter;
	s->fields = fields;
	memcpy(s->prefix, EVENT_JSON_PREFIX, sizeof(EVENT_JSON_PREFIX) - 1);
	end = json_put_u64(s->prefix + sizeof(EVENT_JSON_PREFIX) - 1, s->number);
	s->prefix_bytes = (size_t)(end - s->prefix);
	list_append(&client->subscriptions, &s->client_link);
	list_append(&vm->subscriptions, &s->vm_link);
	client->subscription_count++;
	subscription_update_hold(vm);
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
	subscription_update_hold(vm);
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
	json_out_u64(out, s->dropped[vcpu].count);
	if (s->dropped[vcpu].unseen) {
		JSON_OUT_LITERAL(out, ",\"unseen\":");
		json_out_u64(out, s->dropped[vcpu].unseen);
	}
	JSON_OUT_LITERAL(out, "}}\n");
	s->dropped[vcpu].count = s->dropped[vcpu].unseen = 0;
	client_queued(s->client);
}

static void report_drops_of_all(struct subscription *s)
{
	for (unsigned int i = 0; i < s->vm->vcpu_count; i++)
		if (s->dropped[i].count || s->dropped[i].unseen)
			report_drops(s, i);
}

/* An event in the views that were asked for so far; more different ones are encoded each time. */
struct encodings {
	unsigned int count;
	struct {
		uint32_t fields;
		size_t length;
		char body[EVENT_JSON_MAX_BYTES];
	} view[4];
};

static void send_event(struct subscription *s, struct encodings *encodings, unsigned int vcpu,
		       const struct svmrt_event *event)
{
	const unsigned int most = sizeof(encodings->view) / sizeof(encodings->view[0]);
	struct json_out *out = client_output(s->client);
	unsigned int at = 0;

	while (at < encodings->count && encodings->view[at].fields != s->fields)
		at++;
	if (at == encodings->count) {
		if (at == most)
			at--;
		else
			encodings->count++;
		encodings->view[at].fields = s->fields;
		encodings->view[at].length = event_json_body(encodings->view[at].body,
							     s->vm->number, vcpu, event,
							     s->fields);
	}
	json_out_bytes(out, s->prefix, s->prefix_bytes);
	json_out_bytes(out, encodings->view[at].body, encodings->view[at].length);
	client_queued(s->client);
}

void subscription_send_all(struct vm *vm, unsigned int vcpu, const struct svmrt_event *event)
{
	bool became_full = false;
	struct encodings encodings;

	encodings.count = 0;

	list_each(link, &vm->subscriptions) {
		struct subscription *s = list_object(link, struct subscription, vm_link);
		bool was_congested = s->client->congested;

		if (!event_filter_passes(&s->filter, vcpu, event))
			continue;
		if (was_congested && !s->lossless) {
			s->dropped[vcpu].count++;
			continue;
		}
		if (s->dropped[vcpu].count || s->dropped[vcpu].unseen)
			report_drops(s, vcpu);
		send_event(s, &encodings, vcpu, event);
		became_full |= s->client->congested && !was_congested;
	}
	if (became_full)
		subscription_update_hold(vm);
}

void subscription_count_drops(struct vm *vm, unsigned int vcpu, uint64_t count)
{
	list_each(link, &vm->subscriptions) {
		struct subscription *s = list_object(link, struct subscription, vm_link);

		if (!event_filter_wants_vcpu(&s->filter, vcpu))
			continue;
		if (event_filter_is_partial(&s->filter))
			s->dropped[vcpu].unseen += count;
		else
			s->dropped[vcpu].count += count;
	}
}

void subscription_report_drops(struct vm *vm)
{
	list_each(link, &vm->subscriptions)
		report_drops_of_all(list_object(link, struct subscription, vm_link));
}

void subscription_client_relieved(struct client *client)
{
	list_each(link, &client->subscriptions) {
		struct subscription *s = list_object(link, struct subscription, client_link);

		report_drops_of_all(s);
		subscription_update_hold(s->vm);
	}
}

static void make_lossy(struct client *client, const char *why)
{
	list_each(link, &client->subscriptions) {
		struct subscription *s = list_object(link, struct subscription, client_link);

		if (!s->lossless)
			continue;
		log_client(LOG_WARNING, client, "subscription %llu of client %llu (pid %d) is lossy "
			   "from now on: %s", (unsigned long long)s->number,
			   (unsigned long long)client->number, (int)client->peer.pid, why);
		s->lossless = false;
		subscription_update_hold(s->vm);
	}
}

void subscription_client_stalled(struct client *client)
{
	char why[80];

	snprintf(why, sizeof(why), "the client read nothing for %llu ms",
		 (unsigned long long)client->daemon->config->limits.stall_ms);
	make_lossy(client, why);
}

void subscription_client_demoted(struct client *client)
{
	make_lossy(client, "its user is no operator any more");
}

void subscription_forget_client(struct client *client)
{
	list_each(link, &client->subscriptions)
		subscription_free(list_object(link, struct subscription, client_link));
	list_each(link, &client->attachments)
		console_detach(list_object(link, struct attachment, client_link));
}
