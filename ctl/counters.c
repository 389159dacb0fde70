/* SPDX-License-Identifier: MIT */
/* Counters as rows; see counters.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "counters.h"
#include "json_get.h"

static const struct {
	const char *member;	/* of a vCPU's object; NULL: the plain numbers of the object itself */
	const char *parent, *name;
} kinds[] = {
	[COUNTER_EXIT] = { "exits", NULL, "guest" },
	[COUNTER_PORT] = { "ports", "IOIO", "port" },
	[COUNTER_MSR] = { "msrs", "MSR", "MSR" },
	[COUNTER_GPA] = { "gpas", "NPF", "GPA" },
	[COUNTER_HOST] = { "host", NULL, "host" },
	[COUNTER_MISSED] = { "missed_ticks", NULL, "missed ticks" },
	[COUNTER_TOTAL] = { NULL, NULL, "total" },
};

const char *counter_parent(enum counter_kind kind)
{
	return kinds[kind].parent;
}

const char *counter_kind_name(enum counter_kind kind)
{
	return kinds[kind].name;
}

static struct counter *find(const struct counters *counters, enum counter_kind kind,
			    const char *name)
{
	for (size_t i = 0; i < counters->count; i++) {
		struct counter *row = &counters->rows[i];

		if (row->kind == kind && !strncmp(row->name, name, sizeof(row->name) - 1))
			return row;
	}
	return NULL;
}

static void add(struct counters *counters, enum counter_kind kind, const char *name, double count)
{
	struct counter *row = find(counters, kind, name);

	if (row) {
		row->count += count;
		return;
	}
	if (counters->count == counters->capacity) {
		size_t capacity = counters->capacity * 2 + 64;
		struct counter *rows = reallocarray(counters->rows, capacity, sizeof(*rows));

		if (!rows) {
			counters->failed = true;
			return;
		}
		counters->rows = rows;
		counters->capacity = capacity;
	}
	row = &counters->rows[counters->count++];
	*row = (struct counter){ .kind = kind, .count = count };
	snprintf(row->name, sizeof(row->name), "%s", name);
}

static void add_group(struct counters *counters, enum counter_kind kind, const cJSON *group)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, group) {
		if (cJSON_IsNumber(item) && item->string && strcmp(item->string, "vcpu"))
			add(counters, kind, item->string, item->valuedouble);
	}
}

void counters_read(struct counters *counters, const cJSON *answer)
{
	const cJSON *vcpu;

	*counters = (struct counters){ .rows = NULL };
	cJSON_ArrayForEach(vcpu, json_member(answer, "vcpus")) {
		for (unsigned int kind = 0; kind < COUNTER_KINDS; kind++)
			add_group(counters, kind, kinds[kind].member ?
				  json_member(vcpu, kinds[kind].member) : vcpu);
	}
	add_group(counters, COUNTER_MISSED, json_member(answer, "missed_ticks"));
}

void counters_free(struct counters *counters)
{
	free(counters->rows);
	*counters = (struct counters){ .rows = NULL };
}

void counters_since(struct counters *counters, const struct counters *before)
{
	for (size_t i = 0; i < counters->count; i++) {
		struct counter *row = &counters->rows[i];
		const struct counter *old = before ? find(before, row->kind, row->name) : NULL;

		row->delta = row->count - (old ? old->count : 0);
	}
}

static int compare(const void *left, const void *right)
{
	const struct counter *a = left, *b = right;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->delta != b->delta)
		return a->delta > b->delta ? -1 : 1;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return strcmp(a->name, b->name);
}

void counters_sort(struct counters *counters)
{
	if (counters->count)
		qsort(counters->rows, counters->count, sizeof(*counters->rows), compare);
}

double counters_sum(const struct counters *counters, enum counter_kind kind, bool delta)
{
	double sum = 0;

	for (size_t i = 0; i < counters->count; i++) {
		if (counters->rows[i].kind == kind)
			sum += delta ? counters->rows[i].delta : counters->rows[i].count;
	}
	return sum;
}

double counters_value(const struct counters *counters, enum counter_kind kind, const char *name,
		      bool delta)
{
	const struct counter *row = find(counters, kind, name);

	return !row ? 0 : delta ? row->delta : row->count;
}
