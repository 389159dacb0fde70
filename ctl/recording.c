/* SPDX-License-Identifier: MIT */
/* Maps a recording and checks its header; see recording.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ctl.h"
#include "recording.h"
#include "tables.h"

/* The file in memory; NULL: it was said why not. */
static const void *map_file(const char *path, size_t *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	void *image = MAP_FAILED;

	if (fd >= 0 && !fstat(fd, &status)) {
		*bytes = (size_t)status.st_size;
		errno = EINVAL;		/* mmap() of nothing */
		image = mmap(NULL, *bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	}
	if (image == MAP_FAILED)
		ctl_say("%s: %s", path, *bytes || fd < 0 ? strerror(errno) : "the file is empty");
	if (fd >= 0)
		close(fd);
	return image == MAP_FAILED ? NULL : image;
}

int recording_open(struct recording *recording, const char *path)
{
	const char *fault;

	*recording = (struct recording){ .bytes = 0 };
	recording->image = map_file(path, &recording->bytes);
	if (!recording->image)
		return CTL_ERROR;
	fault = svmlog_open(&recording->log, recording->image, recording->bytes);
	if (!fault)
		return CTL_OK;
	ctl_say("%s: %s", path, fault);
	recording_close(recording);
	return CTL_ERROR;
}

void recording_close(struct recording *recording)
{
	if (recording->image)
		munmap((void *)(uintptr_t)recording->image, recording->bytes);
	recording->image = NULL;
}

const char *recording_exit_name(uint32_t code, char text[24])
{
	const struct svm_exit_info *row = svm_exit_by_code(code);

	if (row)
		return row->name;
	snprintf(text, 24, "0x%" PRIx32, code);
	return text;
}
