/* SPDX-License-Identifier: MIT */
/* EVENTINJ, APM volume 2, 15.20: an event that a vCPU begins with. */
#ifndef SVMC_EVENTS_H
#define SVMC_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#define EVENT_V		(1ULL << 31)
#define EVENT_EV	(1ULL << 11)	/* an error code is in bits 63:32 */
#define EVENT_RESERVED	(0x7ffffULL << 12)
#define EVENT_TYPE(event)	((unsigned int)((event) >> 8) & 7)
#define EVENT_VECTOR(event)	((unsigned int)(event) & 0xff)

enum { EVENT_INTERRUPT = 0, EVENT_NMI = 2, EVENT_EXCEPTION = 3, EVENT_SOFTWARE = 4 };

/* The word of a type in the language, or NULL for a reserved type. */
const char *event_type_name(unsigned int type);

/* Whether `inject` can say exactly this event. */
bool event_has_words(uint64_t event);

#endif
