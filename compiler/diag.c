/* SPDX-License-Identifier: MIT */
/*
 * Printing of diagnostics. Text goes to one stream in the order of discovery; nothing is kept, so a
 * message is seen even when a later stage stops the compilation.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "diag.h"
#include "json_out.h"

#define LONG_LINE 160u	/* characters */

struct severity {
	const char *name, *colour;
};

static const struct severity error = { "error", "\033[1;31m" };
static const struct severity warning = { "warning", "\033[1;35m" };
static const struct severity note = { "note", "\033[1;36m" };

static const char *line_text(const struct source *source, uint32_t line, size_t *bytes)
{
	size_t begin, end;

	if (!line || line > source->line_count)
		return NULL;
	begin = source->line_start[line - 1];
	end = line < source->line_count ? source->line_start[line] : source->bytes;
	while (end > begin && (source->text[end - 1] == '\n' || source->text[end - 1] == '\r'))
		end--;
	*bytes = end - begin;
	return source->text + begin;
}

static bool starts_character(char c)
{
	return (c & 0xc0) != 0x80;
}

static uint32_t count_characters(const char *text, size_t bytes)
{
	uint32_t count = 0;

	for (size_t i = 0; i < bytes; i++)
		count += starts_character(text[i]);
	return count;
}

struct range diag_line_range(const struct source *source, uint32_t line)
{
	struct range range = { .source = source, .line = line, .column = 1, .end_line = line };
	size_t bytes = 0, blank = 0;
	const char *text = line_text(source, line, &bytes);

	while (text && blank < bytes && (text[blank] == ' ' || text[blank] == '\t'))
		blank++;
	range.column = (uint32_t)blank + 1;
	range.end_column = text ? count_characters(text, bytes) + 1 : 1;
	return range;
}

/* Byte offset of character number `character` (from 0) of the text, or its end. */
static size_t byte_of(const char *text, size_t bytes, uint32_t character)
{
	size_t i = 0;

	for (uint32_t seen = 0; i < bytes; i++)
		if (starts_character(text[i]) && seen++ == character)
			break;
	return i;
}

/*
 * The source line and, below it, a caret at the range's start and tildes to its end. Of a long line
 * only the neighbourhood is shown.
 */
static void print_source(const struct diag *diag, const struct range *range,
			 const struct severity *severity)
{
	size_t bytes = 0, begin, end;
	const char *text = line_text(range->source, range->line, &bytes);
	uint32_t length, last, first = 0;

	if (!text)
		return;
	length = count_characters(text, bytes);
	last = range->end_line == range->line ? range->end_column : length + 1;
	if (length > LONG_LINE && range->column > LONG_LINE / 2)
		first = range->column - LONG_LINE / 2;
	if (last > length + 1)
		last = length + 1;
	if (last > first + LONG_LINE + 1)
		last = first + LONG_LINE + 1;
	begin = byte_of(text, bytes, first);
	end = byte_of(text, bytes, first + LONG_LINE);
	fprintf(diag->out, "%5u | %s%.*s%s\n      | %s", range->line, first ? "..." : "",
		(int)(end - begin), text + begin, end < bytes ? "..." : "", first ? "   " : "");
	for (uint32_t column = first + 1; begin < end && column < range->column; begin++) {
		if (!starts_character(text[begin]))
			continue;
		putc(text[begin] == '\t' ? '\t' : ' ', diag->out);
		column++;
	}
	fprintf(diag->out, "%s^", diag->colour ? severity->colour : "");
	for (uint32_t column = range->column + 1; column < last; column++)
		putc('~', diag->out);
	fprintf(diag->out, "%s\n", diag->colour ? "\033[0m" : "");
}

static void print_text(const struct diag *diag, const struct range *range,
		       const struct severity *severity, const char *message)
{
	const char *bold = diag->colour ? "\033[1m" : "", *plain = diag->colour ? "\033[0m" : "";

	if (range && range->source)
		fprintf(diag->out, "%s%s:%u:%u: ", bold, range->source->path, range->line,
			range->column);
	else
		fprintf(diag->out, "%s%s: ", bold, diag->path);
	fprintf(diag->out, "%s%s: %s%s\n", diag->colour ? severity->colour : "", severity->name,
		plain, message);
	if (range && range->source)
		print_source(diag, range, severity);
}

static void json_text(struct json_out *out, const char *name, const char *text)
{
	json_out_name(out, name);
	json_out_string(out, text, strlen(text));
}

static void json_number(struct json_out *out, const char *name, uint32_t number)
{
	json_out_name(out, name);
	json_out_u64(out, number);
}

static void print_json(const struct diag *diag, const struct range *range,
		       const struct severity *severity, const char *message)
{
	const bool placed = range && range->source;
	const char *file = placed ? range->source->path : diag->path;
	struct json_out out = { 0 };

	JSON_OUT_LITERAL(&out, "{");
	json_text(&out, "severity", severity->name);
	json_text(&out, "file", file);
	if (placed) {
		json_number(&out, "line", range->line);
		json_number(&out, "column", range->column);
		json_number(&out, "end_line", range->end_line);
		json_number(&out, "end_column", range->end_column);
	}
	json_text(&out, "message", message);
	JSON_OUT_LITERAL(&out, "}\n");
	if (!out.failed)
		fwrite(out.data, 1, out.length, diag->out);
	json_out_free(&out);
}

static void report(const struct diag *diag, const struct range *range,
		   const struct severity *severity, const char *format, va_list args)
{
	char message[2048];

	vsnprintf(message, sizeof(message), format, args);
	if (diag->json)
		print_json(diag, range, severity, message);
	else
		print_text(diag, range, severity, message);
}

__attribute__((format(printf, 3, 4)))
static void aside(const struct diag *diag, const struct range *range, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	report(diag, range, &note, format, args);
	va_end(args);
}

/* Of a value that won over another, both are shown. */
static void show_replaced(const struct diag *diag, const struct range *range)
{
	if (range && range->replaced && range->replaced->source)
		aside(diag, range->replaced, "it replaces the value here");
}

void diag_error(struct diag *diag, const struct range *range, const char *format, ...)
{
	va_list args;

	diag->muted = diag->errors >= DIAG_MAX_ERRORS;
	if (diag->errors++ == DIAG_MAX_ERRORS)
		aside(diag, NULL, "more than %d errors; the rest is not shown", DIAG_MAX_ERRORS);
	if (diag->muted)
		return;
	va_start(args, format);
	report(diag, range, &error, format, args);
	va_end(args);
	show_replaced(diag, range);
}

void diag_warning(struct diag *diag, const struct range *range, const char *format, ...)
{
	va_list args;

	diag->warnings++;
	va_start(args, format);
	report(diag, range, &warning, format, args);
	va_end(args);
	show_replaced(diag, range);
}

void diag_note(struct diag *diag, const struct range *range, const char *format, ...)
{
	va_list args;

	if (diag->muted)
		return;
	va_start(args, format);
	report(diag, range, &note, format, args);
	va_end(args);
}
