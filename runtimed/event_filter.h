/* SPDX-License-Identifier: MIT */
/*
 * What a subscription lets through. The parameters of events.subscribe are compiled once into bits
 * and ranges; a record is then judged without names, allocation or locks.
 */
#ifndef SVMRUND_EVENT_FILTER_H
#define SVMRUND_EVENT_FILTER_H

#include <stdbool.h>
#include <stdint.h>
#include <svmkit/svmrt.h>

#define EVENT_FILTER_RANGES 16

struct event_ranges {
	unsigned int count;	/* 0: every value fits */
	struct { uint64_t first, last; } range[EVENT_FILTER_RANGES];
};

/* All zero: everything passes. */
struct event_filter {
	bool one_vcpu, some_exits;
	unsigned int vcpu;
	uint64_t sample;	/* 2 or more: one of so many events that fit, the first one first */
	uint64_t fitting;	/* of them so far */
	uint8_t exits[(SVMRT_SLOTS + 7) / 8];	/* bit of svmrt_exit_slot(); if some_exits */
	struct event_ranges ports, gpas, rips, msrs;
};

/* Lets exits of that code through. False: there is no exit of that name. */
bool event_filter_add_exit(struct event_filter *filter, const char *name);

/* Counts the event for `sample` if it fits the rest. */
bool event_filter_passes(struct event_filter *filter, unsigned int vcpu,
			 const struct svmrt_event *event);

/* Whether an event of that vCPU could pass, and whether every one would. */
bool event_filter_wants_vcpu(const struct event_filter *filter, unsigned int vcpu);
bool event_filter_is_partial(const struct event_filter *filter);

#endif
