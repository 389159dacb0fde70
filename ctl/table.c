/* SPDX-License-Identifier: MIT */
/*
 * Tables for people: every row is kept until the end, because a column is as wide as its widest cell.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "text.h"

static bool grow(struct table *table)
{
	size_t capacity = table->capacity * 2 + 16;
	void *cells;

	if (table->rows < table->capacity)
		return true;
	cells = reallocarray(table->cells, capacity, sizeof(*table->cells));
	if (!cells) {
		table->failed = true;
		return false;
	}
	table->cells = cells;
	table->capacity = capacity;
	return true;
}

static char *escaped(const char *text)
{
	size_t length = strlen(text), size = 6 * length + 8;
	char *copy = malloc(size);

	if (copy)
		text_escape(copy, size, text, length, length);
	return copy;
}

void table_begin(struct table *table, const char *titles)
{
	*table = (struct table){ .columns = 0 };
	if (!grow(table))
		return;
	table->rows = 1;
	while (table->columns < TABLE_COLUMNS) {
		size_t length = strcspn(titles, "|");
		unsigned int column = table->columns++;

		table->right[column] = *titles == '>';
		if (table->right[column]) {
			titles++;
			length--;
		}
		table->cells[0][column] = strndup(titles, length);
		table->failed |= !table->cells[0][column];
		if (titles[length] != '|')
			break;
		titles += length + 1;
	}
}

void table_row(struct table *table, ...)
{
	va_list args;

	if (table->failed || !grow(table))
		return;
	va_start(args, table);
	for (unsigned int i = 0; i < table->columns; i++) {
		table->cells[table->rows][i] = escaped(va_arg(args, const char *));
		table->failed |= !table->cells[table->rows][i];
	}
	va_end(args);
	table->rows++;
}

/* Columns that a terminal needs: UTF-8 continuation bytes take none. */
static int width_of(const char *cell)
{
	int width = 0;

	for (; *cell; cell++)
		width += (*cell & 0xc0) != 0x80;
	return width;
}

static void print_cells(const struct table *table, FILE *out, const int *widths)
{
	for (size_t row = 0; row < table->rows; row++) {
		for (unsigned int i = 0; i < table->columns; i++) {
			const char *cell = table->cells[row][i];
			int pad = widths[i] - width_of(cell);
			bool last = i + 1 == table->columns;

			fprintf(out, "%*s%s%*s", table->right[i] ? pad : 0, "", cell,
				table->right[i] || last ? 0 : pad, "");
			fputs(last ? "\n" : "  ", out);
		}
	}
}

bool table_end(struct table *table, FILE *out)
{
	int widths[TABLE_COLUMNS] = { 0 };
	bool ok = !table->failed;

	for (size_t row = 0; ok && row < table->rows; row++) {
		for (unsigned int i = 0; i < table->columns; i++) {
			int width = width_of(table->cells[row][i]);

			widths[i] = width > widths[i] ? width : widths[i];
		}
	}
	if (ok)
		print_cells(table, out, widths);
	for (size_t row = 0; row < table->rows; row++) {
		for (unsigned int i = 0; i < table->columns; i++)
			free(table->cells[row][i]);
	}
	free(table->cells);
	return ok;
}
