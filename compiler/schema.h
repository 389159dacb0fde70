/* SPDX-License-Identifier: MIT */
/* The JSON Schema of the language, made of the readers' tables. */
#ifndef SVMC_SCHEMA_H
#define SVMC_SCHEMA_H

#include <cjson/cJSON.h>
#include <stddef.h>

/*
 * The whole schema (draft 2020-12), which the caller deletes. NULL when a reader has a key that
 * schema_types.c does not describe, or when memory ran out; `error` says which.
 */
cJSON *schema_make(char error[128]);

/*
 * Schema of the key `key` of the map `map`, or NULL when it is not described. `map` is the name of
 * the definition: "spec", "region", "payload", "segment", ...
 */
cJSON *schema_of_key(const char *map, const char *key);

/* { "$ref": "#/$defs/NAME" } */
cJSON *schema_ref(const char *name);

/* Definitions that are lists of names: scalars of the tables. Added to `defs`. */
void schema_add_names(cJSON *defs);

#endif
