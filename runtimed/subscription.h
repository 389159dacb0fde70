/* SPDX-License-Identifier: MIT */
/*
 * Event subscriptions: one client's view of one VM's exits. A lossy one drops while its client is
 * congested and reports the run of drops afterwards; a lossless one holds the VM's rings meanwhile.
 * Owned by both lists it is in; freed by unsubscribing, or with its client or its VM.
 */
#ifndef SVMRUND_SUBSCRIPTION_H
#define SVMRUND_SUBSCRIPTION_H

#include "client.h"
#include "event_filter.h"
#include "vm.h"

struct vcpu;

struct subscription {
	struct list client_link, vm_link;
	struct client *client;
	struct vm *vm;
	uint64_t number;
	bool lossless, binary;
	bool takes_all;		/* the filter lets everything through */
	uint64_t from_seq;	/* events before it were not asked for */
	char prefix[96];	/* of every event line, with the number */
	size_t prefix_bytes;
	uint32_t fields;	/* its view: EVENT_FIELDS_ALL or some of them */
	struct event_filter filter;
	struct {
		uint64_t count;		/* events of this subscription */
		uint64_t unseen;	/* records that the ring lost before the filter saw them */
	} dropped[];		/* per vCPU, not reported yet */
};

/* What events.subscribe says. */
struct subscription_options {
	bool lossless, binary;
	uint64_t from_seq;
	uint32_t fields;
	struct event_filter filter;
};

struct subscription *subscription_new(struct client *client, struct vm *vm,
				      const struct subscription_options *options);
struct subscription *subscription_find(struct client *client, uint64_t number);
void subscription_free(struct subscription *subscription);

/* Up to so many records of one vCPU at once. */
#define EVENT_BATCH 128

/* To all subscribers of the VM that want them; encoded once for all of the same view. */
void subscription_send_all(struct vcpu *vcpu, const struct svmrt_event *events,
			   unsigned int count);
/* The same to one of them. */
void subscription_send_one(struct subscription *subscription, struct vcpu *vcpu,
			   const struct svmrt_event *events, unsigned int count);
/* Events that the ring lost, for all subscribers or for one. */
void subscription_count_drops(struct vm *vm, unsigned int vcpu, uint64_t count);
void subscription_count_drops_of(struct subscription *subscription, unsigned int vcpu,
				 uint64_t count);
/* Makes the rings of a VM hold or drop as its subscriptions and the recorder want it. */
void subscription_update_hold(struct vm *vm);
/* Report what is not reported yet: of one vCPU; of a VM, before vm.state. */
void subscription_report_drops(struct subscription *subscription, unsigned int vcpu);
void subscription_report_all_drops(struct vm *vm);
/* A client's queue fell below the low mark; stopped moving; the client is going away. */
void subscription_client_relieved(struct client *client);
void subscription_client_stalled(struct client *client);
/* The client is no operator any more: what is lossless becomes lossy. */
void subscription_client_demoted(struct client *client);
void subscription_forget_client(struct client *client);

#endif
