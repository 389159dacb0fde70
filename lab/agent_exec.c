/* SPDX-License-Identifier: MIT */
/*
 * Command sessions: an exec channel carries a session of the same protocol, whose channels are the
 * command's standard streams (exec.h). This file moves their bytes with credit, passes signals on,
 * and sends the exit status behind the output; agent_spawn.c starts the command.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "agent.h"
#include "agent_spawn.h"
#include "exec.h"
#include "fd.h"

#define READ_BYTES (32u * 1024u)

/* A command and the session with svmlab-exec that drives it. */
struct session {
	struct mux mux;
	struct mux_reader reader;
	pid_t pid;			/* 0: not started, or reaped */
	int fd_in, fd_out, fd_err;	/* with a terminal, fd_in and fd_out are its master */
	bool tty;
	bool exited;
	uint32_t status;
	uint32_t left_bytes[3];		/* per stream: output still to pass on before the status */
	struct buf input;		/* for the command's stdin */
	bool input_eof;
};

static void session_frame(struct channel *c, enum mux_type type, uint16_t stream,
			  const void *payload, uint32_t length)
{
	buf_append_frame(&c->out, type, stream, payload, length);
}

static void session_exit(struct channel *c, uint32_t status)
{
	uint8_t payload[4];

	mux_put32(payload, status);
	session_frame(c, MUX_EXIT, 0, payload, sizeof(payload));
	c->closing = true;
}

static void session_fail(struct channel *c, uint32_t status, const char *what, int error)
{
	char text[512];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(error));
	session_frame(c, MUX_ERROR, 0, text, (uint32_t)strlen(text));
	session_exit(c, status);
}

bool session_open(struct channel *c)
{
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return false;
	s->fd_in = s->fd_out = s->fd_err = -1;
	mux_init(&s->mux, MUX_RUNNER);
	mux_reader_init(&s->reader);
	for (uint16_t i = 0; i < 3; i++)
		mux_preopen(&s->mux, i);
	c->session = s;
	return true;
}

void session_free(struct session *s)
{
	/* A reaped leader's number may belong to someone else by now. */
	if (s->pid > 0)
		kill(-s->pid, SIGKILL);
	if (s->fd_out != s->fd_in)
		close_fd(&s->fd_out);
	close_fd(&s->fd_in);
	close_fd(&s->fd_err);
	buf_free(&s->input);
	free(s);
}

static void session_start(struct channel *c, const struct mux_frame *frame)
{
	struct session *s = c->session;
	struct start start = { 0 };
	int fds[3], error;
	char *text;

	text = frame->length > EXEC_START_FIXED_BYTES ? malloc(frame->length) : NULL;
	if (s->pid || s->exited || !text || !parse_start(frame, text, &start)) {
		session_fail(c, EXEC_STATUS_LAB, "the request to start a command", EINVAL);
		free(text);
		return;
	}
	s->tty = start.tty;
	error = spawn(&start, &s->pid, fds);
	if (error) {
		session_fail(c, error == ENOENT ? EXEC_STATUS_NOT_FOUND : EXEC_STATUS_NOT_RUN,
			     start.argv[0], error);
	} else {
		s->fd_in = fds[EXEC_STDIN];
		s->fd_out = fds[EXEC_STDOUT];
		s->fd_err = fds[EXEC_STDERR];
	}
	free(start.argv);
	free(text);
}

/* Writes queued input to the command, grants credit for it, and passes on the end of the input. */
static void session_input(struct channel *c)
{
	struct session *s = c->session;
	const size_t before = s->input.size_bytes;

	if (s->fd_in < 0 || drain_to(s->fd_in, &s->input) < 0) {
		/* Nobody reads it any more: take the rest and drop it, as a closed pipe would. */
		buf_free(&s->input);
		if (!s->tty)
			close_fd(&s->fd_in);
	}
	buf_append_grant(&c->out, &s->mux, EXEC_STDIN, (uint32_t)(before - s->input.size_bytes));
	if (s->input_eof && !s->input.size_bytes && !s->tty)
		close_fd(&s->fd_in);
}

/* Reads one stream of the command into the session. Returns whether there may be more. */
static bool session_output(struct channel *c, int *fd, enum exec_stream stream)
{
	struct session *s = c->session;
	uint32_t size = mux_sendable(&s->mux, (uint16_t)stream);
	uint8_t bytes[READ_BYTES];
	ssize_t n;

	if (*fd < 0 || !size || c->out.size_bytes >= MUX_PAYLOAD_MAX_BYTES)
		return false;
	if (size > sizeof(bytes))
		size = sizeof(bytes);
	if (s->exited && size > s->left_bytes[stream])
		size = s->left_bytes[stream];
	if (!size)
		return false;
	do
		n = read(*fd, bytes, size);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		session_frame(c, MUX_DATA, (uint16_t)stream, bytes, (uint32_t)n);
		mux_sent(&s->mux, (uint16_t)stream, (uint32_t)n);
		if (s->exited)
			s->left_bytes[stream] -= (uint32_t)n;
		return true;
	}
	if (n == 0 || errno != EAGAIN) {
		/* A terminal's master answers EIO when the last process has left it. */
		if (*fd == s->fd_in)
			s->fd_in = -1;
		close_fd(fd);
	}
	return false;
}

