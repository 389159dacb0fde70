/* SPDX-License-Identifier: MIT */
/*
 * JSON-RPC 2.0 on lines: parse, check against the method table, call, answer. A handler gets a
 * request whose arguments are checked, and must answer it exactly once, now or later, with
 * rpc_reply() or rpc_fail(); both free the request. A request of a client that vanished is
 * cancelled: its `cancel` is called and the owner must forget it (rpc frees it).
 */
#ifndef SVMRUND_RPC_H
#define SVMRUND_RPC_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include "client.h"
#include "engine.h"

enum rpc_code {
	RPC_PARSE_ERROR = -32700,
	RPC_INVALID_REQUEST = -32600,
	RPC_NO_METHOD = -32601,
	RPC_BAD_PARAMS = -32602,
	RPC_INTERNAL = -32603,
	RPC_NO_OBJECT = 1,
	RPC_WRONG_STATE = 2,
	RPC_LIMIT = 3,
	RPC_BAD_TEMPLATE = 4,
	RPC_HOST_REFUSED = 5,
	RPC_NOT_ALLOWED = 6,
};

enum rpc_type {
	RPC_TYPE_NUMBER,	/* number of an object: integer, 1 or more */
	RPC_TYPE_INDEX,		/* integer, 0 or more */
	RPC_TYPE_MS,		/* milliseconds: integer, 0 .. a day */
	RPC_TYPE_NAME,		/* 1 to 64 bytes without control characters */
	RPC_TYPE_DIGEST,	/* 64 lower-case hex digits */
	RPC_TYPE_BASE64,
	RPC_TYPE_TEXT,		/* any string */
	RPC_TYPE_PATH,		/* 1 to 4095 bytes without NUL */
	RPC_TYPE_TRUE,		/* true */
	RPC_TYPE_EVENT_MODE,	/* "lossy" or "lossless" */
	RPC_TYPE_EVENT_FORMAT,	/* "json" or "binary" */
	RPC_TYPE_U64,		/* integer, or a string like "0x1f" for all 64 bits */
	RPC_TYPE_LENGTH,	/* bytes: 1 .. LIMIT_ACCESS_BYTES */
	RPC_TYPE_REGS,		/* object: name of a register -> RPC_TYPE_U64 */
	RPC_TYPE_LIMITS,	/* object: run_time_ms, exits, vcpus, memory_bytes -> 1 or more */
	RPC_TYPE_CPUS,		/* array of 1 to 1024 integers, 0 .. 1023 */
	RPC_TYPE_NICE,		/* integer, -20 .. 19 */
	RPC_TYPE_BREAKPOINTS,	/* array of 1 to 4 {at: U64, kind, bytes: 1 .. 8} */
	RPC_TYPE_NAMES,		/* array of 1 to 64 strings */
	RPC_TYPE_DRIVES,	/* array of 1 to 16 {name, path or descriptor: true} */
	RPC_TYPE_LINKS,		/* array of 1 to 16 {name, tap or descriptor: true} */
	RPC_TYPE_RANGES,	/* array of 1 to 16 {first, last}, RPC_TYPE_U64 each, in order */
};

#define RPC_MAX_PARAMS 13

struct rpc_param {
	const char *name;	/* NULL ends the list */
	enum rpc_type type;
	bool optional;
	const char *meaning;
};

struct rpc_request;

struct rpc_method {
	const char *name;
	void (*call)(struct rpc_request *request);
	enum role role;		/* that the client needs */
	const char *summary;
	struct rpc_param params[RPC_MAX_PARAMS];
};

struct rpc_arg {
	bool given;
	uint64_t number;
	const char *text;	/* inside rpc_request.message */
	const cJSON *json;	/* the same: what has parts */
};

struct rpc_batch;

struct rpc_request {
	struct list link;		/* client.requests */
	struct client *client;
	struct rpc_batch *batch;	/* or NULL */
	char *id;			/* JSON text as it came, or NULL: a notification */
	cJSON *message;
	const struct rpc_method *method;	/* NULL: not known */
	uint64_t begin_ns;
	struct rpc_arg args[RPC_MAX_PARAMS];	/* in the order of method->params */
	void (*cancel)(struct rpc_request *request);	/* set by a handler that answers later */
	void *owner;			/* for the handler */
};

/* ---- for handlers ---- */

static inline struct daemon *rpc_daemon(const struct rpc_request *request)
{
	return request->client->daemon;
}

void rpc_reply(struct rpc_request *request, cJSON *result);	/* takes `result` */
void rpc_fail(struct rpc_request *request, enum rpc_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* The same with data: {"param": NAME}, {"offset": N}, {"limit": NAME, "value": N}. */
void rpc_fail_param(struct rpc_request *request, const char *param, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void rpc_fail_template(struct rpc_request *request, uint64_t offset, const char *text);
void rpc_fail_limit(struct rpc_request *request, const char *limit, uint64_t value,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));
/* False: the client has a lower role, and the request is answered; `what` needs that role. */
bool rpc_need_role(struct rpc_request *request, enum role role, const char *what);
void rpc_fail_engine(struct rpc_request *request, const struct engine_error *error);

/* A 64-bit value as "0x1f" in an object. */
void rpc_add_hex(cJSON *object, const char *name, uint64_t value);

/* ---- for the client layer ---- */

void rpc_line(struct client *client, const char *line, size_t length);
/* Errors that belong to no request: id null. */
void rpc_parse_error(struct client *client, size_t offset, const char *rule);
void rpc_refuse_line(struct client *client, const char *limit, uint64_t value, const char *text);
void rpc_forget_client(struct client *client);
/* A notification of ours to one client: `params` is taken. */
void rpc_notify(struct client *client, const char *method, cJSON *params);

/* ---- the table (rpc_table.c) and what is derived from it ---- */

extern const struct rpc_method rpc_methods[];
extern const size_t rpc_method_count;
const struct rpc_method *rpc_method_find(const char *name);
/* Checks `params` (may be NULL) against request->method and fills args; else answers and frees. */
bool rpc_args_take(struct rpc_request *request, const cJSON *params);
cJSON *rpc_openrpc_document(void);	/* caller frees */

/* ---- types of parameters (rpc_types.c) ---- */

/* The rule that the value breaks, or NULL and `arg` is filled. */
const char *rpc_type_take(const cJSON *item, enum rpc_type type, struct rpc_arg *arg);
cJSON *rpc_type_schema(enum rpc_type type);	/* caller frees */
/* RPC_TYPE_U64: false if it is none. */
bool rpc_u64(const cJSON *item, uint64_t *value);

#endif
