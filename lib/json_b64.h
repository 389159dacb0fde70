/* SPDX-License-Identifier: MIT */
/*
 * Base64 of RFC 4648 section 4, with padding and without line breaks: how bytes travel in JSON. The
 * decoder is strict (one text, one value), so that a damaged template is noticed here already.
 */
#ifndef SVMKIT_JSON_B64_H
#define SVMKIT_JSON_B64_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define JSON_B64_CHARS(bytes) (((bytes) + 2) / 3 * 4)

/* Writes JSON_B64_CHARS(length) characters, no NUL; returns how many. */
size_t json_b64_encode(char *text, const void *bytes, size_t length);

/*
 * Decodes `length` characters into `bytes` (length / 4 * 3 bytes of room). Returns the number of
 * bytes, or -1 with `*bad` set to the offset of the first character that does not fit.
 */
ssize_t json_b64_decode(void *bytes, const char *text, size_t length, size_t *bad);

#endif
