/* SPDX-License-Identifier: MIT */
/*
 * The lab's supervisor on the host: it starts QEMU, carries client connections through the
 * virtio-serial port, keeps the serial console's log, and ends everything within bounds. QEMU is
 * its child and gets its three channels (port, monitor, console) as inherited descriptors, so there
 * is no socket that another process could take or that a killed lab could leave to be mistaken
 * for a live one; the kernel kills QEMU when this process dies. What QEMU's guest says is hostile.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "mux.h"

#define CHILD_PORT_FD 3
#define CHILD_MONITOR_FD 4
#define CHILD_CONSOLE_FD 5
#define CONSOLE_LOG_MAX_BYTES (16ll * 1024 * 1024)
#define PORT_BUSY_BYTES (1024u * 1024u)	/* above this, clients are not read */
#define POWEROFF_MS 4000
#define QUIT_MS 2000
#define LINGER_MS 1000		/* for clients to take what was queued for them at the end */

#define EXIT_LAB 125

enum stage { BOOTING, READY, POWERING_OFF, QUITTING, KILLING, ENDED };

struct client {
	uv_pipe_t pipe;
	uint16_t channel;
	enum mux_service service;
	bool reading;
	bool got_eof;		/* the client has said all it will */
	bool guest_closed;	/* close when what was queued for it is written */
	bool closing;
	uint8_t *buffer;	/* for reading: holds a header and then the payload */
};

static struct {
	uv_loop_t loop;
	uv_pipe_t port, monitor, console;
	uv_pipe_t control_listener, exec_listener;
	uv_pipe_t parent;		/* whoever waits for readiness; its end ends a boot */
	uv_signal_t on_child, on_term, on_int;
	uv_timer_t lifetime, stage_timer;
	enum stage stage;
	bool listening, parent_open;
	pid_t child;
	struct mux mux;
	struct mux_reader reader;
	struct client *clients[MUX_CHANNELS];
	char directory[PATH_MAX];
	bool plain;
	int lifetime_seconds, boot_seconds;
	int console_log;
	long long console_bytes;
	uint8_t port_buffer[MUX_FRAME_MAX_BYTES];
	uint8_t console_buffer[4096];
	int exit_status;
} lab = { .lifetime_seconds = 4 * 3600, .boot_seconds = 60, .console_log = -1 };

static void clients_resume(void);
static void advance(enum stage stage);
static void end_if_idle(void);

/* --- log, errors ---------------------------------------------------------------------------- */

