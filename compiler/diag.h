/* SPDX-License-Identifier: MIT */
/*
 * Diagnostics: file:line:column, the source line and a caret under the range, in the style of GCC,
 * or one JSON object a line. A message says what was found, what the rule is and what to do.
 */
#ifndef SVMC_DIAG_H
#define SVMC_DIAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct source {
	const char *path;		/* as the user wrote it */
	const char *text;
	size_t bytes;
	const uint32_t *line_start;	/* byte offset of each line */
	uint32_t line_count;
};

/* Lines and columns from 1, columns in characters; the end column is behind the last character. */
struct range {
	const struct source *source;	/* NULL: no place in a file */
	uint32_t line, column;
	uint32_t end_line, end_column;
	const struct range *replaced;	/* the value that this one replaced, or NULL */
};

struct diag {
	FILE *out;
	const char *path;		/* for messages without a place in a file */
	bool colour;
	bool json;
	unsigned int errors, warnings;
	bool muted;			/* the last error was one too many; its notes are too */
};

#define DIAG_MAX_ERRORS 100	/* the rest of a hopeless file is counted, not shown */

__attribute__((format(printf, 3, 4)))
void diag_error(struct diag *diag, const struct range *range, const char *format, ...);
__attribute__((format(printf, 3, 4)))
void diag_warning(struct diag *diag, const struct range *range, const char *format, ...);
/* A second place that belongs to the message before. */
__attribute__((format(printf, 3, 4)))
void diag_note(struct diag *diag, const struct range *range, const char *format, ...);

/* The range of one whole source line without its indentation. */
struct range diag_line_range(const struct source *source, uint32_t line);

#endif
