/* SPDX-License-Identifier: MIT */
/* JUnit XML; see junit.h. Every text is escaped, whatever bytes a guest or a file name put into it. */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include "json_check.h"
#include "junit.h"

/* XML 1.0 cannot write most control characters, and a text is UTF-8: what fits neither is a `?`. */
static void print_escaped(FILE *out, const char *text)
{
	size_t length = strlen(text), at = 0;

	while (at < length) {
		const unsigned char c = (unsigned char)text[at];
		bool bad;

		if (c == '&' || c == '<' || c == '>' || c == '"') {
			fprintf(out, "&#%u;", c);
		} else if (c < 0x20 ? c != '\n' && c != '\t' : c == 0x7f) {
			fputc('?', out);
		} else if (c < 0x80) {
			fputc(c, out);
		} else {
			size_t width = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;

			if (width <= length - at && json_utf8_prefix(text + at, width, &bad) == width) {
				fwrite(text + at, 1, width, out);
				at += width;
				continue;
			}
			fputc('?', out);
		}
		at++;
	}
}

void junit_begin(FILE *out, const char *suite, size_t tests, size_t failures, size_t skipped)
{
	fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"");
	print_escaped(out, suite);
	fprintf(out, "\" tests=\"%zu\" failures=\"%zu\" skipped=\"%zu\">\n", tests, failures, skipped);
}

void junit_print(FILE *out, const char *classname, const struct junit_case *one)
{
	fprintf(out, "  <testcase classname=\"%s\" name=\"", classname);
	print_escaped(out, one->name);
	if (one->ns >= 0)
		fprintf(out, "\" time=\"%" PRId64 ".%03" PRId64, one->ns / 1000000000,
			one->ns / 1000000 % 1000);
	if (one->outcome == JUNIT_PASSED) {
		fprintf(out, "\"/>\n");
		return;
	}
	fprintf(out, "\">\n    <%s message=\"", one->outcome == JUNIT_FAILED ? "failure" : "skipped");
	print_escaped(out, one->message);
	fprintf(out, "\">");
	print_escaped(out, one->text ? one->text : "");
	fprintf(out, "</%s>\n  </testcase>\n", one->outcome == JUNIT_FAILED ? "failure" : "skipped");
}

void junit_end(FILE *out)
{
	fprintf(out, "</testsuite>\n");
}