__attribute__((format(printf, 1, 2)))
static void say(const char *format, ...)
{
	const time_t now = time(NULL);
	struct tm tm;
	char stamp[32];
	va_list args;

	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%F %T", &tm);
	fprintf(stderr, "%s svmlab-muxd[%d]: ", stamp, (int)getpid());
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

static void *must_alloc(size_t size_bytes)
{
	void *p = calloc(1, size_bytes);

	if (!p) {
		say("no memory for %zu bytes; the lab ends", size_bytes);
		exit(EXIT_LAB);
	}
	return p;
}

static void must(int result, const char *what)
{
	if (result >= 0)
		return;
	say("%s: %s", what, uv_strerror(result));
	exit(EXIT_LAB);
}

/* The path of a file in the lab's directory; one at a time. */
static const char *in_directory(const char *name)
{
	static char path[PATH_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", lab.directory, name);
	return path;
}

/* --- writing -------------------------------------------------------------------------------- */

struct outgoing {
	uv_write_t request;
	struct client *client;		/* NULL: for the port or the monitor */
	uint32_t size_bytes;
	uint8_t bytes[];
};

static void port_written(uv_write_t *request, int status)
{
	(void)status;		/* a dead QEMU is noticed by its exit */
	free(request->data);
	if (lab.port.write_queue_size < PORT_BUSY_BYTES / 2)
		clients_resume();
}

static void send_bytes(uv_pipe_t *pipe, const void *head, uint32_t head_bytes, const void *data,
		       uint32_t size_bytes)
{
	struct outgoing *out = must_alloc(sizeof(*out) + head_bytes + size_bytes);
	uv_buf_t buf = uv_buf_init((char *)out->bytes, head_bytes + size_bytes);

	memcpy(out->bytes, head, head_bytes);
	if (size_bytes)
		memcpy(out->bytes + head_bytes, data, size_bytes);
	out->request.data = out;
	if (uv_is_closing((uv_handle_t *)pipe) ||
	    uv_write(&out->request, (uv_stream_t *)pipe, &buf, 1, port_written) < 0)
		free(out);
}

static void send_frame(enum mux_type type, uint16_t channel, const void *payload, uint32_t length)
{
	uint8_t header[MUX_HEADER_BYTES];

	mux_header(header, type, channel, length);
	send_bytes(&lab.port, header, sizeof(header), payload, length);
}

static void send_credit(uint16_t channel, uint32_t grant)
{
	uint8_t payload[4];

	if (!grant)
		return;
	mux_put32(payload, grant);
	send_frame(MUX_CREDIT, channel, payload, sizeof(payload));
}

/* --- clients -------------------------------------------------------------------------------- */

static void client_freed(uv_handle_t *handle)
{
	struct client *client = handle->data;

	free(client->buffer);
	free(client);
	end_if_idle();
}

/* The client's connection ends here; the channel's number waits for the guest's CLOSE. */
static void client_close(struct client *client)
{
	if (client->closing)
		return;
	client->closing = true;
	lab.clients[client->channel] = NULL;
	if (mux_send_close(&lab.mux, client->channel))
		send_frame(MUX_CLOSE, client->channel, NULL, 0);
	uv_close((uv_handle_t *)&client->pipe, client_freed);
}

static void client_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct client *client = handle->data;
	uint32_t size = mux_sendable(&lab.mux, client->channel);

	(void)suggested;
	if (size > MUX_PAYLOAD_MAX_BYTES)
		size = MUX_PAYLOAD_MAX_BYTES;
	*buf = uv_buf_init((char *)client->buffer, size);
}

static void client_stop_reading(struct client *client)
{
	client->reading = false;
	uv_read_stop((uv_stream_t *)&client->pipe);
}

static void client_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct client *client = stream->data;

	if (n > 0) {
		send_frame(MUX_DATA, client->channel, buf->base, (uint32_t)n);
		mux_sent(&lab.mux, client->channel, (uint32_t)n);
		if (!mux_sendable(&lab.mux, client->channel) ||
		    lab.port.write_queue_size > PORT_BUSY_BYTES)
			client_stop_reading(client);
		return;
	}
	if (n == 0)
		return;
	if (n == UV_ENOBUFS) {		/* no credit: client_alloc had nothing to offer */
		client_stop_reading(client);
		return;
	}
	/* A control client may have shut down its sending side and still want the answers. */
	if (n != UV_EOF || client->service != MUX_SERVICE_CONTROL) {
		client_close(client);
		return;
	}
	client_stop_reading(client);
	client->got_eof = true;
	if (mux_send_eof(&lab.mux, client->channel))
		send_frame(MUX_EOF, client->channel, NULL, 0);
}

static void client_resume(struct client *client)
{
	if (client->reading || client->got_eof || client->closing || client->guest_closed ||
	    !mux_sendable(&lab.mux, client->channel) ||
	    lab.port.write_queue_size > PORT_BUSY_BYTES)
		return;
	client->reading = true;
	uv_read_start((uv_stream_t *)&client->pipe, client_alloc, client_read);
}

static void clients_resume(void)
{
	for (unsigned int i = 0; i < MUX_CHANNELS; i++) {
		if (lab.clients[i])
			client_resume(lab.clients[i]);
	}
}

static void client_written(uv_write_t *request, int status)
{
	struct outgoing *out = request->data;
	struct client *client = out->client;

	if (!client->closing) {
		send_credit(client->channel,
			    mux_consumed(&lab.mux, client->channel, out->size_bytes));
		if (status < 0)
			client_close(client);
		else if (client->guest_closed && !client->pipe.write_queue_size)
			client_close(client);
	}
	free(out);
}

