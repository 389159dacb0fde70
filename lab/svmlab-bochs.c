/* SPDX-License-Identifier: MIT */
/*
 * Runs Bochs for the lab's supervisor, as a command that has the guest's end of the protocol on its
 * descriptor 3 and the console on 5: Bochs wants a terminal for its display, and its serial lines
 * are pseudo terminals. COM1 is the console; the protocol goes over COM2 and a disk (link.h), which
 * is the file that the first argument names. Bochs dies with us.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "carry.h"
#include "child.h"
#include "exec.h"
#include "fd.h"

#define PORT_FD 3
#define MONITOR_FD 4
#define CONSOLE_FD 5
#define CONSOLE_MAX_BYTES (256u * 1024u)	/* read no more until the supervisor has taken it */
#define SCREEN_MESSAGE "connected to screen \""

/* Both ends stay open here: a terminal without a slave would be at its end. */
struct terminal {
	int ours, theirs;
	char path[64];
};

static struct terminal display, console, port;
static int screen = -1;			/* the end of Bochs' own terminal that a person would look at */
static int boxes;			/* the file that is the mailboxes' disk */
static struct buf console_out;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "svmlab-bochs: %s: %s\n", what, strerror(errno));
	exit(EXEC_STATUS_LAB);
}

static void terminal_open(struct terminal *t)
{
	const struct winsize size = { .ws_row = 25, .ws_col = 80 };

	if (openpty(&t->ours, &t->theirs, t->path, NULL, &size) < 0)
		die("no pseudo terminal");
	fcntl(t->theirs, F_SETFD, FD_CLOEXEC);
	set_nonblocking(t->ours);
	if (line_raw(t->theirs) < 0)
		die(t->path);
}

static int whole(ssize_t n, size_t size_bytes)
{
	return n == (ssize_t)size_bytes ? 0 : -1;
}

static int read_box(uint8_t *bytes, size_t size_bytes)
{
	return whole(pread(boxes, bytes, size_bytes, LINK_TO_HOST_OFFSET), size_bytes);
}

static int write_box(uint8_t *bytes, size_t size_bytes)
{
	return whole(pwrite(boxes, bytes, size_bytes, LINK_TO_GUEST_OFFSET), size_bytes);
}

