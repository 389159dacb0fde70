/* SPDX-License-Identifier: MIT */
/*
 * What svmctl top shows, apart from how: the VMs with their rates, one VM's counters, the order and
 * the filter that keys choose. No terminal and no daemon in here, so that tests can hold it.
 */
#ifndef SVMKIT_CTL_TOP_VIEW_H
#define SVMKIT_CTL_TOP_VIEW_H

#include <stdint.h>
#include "counters.h"

struct top_vm {
	long vm;
	char name[32], state[12];
	unsigned int vcpus;
	struct counters counters;	/* the newest reading, with deltas */
	double exits, entries, events, dropped;	/* per second; dropped since creation */
	bool seen;			/* in the newest list */
};

enum top_sort { TOP_BY_EXITS, TOP_BY_NAME, TOP_BY_NUMBER, TOP_BY_EVENTS, TOP_SORTS };

struct top_view {
	struct top_vm *vms;
	size_t count, capacity;
	enum top_sort sort;
	char filter[32];		/* part of a name that rows must have; "" all */
	bool typing;			/* keys go to the filter */
	long detail;			/* VM whose counters are shown; 0: the list */
	size_t selected, first;		/* rows of the list; first one on the screen */
	bool whole;			/* counts since creation instead of rates */
	double seconds;			/* between the last two readings; 0: only one */
	char error[200];		/* why there is no newer reading, or "" */
};

/* Begin a reading: what top_view_vm() does not name until top_view_end() has gone. */
void top_view_begin(struct top_view *view, double seconds);
bool top_view_vm(struct top_view *view, long vm, const char *name, const char *state,
		 const cJSON *vcpus);
void top_view_end(struct top_view *view);
void top_view_free(struct top_view *view);

/* Rows that pass the filter, in order; returns how many. `rows` has room for view->count. */
size_t top_view_rows(const struct top_view *view, const struct top_vm **rows);
const struct top_vm *top_view_find(const struct top_view *view, long vm);

/* What a key means; the values of curses' keys are handed in by name to keep it out of here. */
enum top_key { TOP_KEY_UP = 0x10000, TOP_KEY_DOWN, TOP_KEY_PAGE_UP, TOP_KEY_PAGE_DOWN, TOP_KEY_ENTER,
	       TOP_KEY_BACK, TOP_KEY_ERASE };
enum top_answer { TOP_GO_ON, TOP_READ_NOW, TOP_QUIT };
enum top_answer top_view_key(struct top_view *view, int key, size_t page);

const char *top_sort_name(enum top_sort sort);

#endif