static void client_send(struct client *client, const struct mux_frame *frame)
{
	struct outgoing *out = must_alloc(sizeof(*out) + frame->length);
	uv_buf_t buf = uv_buf_init((char *)out->bytes, frame->length);

	memcpy(out->bytes, frame->payload, frame->length);
	out->client = client;
	out->size_bytes = frame->length;
	out->request.data = out;
	if (uv_write(&out->request, (uv_stream_t *)&client->pipe, &buf, 1, client_written) < 0) {
		free(out);
		client_close(client);
	}
}

static void accept_dropped(uv_handle_t *handle)
{
	free(handle->data);
}

static void client_accept(uv_stream_t *listener, enum mux_service service)
{
	struct client *client = must_alloc(sizeof(*client));
	const uint8_t payload = (uint8_t)service;
	int channel;

	must(uv_pipe_init(&lab.loop, &client->pipe, 0), "client");
	client->pipe.data = client;
	channel = uv_accept(listener, (uv_stream_t *)&client->pipe) < 0 || lab.stage != READY
		? -1 : mux_open(&lab.mux);
	if (channel < 0) {
		if (lab.stage == READY)
			say("client refused: all %u channels are in use", MUX_CHANNELS);
		uv_close((uv_handle_t *)&client->pipe, accept_dropped);
		return;
	}
	client->channel = (uint16_t)channel;
	client->service = service;
	client->buffer = must_alloc(MUX_PAYLOAD_MAX_BYTES);
	lab.clients[channel] = client;
	send_frame(MUX_OPEN, client->channel, &payload, 1);
	client_resume(client);
}

static void control_connection(uv_stream_t *listener, int status)
{
	if (status == 0)
		client_accept(listener, MUX_SERVICE_CONTROL);
}

static void exec_connection(uv_stream_t *listener, int status)
{
	if (status == 0)
		client_accept(listener, MUX_SERVICE_EXEC);
}

static void listen_at(uv_pipe_t *listener, const char *name, uv_connection_cb callback)
{
	const char *path = in_directory(name);

	/* The directory is ours alone (checked by svmlab), so a socket there is a leftover. */
	unlink(path);
	must(uv_pipe_init(&lab.loop, listener, 0), path);
	must(uv_pipe_bind(listener, path), path);
	if (chmod(path, 0600) < 0)
		must(-errno, path);
	must(uv_listen((uv_stream_t *)listener, 64, callback), path);
}

/* Sockets exist exactly while the appliance is ready: connecting to a lab that boots fails. */
static void start_listening(void)
{
	listen_at(&lab.control_listener, "control.sock", control_connection);
	listen_at(&lab.exec_listener, "exec.sock", exec_connection);
	lab.listening = true;
}

static void stop_listening(void)
{
	if (!lab.listening)
		return;
	lab.listening = false;
	uv_close((uv_handle_t *)&lab.control_listener, NULL);
	uv_close((uv_handle_t *)&lab.exec_listener, NULL);
	unlink(in_directory("control.sock"));
	unlink(in_directory("exec.sock"));
}

/* --- the end, in stages --------------------------------------------------------------------- */

static void stage_expired(uv_timer_t *timer)
{
	(void)timer;
	if (lab.stage == BOOTING) {
		say("the appliance was not ready within %d s", lab.boot_seconds);
		advance(QUITTING);
	} else {
		advance(lab.stage + 1);
	}
}

/* Goes on to `stage` of the way down; never back, so that any event may ask for it. */
static void advance(enum stage stage)
{
	static const char quit[] = "{\"execute\":\"quit\"}\n";

	if (stage <= lab.stage)
		return;
	lab.stage = stage;
	if (stage > READY)
		stop_listening();
	switch (stage) {
	case POWERING_OFF:
		send_frame(MUX_POWEROFF, 0, NULL, 0);
		uv_timer_start(&lab.stage_timer, stage_expired, POWEROFF_MS, 0);
		break;
	case QUITTING:
		send_bytes(&lab.monitor, quit, sizeof(quit) - 1, NULL, 0);
		uv_timer_start(&lab.stage_timer, stage_expired, lab.plain ? 1 : QUIT_MS, 0);
		break;
	case KILLING:
		kill(lab.child, SIGKILL);
		uv_timer_stop(&lab.stage_timer);
		break;
	default:
		break;
	}
}

