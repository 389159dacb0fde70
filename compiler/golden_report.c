/* SPDX-License-Identifier: MIT */
/* Results of svmc golden as TAP and as JUnit XML. */
#include <string.h>
#include "golden.h"
#include "junit.h"

void golden_print_tap(FILE *out, const struct golden_results *results)
{
	fprintf(out, "1..%zu\n", results->count);
	for (size_t i = 0; i < results->count; i++) {
		const struct golden_result *r = &results->rows[i];
		const char *line = r->text ? r->text : "";

		fprintf(out, "%sok %zu - %s\n", r->good ? "" : "not ", i + 1, r->name);
		while (*line) {
			int length = (int)strcspn(line, "\n");

			fprintf(out, "# %.*s\n", length, line);
			line += length + (line[length] == '\n');
		}
	}
}

void golden_print_junit(FILE *out, const char *suite, const struct golden_results *results)
{
	char name[4200];

	snprintf(name, sizeof(name), "svmc golden %s", suite);
	junit_begin(out, name, results->count, results->failures, 0);
	for (size_t i = 0; i < results->count; i++) {
		const struct golden_result *r = &results->rows[i];

		junit_print(out, "svmc.golden", &(struct junit_case){
			.name = r->name, .outcome = r->good ? JUNIT_PASSED : JUNIT_FAILED,
			.message = "not the golden template", .text = r->text, .ns = -1 });
	}
	junit_end(out);
}
