/* SPDX-License-Identifier: MIT */
/*
 * Members of JSON from the other side of a socket, with a value for "absent or of another type", so
 * that a reader needs no branch per member. Objects may be NULL.
 */
#ifndef SVMKIT_JSON_GET_H
#define SVMKIT_JSON_GET_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

const cJSON *json_member(const cJSON *object, const char *name);	/* NULL: absent */
const char *json_text(const cJSON *object, const char *name, const char *absent);
double json_number(const cJSON *object, const char *name, double absent);
/* "0x1f" into *value; false: absent or malformed. */
bool json_hex_item(const cJSON *item, uint64_t *value);
bool json_hex(const cJSON *object, const char *name, uint64_t *value);

#endif
