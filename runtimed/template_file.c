/* SPDX-License-Identifier: MIT */
/* Templates in files: read once, whole. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "svmt_read.h"
#include "template_file.h"

void *template_image_memory(size_t bytes)
{
	const size_t total = SVMT_PAGE_BYTES +
		(bytes + SVMT_PAGE_BYTES - 1) / SVMT_PAGE_BYTES * SVMT_PAGE_BYTES;
	char *at = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	/* It is what guests' memory begins with, and does not belong in a core dump either. */
	madvise(at, total, MADV_DONTDUMP);
	memcpy(at, &total, sizeof(total));
	return at + SVMT_PAGE_BYTES;
}

void template_image_free(void *image)
{
	size_t total;
	char *at;

	if (!image)
		return;
	at = (char *)image - SVMT_PAGE_BYTES;
	memcpy(&total, at, sizeof(total));
	munmap(at, total);
}

static void *fail(void *image, char text[TEMPLATE_FILE_ERROR_BYTES], const char *why)
{
	template_image_free(image);
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
