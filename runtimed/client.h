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
#include "json_out.h"
#include "list.h"

struct client {
	struct list link;		/* daemon.clients */
	struct daemon *daemon;
	uv_pipe_t pipe;
	uint64_t number;		/* for the log */
	pid_t pid;			/* of the peer, as SO_PEERCRED tells; 0: unknown */
	uid_t uid;

	char *input;
	size_t input_bytes, input_capacity, input_scanned;
	bool skipping;			/* drop input up to the next LF: the line was too long */
	bool reading, ended;		/* ended: the peer closed its sending side */

	struct json_out output;		/* not yet given to uv_write() */
	size_t in_flight;		/* given to uv_write(), not yet written */
	uint64_t submitted_bytes;	/* ever given to uv_write() */
	uint64_t taken_bytes;		/* of them, what the kernel had taken at the last tick */
	uint64_t progress_ms;		/* when that last grew: for the stall limit */
	bool congested;			/* between OUTPUT_HIGH_BYTES and OUTPUT_LOW_BYTES */
	const char *doom;		/* disconnect it at the next flush, for this reason */
	bool close_when_flushed;
	bool closing;

	struct list requests;		/* struct rpc_request, without an answer yet */
	unsigned int request_count;
	struct list subscriptions;	/* struct subscription */
	struct list attachments;	/* struct attachment */
	unsigned int subscription_count;	/* both kinds */
};

/* Accepts a connection from the listener, or refuses it when there are too many. */
void client_accept(struct daemon *daemon, uv_stream_t *listener);

/* Where to append whole lines; call client_queued() after each. */
struct json_out *client_output(struct client *client);
void client_queued(struct client *client);
size_t client_queue_bytes(const struct client *client);

/* Disconnect at the next flush; `reason` is static text for the log. Safe anywhere. */
void client_doom(struct client *client, const char *reason);

/* Only from the top of the loop (own callbacks, flush): closes now and frees later. */
void client_close(struct client *client);

/* Once per turn of the loop: write what is queued, disconnect the doomed. */
void client_flush(struct client *client);

/* Deadlines: stalls of lossless clients, half-open peers that vanished. True: more to watch. */
bool client_tick(struct client *client);

#endif
