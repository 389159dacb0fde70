/* SPDX-License-Identifier: MIT */
/*
 * The binary form of events, an alternative to a line of JSON for each: a header, then the records
 * as the kernel wrote them. Frames stand between lines on the same connection; a line never begins
 * with a NUL byte. Little endian; described in svmrund-rpc(7).
 */
#ifndef SVMKIT_EVENT_FRAME_H
#define SVMKIT_EVENT_FRAME_H

#include <stdint.h>
#include <svmkit/svmrt.h>

#define EVENT_FRAME_VERSION 1

struct event_frame {
	uint8_t zero;
	uint8_t version;
	uint16_t header_bytes;		/* 32: where the first record is */
	uint32_t bytes;			/* of the whole frame */
	uint64_t subscription;
	uint64_t vm;
	uint32_t vcpu;
	uint32_t count;			/* of struct svmrt_event */
};
_Static_assert(sizeof(struct event_frame) == 32, "fixed by the format");

#endif
