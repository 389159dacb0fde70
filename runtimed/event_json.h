/* SPDX-License-Identifier: MIT */
/* An event record as JSON text: the hot path that bypasses cJSON. */
#ifndef SVMRUND_EVENT_JSON_H
#define SVMRUND_EVENT_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <svmkit/svmrt.h>

#define EVENT_JSON_MAX_BYTES 512

/* What stands before the body on each line is the same for one subscription. */
#define EVENT_JSON_PREFIX "{\"jsonrpc\":\"2.0\",\"method\":\"exit\",\"params\":{\"subscription\":"

/*
 * Writes `,"vm":1,...,"action":"user"}}` and LF: everything after the subscription's number.
 * Returns the length, below EVENT_JSON_MAX_BYTES.
 */
size_t event_json_body(char *body, uint64_t vm, unsigned int vcpu, const struct svmrt_event *event);

#endif
