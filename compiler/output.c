/* SPDX-License-Identifier: MIT */
/*
 * Atomic replacement: a temporary file in the same directory, then renamed. It is not forced to the
 * disk, as no compiler's output is: after a power failure it can be made again.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "output.h"
#include "write_all.h"

/* Close, keeping the errno of the failure that came first. */
static int finish(int fd, int result)
{
	int saved = errno;

	if (close(fd) && !result)
		return -1;
	errno = saved;
	return result;
}

static int write_in_place(const char *path, const uint8_t *data, uint64_t bytes)
{
	int fd = (int)TEMP_FAILURE_RETRY(open(path, O_WRONLY | O_CLOEXEC));

	return fd < 0 ? -1 : finish(fd, write_all(fd, data, bytes));
}

static mode_t mode_of_new_files;

/* There is no other way to ask for the umask; once, since it is the whole process's. */
static void ask_umask(void)
{
	mode_t mask = umask(0);

	umask(mask);
	mode_of_new_files = 0666 & ~mask;
}

static mode_t new_mode(void)
{
	static pthread_once_t asked = PTHREAD_ONCE_INIT;

	pthread_once(&asked, ask_umask);
	return mode_of_new_files;
}

static int write_temporary(char *temporary, mode_t mode, const uint8_t *data, uint64_t bytes)
{
	int fd = mkostemp(temporary, O_CLOEXEC), result;

	if (fd < 0)
		return -1;
	result = write_all(fd, data, bytes);
	if (!result)
		result = fchmod(fd, mode);
	result = finish(fd, result);
	if (result) {
		int saved = errno;

		unlink(temporary);
		errno = saved;
	}
	return result;
}

int output_write(const char *path, const uint8_t *data, uint64_t bytes)
{
	struct stat status;
	bool there = !stat(path, &status);
	char *real, *temporary;
	int result = -1;

	if (!strcmp(path, "-"))
		return write_all(STDOUT_FILENO, data, bytes);
	if (there && !S_ISREG(status.st_mode))
		return write_in_place(path, data, bytes);
	real = there ? realpath(path, NULL) : strdup(path);	/* a link stays a link */
	if (!real || asprintf(&temporary, "%s.XXXXXX", real) < 0) {
		free(real);
		return -1;
	}
	result = write_temporary(temporary, there ? status.st_mode & 07777 : new_mode(), data,
				 bytes);
	if (!result && rename(temporary, real)) {
		int saved = errno;

		unlink(temporary);
		errno = saved;
		result = -1;
	}
	free(temporary);
	free(real);
	return result;
}
