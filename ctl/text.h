/* SPDX-License-Identifier: MIT */
/*
 * Text for people: escaping of what a daemon or guest wrote (a terminal obeys control characters),
 * aligned tables, and colours that appear only on a terminal that wants them.
 */
#ifndef SVMKIT_CTL_TEXT_H
#define SVMKIT_CTL_TEXT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Copy at most `most` of `bytes` bytes with control characters, quotes and backslashes escaped as in
 * C and JSON (\n, \u001b); other bytes stay when they are UTF-8, else \u00xx. "..." marks what was left
 * out. Always NUL-terminates; a `text` of 6 * most + 4 bytes never cuts anything off.
 */
void text_escape(char *text, size_t size, const void *bytes, size_t length, size_t most);

/* The same to a stream, whole, without a limit. */
void text_escape_to(FILE *out, const void *bytes, size_t length);

enum text_colour { TEXT_PLAIN, TEXT_BOLD, TEXT_RED, TEXT_GREEN, TEXT_YELLOW, TEXT_CYAN };

/* True for a terminal, unless NO_COLOR is set or TERM is "dumb". */
bool text_wants_colour(FILE *out);
const char *text_colour(bool wanted, enum text_colour colour);
const char *text_colour_end(bool wanted);

#define TABLE_COLUMNS 8

struct table {
	unsigned int columns;
	size_t rows, capacity;
	char *(*cells)[TABLE_COLUMNS];
	bool right[TABLE_COLUMNS];	/* numbers */
	bool failed;
};

/* Titles separated by '|'; a title that begins with '>' is a column of numbers. */
void table_begin(struct table *table, const char *titles);
/* Cells are const char *, as many as there are columns; they are escaped and copied. */
void table_row(struct table *table, ...);
/* Print and free; a table without rows prints its titles only. False: no memory. */
bool table_end(struct table *table, FILE *out);

/* Members of JSON from the daemon, with a value for "absent or of another type". */
const char *json_text(const cJSON *object, const char *name, const char *absent);
double json_number(const cJSON *object, const char *name, double absent);
const cJSON *json_member(const cJSON *object, const char *name);	/* NULL: absent */
/* "0x1f" into *value; false: absent or malformed. */
bool json_hex_item(const cJSON *item, uint64_t *value);
bool json_hex(const cJSON *object, const char *name, uint64_t *value);
/* A whole number as text in a static ring of buffers: "17". */
const char *text_count(double value);

#endif