/* Whether the stream still holds output of the command that the session has yet to carry. */
static bool output_left(const struct session *s, int fd, enum exec_stream stream)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return fd >= 0 && s->left_bytes[stream] && poll(&p, 1, 0) > 0 && (p.revents & POLLIN);
}

/*
 * Once the command has ended, its status follows the output that it wrote. What processes that it
 * left behind write later is theirs: waiting for it would make `run sh -c 'daemon &'` hang.
 */
static void session_finish(struct channel *c)
{
	struct session *s = c->session;

	if (!s->exited || c->closing)
		return;
	while (session_output(c, &s->fd_out, EXEC_STDOUT) ||
	       session_output(c, &s->fd_err, EXEC_STDERR))
		;
	if (!output_left(s, s->fd_out, EXEC_STDOUT) && !output_left(s, s->fd_err, EXEC_STDERR))
		session_exit(c, s->status);
}

static void session_signal(const struct session *s, uint32_t number)
{
	if (s->pid > 0 && number > 0 && number < 65)
		kill(-s->pid, (int)number);
}

static void session_winsize(const struct session *s, const struct mux_frame *frame)
{
	struct winsize size = {
		.ws_row = (unsigned short)mux_get32(frame->payload),
		.ws_col = (unsigned short)mux_get32(frame->payload + 4),
	};

	if (s->tty && s->fd_out >= 0)
		ioctl(s->fd_out, TIOCSWINSZ, &size);
}

static void session_frame_received(struct channel *c, const struct mux_frame *frame)
{
	struct session *s = c->session;

	switch (frame->type) {
	case MUX_START:
		session_start(c, frame);
		break;
	case MUX_DATA:
		buf_append(&s->input, frame->payload, frame->length);
		session_input(c);
		break;
	case MUX_EOF:
		s->input_eof = true;
		session_input(c);
		break;
	case MUX_SIGNAL:
		session_signal(s, mux_get32(frame->payload));
		break;
	case MUX_WINSIZE:
		session_winsize(s, frame);
		break;
	default:
		break;		/* CREDIT has done its work in mux_receive */
	}
}

void session_bytes(struct channel *c, const uint8_t *data, size_t size)
{
	struct session *s = c->session;
	struct mux_frame frame;
	int got;

	while ((got = mux_read(&s->mux, &s->reader, &data, &size, &frame)) > 0) {
		const enum mux_verdict verdict = mux_receive(&s->mux, &frame);

		if (verdict == MUX_BAD)
			got = -1;
		if (verdict == MUX_DELIVER && !c->closing)
			session_frame_received(c, &frame);
		if (got < 0)
			break;
	}
	if (got < 0 && !c->closing) {
		fprintf(stderr, "svmlab-agent: command session: %s\n", s->mux.error);
		c->closing = true;
	}
}

void session_pump(struct channel *c)
{
	struct session *s = c->session;

	session_input(c);
	if (!c->closing) {
		session_output(c, &s->fd_out, EXEC_STDOUT);
		session_output(c, &s->fd_err, EXEC_STDERR);
	}
	session_finish(c);
}

void session_wants(const struct channel *c, struct pollfd *polls, nfds_t *count)
{
	const struct session *s = c->session;
	const short in = s->input.size_bytes ? POLLOUT : 0;

	if (s->fd_in == s->fd_out) {
		want(polls, count, s->fd_in, (short)(in | out_events(c, &s->mux, EXEC_STDOUT)));
	} else {
		want(polls, count, s->fd_in, in);
		want(polls, count, s->fd_out, out_events(c, &s->mux, EXEC_STDOUT));
	}
	want(polls, count, s->fd_err, out_events(c, &s->mux, EXEC_STDERR));
}

/* What a pipe holds now is what the command wrote; a terminal does not tell, and has a limit. */
static uint32_t pending_bytes(const struct session *s, int fd)
{
	int count = 0;

	if (s->tty)
		return MUX_PAYLOAD_MAX_BYTES;
	if (fd < 0 || ioctl(fd, FIONREAD, &count) < 0 || count < 0)
		return 0;
	return (uint32_t)count;
}

void sessions_reaped(pid_t pid, int status)
{
	for (unsigned int i = 0; i < MUX_CHANNELS; i++) {
		struct session *s = agent.channels[i].session;

		if (!s || s->pid != pid)
			continue;
		s->pid = 0;
		s->exited = true;
		s->status = WIFSIGNALED(status) ? 128u + (uint32_t)WTERMSIG(status)
						: (uint32_t)WEXITSTATUS(status);
		s->left_bytes[EXEC_STDOUT] = pending_bytes(s, s->fd_out);
		s->left_bytes[EXEC_STDERR] = pending_bytes(s, s->fd_err);
	}
}
