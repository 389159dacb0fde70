/* SPDX-License-Identifier: MIT */
/* Templates in files: read once, whole. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "svmt_read.h"
#include "template_file.h"

void *template_image_memory(size_t bytes)
{
	return aligned_alloc(SVMT_PAGE_BYTES,
			     (bytes + SVMT_PAGE_BYTES) / SVMT_PAGE_BYTES * SVMT_PAGE_BYTES);
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
