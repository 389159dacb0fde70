/* SPDX-License-Identifier: MIT */
/*
 * Answers on their way out: single ones, batches, errors without a request, notifications. Used by
 * rpc.c; handlers need rpc.h only.
 */
#ifndef SVMRUND_RPC_ANSWER_H
#define SVMRUND_RPC_ANSWER_H

#include "rpc.h"

/* A batch collects answers; it is sent and freed when the last holder lets go. */
struct rpc_batch *rpc_batch_new(struct client *client);	/* held once, by the caller */
void rpc_batch_hold(struct rpc_batch *batch);
void rpc_batch_release(struct rpc_batch *batch);

/* Takes the request out of its client's list and lets go of its batch. */
void rpc_request_free(struct rpc_request *request);

/* An error with id null; data {"limit": limit, "value": value} unless `limit` is NULL. */
void rpc_answer_error(struct client *client, enum rpc_code code, const char *text,
		      const char *limit, uint64_t value);

#endif
