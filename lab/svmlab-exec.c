/* SPDX-License-Identifier: MIT */
/*
 * The host's client for commands in the appliance: `svmlab run` and `svmlab shell` end here. It
 * carries stdin, stdout, stderr, signals and the exit status over a channel of svmlab-muxd, ends
 * the command at its time limit, and gives up in bounded time when the appliance does not answer.
 * It never makes its standard streams nonblocking, because other processes share them.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "exec.h"
#include "mux.h"

#define GRACE_NS 2000000000ll		/* from SIGTERM to SIGKILL, and from SIGKILL to giving up */
#define WRITE_BYTES 4096u		/* what a writable pipe takes without blocking */
#define OUT_FULL_BYTES (128u * 1024u)

static struct {
	const char *socket_path;
	const char *directory;
	bool tty;
	int sock;
	struct mux mux;
	struct mux_reader reader;
	struct buf out;			/* for the socket */
	struct buf streams[3];		/* from the command: stdout and stderr */
	bool stream_dead[3];
	bool stdin_done;
	bool hangup;			/* the lab has closed the connection */
	bool have_status, timed_out;
	uint32_t status;
	int64_t deadline_ns;		/* 0: none */
	int limit_seconds;
	int next_signal;		/* what the next passing of the deadline sends */
	int interrupts;
	struct termios saved;
	bool raw;
	int signal_pipe[2];
} client = { .sock = -1, .directory = "/", .next_signal = SIGTERM };

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void restore_terminal(void)
{
	if (client.raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &client.saved);
	client.raw = false;
}

__attribute__((format(printf, 2, 3)))
static _Noreturn void finish(int status, const char *format, ...)
{
	va_list args;

	restore_terminal();
	if (format) {
		fputs("svmlab: ", stderr);
		va_start(args, format);
		vfprintf(stderr, format, args);
		va_end(args);
		fputc('\n', stderr);
	}
	exit(status);
}

static void on_signal(int number)
{
	const int saved_errno = errno;
	const uint8_t byte = (uint8_t)number;

	/* A full pipe already holds signals enough. */
	if (write(client.signal_pipe[1], &byte, 1) < 0)
		errno = saved_errno;
	errno = saved_errno;
}

static void catch_signals(void)
{
	static const int forwarded[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2,
					 SIGWINCH };
	const struct sigaction action = { .sa_handler = on_signal };
	struct sigaction before;

	if (pipe2(client.signal_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		finish(EXEC_STATUS_LAB, "pipe: %s", strerror(errno));
	/* What our caller ignores stays ignored: nohup, and a script's background commands. */
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++) {
		if (sigaction(forwarded[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			sigaction(forwarded[i], &action, NULL);
	}
	signal(SIGPIPE, SIG_IGN);
}

static void connect_lab(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(client.socket_path) >= sizeof(address.sun_path))
		finish(EXEC_STATUS_LAB, "%s: longer than a socket address (%zu bytes)",
		       client.socket_path, sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, client.socket_path);
	client.sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client.sock < 0 ||
	    connect(client.sock, (struct sockaddr *)&address, sizeof(address)) < 0)
		finish(EXEC_STATUS_LAB, "%s: %s; is the lab up? (svmlab up)", client.socket_path,
		       strerror(errno));
	fcntl(client.sock, F_SETFL, O_NONBLOCK);
}

static void enter_raw_mode(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &client.saved) < 0)
		return;
	raw = client.saved;
	cfmakeraw(&raw);
	client.raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

static void send_frame(enum mux_type type, uint16_t stream, const void *payload, uint32_t length)
{
	buf_append_frame(&client.out, type, stream, payload, length);
}

static void send_signal(int number)
{
	uint8_t payload[4];

	mux_put32(payload, (uint32_t)number);
	send_frame(MUX_SIGNAL, 0, payload, sizeof(payload));
}

static struct winsize window_size(void)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };

	ioctl(STDIN_FILENO, TIOCGWINSZ, &size);
	return size;
}

static void send_winsize(void)
{
	const struct winsize size = window_size();
	uint8_t payload[8];

	mux_put32(payload, size.ws_row);
	mux_put32(payload + 4, size.ws_col);
	send_frame(MUX_WINSIZE, 0, payload, sizeof(payload));
}

static void append_string(struct buf *b, const char *text)
{
	buf_append(b, text, strlen(text) + 1);
}