/* An end that nobody asked for has a reason, which `svmlab status` shows from the log. */
__attribute__((format(printf, 1, 2)))
static void fail(const char *format, ...)
{
	char reason[512];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	say("%s", reason);
	lab.exit_status = EXIT_LAB;
	advance(QUITTING);
}

static void on_stop_signal(uv_signal_t *handle, int number)
{
	(void)handle;
	say("signal %d: the lab goes down", number);
	advance(lab.stage == READY ? POWERING_OFF : QUITTING);
}

static void lifetime_over(uv_timer_t *timer)
{
	(void)timer;
	say("the lab's lifetime of %d s is over", lab.lifetime_seconds);
	advance(POWERING_OFF);
}

/* --- the serial console --------------------------------------------------------------------- */

static void console_open_log(void)
{
	lab.console_log = open(in_directory("console.log"),
			       O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (lab.console_log < 0)
		must(-errno, in_directory("console.log"));
	lab.console_bytes = 0;
}

/* Two files of bounded size: a guest that floods its console must not fill the host's disk. */
static void console_rotate(void)
{
	char old[PATH_MAX + 64];

	snprintf(old, sizeof(old), "%s", in_directory("console.log.old"));
	close(lab.console_log);
	rename(in_directory("console.log"), old);
	console_open_log();
}

static void console_write(const uint8_t *data, size_t size_bytes)
{
	if (lab.console_bytes > CONSOLE_LOG_MAX_BYTES)
		console_rotate();
	lab.console_bytes += (long long)size_bytes;
	while (size_bytes) {
		const ssize_t n = write(lab.console_log, data, size_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;		/* a full disk costs the log, not the lab */
		data += n;
		size_bytes -= (size_t)n;
	}
}

static void console_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)handle;
	(void)suggested;
	*buf = uv_buf_init((char *)lab.console_buffer, sizeof(lab.console_buffer));
}

static void console_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	if (n > 0)
		console_write((const uint8_t *)buf->base, (size_t)n);
	else if (n < 0)
		uv_read_stop(stream);
}

static void monitor_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	(void)buf;
	if (n < 0)
		uv_read_stop(stream);
}

/* --- frames from the guest ------------------------------------------------------------------ */

static void parent_closed(uv_handle_t *handle)
{
	(void)handle;
	lab.parent_open = false;
}

static void tell_parent_ready(void)
{
	static const char ready[] = "ready";
	uv_buf_t buf = uv_buf_init((char *)(uintptr_t)ready, sizeof(ready) - 1);

	if (!lab.parent_open)
		return;
	uv_try_write((uv_stream_t *)&lab.parent, &buf, 1);
	uv_close((uv_handle_t *)&lab.parent, parent_closed);
}

static void guest_ready(void)
{
	if (lab.stage != BOOTING)
		return;
	lab.stage = READY;
	uv_timer_stop(&lab.stage_timer);
	/* The boot has a limit of its own. */
	uv_timer_start(&lab.lifetime, lifetime_over, (uint64_t)lab.lifetime_seconds * 1000, 0);
	start_listening();
	say("ready");
	tell_parent_ready();
}

static void guest_closed(struct client *client)
{
	client->guest_closed = true;
	client_stop_reading(client);
	if (!client->pipe.write_queue_size)
		client_close(client);
}

static void frame_received(const struct mux_frame *frame)
{
	struct client *client = lab.clients[frame->channel];

	if (frame->type == MUX_HELLO) {
		guest_ready();
		return;
	}
	if (!client)
		return;
	if (frame->type == MUX_DATA)
		client_send(client, frame);
	else if (frame->type == MUX_CREDIT)
		client_resume(client);
	else if (frame->type == MUX_CLOSE)
		guest_closed(client);
}

static void port_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)handle;
	(void)suggested;
	*buf = uv_buf_init((char *)lab.port_buffer, sizeof(lab.port_buffer));
}

