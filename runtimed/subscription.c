/* SPDX-License-Identifier: MIT */
/*
 * Who gets events, and what happens when somebody does not read them. `held` of a VM is true while
 * at least one lossless subscriber is congested; every change of that is made in
 * subscription_update_hold().
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "config.h"
#include "console.h"
#include "event_json.h"
#include "events.h"
#include "json_out.h"
#include "limits.h"
#include "log.h"
#include "subscription.h"
#include "vcpu.h"

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

		__atomic_store_n(&vcpu->pages.ring->lossless,
				 lossless ? SVMRT_RING_WAIT : SVMRT_RING_LOSSY, __ATOMIC_RELEASE);
		if (!lossless)
			vcpu_ring_drained(vcpu);	/* it waits no longer */
		if (held)
			events_pause(vcpu);
		else if (was_held && vm->state != VM_STOPPED && vm->state != VM_FAILED)
			events_resume(vcpu);
	}
	/* A VM that ended while it was held still has to say so, but not from this stack. */
	if (was_held && !held)
		daemon_wake(vm->daemon);
}

struct subscription *subscription_new(struct client *client, struct vm *vm,
				      const struct subscription_options *options)
{
	struct subscription *s = need_memory(sizeof(*s) + vm->vcpu_count * sizeof(s->dropped[0]));
	char *end;

	s->client = client;
	s->vm = vm;
	s->number = ++client->last_subscription;
	s->lossless = options->lossless;
	s->binary = options->binary;
	s->from_seq = options->from_seq;
	s->filter = options->filter;
	s->fields = options->fields;
	s->takes_all = !s->filter.one_vcpu && !event_filter_is_partial(&s->filter);
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
	shared_bytes_trim();
	subscription_update_hold(vm);
}

static void report_drops_of_all(struct subscription *s)
{
	for (unsigned int i = 0; i < s->vm->vcpu_count; i++)
		subscription_report_drops(s, i);
}

void subscription_count_drops_of(struct subscription *s, unsigned int vcpu, uint64_t count)
{
	if (!event_filter_wants_vcpu(&s->filter, vcpu))
		return;
	if (event_filter_is_partial(&s->filter))
		s->dropped[vcpu].unseen += count;
	else
		s->dropped[vcpu].count += count;
}

void subscription_count_drops(struct vm *vm, unsigned int vcpu, uint64_t count)
{
	list_each(link, &vm->subscriptions)
		subscription_count_drops_of(list_object(link, struct subscription, vm_link), vcpu,
					    count);
}

void subscription_report_all_drops(struct vm *vm)
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
