/* SPDX-License-Identifier: MIT */
/* An event record as JSON text: the hot path that bypasses cJSON. Loop thread only. */
#ifndef SVMRUND_EVENT_JSON_H
#define SVMRUND_EVENT_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <svmkit/svmrt.h>

#define EVENT_JSON_MAX_BYTES 640	/* of a body, with the room that wide copies need behind it */

/* What stands before the body on each line is the same for one subscription. */
#define EVENT_JSON_PREFIX "{\"jsonrpc\":\"2.0\",\"method\":\"exit\",\"params\":{\"subscription\":"

/* The bits of a view: which fields stand on the line after vm, vcpu and seq. */
#define EVENT_FIELDS_ALL 0xfffu

/*
 * How all bodies of one vCPU begin: `,"vm":1,"vcpu":0,"seq":41`. The number stays there: that of the
 * next event most often differs in its last digit only.
 */
struct event_json_head {
	char text[64];
	size_t bytes, fixed_bytes;	/* with the number, and without */
	uint64_t seq;
};

void event_json_head(struct event_json_head *head, uint64_t vm, unsigned int vcpu);

/* The bit of a field by its name; 0 for those that are always there. False: there is none. */
bool event_json_field(const char *name, uint32_t *bit);

/*
 * Writes `,"vm":1,...,"action":"user"}}` and LF: everything after the subscription's number.
 * Returns the length; `body` has EVENT_JSON_MAX_BYTES, whatever the length is.
 */
size_t event_json_body(char *body, struct event_json_head *head,
		       const struct svmrt_event *event, uint32_t fields);

#endif
