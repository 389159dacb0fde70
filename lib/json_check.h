/* SPDX-License-Identifier: MIT */
/*
 * A strict look at JSON text (RFC 8259, UTF-8) before cJSON parses it. cJSON recurses per nesting
 * level, accepts control characters and odd numbers, and tells no offset for bad UTF-8; a text from
 * a socket is checked here first, without recursion, and errors name the byte. Also finds the exact
 * text of a member, since an id must be echoed as it came and a double would change it.
 */
#ifndef SVMKIT_JSON_CHECK_H
#define SVMKIT_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>

#define JSON_CHECK_MAX_DEPTH 64

enum json_check_result { JSON_CHECK_OK, JSON_CHECK_SYNTAX, JSON_CHECK_DEPTH };

struct json_check_error {
	size_t offset;		/* first byte that breaks the rule */
	const char *text;	/* the rule, static */
};

/* `depth`: levels of arrays and objects that are allowed, at most JSON_CHECK_MAX_DEPTH. */
enum json_check_result json_check(const char *text, size_t length, unsigned int depth,
				  struct json_check_error *error);

struct json_slice {
	const char *text;
	size_t length;
};

/* These two take text that json_check() accepted. */

/* The text of member `name` of the object; the first one counts. False, `*value` changed: none. */
bool json_slice_member(struct json_slice object, const char *name, struct json_slice *value);
/* The next element of an array; begin with `*at` 0. False at the end. */
bool json_slice_element(struct json_slice array, size_t *at, struct json_slice *value);

/* Length of the longest prefix of whole UTF-8 characters; `*bad`: stopped at an invalid byte. */
size_t json_utf8_prefix(const char *text, size_t length, bool *bad);

#endif
