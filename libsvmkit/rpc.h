/* SPDX-License-Identifier: MIT */
/*
 * A blocking JSON-RPC 2.0 client on a Unix stream socket: one message a line. A call returns its own
 * answer; notifications that come in between wait in a queue for rpc_next(). Nothing that the daemon
 * sends is trusted: sizes are limited and every broken message has its own error text.
 */
#ifndef SVMKIT_LIBSVMKIT_RPC_H
#define SVMKIT_LIBSVMKIT_RPC_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

enum rpc_status {
	RPC_OK = 0,
	RPC_REFUSED,		/* the daemon answered with an error: rpc_error_code() says which */
	RPC_LOST,		/* no connection any more: closed, or not JSON-RPC */
	RPC_TIMEOUT,
	RPC_INTERRUPTED,	/* a signal that rpc_catch_signals() catches */
};

/* Error codes of the daemon, svmrund-rpc(7). */
enum rpc_code {
	RPC_PARSE = -32700, RPC_INVALID_REQUEST = -32600, RPC_NO_METHOD = -32601,
	RPC_BAD_PARAMS = -32602, RPC_INTERNAL = -32603,
	RPC_NO_OBJECT = 1, RPC_WRONG_STATE = 2, RPC_LIMIT = 3, RPC_TEMPLATE = 4, RPC_HOST = 5,
};

struct rpc;

struct rpc_note {
	struct rpc_note *next;
	cJSON *message;
	const char *method;	/* into message */
	const cJSON *params;	/* into message; always an object */
	size_t line_bytes;
	char line[];		/* as it came, NUL-terminated, without the line feed */
};

#define RPC_NO_DEADLINE INT64_MAX

/* Monotonic clock, ns; deadlines are on it. */
int64_t rpc_now(void);

/* Now plus `ns`, without overflow; INT64_MAX stays what it is. */
int64_t rpc_deadline(int64_t ns);

/* Never NULL except without memory; a failure to connect is RPC_LOST in *status. */
struct rpc *rpc_connect(const char *path, int64_t timeout_ns, enum rpc_status *status);
void rpc_close(struct rpc *rpc);

/* Called while a request is sent, with its bytes so far and in all; NULL: no more. */
void rpc_on_send(struct rpc *rpc, void (*on_send)(void *context, uint64_t done, uint64_t total),
		 void *context);

/* Longest wait for one answer from now on, ns; returns what it was. */
int64_t rpc_set_timeout(struct rpc *rpc, int64_t timeout_ns);
int rpc_fd(const struct rpc *rpc);	/* for poll(); -1: not connected */

/*
 * From now on SIGINT and SIGTERM no longer end the process. The first makes rpc_next() return
 * RPC_INTERRUPTED while calls still finish (so that a VM can be cleaned up); the second ends calls too.
 */
int rpc_catch_signals(struct rpc *rpc);
int rpc_signal(const struct rpc *rpc);	/* the first one caught, or 0 */

/* `params` is consumed (NULL: {}). *result, if wanted, is the caller's to delete. */
enum rpc_status rpc_call(struct rpc *rpc, const char *method, cJSON *params, cJSON **result);

/* The next notification, in order of arrival; the caller frees it with rpc_note_free(). */
enum rpc_status rpc_next(struct rpc *rpc, int64_t deadline, struct rpc_note **note);
void rpc_note_free(struct rpc_note *note);
/* Forget what is queued: it is about a VM that is gone, and numbers may be used again. */
void rpc_drop_notes(struct rpc *rpc);

/* One sentence about the last failure, safe for a terminal; and the daemon's code and data. */
const char *rpc_text(const struct rpc *rpc);
int rpc_error_code(const struct rpc *rpc);

/* Record that a message broke the contract; returns RPC_LOST. */
enum rpc_status rpc_broken(struct rpc *rpc, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
