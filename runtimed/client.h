/* SPDX-License-Identifier: MIT */
/*
 * One connection: collects input until a line is whole, and queues output so that the loop does one
 * write per client and turn. A client is owned by daemon.clients and frees itself after its handle
 * closed; closing cancels its requests and frees its subscriptions and attachments.
 */
#ifndef SVMRUND_CLIENT_H
#define SVMRUND_CLIENT_H

#include <stdbool.h>
#include <sys/types.h>
#include <uv.h>
#include "daemon.h"
#include "limits.h"
#include "list.h"
#include "output_queue.h"
#include "roles.h"

struct client {
	struct list link;		/* daemon.clients */
	struct list flush_link;		/* daemon.to_flush, or empty */
	struct daemon *daemon;
	uv_poll_t poll;
	int fd;
	int polled_for;			/* UV_READABLE, UV_WRITABLE */
	uint64_t number;		/* for the log */
	struct peer peer;
	enum role role;
	char *input;
	size_t input_bytes, input_capacity, input_scanned;
	bool skipping;			/* drop input up to the next LF: the line was too long */
	bool reading, ended;		/* ended: the peer closed its sending side */
	int descriptors[LIMIT_DESCRIPTORS];	/* received with SCM_RIGHTS, oldest first */
	unsigned int descriptor_count;
	struct output_queue output;	/* not yet taken by the kernel */
	uint64_t progress_ms;		/* when the kernel last took something: for the stall limit */
	bool congested;			/* between output_high_bytes and output_low_bytes */
	const char *doom;		/* disconnect it at the next flush, for this reason */
	bool close_when_flushed;
	bool closing;
	struct list requests;		/* struct rpc_request, without an answer yet */
	unsigned int request_count;
	struct list subscriptions;	/* struct subscription */
	struct list attachments;	/* struct attachment */
	unsigned int subscription_count;	/* both kinds */
	uint64_t last_subscription;	/* numbers are each client's own */
};

/* Takes a connection from the listening socket, or refuses it. False: there is none to take. */
bool client_accept(struct daemon *daemon, int listener);
/* Where to append whole lines; call client_queued() after each. */
struct json_out *client_output(struct client *client);
/* The same for lines that other clients get, too; becomes a user of them. */
void client_output_shared(struct client *client, struct shared_bytes *bytes);
void client_queued(struct client *client);
size_t client_queue_bytes(const struct client *client);
/* Disconnect at the next flush; `reason` is static text for the log. Safe anywhere. */
void client_doom(struct client *client, const char *reason);
/* Only from the top of the loop (own callbacks, flush): closes now and frees later. */
void client_close(struct client *client);
/* Have client_flush() called in this turn of the loop. Safe anywhere. */
void client_want_flush(struct client *client);
/* Once per turn of the loop, if it is in daemon.to_flush: write what is queued, or disconnect. */
void client_flush(struct client *client);
/* Poll for what is wanted now: input, and room for queued output. */
void client_update_poll(struct client *client);
/*
 * What observers together may have of a limit that all clients share: half of it, so that who may
 * change nothing cannot keep operators out either.
 */
uint64_t client_observers_share(uint64_t limit);

/* Deadlines: stalls of lossless clients, half-open peers that vanished. True: more to watch. */
bool client_tick(struct client *client);
/* A new configuration: its role may have changed. */
void client_update_role(struct client *client);

/* The oldest descriptor that was received and not used yet; the caller's from now on. -1: none. */
int client_take_descriptor(struct client *client);

#endif
