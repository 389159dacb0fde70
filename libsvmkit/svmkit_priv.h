/* SPDX-License-Identifier: MIT */
/* What the two halves of libsvmkit's public face share: the connection object and JSON calls. */
#ifndef SVMKIT_SVMKIT_PRIV_H
#define SVMKIT_SVMKIT_PRIV_H

#include <svmkit/svmkit.h>
#include "rpc.h"

struct svmkit {
	struct rpc *rpc;
	struct rpc_note *note;		/* the last event's message: `json` points into it */
	unsigned char *bytes;		/* the last event's console bytes */
	char error[1024];
};

/* On the clock of rpc_now(); a negative time-out is none. */
int64_t svmkit_deadline(int64_t timeout_ms);

/* Note what went wrong with the last call, in the public numbers. */
enum svmkit_status svmkit_from_rpc(struct svmkit *svmkit, enum rpc_status status);

/* Record an error of our own and return `status`. */
enum svmkit_status svmkit_say(struct svmkit *svmkit, enum svmkit_status status, const char *format,
			      ...) __attribute__((format(printf, 3, 4)));

/* rpc_call(): `params` is consumed, *result the caller's. */
enum svmkit_status svmkit_rpc(struct svmkit *svmkit, const char *method, cJSON *params,
			      cJSON **result);

cJSON *svmkit_vm_params(unsigned int vm);
void svmkit_read_end(const cJSON *json, struct svmkit_end *end);

#endif
