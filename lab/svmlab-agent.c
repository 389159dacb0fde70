/* SPDX-License-Identifier: MIT */
/*
 * The guest's end of the lab's multiplexer: it connects channels to svmrund's control socket and
 * runs commands for svmlab-exec. It is process 1 of the appliance once the init script has finished
 * its setup, so it also reaps orphans, and its death ends the lab visibly. All descriptors that it
 * polls are nonblocking; what it holds in memory is bounded by the credit that it grants.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "buf.h"
#include "exec.h"
#include "mux.h"

#define PORT_NAME "org.svmkit.lab"
#define PORT_WAIT_MS 10000
#define WIRE_FULL_BYTES (256u * 1024u)	/* above this, channels wait for the port */
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

struct channel {
	enum mux_service service;	/* 0: the channel is free */
	bool closing;			/* CLOSE follows when `out` is sent */
	int fd;				/* control: the connection to svmrund */
	struct buf in;			/* control: for fd */
	bool in_eof;
	struct buf out;			/* for the mux, waiting for credit */
	struct session *session;	/* exec */
};

static struct {
	int port;
	const char *control_path;
	struct mux mux;
	struct mux_reader reader;
	struct buf wire;
	struct channel channels[MUX_CHANNELS];
	unsigned int first;		/* where the next round starts, so that all get a turn */
} agent = { .port = -1, .control_path = "/run/svmrund/control.sock" };

static void set_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Writes as much of the queue as fd takes. Returns the number of bytes, or -1 when fd is dead. */
static ssize_t drain_to(int fd, struct buf *b)
{
	ssize_t total = 0;

	while (b->size_bytes) {
		const ssize_t n = write(fd, buf_front(b), b->size_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? total : -1;
		buf_consume(b, (size_t)n);
		total += n;
	}
	return total;
}

/* --- the wire ------------------------------------------------------------------------------- */

static void wire_frame(enum mux_type type, uint16_t channel, const void *payload, uint32_t length)
{
	buf_append_frame(&agent.wire, type, channel, payload, length);
}

static void wire_credit(uint16_t channel, uint32_t grant)
{
	uint8_t payload[4];

	if (!grant)
		return;
	mux_put32(payload, grant);
	wire_frame(MUX_CREDIT, channel, payload, sizeof(payload));
}

/* Moves queued bytes of a channel into DATA frames as far as credit and the wire allow. */
static void channel_send(uint16_t number)
{
	struct channel *c = &agent.channels[number];

	while (c->out.size_bytes && agent.wire.size_bytes < WIRE_FULL_BYTES) {
		uint32_t size = mux_sendable(&agent.mux, number);

		if (size > MUX_PAYLOAD_MAX_BYTES)
			size = MUX_PAYLOAD_MAX_BYTES;
		if (size > c->out.size_bytes)
			size = (uint32_t)c->out.size_bytes;
		if (!size)
			return;
		wire_frame(MUX_DATA, number, buf_front(&c->out), size);
		mux_sent(&agent.mux, number, size);
		buf_consume(&c->out, size);
	}
}

/* --- commands ------------------------------------------------------------------------------- */

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

static void session_free(struct session *s)
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

struct start {
	bool tty;
	struct winsize size;
	const char *term, *directory;
	char **argv;
};

/* Reads START into *start, whose strings point into `text`; argv is the caller's to free. */
static bool parse_start(const struct mux_frame *frame, char *text, struct start *start)
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
	sigset_t none;
	int error;

	setsid();
	if (start->tty)
		ioctl(fds[0], TIOCSCTTY, 0);
	for (int i = 0; i < 3; i++)
		dup2(fds[i], i);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
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

/* Starts the command; returns 0, or the errno that kept it from running. */
static int spawn(struct session *s, const struct start *start)
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
	s->pid = fork();
	if (s->pid == 0)
		become(start, io.theirs, report[1]);
	if (s->pid < 0)
		error = errno;
	close(report[1]);
	stdio_close(io.theirs);
	do
		n = s->pid > 0 ? read(report[0], &error, sizeof(error)) : 0;
	while (n < 0 && errno == EINTR);
	close(report[0]);
	if (error) {
		stdio_close(io.ours);
		s->pid = 0;
		return error;
	}
	s->fd_in = io.ours[0];
	s->fd_out = io.ours[1];
	s->fd_err = io.ours[2];
	for (int i = 0; i < 3; i++) {
		if (io.ours[i] >= 0)
			set_nonblocking(io.ours[i]);
	}
	return 0;
}

