/* SPDX-License-Identifier: MIT */
/*
 * The lab's supervisor on the host: it starts QEMU, carries client connections through the
 * virtio-serial port, keeps the serial console's log, and ends everything within bounds. This file
 * has its options, its setup in the background, and the answer to the parent that waits for
 * readiness. What QEMU's guest says is hostile.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "muxd.h"

struct lab lab = { .lifetime_seconds = 4 * 3600, .boot_seconds = 60, .console_log = -1 };

static void parent_closed(uv_handle_t *handle)
{
	(void)handle;
	lab.parent_open = false;
}

void parent_close(void)
{
	if (lab.parent_open && !uv_is_closing((uv_handle_t *)&lab.parent))
		uv_close((uv_handle_t *)&lab.parent, parent_closed);
}

void tell_parent_ready(void)
{
	static const char ready[] = "ready";
	uv_buf_t buf = uv_buf_init((char *)(uintptr_t)ready, sizeof(ready) - 1);

	if (!lab.parent_open)
		return;
	uv_try_write((uv_stream_t *)&lab.parent, &buf, 1);
	parent_close();
}

/* The waiting parent went away before the appliance was ready: nobody wants it any more. */
static void parent_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	(void)stream;
	(void)buf;
	if (n >= 0)
		return;
	parent_close();
	say("whoever was starting the lab is gone");
	advance(QUITTING);
}

static void redirect_stdio(void)
{
	const int log = open(in_directory("lab.log"),
			     O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
	const int null = open("/dev/null", O_RDWR);

	if (log < 0 || null < 0)
		must(-errno, in_directory("lab.log"));
	dup2(null, 0);
	dup2(log, 1);
	dup2(log, 2);
	close(null);
	close(log);
	setvbuf(stderr, NULL, _IOLBF, 0);
}

/* Keeps the parent's socket only: a caller's pipe that we held open would never reach its end. */
static int close_inherited(int parent)
{
	if (dup2(parent, 3) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC) < 0)
		must(-errno, "dup2");
	if (close_range(4, ~0u, 0) < 0)
		say("close_range: %s; inherited descriptors stay open", strerror(errno));
	return 3;
}

static int supervise(char **command, int count, int parent)
{
	setsid();
	parent = close_inherited(parent);
	if (chdir("/") < 0)
		must(-errno, "/");
	redirect_stdio();
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	must(uv_loop_init(&lab.loop), "event loop");
	mux_init(&lab.mux, MUX_HOST);
	mux_reader_init(&lab.reader);
	write_pid("muxd.pid", getpid());
	console_open_log();
	/* Before the fork, so that the death of a child that fails at once is not missed. */
	uv_signal_init(&lab.loop, &lab.on_child);
	uv_signal_start(&lab.on_child, child_ended, SIGCHLD);
	uv_signal_init(&lab.loop, &lab.on_term);
	uv_signal_start(&lab.on_term, on_stop_signal, SIGTERM);
	uv_signal_init(&lab.loop, &lab.on_int);
	uv_signal_start(&lab.on_int, on_stop_signal, SIGINT);
	uv_timer_init(&lab.loop, &lab.lifetime);
	uv_timer_init(&lab.loop, &lab.stage_timer);
	uv_timer_start(&lab.stage_timer, stage_expired, (uint64_t)lab.boot_seconds * 1000, 0);
	open_pipe(&lab.parent, parent);
	lab.parent_open = true;
	uv_read_start((uv_stream_t *)&lab.parent, console_alloc, parent_read);
	start_child(command, count);
	uv_run(&lab.loop, UV_RUN_DEFAULT);
	uv_loop_close(&lab.loop);
	return lab.exit_status;
}

/* Waits until the supervisor says that the appliance is ready, or ends without having said so. */
static int wait_until_ready(int supervisor)
{
	char answer[8];
	ssize_t n;

	do
		n = read(supervisor, answer, sizeof(answer));
	while (n < 0 && errno == EINTR);
	return n > 0 ? 0 : EXIT_LAB;
}

static void usage(FILE *out)
{
	fputs("Usage: svmlab-muxd --directory DIR [OPTION]... -- QEMU [ARGUMENT]...\n"
	      "Starts QEMU, returns when its guest is ready, and stays behind to serve\n"
	      "DIR/control.sock and DIR/exec.sock; `svmlab up` calls it.\n"
	      "  -d, --directory DIR   state directory, private to the user\n"
	      "  -l, --lifetime SECS   power the lab off after so long\n"
	      "  -b, --boot-time SECS  give up when it is not ready after so long\n"
	      "  -p, --plain           run the command as it is, not as QEMU: the guest's end\n"
	      "                        of the protocol is its descriptor 3 (for tests)\n"
	      "  -h, --help            show this help\n", out);
}

static _Noreturn void usage_error(const char *message, const char *value)
{
	fprintf(stderr, "svmlab-muxd: %s%s\n", message, value);
	usage(stderr);
	exit(2);
}

static int parse_seconds(const char *text)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < 1 || value > 10000000)
		usage_error("not a number of seconds from 1 to 10000000: ", text);
	return (int)value;
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "directory", required_argument, NULL, 'd' },
		{ "lifetime", required_argument, NULL, 'l' },
		{ "boot-time", required_argument, NULL, 'b' },
		{ "plain", no_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+d:l:b:ph", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			if (!realpath(optarg, lab.directory))
				usage_error("no such directory: ", optarg);
			break;
		case 'l':
			lab.lifetime_seconds = parse_seconds(optarg);
			break;
		case 'b':
			lab.boot_seconds = parse_seconds(optarg);
			break;
		case 'p':
			lab.plain = true;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage_error("see the usage", "");
		}
	}
	if (!*lab.directory)
		usage_error("--directory is missing", "");
	if (optind >= argc)
		usage_error("the command to start is missing", "");
}

int main(int argc, char **argv)
{
	int pair[2];
	pid_t pid;

	parse_options(argc, argv);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		must(-errno, "socketpair");
	pid = fork();
	if (pid < 0)
		must(-errno, "fork");
	if (pid == 0) {
		close(pair[0]);
		return supervise(argv + optind, argc - optind, pair[1]);
	}
	close(pair[1]);
	return wait_until_ready(pair[0]);
}
