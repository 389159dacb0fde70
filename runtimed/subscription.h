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

struct subscription {
	struct list client_link, vm_link;
	struct client *client;
	struct vm *vm;
	uint64_t number;
	bool lossless;
	char prefix[96];	/* of every event line, with the number */
	size_t prefix_bytes;
	uint32_t fields;	/* its view: EVENT_FIELDS_ALL or some of them */
	struct event_filter filter;
	struct {
		uint64_t count;		/* events of this subscription */
		uint64_t unseen;	/* records that the ring lost before the filter saw them */
	} dropped[];		/* per vCPU, not reported yet */
};

/* Copies the filter. */
struct subscription *subscription_new(struct client *client, struct vm *vm, bool lossless,
				      const struct event_filter *filter, uint32_t fields);
struct subscription *subscription_find(struct client *client, uint64_t number);
void subscription_free(struct subscription *subscription);

/* One event to all subscribers of the VM that want it; encoded once for all of the same view. */
void subscription_send_all(struct vm *vm, unsigned int vcpu, const struct svmrt_event *event);
/* Events that the ring lost. */
void subscription_count_drops(struct vm *vm, unsigned int vcpu, uint64_t count);
/* Makes the rings of a VM hold or drop as its subscriptions and the recorder want it. */
void subscription_update_hold(struct vm *vm);
/* Report what is not reported yet: before vm.state. */
void subscription_report_drops(struct vm *vm);

/* A client's queue fell below the low mark; stopped moving; the client is going away. */
void subscription_client_relieved(struct client *client);
void subscription_client_stalled(struct client *client);
/* The client is no operator any more: what is lossless becomes lossy. */
void subscription_client_demoted(struct client *client);
void subscription_forget_client(struct client *client);

#endif