static void session_start(struct channel *c, const struct mux_frame *frame)
{
	struct session *s = c->session;
	struct start start = { 0 };
	char *text;
	int error;

	text = frame->length > EXEC_START_FIXED_BYTES ? malloc(frame->length) : NULL;
	if (s->pid || s->exited || !text || !parse_start(frame, text, &start)) {
		session_fail(c, EXEC_STATUS_LAB, "the request to start a command", EINVAL);
		free(text);
		return;
	}
	s->tty = start.tty;
	error = spawn(s, &start);
	if (error)
		session_fail(c, error == ENOENT ? EXEC_STATUS_NOT_FOUND : EXEC_STATUS_NOT_RUN,
			     start.argv[0], error);
	free(start.argv);
	free(text);
}

/* Writes queued input to the command, grants credit for it, and passes on the end of the input. */
static void session_input(struct channel *c)
{
	struct session *s = c->session;
	const size_t before = s->input.size_bytes;
	uint8_t payload[4];
	uint32_t grant;

	if (s->fd_in < 0 || drain_to(s->fd_in, &s->input) < 0) {
		/* Nobody reads it any more: take the rest and drop it, as a closed pipe would. */
		buf_free(&s->input);
		if (!s->tty)
			close_fd(&s->fd_in);
	}
	grant = mux_consumed(&s->mux, EXEC_STDIN, (uint32_t)(before - s->input.size_bytes));
	if (grant) {
		mux_put32(payload, grant);
		session_frame(c, MUX_CREDIT, EXEC_STDIN, payload, sizeof(payload));
	}
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

static void session_bytes(struct channel *c, const uint8_t *data, size_t size)
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

static bool session_open(struct channel *c)
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

static void reap(void)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
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
}

/* --- channels to svmrund -------------------------------------------------------------------- */

