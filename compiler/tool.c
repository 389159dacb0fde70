/* SPDX-License-Identifier: MIT */
/*
 * Helper programs (binutils). They run with a fixed locale, so that their messages can be mapped to
 * lines of the spec, and without the caller's other environment.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tool.h"
#include "write_all.h"

static void remove_directory(void *argument)
{
	const char *path = argument;
	DIR *dir = opendir(path);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)) != NULL)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		closedir(dir);
	rmdir(path);
}

const char *tool_directory(struct comp *c)
{
	const char *base = getenv("TMPDIR");
	char *path = arena_printf(&c->arena, "%s/svmc-XXXXXX", base && *base ? base : "/tmp");

	if (!mkdtemp(path))
		return NULL;
	arena_on_free(&c->arena, remove_directory, path);
	return path;
}

int tool_write_file(struct comp *c, const char *directory, const char *name, const char *text,
		    size_t bytes)
{
	const char *path = arena_printf(&c->arena, "%s/%s", directory, name);
	int fd = (int)TEMP_FAILURE_RETRY(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
	int result;

	if (fd < 0)
		return -1;
	result = write_all(fd, (const uint8_t *)text, bytes);
	return close(fd) ? -1 : result;
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int tool_run(struct comp *c, const char *directory, char *const argv[])
{
	const char *path = getenv("PATH");
	char *environment[] = {
		arena_printf(&c->arena, "PATH=%s", path ? path : "/usr/bin:/bin"),
		(char *)"LC_ALL=C",
		NULL,
	};
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int err;

	err = posix_spawn_file_actions_init(&actions);
	if (err)
		longjmp(c->arena.out_of_memory, 1);
	err = posix_spawn_file_actions_addchdir_np(&actions, directory);
	if (!err)
		err = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	if (!err)
		err = posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	if (!err)
		err = posix_spawn_file_actions_addopen(&actions, 2, "messages",
						       O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (!err)
		err = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environment);
	posix_spawn_file_actions_destroy(&actions);
	if (err) {
		errno = err;
		return err == ENOENT ? TOOL_NOT_FOUND : -1;
	}
	return wait_for(pid);
}
