/* SPDX-License-Identifier: MIT */
/* An event record as JSON text: the hot path that bypasses cJSON. */
#ifndef SVMRUND_EVENT_JSON_H
#define SVMRUND_EVENT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <svmkit/svmrt.h>

#define EVENT_JSON_MAX_BYTES 512

/* What stands before the body on each line is the same for one subscription. */
#define EVENT_JSON_PREFIX "{\"jsonrpc\":\"2.0\",\"method\":\"exit\",\"params\":{\"subscription\":"

/* The bits of a view: which fields stand on the line after vm, vcpu and seq. */
#define EVENT_FIELDS_ALL 0xfffu

/* The bit of a field by its name; 0 for those that are always there. False: there is none. */
bool event_json_field(const char *name, uint32_t *bit);

/*
 * Writes `,"vm":1,...,"action":"user"}}` and LF: everything after the subscription's number.
 * Returns the length, below EVENT_JSON_MAX_BYTES.
 */
size_t event_json_body(char *body, uint64_t vm, unsigned int vcpu, const struct svmrt_event *event,
		       uint32_t fields);

#endif
