/* SPDX-License-Identifier: MIT */
/*
 * openat2(2) with RESOLVE_BENEATH does the work: no "..", no absolute link and no link of procfs
 * leads out of a directory, and nothing can be changed between a check and the use.
 */
#include <config.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "allowed_file.h"

/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
static int open_beneath(const char *directory, const char *path, int access)
{
	const struct open_how how = {
		.flags = (unsigned int)access | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int top = (int)TEMP_FAILURE_RETRY(open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC));
	int fd, error;

	if (top < 0)
		return -1;
	fd = (int)TEMP_FAILURE_RETRY(syscall(SYS_openat2, top, path, &how, sizeof(how)));
	error = errno;
	close(top);
	errno = error;
	return fd;
}

/* What follows the directory in the path, or NULL. */
static const char *path_below(const char *directory, const char *path)
{
	size_t length = strlen(directory);

	if (path[0] != '/')
		return path;
	if (length == 1)	/* "/" */
		length = 0;
	if (strncmp(path, directory, length) || path[length] != '/')
		return NULL;
	path += length;
	while (*path == '/')
		path++;
	return path[0] ? path : NULL;
}

static int explain(const char *path, const char *section, int error,
		   char text[ALLOWED_FILE_ERROR_BYTES])
{
	if (error == EXDEV || error == ELOOP)
		snprintf(text, ALLOWED_FILE_ERROR_BYTES, "%.200s leads out of the directories of "
			 "%s; name the file itself", path, section);
	else
		snprintf(text, ALLOWED_FILE_ERROR_BYTES, "%.200s: %s", path, strerror(error));
	return -1;
}

int allowed_file_open(const struct config_texts *directories, const char *section,
		      const char *path, int access, char text[ALLOWED_FILE_ERROR_BYTES])
{
	int error = 0;

	for (size_t i = 0; i < directories->count; i++) {
		const char *rest = path_below(directories->items[i], path);
		int fd = rest ? open_beneath(directories->items[i], rest, access) : -1;

		if (fd >= 0)
			return fd;
		/* A relative path may be below a later directory; what it is in a former one counts. */
		if (rest && (!error || error == ENOENT))
			error = errno;
	}
	if (error)
		return explain(path, section, error, text);
	snprintf(text, ALLOWED_FILE_ERROR_BYTES, "%.200s is not below a directory that [%s] of "
		 "svmrund.conf names; %s", path, section, directories->count ?
		 "put the file there, or send a descriptor of it" :
		 "none is named there: send a descriptor of the file");
	return -1;
}
