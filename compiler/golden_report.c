/* SPDX-License-Identifier: MIT */
/* Results of svmc golden as TAP and as JUnit XML. */
#include <string.h>
#include "golden.h"

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

/* XML 1.0 has no way to write most control characters: they become question marks. */
static void print_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		const unsigned char c = (unsigned char)*text;

		if (c == '&' || c == '<' || c == '>' || c == '"')
			fprintf(out, "&#%u;", c);
		else if (c < 0x20 && c != '\n' && c != '\t')
			fputc('?', out);
		else
			fputc(c, out);
	}
}

void golden_print_junit(FILE *out, const char *suite, const struct golden_results *results)
{
	fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"svmc golden ");
	print_escaped(out, suite);
	fprintf(out, "\" tests=\"%zu\" failures=\"%zu\">\n", results->count, results->failures);
	for (size_t i = 0; i < results->count; i++) {
		const struct golden_result *r = &results->rows[i];

		fprintf(out, "  <testcase classname=\"svmc.golden\" name=\"");
		print_escaped(out, r->name);
		if (r->good) {
			fprintf(out, "\"/>\n");
			continue;
		}
		fprintf(out, "\">\n    <failure message=\"not the golden template\">");
		print_escaped(out, r->text);
		fprintf(out, "</failure>\n  </testcase>\n");
	}
	fprintf(out, "</testsuite>\n");
}
