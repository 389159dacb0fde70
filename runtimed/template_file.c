/* SPDX-License-Identifier: MIT */
/*
 * openat2(2) with RESOLVE_BENEATH does the work: no "..", no absolute link and no link of procfs
 * leads out of a directory, and nothing can be changed between a check and the use.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "svmt_read.h"
#include "template_file.h"

void *template_image_memory(size_t bytes)
{
	return aligned_alloc(SVMT_PAGE_BYTES,
			     (bytes + SVMT_PAGE_BYTES) / SVMT_PAGE_BYTES * SVMT_PAGE_BYTES);
}

/* O_NONBLOCK: opening a FIFO must not wait for its writer. */
static int open_beneath(const char *directory, const char *path)
{
	const struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int top = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC), fd, error;

	if (top < 0)
		return -1;
	fd = (int)syscall(SYS_openat2, top, path, &how, sizeof(how));
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

static int explain(const char *path, int error, char text[TEMPLATE_FILE_ERROR_BYTES])
{
	if (error == EXDEV || error == ELOOP)
		snprintf(text, TEMPLATE_FILE_ERROR_BYTES, "%.200s leads out of the directories of "
			 "templates; name the file itself", path);
	else
		snprintf(text, TEMPLATE_FILE_ERROR_BYTES, "%.200s: %s", path, strerror(error));
	return -1;
}

int template_file_open(const struct config *config, const char *path,
		       char text[TEMPLATE_FILE_ERROR_BYTES])
{
	int error = 0;

	for (size_t i = 0; i < config->template_directory_count; i++) {
		const char *rest = path_below(config->template_directories[i], path);
		int fd = rest ? open_beneath(config->template_directories[i], rest) : -1;

		if (fd >= 0)
			return fd;
		/* A relative path may be below a later directory; what it is in a former one counts. */
		if (rest && (!error || error == ENOENT))
			error = errno;
	}
	if (error)
		return explain(path, error, text);
	snprintf(text, TEMPLATE_FILE_ERROR_BYTES, "%.200s is not below a directory that [templates] "
		 "of svmrund.conf names; %s", path, config->template_directory_count ?
		 "put the file there, or send it as data or descriptor" :
		 "none is named there: send the file as data or descriptor");
	return -1;
}

static void *fail(void *image, char text[TEMPLATE_FILE_ERROR_BYTES], const char *why)
{
	free(image);
	snprintf(text, TEMPLATE_FILE_ERROR_BYTES, "%s", why);
	return NULL;
}

static void *read_all(int fd, size_t bytes, char text[TEMPLATE_FILE_ERROR_BYTES])
{
	uint8_t *image = template_image_memory(bytes);
	size_t at = 0;

	if (!image)
		return fail(NULL, text, "there is no memory for the file");
	while (at < bytes) {
		ssize_t got = pread(fd, image + at, bytes - at, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail(image, text, strerror(errno));
		if (!got)
			return fail(image, text, "the file became shorter while it was read");
		at += (size_t)got;
	}
	return image;
}

void *template_file_read(int fd, uint64_t most, size_t *bytes, char text[TEMPLATE_FILE_ERROR_BYTES])
{
	struct stat status;

	if (fstat(fd, &status))
		return fail(NULL, text, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return fail(NULL, text, "it is no regular file");
	if ((uint64_t)status.st_size > most) {
		snprintf(text, TEMPLATE_FILE_ERROR_BYTES, "the file has %llu bytes, more than the "
			 "limit template_bytes (%llu)", (unsigned long long)status.st_size,
			 (unsigned long long)most);
		return NULL;
	}
	*bytes = (size_t)status.st_size;
	return read_all(fd, *bytes, text);
}
