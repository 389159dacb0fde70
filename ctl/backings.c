/* SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "backings.h"
#include "svmt_device.h"
#include "text.h"

/* The NAME of NAME=VALUE into `name`; false when it is none. */
static bool split(const char *item, char name[SVMT_NAME_MAX + 1], const char **value)
{
	const char *equals = strchr(item, '=');

	if (!equals || equals - item > SVMT_NAME_MAX || !equals[1])
		return false;
	memcpy(name, item, (size_t)(equals - item));
	name[equals - item] = 0;
	*value = equals + 1;
	return svmt_good_name(name);
}

static bool check_list(const struct ctl_list *list, const char *option, const char *what)
{
	char name[SVMT_NAME_MAX + 1];
	const char *value;

	for (size_t i = 0; i < list->count; i++) {
		if (split(list->items[i], name, &value))
			continue;
		ctl_say("--%s %s: the rule is NAME=%s, with the name that the spec has", option,
			list->items[i], what);
		return false;
	}
	return true;
}

bool backings_check(const struct backings *backings)
{
	return check_list(&backings->drives, "drive", "FILE") &&
	       check_list(&backings->links, "link", "TAP");
}

static bool has_device(const struct svmt_view *view, uint32_t type, const char *name)
{
	for (uint32_t i = 0; i < view->device_count; i++)
		if (view->devices[i].type == type &&
		    !strcmp(svmt_device_name(view, &view->devices[i]), name))
			return true;
	return false;
}

/* The daemon has another working directory. */
static void add_path(cJSON *row, const char *path)
{
	char here[PATH_MAX], *absolute = NULL;

	if (*path != '/' && getcwd(here, sizeof(here)) &&
	    asprintf(&absolute, "%s/%s", here, path) < 0)
		absolute = NULL;
	cJSON_AddStringToObject(row, "path", absolute ? absolute : path);
	free(absolute);
}

static void add_list(cJSON *params, const char *key, const struct ctl_list *list, uint32_t type,
		     const struct svmt_view *view)
{
	cJSON *rows = NULL;

	for (size_t i = 0; i < list->count; i++) {
		char name[SVMT_NAME_MAX + 1];
		const char *value;
		cJSON *row;

		if (!split(list->items[i], name, &value) || (view && !has_device(view, type, name)))
			continue;
		rows = rows ? rows : cJSON_AddArrayToObject(params, key);
		row = cJSON_CreateObject();
		cJSON_AddStringToObject(row, "name", name);
		if (type == SVMT_DEV_VIRTIO_BLK)
			add_path(row, value);
		else
			cJSON_AddStringToObject(row, "tap", value);
		cJSON_AddItemToArray(rows, row);
	}
}

void backings_add(cJSON *params, const struct backings *backings, const struct svmt_view *view)
{
	add_list(params, "drives", &backings->drives, SVMT_DEV_VIRTIO_BLK, view);
	add_list(params, "links", &backings->links, SVMT_DEV_VIRTIO_NET, view);
}
