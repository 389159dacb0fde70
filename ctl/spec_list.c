/* SPDX-License-Identifier: MIT */
/*
 * Collects spec files. Only the directory itself is read: what specs include lies below it.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "ctl.h"
#include "spec_list.h"

static int append(struct spec_list *list, char *path)
{
	char **paths = path ? reallocarray(list->paths, list->count + 1, sizeof(*paths)) : NULL;

	if (!paths) {
		free(path);
		ctl_say("out of memory");
		return -1;
	}
	list->paths = paths;
	paths[list->count++] = path;
	return 0;
}

static int wanted(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".svmt"));
}

/* Not strcoll(): the order of tests must not depend on the locale. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_directory(struct spec_list *list, const char *path)
{
	struct dirent **entries;
	int count = scandir(path, &entries, wanted, by_bytes), failed = 0;

	if (count < 0) {
		ctl_say("%s: %s", path, strerror(errno));
		return -1;
	}
	for (int i = 0; i < count; i++) {
		const char *slash = path[strlen(path) - 1] == '/' ? "" : "/";
		char *file;

		if (asprintf(&file, "%s%s%s", path, slash, entries[i]->d_name) < 0)
			file = NULL;
		if (!failed)
			failed = append(list, file);
		else
			free(file);
		free(entries[i]);
	}
	free(entries);
	if (!count)
		ctl_say("%s: no *.yaml and no *.svmt there", path);
	return count ? failed : -1;
}

int spec_list_add(struct spec_list *list, const char *path)
{
	struct stat info;

	if (stat(path, &info)) {
		ctl_say("%s: %s", path, strerror(errno));
		return -1;
	}
	return S_ISDIR(info.st_mode) ? add_directory(list, path) : append(list, strdup(path));
}

void spec_list_free(struct spec_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->paths[i]);
	free(list->paths);
	*list = (struct spec_list){ .paths = NULL };
}