static void send_start(char **argv)
{
	const struct winsize size = window_size();
	const char *term = client.tty ? getenv("TERM") : NULL;
	uint8_t fixed[EXEC_START_FIXED_BYTES] = { client.tty ? EXEC_FLAG_TTY : 0 };
	struct buf payload = { 0 };
	unsigned int count = 2;

	mux_put16(fixed + 2, size.ws_row);
	mux_put16(fixed + 4, size.ws_col);
	buf_append(&payload, fixed, sizeof(fixed));
	append_string(&payload, term ? term : "");
	append_string(&payload, client.directory);
	for (; *argv; argv++, count++)
		append_string(&payload, *argv);
	if (payload.size_bytes > MUX_PAYLOAD_MAX_BYTES || count > EXEC_ARGS_MAX)
		finish(EXEC_STATUS_USAGE, "a command has at most %u bytes and %u words",
		       MUX_PAYLOAD_MAX_BYTES - EXEC_START_FIXED_BYTES, EXEC_ARGS_MAX - 2);
	send_frame(MUX_START, 0, buf_front(&payload), (uint32_t)payload.size_bytes);
	buf_free(&payload);
}

static void stdin_input(void)
{
	uint32_t size = mux_sendable(&client.mux, EXEC_STDIN);
	uint8_t bytes[MUX_PAYLOAD_MAX_BYTES];
	ssize_t n;

	if (size > sizeof(bytes))
		size = sizeof(bytes);
	n = read(STDIN_FILENO, bytes, size);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		client.stdin_done = true;
		if (mux_send_eof(&client.mux, EXEC_STDIN))
			send_frame(MUX_EOF, EXEC_STDIN, NULL, 0);
		return;
	}
	send_frame(MUX_DATA, EXEC_STDIN, bytes, (uint32_t)n);
	mux_sent(&client.mux, EXEC_STDIN, (uint32_t)n);
}

static void frame_received(const struct mux_frame *frame)
{
	switch (frame->type) {
	case MUX_DATA:
		if (frame->channel == EXEC_STDOUT || frame->channel == EXEC_STDERR)
			buf_append(&client.streams[frame->channel], frame->payload, frame->length);
		break;
	case MUX_EXIT:
		client.have_status = true;
		client.status = mux_get32(frame->payload) & 0xff;
		break;
	case MUX_ERROR:
		fprintf(stderr, "svmlab: in the appliance: %.*s\n", (int)frame->length,
			(const char *)frame->payload);
		break;
	default:
		break;
	}
}

static void socket_input(void)
{
	static uint8_t bytes[MUX_FRAME_MAX_BYTES];
	const uint8_t *data = bytes;
	struct mux_frame frame;
	size_t size;
	ssize_t n;
	int got = 0;

	n = read(client.sock, bytes, sizeof(bytes));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client.hangup = true;
		return;
	}
	size = (size_t)n;
	while (!client.have_status &&
	       (got = mux_read(&client.mux, &client.reader, &data, &size, &frame)) > 0) {
		const enum mux_verdict verdict = mux_receive(&client.mux, &frame);

		if (verdict == MUX_BAD)
			got = -1;
		if (verdict == MUX_DELIVER)
			frame_received(&frame);
		if (got < 0)
			break;
	}
	if (got < 0)
		finish(EXEC_STATUS_LAB, "the appliance broke the protocol: %s", client.mux.error);
}

static void socket_output(void)
{
	while (client.out.size_bytes) {
		const ssize_t n = write(client.sock, buf_front(&client.out), client.out.size_bytes);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			/* Input may still hold the status: only its end is the end. */
			buf_free(&client.out);
			return;
		}
		buf_consume(&client.out, (size_t)n);
	}
}

/* Passes some output on to our stdout or stderr and pays for more. */
static void stream_output(uint16_t stream)
{
	struct buf *b = &client.streams[stream];
	size_t size = b->size_bytes < WRITE_BYTES ? b->size_bytes : WRITE_BYTES;
	ssize_t n;

	n = client.stream_dead[stream] ? (ssize_t)b->size_bytes
				       : write(stream, buf_front(b), size);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0) {
		/* As for a local command: the one that writes to a closed pipe ends. */
		client.stream_dead[stream] = true;
		if (errno == EPIPE)
			send_signal(SIGPIPE);
		else
			fprintf(stderr, "svmlab: writing output: %s\n", strerror(errno));
		return;
	}
	buf_consume(b, (size_t)n);
	buf_append_grant(&client.out, &client.mux, stream, (uint32_t)n);
}

static void forward_signals(void)
{
	uint8_t number;

	while (read(client.signal_pipe[0], &number, 1) == 1) {
		if (number == SIGWINCH) {
			if (client.tty)
				send_winsize();
			continue;
		}
		if (number == SIGHUP)
			finish(128 + SIGHUP, NULL);
		/* The third is for an appliance that does not react; closing ends the command. */
		if ((number == SIGINT || number == SIGTERM) && ++client.interrupts == 3)
			finish(128 + number, "interrupted");
		send_signal(number);
	}
}

