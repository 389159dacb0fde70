/* SPDX-License-Identifier: MIT */
/*
 * Filling of the ID block, and the way to svmc-sign: the block goes to its standard input, the page
 * with the signatures comes back. A program of its own keeps libcrypto and private keys out of
 * svmc.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "beside.h"
#include "id_block.h"
#include "svmc.h"

extern char **environ;

void id_block_fill(struct id_block *out, const struct svmt_launch *launch,
		   const uint8_t digest[48])
{
	*out = (struct id_block){
		.version = 1, .guest_svn = launch->guest_svn, .policy = launch->policy,
	};
	memcpy(out->digest, digest, sizeof(out->digest));
	memcpy(out->family_id, launch->family_id, sizeof(out->family_id));
	memcpy(out->image_id, launch->image_id, sizeof(out->image_id));
}

static bool write_all(int fd, const void *data, size_t bytes)
{
	for (size_t done = 0; done < bytes;) {
		ssize_t got = write(fd, (const char *)data + done, bytes - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		done += (size_t)got;
	}
	return true;
}

static size_t read_all(int fd, void *data, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		ssize_t got = read(fd, (char *)data + done, bytes - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return done;
}

/* Run the program between two pipes; 0, or an errno. */
static int start(const char *program, char *const argv[], int *in, int *out, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int to[2], from[2], status;
	sigset_t defaults;

	if (pipe2(to, O_CLOEXEC))
		return errno;
	if (pipe2(from, O_CLOEXEC)) {
		status = errno;
		close(to[0]);
		close(to[1]);
		return status;
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, to[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, from[1], STDOUT_FILENO);
	/* The child is to die of SIGPIPE, though svmc does not. */
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	status = posix_spawn(pid, program, &actions, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	close(to[0]);
	close(from[1]);
	*in = to[1];
	*out = from[0];
	if (status) {
		close(*in);
		close(*out);
	}
	return status;
}

int id_block_sign(const struct id_block *block, const char *id_key, const char *author_key,
		  struct id_auth *out)
{
	char room[4096 + 16];
	const char *program = program_beside("svmc-sign", room);
	char *argv[] = { (char *)"svmc-sign", (char *)id_key, (char *)author_key, NULL };
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;
	int in = -1, from = -1, status;
	bool sent;
	size_t got;
	pid_t pid = 0;

	status = start(program, argv, &in, &from, &pid);
	if (status) {
		fprintf(stderr,
			"svmc measure: cannot run %s: %s; svmkit must be built with libcrypto "
			"(on Debian: libssl-dev) to sign ID blocks\n",
			program, strerror(status));
		return SVMC_IO;
	}
	/* A program that refuses the key ends without reading. */
	sigaction(SIGPIPE, &ignore, &before);
	sent = write_all(in, block, sizeof(*block));
	sigaction(SIGPIPE, &before, NULL);
	close(in);
	got = read_all(from, out, sizeof(*out));
	close(from);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (sent && got == sizeof(*out) && WIFEXITED(status) && !WEXITSTATUS(status))
		return SVMC_OK;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		fprintf(stderr, "svmc measure: cannot run %s\n", program);
	/* It has told why, unless it was killed. */
	if (!WIFEXITED(status) || !WEXITSTATUS(status))
		fprintf(stderr, "svmc measure: %s ended without a signature\n", program);
	return WIFEXITED(status) && WEXITSTATUS(status) == 1 ? SVMC_DIAGNOSED : SVMC_IO;
}
