/* SPDX-License-Identifier: MIT */
/*
 * The counters of stats.get as rows that can be sorted, compared with an earlier reading and printed:
 * what svmctl stat and svmctl top share. Names are the daemon's; an exit that svmctl has never heard
 * of still gets its row.
 */
#ifndef SVMKIT_CTL_COUNTERS_H
#define SVMKIT_CTL_COUNTERS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

enum counter_kind {
	COUNTER_EXIT,		/* caused by the guest, by exit name */
	COUNTER_PORT,		/* of the IOIO exits, by port */
	COUNTER_MSR,		/* of the MSR exits, by MSR */
	COUNTER_GPA,		/* of the NPF exits, by page */
	COUNTER_HOST,		/* what the host caused */
	COUNTER_MISSED,		/* ticks that came too late, by timer */
	COUNTER_TOTAL,		/* entries, slices, events, dropped ... */
	COUNTER_KINDS
};

struct counter {
	enum counter_kind kind;
	char name[28];
	double count;		/* since the VM was created */
	double delta;		/* since the earlier reading */
};

struct counters {
	struct counter *rows;
	size_t count, capacity;
	bool failed;		/* no memory: rows are missing */
};

/* Add up the vCPUs and devices of an answer of stats.get or vm.info. Free with counters_free(). */
void counters_read(struct counters *counters, const cJSON *answer);
void counters_free(struct counters *counters);

/* Set each delta to the difference from `before` (NULL: the whole count). */
void counters_since(struct counters *counters, const struct counters *before);

/* By kind; within one by delta, then count, both descending, then by name. */
void counters_sort(struct counters *counters);

/* The exit that rows of a finer kind are part of, or NULL. */
const char *counter_parent(enum counter_kind kind);
const char *counter_kind_name(enum counter_kind kind);

/* Sum of the rows of a kind; with `delta`, of their deltas. */
double counters_sum(const struct counters *counters, enum counter_kind kind, bool delta);
double counters_value(const struct counters *counters, enum counter_kind kind, const char *name,
		      bool delta);

#endif
