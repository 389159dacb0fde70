/* SPDX-License-Identifier: MIT */
/* Members of JSON that somebody else wrote; see json_get.h. */
#include <stdlib.h>
#include <string.h>
#include "json_get.h"

const cJSON *json_member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

const char *json_text(const cJSON *object, const char *name, const char *absent)
{
	const cJSON *item = json_member(object, name);

	return cJSON_IsString(item) ? item->valuestring : absent;
}

double json_number(const cJSON *object, const char *name, double absent)
{
	const cJSON *item = json_member(object, name);

	return cJSON_IsNumber(item) ? item->valuedouble : absent;
}

bool json_hex(const cJSON *object, const char *name, uint64_t *value)
{
	return json_hex_item(json_member(object, name), value);
}

bool json_hex_item(const cJSON *item, uint64_t *value)
{
	const char *text = cJSON_IsString(item) ? item->valuestring : "";

	if (strncmp(text, "0x", 2) || strlen(text) > 18 || !text[2] ||
	    text[2 + strspn(text + 2, "0123456789abcdefABCDEF")])
		return false;
	*value = strtoull(text + 2, NULL, 16);
	return true;
}
