/* SPDX-License-Identifier: MIT */
/* Reading of a source file, with the table of its lines that diagnostics need. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "node.h"

static void find_lines(struct arena *arena, struct source *source)
{
	const char *const end = source->text + source->bytes;
	uint32_t *start = NULL;
	size_t count = 0, capacity = 0;

	for (const char *p = source->text; p; p = memchr(p, '\n', (size_t)(end - p))) {
		p += count != 0;	/* behind the end of the line before */
		start = arena_grow(arena, start, count, &capacity, sizeof(*start));
		start[count++] = (uint32_t)(p - source->text);
	}
	source->line_start = start;
	source->line_count = (uint32_t)count;
}

/* Bytes read, or -1 with errno. One more byte than `limit` shows that the file is too long. */
static ssize_t read_up_to(int fd, char *buffer, size_t limit)
{
	size_t used = 0;

	while (used < limit) {
		ssize_t got = read(fd, buffer + used, limit - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (!got)
			break;
		used += (size_t)got;
	}
	return (ssize_t)used;
}

/* An included pipe or device would block or never end; standard input may be one. */
static bool is_readable(const struct stat *status, const struct range *named_at)
{
	return S_ISREG(status->st_mode) || (!named_at && !S_ISDIR(status->st_mode));
}

static int cannot_read(struct diag *diag, const char *path, const struct range *named_at,
		       const char *why)
{
	if (named_at)
		diag_error(diag, named_at, "cannot read %s: %s", path, why);
	else
		diag_error(diag, NULL, "cannot read it: %s", why);
	return -1;
}

static int too_long(struct diag *diag, const struct range *named_at)
{
	diag_error(diag, named_at, "longer than %zu MiB: a spec is text that people write; "
		   "put bulk data into a file and name it with payload: { bin: FILE }",
		   YAML_MAX_FILE_BYTES >> 20);
	return -1;
}

int source_read(struct arena *arena, struct diag *diag, const char *path,
		const struct range *named_at, size_t *total, struct source *source, bool *io)
{
	bool standard_input = !named_at && !strcmp(path, "-");
	int flags = O_RDONLY | O_CLOEXEC | (named_at ? O_NONBLOCK : 0);
	int fd = standard_input ? STDIN_FILENO : (int)TEMP_FAILURE_RETRY(open(path, flags));
	size_t limit = YAML_MAX_FILE_BYTES - *total + 1;
	struct stat status;
	ssize_t bytes = -1;
	char *text = NULL;
	int saved;

	if (fd >= 0 && !fstat(fd, &status)) {
		errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
		if (S_ISREG(status.st_mode) && (size_t)status.st_size < limit)
			limit = (size_t)status.st_size + 1;
		if (is_readable(&status, named_at)) {
			text = arena_alloc(arena, limit + 1);
			bytes = read_up_to(fd, text, limit);
		}
	}
	saved = errno;
	if (fd >= 0 && !standard_input)
		close(fd);
	if (bytes < 0) {
		*io = true;
		return cannot_read(diag, path, named_at, saved == EINVAL ? "not a regular file" :
				   strerror(saved));
	}
	*total += (size_t)bytes;
	if (*total > YAML_MAX_FILE_BYTES)
		return too_long(diag, named_at);
	source->path = standard_input ? "<stdin>" : path;
	source->text = text;
	source->bytes = (size_t)bytes;
	find_lines(arena, source);
	return 0;
}

int source_given(struct arena *arena, struct diag *diag, const char *name, const char *text,
		 size_t bytes, struct source *source)
{
	if (bytes > YAML_MAX_FILE_BYTES)
		return too_long(diag, NULL);
	source->path = name;
	source->text = text;
	source->bytes = bytes;
	find_lines(arena, source);
	return 0;
}