static void open_boxes(const char *path)
{
	boxes = open(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (boxes < 0 || ftruncate(boxes, LINK_DISK_BYTES) < 0)
		die(path);
}

/* The command with the disk and the two serial lines added, as lines of a bochsrc. */
static char **arguments(int argc, char **argv)
{
	static char lines[3][PATH_MAX + 128];
	const size_t count = (size_t)argc - 2;
	char **all = calloc(count + 4, sizeof(*all));

	if (!all)
		die("no memory");
	memcpy(all, argv + 2, count * sizeof(*all));
	for (size_t i = 0; i < 3; i++)
		all[count + i] = lines[i];
	snprintf(lines[0], sizeof(lines[0]), "com1: enabled=1, mode=term, dev=%s", console.path);
	snprintf(lines[1], sizeof(lines[1]), "com2: enabled=1, mode=term, dev=%s", port.path);
	snprintf(lines[2], sizeof(lines[2]), "ata0-slave: type=disk, mode=flat, cylinders=1, heads=16, "
		 "spt=63, path=\"%s\"", argv[1]);
	return all;
}

static pid_t start(char **command)
{
	const pid_t parent = getpid(), child = fork();

	if (child < 0)
		die("fork");
	if (child > 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXEC_STATUS_LAB);
	setsid();
	for (int i = 0; i < 3; i++)
		dup2(display.theirs, i);
	close(PORT_FD);
	close(MONITOR_FD);
	close(CONSOLE_FD);
	child_reset_signals();
	setenv("TERM", "xterm", 1);
	execvp(command[0], command);
	_exit(errno == ENOENT ? EXEC_STATUS_NOT_FOUND : EXEC_STATUS_NOT_RUN);
}

/* Bochs turns translation of newlines on when it opens a line, which is before the first byte. */
static void undo_bochs_modes(void)
{
	static bool done;

	if (!done && (line_raw(console.theirs) < 0 || line_raw(port.theirs) < 0))
		die("a serial line");
	done = true;
}

static void console_input(void)
{
	ssize_t n;

	while (console_out.size_bytes < CONSOLE_MAX_BYTES) {
		n = read(console.ours, buf_reserve(&console_out, 4096), 4096);
		if (n <= 0)
			break;
		buf_commit(&console_out, (size_t)n);
		undo_bochs_modes();
	}
	drain_to(CONSOLE_FD, &console_out);
}

/*
 * A Bochs that has a debugger leaves the display to it and draws on a terminal that it opens itself and
 * names on the display.
 */
static void find_screen(const char *said, size_t size_bytes)
{
	static char start[4096];
	static size_t have_bytes;
	char *path, *end;

	if (screen >= 0 || have_bytes == sizeof(start) - 1)
		return;
	if (size_bytes > sizeof(start) - 1 - have_bytes)
		size_bytes = sizeof(start) - 1 - have_bytes;
	memcpy(start + have_bytes, said, size_bytes);
	have_bytes += size_bytes;
	path = strstr(start, SCREEN_MESSAGE);
	if (!path)
		return;
	path += strlen(SCREEN_MESSAGE);
	end = strchr(path, '"');
	if (!end)
		return;
	*end = '\0';
	screen = open(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (screen < 0)
		die(path);
}

/*
 * What Bochs draws is of no use, as the console has it, too; but it must be read: the cursor blinks
 * several times a second, and when the terminal is full, after some minutes, Bochs stands still.
 */
static void display_input(void)
{
	char drawn[4096];
	ssize_t n;

	while ((n = read(display.ours, drawn, sizeof(drawn))) > 0)
		find_screen(drawn, (size_t)n);
	while (screen >= 0 && read(screen, drawn, sizeof(drawn)) > 0)
		;
}

static bool ended(pid_t child, int *status)
{
	const pid_t pid = waitpid(child, status, WNOHANG);

	return pid == child || (pid < 0 && errno == ECHILD);
}

/* Until Bochs ends, or the supervisor says or shows that it should. Returns waitpid's status. */
static int serve(pid_t child, int signals)
{
	static struct carry carry = { .read_box = read_box, .write_box = write_box };
	struct pollfd polls[7];
	struct signalfd_siginfo info;
	bool killed = false;
	nfds_t count;
	int status = 0;

	carry_init(&carry, LINK_HOST, PORT_FD, port.ours);
	while (!ended(child, &status)) {
		const char *end = carry_turn(&carry);

		if (end && !killed) {
			fprintf(stderr, "svmlab-bochs: serial line: %s\n", end);
			kill(child, SIGKILL);
			killed = true;
		}
		console_input();
		display_input();
		count = 0;
		want(polls, &count, signals, POLLIN);
		if (!killed)
			carry_wants(&carry, polls, &count);
		want(polls, &count, console.ours,
		     console_out.size_bytes < CONSOLE_MAX_BYTES ? POLLIN : 0);
		want(polls, &count, CONSOLE_FD, console_out.size_bytes ? POLLOUT : 0);
		want(polls, &count, display.ours, POLLIN);
		want(polls, &count, screen, POLLIN);
		if (poll(polls, count, -1) < 0 && errno != EINTR)
			die("poll");
		while (read(signals, &info, sizeof(info)) > 0) {
			if (info.ssi_signo == SIGTERM)
				kill(child, SIGKILL);
		}
	}
	console_input();
	carry_turn(&carry);
	return status;
}

int main(int argc, char **argv)
{
	sigset_t mask;
	char **command;
	int signals, status;

	if (argc < 3 || strcmp(argv[1], "--help") == 0) {
		fputs("Usage: svmlab-bochs MAILBOXES BOCHS [ARGUMENT]...\n"
		      "Runs Bochs for svmlab-muxd, with its console on descriptor 5. Descriptor 3 is\n"
		      "carried into the guest over COM2 and the disk MAILBOXES, a file to create.\n",
		      stderr);
		return EXEC_STATUS_USAGE;
	}
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigaddset(&mask, SIGTERM);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signals = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	if (signals < 0)
		die("signalfd");
	set_nonblocking(PORT_FD);
	set_nonblocking(CONSOLE_FD);
	open_boxes(argv[1]);
	terminal_open(&display);
	terminal_open(&console);
	terminal_open(&port);
	command = arguments(argc, argv);
	status = serve(start(command), signals);
	free(command);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