static int connect_control(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(agent.control_path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(address.sun_path, agent.control_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void control_open(struct channel *c)
{
	c->fd = connect_control();
	if (c->fd >= 0)
		return;
	fprintf(stderr, "svmlab-agent: no svmrund at %s: %s\n", agent.control_path,
		strerror(errno));
	c->closing = true;
}

static void control_output(struct channel *c)
{
	ssize_t n;

	if (c->out.size_bytes >= MUX_PAYLOAD_MAX_BYTES)
		return;
	n = read(c->fd, buf_reserve(&c->out, MUX_PAYLOAD_MAX_BYTES), MUX_PAYLOAD_MAX_BYTES);
	if (n > 0)
		buf_commit(&c->out, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		c->closing = true;
}

static void control_input(uint16_t number)
{
	struct channel *c = &agent.channels[number];
	const size_t before = c->in.size_bytes;
	uint32_t used;

	if (c->fd < 0 || drain_to(c->fd, &c->in) < 0) {
		buf_free(&c->in);
		c->closing = true;
	}
	used = (uint32_t)(before - c->in.size_bytes);
	wire_credit(number, mux_consumed(&agent.mux, number, used));
	if (c->in_eof && !c->in.size_bytes && c->fd >= 0)
		shutdown(c->fd, SHUT_WR);
}

/* --- channels in general -------------------------------------------------------------------- */

static void channel_open(uint16_t number, enum mux_service service)
{
	struct channel *c = &agent.channels[number];

	*c = (struct channel){ .service = service, .fd = -1 };
	if (service == MUX_SERVICE_CONTROL)
		control_open(c);
	else if (!session_open(c))
		c->closing = true;
}

/* Gives up what the channel holds and tells the host; nothing is sent on it any more. */
static void channel_close(uint16_t number)
{
	struct channel *c = &agent.channels[number];

	if (mux_send_close(&agent.mux, number))
		wire_frame(MUX_CLOSE, number, NULL, 0);
	close_fd(&c->fd);
	buf_free(&c->in);
	buf_free(&c->out);
	if (c->session)
		session_free(c->session);
	*c = (struct channel){ .fd = -1 };
}

static void channel_data(uint16_t number, const struct mux_frame *frame)
{
	struct channel *c = &agent.channels[number];

	if (c->service == MUX_SERVICE_EXEC) {
		session_bytes(c, frame->payload, frame->length);
		wire_credit(number, mux_consumed(&agent.mux, number, frame->length));
		return;
	}
	buf_append(&c->in, frame->payload, frame->length);
	control_input(number);
}

/* One turn of a channel: what became possible since the last one. */
static void channel_pump(uint16_t number)
{
	struct channel *c = &agent.channels[number];

	channel_send(number);
	if (c->session) {
		struct session *s = c->session;

		session_input(c);
		if (!c->closing) {
			session_output(c, &s->fd_out, EXEC_STDOUT);
			session_output(c, &s->fd_err, EXEC_STDERR);
		}
		session_finish(c);
	} else if (c->fd >= 0 && !c->closing) {
		if (c->in.size_bytes)
			control_input(number);
		control_output(c);
	}
	channel_send(number);
	if (c->closing && !c->out.size_bytes)
		channel_close(number);
}

static _Noreturn void power_off(void)
{
	for (unsigned int i = 0; i < MUX_CHANNELS; i++) {
		if (agent.channels[i].session)
			session_free(agent.channels[i].session);
	}
	if (getpid() != 1)
		exit(0);
	sync();
	reboot(RB_POWER_OFF);
	_exit(1);
}

static void frame_received(const struct mux_frame *frame)
{
	switch (frame->type) {
	case MUX_OPEN:
		channel_open(frame->channel, (enum mux_service)frame->payload[0]);
		break;
	case MUX_DATA:
		channel_data(frame->channel, frame);
		break;
	case MUX_EOF:
		agent.channels[frame->channel].in_eof = true;
		if (agent.channels[frame->channel].service == MUX_SERVICE_CONTROL)
			control_input(frame->channel);
		break;
	case MUX_CLOSE:
		channel_close(frame->channel);
		break;
	case MUX_POWEROFF:
		power_off();
	default:
		break;
	}
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "svmlab-agent: %s\n", what);
	exit(EXEC_STATUS_LAB);
}

static void port_input(void)
{
	static uint8_t bytes[MUX_FRAME_MAX_BYTES];
	const uint8_t *data = bytes;
	struct mux_frame frame;
	size_t size;
	ssize_t n;
	int got;

	n = read(agent.port, bytes, sizeof(bytes));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		/* The host's daemon is gone, and with it everyone who could want this lab. */
		fprintf(stderr, "svmlab-agent: the host has closed the port\n");
		power_off();
	}
	size = (size_t)n;
	while ((got = mux_read(&agent.mux, &agent.reader, &data, &size, &frame)) > 0) {
		const enum mux_verdict verdict = mux_receive(&agent.mux, &frame);

		if (verdict == MUX_BAD)
			die(agent.mux.error);
		if (verdict == MUX_DELIVER)
			frame_received(&frame);
	}
	if (got < 0)
		die(agent.mux.error);
}

/* --- the loop ------------------------------------------------------------------------------- */

static void want(struct pollfd *polls, nfds_t *count, int fd, short events)
{
	if (fd >= 0 && events)
		polls[(*count)++] = (struct pollfd){ .fd = fd, .events = events };
}

/* A stream is read only while its bytes have somewhere to go; otherwise poll would spin on it. */
static short out_events(const struct channel *c, const struct mux *m, uint16_t stream)
{
	if (c->closing || c->out.size_bytes >= MUX_PAYLOAD_MAX_BYTES)
		return 0;
	return !m || mux_sendable(m, stream) ? POLLIN : 0;
}

static void channel_wants(struct pollfd *polls, nfds_t *count, const struct channel *c)
{
	const struct session *s = c->session;
	short in;

	if (!s) {
		in = c->in.size_bytes ? POLLOUT : 0;
		want(polls, count, c->fd, (short)(in | out_events(c, NULL, 0)));
		return;
	}
	in = s->input.size_bytes ? POLLOUT : 0;
	if (s->fd_in == s->fd_out) {
		want(polls, count, s->fd_in, (short)(in | out_events(c, &s->mux, EXEC_STDOUT)));
	} else {
		want(polls, count, s->fd_in, in);
		want(polls, count, s->fd_out, out_events(c, &s->mux, EXEC_STDOUT));
	}
	want(polls, count, s->fd_err, out_events(c, &s->mux, EXEC_STDERR));
}

static void serve(int signals)
{
	static struct pollfd polls[2 + 3 * MUX_CHANNELS];
	struct signalfd_siginfo info;
	nfds_t count;

	for (;;) {
		count = 0;
		want(polls, &count, agent.port,
		     (short)(POLLIN | (agent.wire.size_bytes ? POLLOUT : 0)));
		want(polls, &count, signals, POLLIN);
		for (unsigned int i = 0; i < MUX_CHANNELS; i++) {
			if (agent.channels[i].service)
				channel_wants(polls, &count, &agent.channels[i]);
		}
		if (poll(polls, count, -1) < 0 && errno != EINTR)
			die("poll failed");
		while (read(signals, &info, sizeof(info)) > 0)
			;
		reap();
		if (polls[0].revents & (POLLIN | POLLHUP | POLLERR))
			port_input();
		agent.first++;
		for (unsigned int i = 0; i < MUX_CHANNELS; i++) {
			const uint16_t number = (uint16_t)((agent.first + i) % MUX_CHANNELS);

			if (agent.channels[number].service)
				channel_pump(number);
		}
		if (drain_to(agent.port, &agent.wire) < 0)
			die("the port does not take output any more");
	}
}

/* The virtio port of our name, found in sysfs: its /dev/virtio-ports link would need udev. */
static int open_named_port(void)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	struct dirent *entry;
	int fd = -1;

	while (dir && fd < 0 && (entry = readdir(dir))) {
		char path[sizeof(entry->d_name) + 64], name[64] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(name, sizeof(name), f) && strcmp(name, PORT_NAME "\n") == 0) {
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		}
		fclose(f);
	}
	if (dir)
		closedir(dir);
	return fd;
}

