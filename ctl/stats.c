/* SPDX-License-Identifier: MIT */
/*
 * Prints counters as the daemon gives them: an exit code or a host reason that svmctl has never
 * heard of still gets its line, because only the member names are printed.
 */
#include <string.h>
#include "json_get.h"
#include "stats.h"
#include "text.h"

/* Counters of a vCPU that are neither exits nor host-caused, in the order of the table. */
static const char *const totals[] = { "entries", "slices", "flushes", "events", "dropped",
					 "xcr0_restored" };

/* Sum `group`'s members (or the plain members) over all vCPUs into a new object. */
static cJSON *sum(const cJSON *vcpus, const char *group)
{
	cJSON *sums = cJSON_CreateObject();
	const cJSON *vcpu, *item;

	cJSON_ArrayForEach(vcpu, vcpus) {
		cJSON_ArrayForEach(item, json_member(vcpu, group)) {
			cJSON *old = cJSON_GetObjectItemCaseSensitive(sums, item->string);

			if (!cJSON_IsNumber(item))
				continue;
			if (old)
				cJSON_SetNumberValue(old, old->valuedouble + item->valuedouble);
			else
				cJSON_AddNumberToObject(sums, item->string, item->valuedouble);
		}
	}
	return sums;
}

static double sum_plain(const cJSON *vcpus, const char *name)
{
	const cJSON *vcpu;
	double total = 0;

	cJSON_ArrayForEach(vcpu, vcpus)
		total += json_number(vcpu, name, 0);
	return total;
}

static void add_rows(struct table *table, const char *kind, const char *vcpu, const cJSON *counters,
		     bool zeroes)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, counters) {
		if (cJSON_IsNumber(item) && (zeroes || item->valuedouble != 0))
			table_row(table, kind, item->string, text_count(item->valuedouble), vcpu);
	}
}

static bool print_sums(FILE *out, const cJSON *answer)
{
	const cJSON *vcpus = json_member(answer, "vcpus");
	cJSON *exits = sum(vcpus, "exits"), *host = sum(vcpus, "host");
	cJSON *missed = sum(vcpus, "missed_ticks");
	struct table table;

	table_begin(&table, "CAUSE|COUNTER|>COUNT");
	add_rows(&table, "guest", "", exits, true);
	add_rows(&table, "host", "", host, false);
	add_rows(&table, "missed", "", missed, false);
	add_rows(&table, "missed", "", json_member(answer, "missed_ticks"), false);
	for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++)
		table_row(&table, "total", totals[i], text_count(sum_plain(vcpus, totals[i])), "");
	cJSON_Delete(exits);
	cJSON_Delete(host);
	cJSON_Delete(missed);
	return table_end(&table, out);
}

bool stats_print(FILE *out, const cJSON *answer, bool each)
{
	const cJSON *vcpu;
	struct table table;

	if (!each)
		return print_sums(out, answer);
	table_begin(&table, "CAUSE|COUNTER|>COUNT|VCPU");
	cJSON_ArrayForEach(vcpu, json_member(answer, "vcpus")) {
		const char *number = text_count(json_number(vcpu, "vcpu", 0));
		char name[24];

		snprintf(name, sizeof(name), "%s", number);
		add_rows(&table, "guest", name, json_member(vcpu, "exits"), true);
		add_rows(&table, "host", name, json_member(vcpu, "host"), false);
		add_rows(&table, "missed", name, json_member(vcpu, "missed_ticks"), false);
		for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++)
			table_row(&table, "total", totals[i],
				  text_count(json_number(vcpu, totals[i], 0)), name);
	}
	add_rows(&table, "missed", "", json_member(answer, "missed_ticks"), false);
	return table_end(&table, out);
}
