/* SPDX-License-Identifier: MIT */
/*
 * A growing byte buffer with the few JSON writers that hot paths need: numbers, hex strings,
 * escaped text. What is not hot uses cJSON. The caller owns the struct; json_out_free() frees the
 * bytes. A failed allocation sets `failed` and later appends do nothing, so callers check once.
 */
#ifndef SVMKIT_JSON_OUT_H
#define SVMKIT_JSON_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct json_out {
	char *data;		/* not NUL-terminated */
	size_t length;
	size_t capacity;
	bool failed;
};

#define JSON_OUT_LITERAL(out, text) json_out_bytes((out), (text), sizeof(text) - 1)

/* Room for `bytes` more; returns where they go, or NULL after a failed allocation. */
char *json_out_room(struct json_out *out, size_t bytes);
void json_out_bytes(struct json_out *out, const void *bytes, size_t length);
void json_out_text(struct json_out *out, const char *text);
void json_out_u64(struct json_out *out, uint64_t value);	/* decimal digits */
void json_out_hex(struct json_out *out, uint64_t value);	/* "0x1f" with the quotes */
/* A quoted string; `text` must be valid UTF-8. */
void json_out_string(struct json_out *out, const char *text, size_t length);
/* `"name":` of one more member of the object that is being written. */
void json_out_name(struct json_out *out, const char *name);
void json_out_free(struct json_out *out);

/* The same into caller memory of at least 20 bytes; return the end. No quotes, no NUL. */
char *json_put_u64(char *at, uint64_t value);
char *json_put_hex(char *at, uint64_t value);

#endif
