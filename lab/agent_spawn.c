/* SPDX-License-Identifier: MIT */
/*
 * Starting a command of svmlab-exec: the request is read, the standard streams are made, and the
 * child becomes the command or says why it cannot. What happens to the command then is
 * agent_exec.c's.
 */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent_spawn.h"
#include "child.h"
#include "exec.h"
#include "fd.h"

bool parse_start(const struct mux_frame *frame, char *text, struct start *start)
{
	const size_t size = frame->length - EXEC_START_FIXED_BYTES;
	size_t count = 0;
	char *next = text;

	memcpy(text, frame->payload + EXEC_START_FIXED_BYTES, size);
	start->tty = frame->payload[0] & EXEC_FLAG_TTY;
	start->size.ws_row = mux_get16(frame->payload + 2);
	start->size.ws_col = mux_get16(frame->payload + 4);
	for (size_t i = 0; i < size; i++)
		count += text[i] == '\0';
	if (count < 3 || count > EXEC_ARGS_MAX || text[size - 1] != '\0')
		return false;
	start->argv = calloc(count - 1, sizeof(*start->argv));
	if (!start->argv)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (i == 0)
			start->term = next;
		else if (i == 1)
			start->directory = next;
		else
			start->argv[i - 2] = next;
		next += strlen(next) + 1;
	}
	return true;
}

/* In the child: becomes the command, or reports errno through `report` and ends. */
static _Noreturn void become(const struct start *start, const int fds[3], int report)
{
	int error;

	setsid();
	if (start->tty)
		ioctl(fds[0], TIOCSCTTY, 0);
	for (int i = 0; i < 3; i++)
		dup2(fds[i], i);
	child_reset_signals();
	if (*start->term)
		setenv("TERM", start->term, 1);
	if (chdir(*start->directory ? start->directory : "/") == 0)
		execvp(start->argv[0], start->argv);
	error = errno;
	if (write(report, &error, sizeof(error)) < 0)
		_exit(EXEC_STATUS_LAB);
	_exit(EXEC_STATUS_NOT_RUN);
}

struct stdio {
	int ours[3], theirs[3];
};

static void stdio_close(int fds[3])
{
	for (int i = 0; i < 3; i++) {
		/* The three ends of a terminal are one descriptor. */
		for (int j = i + 1; j < 3; j++) {
			if (fds[j] == fds[i])
				fds[j] = -1;
		}
		close_fd(&fds[i]);
	}
}

static bool stdio_open(struct stdio *io, const struct start *start)
{
	int pair[2];

	*io = (struct stdio){ { -1, -1, -1 }, { -1, -1, -1 } };
	if (start->tty) {
		if (openpty(&pair[0], &pair[1], NULL, NULL, &start->size) < 0)
			return false;
		io->ours[0] = io->ours[1] = pair[0];
		io->theirs[0] = io->theirs[1] = io->theirs[2] = pair[1];
		fcntl(pair[1], F_SETFD, FD_CLOEXEC);
		return true;
	}
	for (int i = 0; i < 3; i++) {
		if (pipe2(pair, O_CLOEXEC) < 0) {
			stdio_close(io->ours);
			stdio_close(io->theirs);
			return false;
		}
		io->ours[i] = pair[i == EXEC_STDIN];
		io->theirs[i] = pair[i != EXEC_STDIN];
	}
	return true;
}

int spawn(const struct start *start, pid_t *pid, int fds[3])
{
	struct stdio io;
	int report[2], error = 0;
	ssize_t n;

	if (pipe2(report, O_CLOEXEC) < 0)
		return errno;
	if (!stdio_open(&io, start)) {
		error = errno;
		close(report[0]);
		close(report[1]);
		return error;
	}
	*pid = fork();
	if (*pid == 0)
		become(start, io.theirs, report[1]);
	if (*pid < 0)
		error = errno;
	close(report[1]);
	stdio_close(io.theirs);
	do
		n = *pid > 0 ? read(report[0], &error, sizeof(error)) : 0;
	while (n < 0 && errno == EINTR);
	close(report[0]);
	if (error) {
		stdio_close(io.ours);
		*pid = 0;
		return error;
	}
	memcpy(fds, io.ours, sizeof(io.ours));
	for (int i = 0; i < 3; i++) {
		if (fds[i] >= 0)
			set_nonblocking(fds[i]);
	}
	return 0;
}