/* Decodes bytes of the port; false when the guest broke the protocol. */
static bool port_bytes(const uint8_t *data, size_t size)
{
	struct mux_frame frame;
	int got = 0;

	while (lab.stage <= READY &&
	       (got = mux_read(&lab.mux, &lab.reader, &data, &size, &frame)) > 0) {
		const enum mux_verdict verdict = mux_receive(&lab.mux, &frame);

		if (verdict == MUX_DELIVER)
			frame_received(&frame);
		if (verdict == MUX_BAD) {
			got = -1;
			break;
		}
	}
	if (got < 0)
		fail("the appliance broke the protocol: %s", lab.mux.error);
	return got >= 0;
}

static void port_gone(uv_timer_t *timer)
{
	(void)timer;
	fail("the appliance's port has closed");
}

static void port_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	if (n >= 0) {
		if (!port_bytes((const uint8_t *)buf->base, (size_t)n))
			uv_read_stop(stream);
		return;
	}
	/* QEMU's exit is about to explain it; one that lives on without its port has failed. */
	uv_read_stop(stream);
	if (lab.stage == READY)
		uv_timer_start(&lab.stage_timer, port_gone, LINGER_MS, 0);
}

/* --- QEMU ----------------------------------------------------------------------------------- */

static void describe_end(int status)
{
	if (lab.stage > READY)
		say("the appliance is down");
	else if (WIFSIGNALED(status))
		say("QEMU was killed by signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		say("QEMU exited with status %d", WEXITSTATUS(status));
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

static void linger_over(uv_timer_t *timer)
{
	(void)timer;
	for (unsigned int i = 0; i < MUX_CHANNELS; i++) {
		if (lab.clients[i])
			client_close(lab.clients[i]);
	}
}

/* The loop ends with its last handle: the timer goes when no client is left. */
static void end_if_idle(void)
{
	if (lab.stage != ENDED || uv_is_closing((uv_handle_t *)&lab.stage_timer))
		return;
	for (unsigned int i = 0; i < MUX_CHANNELS; i++) {
		if (lab.clients[i])
			return;
	}
	uv_close((uv_handle_t *)&lab.stage_timer, NULL);
}

/* Everything is closed; clients first get what was queued for them, in bounded time. */
static void end_loop(void)
{
	uv_handle_t *const handles[] = {
		(uv_handle_t *)&lab.port, (uv_handle_t *)&lab.monitor, (uv_handle_t *)&lab.console,
		(uv_handle_t *)&lab.on_child, (uv_handle_t *)&lab.on_term,
		(uv_handle_t *)&lab.on_int, (uv_handle_t *)&lab.lifetime,
	};

	lab.stage = ENDED;
	for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
		uv_close(handles[i], NULL);
	if (lab.parent_open && !uv_is_closing((uv_handle_t *)&lab.parent))
		uv_close((uv_handle_t *)&lab.parent, parent_closed);
	uv_timer_start(&lab.stage_timer, linger_over, LINGER_MS, 0);
	for (unsigned int i = 0; i < MUX_CHANNELS; i++) {
		if (lab.clients[i])
			guest_closed(lab.clients[i]);
	}
	end_if_idle();
}

static void child_ended(uv_signal_t *handle, int number)
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
		"-device", "virtserialport,chardev=svmlab-port,name=org.svmkit.lab",
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
	sigset_t none;
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
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], argv);
	say("%s: %s", argv[0], strerror(errno));
	_exit(EXIT_LAB);
}

static void write_pid(const char *name, pid_t pid)
{
	FILE *f = fopen(in_directory(name), "we");

	if (!f || fprintf(f, "%d\n", (int)pid) < 0 || fclose(f) != 0)
		must(-errno, in_directory(name));
}

static void open_pipe(uv_pipe_t *pipe, int fd)
{
	must(uv_pipe_init(&lab.loop, pipe, 0), "pipe");
	must(uv_pipe_open(pipe, fd), "pipe");
}

static void start_child(char **command, int count)
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

/* --- start ---------------------------------------------------------------------------------- */

/* The waiting parent went away before the appliance was ready: nobody wants it any more. */
static void parent_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	(void)buf;
	if (n >= 0)
		return;
	uv_close((uv_handle_t *)stream, parent_closed);
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