/* The port's name arrives some time after its driver, without an event that reaches user space. */
static int wait_for_port(void)
{
	const struct timespec pause = { .tv_nsec = 5 * 1000 * 1000 };

	for (int waited_ms = 0; waited_ms < PORT_WAIT_MS; waited_ms += 5) {
		const int fd = open_named_port();

		if (fd >= 0)
			return fd;
		nanosleep(&pause, NULL);
	}
	die("no virtio port named " PORT_NAME " appeared");
}

static void say_hello(void)
{
	uint8_t payload[8];

	mux_put32(payload, MUX_MAGIC);
	mux_put32(payload + 4, MUX_VERSION);
	wire_frame(MUX_HELLO, 0, payload, sizeof(payload));
	if (drain_to(agent.port, &agent.wire) < 0)
		die("the port does not take output");
}

static void usage(FILE *out)
{
	fputs("Usage: svmlab-agent [--fd N] [--control SOCKET]\n"
	      "Serves the lab's multiplexer inside the appliance.\n"
	      "  --fd N            talk over this descriptor, not the virtio port (for tests)\n"
	      "  --control SOCKET  where svmrund listens\n", out);
}

static void parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "fd", required_argument, NULL, 'f' },
		{ "control", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'f') {
			agent.port = atoi(optarg);
		} else if (c == 'c') {
			agent.control_path = optarg;
		} else {
			usage(c == 'h' ? stdout : stderr);
			exit(c == 'h' ? 0 : EXEC_STATUS_USAGE);
		}
	}
}

int main(int argc, char **argv)
{
	sigset_t mask;
	int signals;

	parse_options(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signals = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
	if (signals < 0)
		die("signalfd failed");
	if (agent.port < 0)
		agent.port = wait_for_port();
	set_nonblocking(agent.port);
	mux_init(&agent.mux, MUX_GUEST);
	mux_reader_init(&agent.reader);
	say_hello();
	serve(signals);
}
