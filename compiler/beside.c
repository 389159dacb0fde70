/* SPDX-License-Identifier: MIT */
/* The way from one program of the compiler's to another. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "beside.h"

const char *program_beside(const char *name, char room[BESIDE_BYTES])
{
	ssize_t length = readlink("/proc/self/exe", room, BESIDE_BYTES - 1);
	char *slash;

	room[length > 0 ? length : 0] = 0;
	slash = strrchr(room, '/');
	if (slash && strlen(name) < (size_t)(room + BESIDE_BYTES - 1 - slash)) {
		strcpy(slash + 1, name);
		if (!access(room, X_OK))
			return room;
	}
	snprintf(room, BESIDE_BYTES, PKGLIBEXECDIR "/%s", name);
	return room;
}
