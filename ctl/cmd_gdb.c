/* SPDX-License-Identifier: MIT */
/*
 * svmctl gdb: GDB's remote serial protocol for a VM, on a socket or on standard input and output. One
 * debugger at a time; when it goes without saying so, its breakpoints are taken out and the VM stays
 * paused.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include "ctl.h"
#include "gdb_vm.h"

static struct {
	bool pipe;
	uint64_t port;
	const char *path;
} o;

static const struct ctl_option options[] = {
	{ 'p', "pipe", CTL_FLAG, NULL, &o.pipe,
	  "on standard input and output: (gdb) target remote | svmctl gdb -p VM" },
	{ 'l', "listen", CTL_TEXT, "PATH", &o.path, "on a Unix socket that is made there" },
	{ 't', "tcp", CTL_NUMBER, "PORT", &o.port,
	  "on a port of 127.0.0.1, which every local user can reach" },
	{ 0 },
};

static const char help[] =
	"Serve GDB's remote protocol for VM (a number or a name): registers, memory through the guest's\n"
	"page tables, software and hardware breakpoints, watchpoints, single step, Ctrl-C; a vCPU is a\n"
	"thread. A running VM is paused first; one that was not started yet starts with `continue`.\n"
	"Exactly one of --pipe, --listen and --tcp says where.\n";

struct session {
	struct rpc *rpc;
	struct gdb_vm *vm;
	struct gdb_server server;
	int in, out;
};

static bool send_all(struct session *session)
{
	struct json_out *out = &session->server.out;
	size_t at = 0;

	while (at < out->length) {
		ssize_t done = write(session->out, out->data + at, out->length - at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return false;
		at += (size_t)done;
	}
	out->length = 0;
	return true;
}

/* False: the debugger is gone. */
static bool take_bytes(struct session *session, struct gdb_input *input)
{
	size_t room;
	char *to = gdb_input_room(input, &room);
	ssize_t got = read(session->in, to, room);

	if (got < 0 && errno == EINTR)
		return true;
	if (got <= 0)
		return false;
	input->length += (size_t)got;
	gdb_server_take(&session->server, input);
	return true;
}

static int serve(struct session *session)
{
	static struct gdb_input input;
	struct gdb_stop stop;
	bool lost = false, there = true;

	memset(&input, 0, sizeof(input));
	while (there && !lost && !session->server.finished) {
		struct pollfd fds[2] = {
			{ .fd = rpc_fd(session->rpc), .events = POLLIN },
			{ .fd = session->in, .events = POLLIN },
		};

		if (gdb_vm_poll(session->vm, &stop, &lost))
			gdb_server_stopped(&session->server, &stop);
		if (!send_all(session))
			break;
		if (lost || (poll(fds, 2, 200) < 0 && errno != EINTR))
			break;		/* 200 ms: a signal is seen by rpc_next() */
		if (fds[1].revents)
			there = take_bytes(session, &input);
	}
	send_all(session);
	if (rpc_signal(session->rpc))
		return CTL_INTERRUPTED;
	return lost ? CTL_ERROR : CTL_OK;
}

static int listen_unix(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	mode_t before;
	int failed;

	if (strlen(path) >= sizeof(address.sun_path)) {
		ctl_say("--listen %s: a socket's path has at most %zu bytes", path,
			sizeof(address.sun_path) - 1);
		close(fd);
		return -1;
	}
	strcpy(address.sun_path, path);
	before = umask(0177);
	failed = bind(fd, (const struct sockaddr *)&address, sizeof(address)) || listen(fd, 1);
	umask(before);
	if (!failed)
		return fd;
	ctl_say("--listen %s: %s", path, strerror(errno));
	close(fd);
	return -1;
}

static int listen_tcp(uint64_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	const int on = 1;
	int fd;

	if (port > 65535) {
		ctl_say("--tcp: a port is a number up to 65535");
		return -1;
	}
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (!bind(fd, (const struct sockaddr *)&address, sizeof(address)) && !listen(fd, 1))
		return fd;
	ctl_say("--tcp %u: %s", (unsigned int)port, strerror(errno));
	close(fd);
	return -1;
}

/* Waits for the debugger; a signal ends it. -1: it was said why. */
static int accept_one(const struct rpc *rpc, int listener)
{
	struct pollfd fds = { .fd = listener, .events = POLLIN };
	const int on = 1;
	int fd;

	while (!rpc_signal(rpc)) {
		if (poll(&fds, 1, 200) <= 0)
			continue;
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		/* Packets are small and wait for each other. */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		return fd;
	}
	return -1;
}

static bool open_connection(struct session *session)
{
	int listener;

	if (o.pipe) {
		session->in = STDIN_FILENO;
		session->out = STDOUT_FILENO;
		return true;
	}
	listener = o.path ? listen_unix(o.path) : listen_tcp(o.port);
	if (listener < 0)
		return false;
	if (o.path)
		ctl_say("in GDB: target remote %s", o.path);
	else
		ctl_say("in GDB: target remote 127.0.0.1:%u", (unsigned int)o.port);
	session->in = session->out = accept_one(session->rpc, listener);
	close(listener);
	if (o.path)
		unlink(o.path);
	return session->in >= 0;
}

static int debug(struct session *session, const char *operand)
{
	struct gdb_target target;
	int exit_status = CTL_ERROR;
	long number = ctl_find_vm(session->rpc, operand, &exit_status);

	if (number < 0)
		return exit_status;
	session->vm = gdb_vm_new(session->rpc, number);
	if (!session->vm)
		return CTL_ERROR;
	gdb_vm_target(session->vm, &target);
	gdb_server_init(&session->server, &target, session->vm);
	if (open_connection(session))
		exit_status = serve(session);
	else
		exit_status = rpc_signal(session->rpc) ? CTL_INTERRUPTED : CTL_ERROR;
	gdb_vm_free(session->vm);
	gdb_server_free(&session->server);
	if (!o.pipe && session->in >= 0)
		close(session->in);
	return exit_status;
}

static int command_gdb(int count, char **operands)
{
	struct session session = { .in = -1, .out = -1 };
	int exit_status;

	(void)count;
	if (o.pipe + !!o.path + !!o.port != 1) {
		ctl_say("say where: exactly one of --pipe, --listen PATH and --tcp PORT");
		return CTL_USAGE;
	}
	session.rpc = ctl_connect();
	if (!session.rpc)
		return CTL_ERROR;
	rpc_catch_signals(session.rpc);
	exit_status = debug(&session, operands[0]);
	rpc_close(session.rpc);
	return exit_status;
}

const struct ctl_command ctl_gdb = {
	"gdb", "VM", 1, 1, "serve GDB's remote protocol for a VM", help, options, command_gdb,
};
