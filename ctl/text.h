/* SPDX-License-Identifier: MIT */
/*
 * Text for people: aligned tables, and colours that appear only on a terminal that wants them.
 */
#ifndef SVMKIT_CTL_TEXT_H
#define SVMKIT_CTL_TEXT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "escape.h"
#include "json_get.h"

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

/* A whole number as text in a static ring of buffers: "17". */
const char *text_count(double value);

#endif