static void check_deadline(void)
{
	if (!client.deadline_ns || now_ns() < client.deadline_ns)
		return;
	client.timed_out = true;
	if (!client.next_signal)
		finish(EXEC_STATUS_TIME_LIMIT,
		       "time limit of %d s reached, and the appliance does not answer",
		       client.limit_seconds);
	send_signal(client.next_signal);
	client.next_signal = client.next_signal == SIGTERM ? SIGKILL : 0;
	client.deadline_ns = now_ns() + GRACE_NS;
}

static int poll_timeout_ms(void)
{
	int64_t left_ns;

	if (!client.deadline_ns)
		return -1;
	left_ns = client.deadline_ns - now_ns();
	if (left_ns <= 0)
		return 0;
	left_ns = left_ns / 1000000 + 1;
	return left_ns > 3600000 ? 3600000 : (int)left_ns;
}

static bool finished(void)
{
	return (client.have_status || client.hangup) && !client.streams[EXEC_STDOUT].size_bytes &&
	       !client.streams[EXEC_STDERR].size_bytes;
}

static bool wants_stdin(void)
{
	return !client.stdin_done && client.out.size_bytes < OUT_FULL_BYTES &&
	       mux_sendable(&client.mux, EXEC_STDIN);
}

static void run_session(void)
{
	while (!finished()) {
		struct pollfd polls[5] = {
			{ .fd = client.signal_pipe[0], .events = POLLIN },
			{ .fd = client.hangup || client.have_status ? -1 : client.sock,
			  .events = (short)(POLLIN | (client.out.size_bytes ? POLLOUT : 0)) },
			{ .fd = wants_stdin() ? STDIN_FILENO : -1, .events = POLLIN },
			{ .fd = client.streams[1].size_bytes ? 1 : -1, .events = POLLOUT },
			{ .fd = client.streams[2].size_bytes ? 2 : -1, .events = POLLOUT },
		};

		if (poll(polls, 5, poll_timeout_ms()) < 0 && errno != EINTR)
			finish(EXEC_STATUS_LAB, "poll: %s", strerror(errno));
		check_deadline();
		forward_signals();
		if (polls[1].revents & ~POLLOUT)
			socket_input();
		if (polls[2].revents)
			stdin_input();
		for (uint16_t i = EXEC_STDOUT; i <= EXEC_STDERR; i++) {
			if (polls[2 + i].revents)
				stream_output(i);
		}
		socket_output();
	}
}

static void usage(FILE *out)
{
	fputs("Usage: svmlab-exec [OPTION]... SOCKET COMMAND [ARGUMENT]...\n"
	      "Runs a command in the lab's appliance; `svmlab run` calls it.\n"
	      "  -d, --directory DIR    start in DIR (default /)\n"
	      "  -l, --time-limit SECS  end the command after so long; 0 means no limit\n"
	      "  -t, --tty              give it a terminal\n"
	      "  -h, --help             show this help\n", out);
}

static int parse_seconds(const char *text)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < 0 || value > 10000000)
		finish(EXEC_STATUS_USAGE, "--time-limit %s: a number of seconds, 0 to 10000000",
		       text);
	return (int)value;
}

static char **parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "directory", required_argument, NULL, 'd' },
		{ "time-limit", required_argument, NULL, 'l' },
		{ "tty", no_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+d:l:th", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			client.directory = optarg;
			break;
		case 'l':
			client.limit_seconds = parse_seconds(optarg);
			break;
		case 't':
			client.tty = true;
			break;
		default:
			usage(c == 'h' ? stdout : stderr);
			exit(c == 'h' ? 0 : EXEC_STATUS_USAGE);
		}
	}
	if (argc - optind < 2) {
		usage(stderr);
		exit(EXEC_STATUS_USAGE);
	}
	client.socket_path = argv[optind];
	return argv + optind + 1;
}

int main(int argc, char **argv)
{
	char **command = parse_options(argc, argv);

	connect_lab();
	catch_signals();
	mux_init(&client.mux, MUX_CLIENT);
	mux_reader_init(&client.reader);
	for (uint16_t i = 0; i < 3; i++)
		mux_preopen(&client.mux, i);
	send_start(command);
	if (client.tty)
		enter_raw_mode();
	if (client.limit_seconds)
		client.deadline_ns = now_ns() + client.limit_seconds * 1000000000ll;
	run_session();
	if (client.timed_out)
		finish(EXEC_STATUS_TIME_LIMIT, "time limit of %d s reached; the command was ended",
		       client.limit_seconds);
	if (!client.have_status)
		finish(EXEC_STATUS_LAB, "the lab ended before the command did; "
		       "`svmlab status` says why");
	finish((int)client.status, NULL);
}
