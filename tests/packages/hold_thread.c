/* SPDX-License-Identifier: MIT */
/*
 * Holds the main thread of a process and no other, like a loop that does not turn any more: how the
 * watchdog is tested. Says "held", then stays until the process is gone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
	int pid = argc == 2 ? atoi(argv[1]) : 0, status;

	if (pid <= 0) {
		fputs("usage: hold_thread PID\n", stderr);
		return 2;
	}
	/* A process's id is its main thread's, too. */
	if (ptrace(PTRACE_SEIZE, pid, 0, 0) || ptrace(PTRACE_INTERRUPT, pid, 0, 0)) {
		fprintf(stderr, "hold_thread: %d: %s\n", pid, strerror(errno));
		return 1;
	}
	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status)) {
		fprintf(stderr, "hold_thread: %d did not stop\n", pid);
		return 1;
	}
	puts("held");
	fflush(stdout);
	while (waitpid(pid, &status, __WALL) == pid && !WIFEXITED(status) && !WIFSIGNALED(status))
		;
	return 0;
}
