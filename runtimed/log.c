/* SPDX-License-Identifier: MIT */
/*
 * Log lines and the allocations that must not fail. A line is formatted first and written with one
 * write(), so that lines of several threads do not mix.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "log.h"

void log_line(int priority, const char *format, ...)
{
	char line[1024];
	size_t used;
	va_list args;
	int n;

	if (getenv("JOURNAL_STREAM"))
		n = snprintf(line, sizeof(line), "<%d>", priority);
	else
		n = snprintf(line, sizeof(line), "svmrund: ");
	used = (size_t)n;
	va_start(args, format);
	n = vsnprintf(line + used, sizeof(line) - used - 1, format, args);
	va_end(args);
	if (n > 0)
		used += (size_t)n < sizeof(line) - used - 1 ? (size_t)n : sizeof(line) - used - 2;
	line[used++] = '\n';
	/* Nothing sensible can be done when stderr is gone. */
	if (write(STDERR_FILENO, line, used) < 0)
		return;
}

void *need_memory(size_t bytes)
{
	void *memory = calloc(1, bytes);

	if (!memory) {
		log_line(LOG_ERR, "out of memory (%zu bytes)", bytes);
		abort();
	}
	return memory;
}

void *need_more(void *memory, size_t bytes)
{
	void *more = realloc(memory, bytes);

	if (!more) {
		log_line(LOG_ERR, "out of memory (%zu bytes)", bytes);
		abort();
	}
	return more;
}

char *need_copy(const char *text, size_t length)
{
	char *copy = need_memory(length + 1);

	memcpy(copy, text, length);
	return copy;
}
