/* SPDX-License-Identifier: MIT */
/*
 * Text that a daemon or a guest wrote, made safe to print: a terminal obeys control characters, and
 * a quote ends a string.
 */
#ifndef SVMKIT_ESCAPE_H
#define SVMKIT_ESCAPE_H

#include <stddef.h>
#include <stdio.h>

/*
 * Copy at most `most` of `bytes` bytes with control characters, quotes and backslashes escaped as in
 * C and JSON (\n, \u001b); other bytes stay when they are UTF-8, else \u00xx. "..." marks what was left
 * out. Always NUL-terminates; a `text` of 6 * most + 4 bytes never cuts anything off.
 */
void text_escape(char *text, size_t size, const void *bytes, size_t length, size_t most);

/* The same to a stream, whole, without a limit. */
void text_escape_to(FILE *out, const void *bytes, size_t length);

#endif
