/* SPDX-License-Identifier: MIT */
/*
 * QEMU as the supervisor's child. It gets its three channels (port, monitor, console) as inherited
 * descriptors, so there is no socket that another process could take or that a killed lab could
 * leave to be mistaken for a live one; the kernel kills QEMU when the supervisor dies.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "muxd.h"

#define CHILD_PORT_FD 3
#define CHILD_MONITOR_FD 4
#define CHILD_CONSOLE_FD 5

static void monitor_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	(void)buf;
	if (n < 0)
		uv_read_stop(stream);
}

static void describe_end(int status)
{
	if (lab.stage > READY)
		say("the appliance is down");
	else if (WIFSIGNALED(status))
		say("the emulator was killed by signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		say("the emulator exited with status %d", WEXITSTATUS(status));
	else
		say("the appliance powered off or panicked; its console log says more");
}

/* Takes what still lies in a socket whose other end has died. Returns the bytes read, or 0. */
static size_t read_rest(uv_pipe_t *pipe, uint8_t *bytes, size_t size)
{
	uv_os_fd_t fd;
	ssize_t n;

	if (uv_fileno((uv_handle_t *)pipe, &fd) < 0)
		return 0;
	do
		n = read(fd, bytes, size);
	while (n < 0 && errno == EINTR);
	return n > 0 ? (size_t)n : 0;
}

/* What the dying guest said last is the most interesting of all. */
static void take_last_words(void)
{
	size_t n;

	while ((n = read_rest(&lab.console, lab.console_buffer, sizeof(lab.console_buffer))) > 0)
		console_write(lab.console_buffer, n);
	while ((n = read_rest(&lab.port, lab.port_buffer, sizeof(lab.port_buffer))) > 0) {
		if (!port_bytes(lab.port_buffer, n))
			return;
	}
}

void child_ended(uv_signal_t *handle, int number)
{
	int status;

	(void)handle;
	(void)number;
	if (waitpid(lab.child, &status, WNOHANG) != lab.child)
		return;
	take_last_words();
	describe_end(status);
	if (lab.stage <= READY)
		lab.exit_status = EXIT_LAB;
	stop_listening();
	unlink(in_directory("qemu.pid"));
	unlink(in_directory("muxd.pid"));
	end_loop();
}

#define STRING(x) #x
#define FD_STRING(x) STRING(x)

/* The caller's command line with our three channels added to it; to be freed. */
static char **child_arguments(char **command, int count)
{
	static const char *const channels[] = {
		"-chardev", "socket,id=svmlab-port,fd=" FD_STRING(CHILD_PORT_FD),
		"-device", "virtserialport,chardev=svmlab-port,name=" MUX_PORT_NAME,
		"-chardev", "socket,id=svmlab-monitor,fd=" FD_STRING(CHILD_MONITOR_FD),
		"-mon", "chardev=svmlab-monitor,mode=control",
		"-chardev", "socket,id=svmlab-console,fd=" FD_STRING(CHILD_CONSOLE_FD),
		"-serial", "chardev:svmlab-console",
	};
	const size_t added = lab.plain ? 0 : sizeof(channels) / sizeof(channels[0]);
	char **argv = must_alloc(sizeof(*argv) * ((size_t)count + added + 1));

	memcpy(argv, command, sizeof(*argv) * (size_t)count);
	memcpy(argv + count, channels, sizeof(*argv) * added);
	return argv;
}

static _Noreturn void become_child(char **argv, const int theirs[3], pid_t supervisor)
{
	int high[3];

	/* Without this, a killed supervisor would leave an appliance that nobody can reach. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != supervisor)
		_exit(EXIT_LAB);
	setpgid(0, 0);
	for (int i = 0; i < 3; i++)
		high[i] = fcntl(theirs[i], F_DUPFD_CLOEXEC, 16);
	for (int i = 0; i < 3; i++) {
		if (dup2(high[i], CHILD_PORT_FD + i) < 0)
			_exit(EXIT_LAB);
	}
	child_reset_signals();
	execvp(argv[0], argv);
	say("%s: %s", argv[0], strerror(errno));
	_exit(EXIT_LAB);
}

void start_child(char **command, int count)
{
	static const char hello[] = "{\"execute\":\"qmp_capabilities\"}\n";
	uv_pipe_t *const pipes[3] = { &lab.port, &lab.monitor, &lab.console };
	char **argv = child_arguments(command, count);
	const pid_t supervisor = getpid();
	int ours[3], theirs[3], pair[2];

	for (int i = 0; i < 3; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			must(-errno, "socketpair");
		ours[i] = pair[0];
		theirs[i] = pair[1];
	}
	lab.child = fork();
	if (lab.child < 0)
		must(-errno, "fork");
	if (lab.child == 0)
		become_child(argv, theirs, supervisor);
	free(argv);
	for (int i = 0; i < 3; i++) {
		close(theirs[i]);
		open_pipe(pipes[i], ours[i]);
	}
	write_pid("qemu.pid", lab.child);
	uv_read_start((uv_stream_t *)&lab.port, port_alloc, port_read);
	uv_read_start((uv_stream_t *)&lab.monitor, console_alloc, monitor_read);
	uv_read_start((uv_stream_t *)&lab.console, console_alloc, console_read);
	if (!lab.plain)
		send_bytes(&lab.monitor, hello, sizeof(hello) - 1, NULL, 0);
}
