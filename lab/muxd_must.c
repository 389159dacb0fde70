/* SPDX-License-Identifier: MIT */
/*
 * What the supervisor cannot go on without: memory, its files, its pipes. Each is had, or the
 * reason is in the log and the supervisor ends, and QEMU with it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "muxd.h"

void say(const char *format, ...)
{
	const time_t now = time(NULL);
	struct tm tm;
	char stamp[32];
	va_list args;

	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%F %T", &tm);
	fprintf(stderr, "%s svmlab-muxd[%d]: ", stamp, (int)getpid());
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

void *must_alloc(size_t size_bytes)
{
	void *p = calloc(1, size_bytes);

	if (!p) {
		say("no memory for %zu bytes; the lab ends", size_bytes);
		exit(EXIT_LAB);
	}
	return p;
}

void must(int result, const char *what)
{
	if (result >= 0)
		return;
	say("%s: %s", what, uv_strerror(result));
	exit(EXIT_LAB);
}

const char *in_directory(const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", lab.directory, name);
	return path;
}

void write_pid(const char *name, pid_t pid)
{
	FILE *f = fopen(in_directory(name), "we");

	if (!f || fprintf(f, "%d\n", (int)pid) < 0 || fclose(f) != 0)
		must(-errno, in_directory(name));
}

void open_pipe(uv_pipe_t *pipe, int fd)
{
	must(uv_pipe_init(&lab.loop, pipe, 0), "pipe");
	must(uv_pipe_open(pipe, fd), "pipe");
}
