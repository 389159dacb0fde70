/* SPDX-License-Identifier: MIT */
/* What the subcommands share: usage errors, common options, reading of a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmd.h"

int cmd_usage(const struct command *command, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "svmc %s: ", command->name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\nTry `svmc %s --help`.\n", command->name);
	return SVMC_USAGE;
}

int cmd_finish_stdout(const struct command *command, int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	fprintf(stderr, "svmc %s: cannot write to standard output: %s\n", command->name,
		strerror(errno));
	return SVMC_IO;
}

int cmd_help(const struct command *command)
{
	fputs(command->usage, stdout);
	return cmd_finish_stdout(command, SVMC_OK);
}

void cmd_options_begin(struct cmd_options *options)
{
	memset(options, 0, sizeof(*options));
	options->compile.defines = options->defines;
	options->compile.warnings = options->warnings;
	options->compile.colour = isatty(STDERR_FILENO) && !getenv("NO_COLOR");
}

/* Append to one of the lists of the common options, which have one length. */
static int append(const char **list, size_t *count, int c, const char *argument)
{
	const size_t limit = sizeof(((struct cmd_options *)NULL)->defines) / sizeof(*list);

	if (*count == limit) {
		fprintf(stderr, "svmc: more than %zu -%c options\n", limit, c);
		return SVMC_USAGE;
	}
	list[(*count)++] = argument;
	return 0;
}

int cmd_common_option(struct cmd_options *options, int c, const char *argument)
{
	if (c == CMD_DEFINE)
		return append(options->defines, &options->compile.define_count, c, argument);
	if (c == CMD_WARNING) {
		if (!svmc_warning_option(argument, stderr))
			return SVMC_USAGE;
		return append(options->warnings, &options->compile.warning_count, c, argument);
	}
	if (!strcmp(argument, "json")) {
		options->compile.json_diagnostics = true;
		return 0;
	}
	if (!strcmp(argument, "text"))
		return 0;
	fprintf(stderr, "svmc: --diagnostics=%s: the rule is text or json\n", argument);
	return SVMC_USAGE;
}

/* Read to the end or to the limit, growing the buffer. NULL with errno; EFBIG above the limit. */
static uint8_t *read_stream(int fd, size_t capacity, uint64_t limit, uint64_t *bytes)
{
	uint8_t *buffer = malloc(capacity), *bigger;
	size_t used = 0;

	while (buffer) {
		ssize_t got = read(fd, buffer + used, capacity - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (!got) {
			*bytes = used;
			return buffer;
		}
		if (got > 0)
			used += (size_t)got;
		if (got < 0 || used > limit) {
			errno = got < 0 ? errno : EFBIG;
			break;
		}
		if (used == capacity) {
			bigger = realloc(buffer, capacity *= 2);
			if (!bigger)
				break;
			buffer = bigger;
		}
	}
	free(buffer);
	return NULL;
}

uint8_t *cmd_read_file(const char *path, uint64_t limit, uint64_t *bytes)
{
	bool standard_input = !strcmp(path, "-");
	int fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	size_t capacity = 65536;
	uint8_t *data;
	int saved;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &status) && S_ISREG(status.st_mode) && (uint64_t)status.st_size <= limit)
		capacity = (size_t)status.st_size + 1;
	data = read_stream(fd, capacity, limit, bytes);
	saved = errno;
	if (!standard_input)
		close(fd);
	errno = saved;
	return data;
}
