// SPDX-License-Identifier: MIT
/*
 * Parts of bench/stream and bench/clients that must not be slow themselves: a log to replay, the encoder
 * by itself (for callgrind), clients that read and check a stream, and the plain writer and server that
 * are compared with. What was seen goes to stdout as one line of JSON.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "event_json.h"
#include "svmlog.h"
#include "svmt_read.h"
#include "tables.h"

#define READ_BYTES (1u << 20)
#define SOCKETS_MAX 2000u

static void die(const char *what)
{
	fprintf(stderr, "stream_tool: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

/* What a Linux guest does: port I/O, MSRs, CPUID, HLT and page faults, from kernel addresses. */
static struct svmrt_event event_number(uint64_t seq)
{
	static const uint32_t codes[] = {
		SVM_EXIT_CODE_IOIO, SVM_EXIT_CODE_MSR, SVM_EXIT_CODE_IOIO, SVM_EXIT_CODE_CPUID,
		SVM_EXIT_CODE_HLT, SVM_EXIT_CODE_NPF, SVM_EXIT_CODE_IOIO, SVM_EXIT_CODE_VINTR,
	};
	struct svmrt_event event = {
		.seq = seq, .tsc = 0x1234567890abULL + seq * 2600,
		.rip = 0xffffffff81000000ULL + seq * 7919 % 0x800000, .rax = seq * 2654435761u,
		.code = codes[seq % 8], .flags = SVMRT_DO_USER << 8 | SVMRT_LONG64 << 2,
	};

	if (event.code == SVM_EXIT_CODE_IOIO) {
		event.exitinfo1 = 0x03f80010;
		event.exitinfo2 = event.rip + 1;
	} else if (event.code == SVM_EXIT_CODE_MSR) {
		event.exitinfo1 = seq / 8 % 2;
		event.exitinfo2 = 0xc0000080 + seq % 5;
	} else if (event.code == SVM_EXIT_CODE_NPF) {
		event.exitinfo1 = 0x100000006ULL;
		event.exitinfo2 = 0xfee00000 + seq % 64 * 16;
	}
	return event;
}

static void write_all(int fd, const void *bytes, size_t length)
{
	const char *at = bytes;

	while (length) {
		ssize_t done = write(fd, at, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			die("write");
		at += done;
		length -= (size_t)done;
	}
}

static void write_chunk(int fd, struct svmlog_chunk chunk, const void *payload)
{
	chunk.crc32c = svmt_crc32c(0, payload, chunk.payload_bytes);
	write_all(fd, &chunk, sizeof(chunk));
	write_all(fd, payload, chunk.payload_bytes);
}

/* FILE VMS EVENTS: EVENTS of the one vCPU of each VM. */
static int make_log(char **args)
{
	struct svmlog_header header = {
		.magic = SVMLOG_MAGIC, .version = SVMLOG_VERSION, .header_bytes = sizeof(header),
	};
	const uint32_t vms = (uint32_t)atoi(args[1]);
	const uint64_t events = strtoull(args[2], NULL, 10);
	static struct svmrt_event batch[SVMLOG_CHUNK_EVENTS];
	int fd = open(args[0], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		die(args[0]);
	write_all(fd, &header, sizeof(header));
	for (uint32_t vm = 1; vm <= vms; vm++) {
		struct svmlog_vm payload = { .vcpus = 1, .name = "bench" };
		uint64_t seq = 0;

		memset(payload.identity, '0', 64);
		write_chunk(fd, (struct svmlog_chunk){ .type = SVMLOG_VM, .vm = vm,
				.payload_bytes = sizeof(payload) }, &payload);
		while (seq < events) {
			uint64_t count = 0;

			while (count < SVMLOG_CHUNK_EVENTS && seq < events)
				batch[count++] = event_number(seq++);
			write_chunk(fd, (struct svmlog_chunk){ .type = SVMLOG_EVENTS, .vm = vm,
					.payload_bytes = count * sizeof(batch[0]), .value = count },
				    batch);
		}
	}
	return close(fd);
}

/* EVENTS: nothing but the encoder, for callgrind --toggle-collect=event_json_body. */
static int encode(char **args)
{
	const uint64_t events = strtoull(args[0], NULL, 10);
	static char body[EVENT_JSON_MAX_BYTES];
	struct event_json_head head;
	uint64_t bytes = 0;

	event_json_head(&head, 1, 0);
	for (uint64_t seq = 0; seq < events; seq++) {
		struct svmrt_event event = event_number(seq);

		bytes += event_json_body(body, &head, &event, EVENT_FIELDS_ALL);
	}
	printf("{\"events\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n", events, bytes);
	return 0;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		die(path);
	}
	strcpy(address.sun_path, path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		die(path);
	return fd;
}

static uint64_t number_behind(const char *line, size_t length, const char *key)
{
	const char *at = memmem(line, length, key, strlen(key));

	return at ? strtoull(at + strlen(key), NULL, 10) : 0;
}

struct account {
	uint64_t told, dropped, following, reports;
	bool gaps, ended;
};

/* Every event is told in order or counted by a report in its place. */
static void take_line(struct account *account, const char *line, size_t length)
{
	if (memmem(line, length < 64 ? length : 64, "\"method\":\"exit\"", 15)) {
		account->gaps |= number_behind(line, length, "\"seq\":") != account->following++;
		account->told++;
	} else if (memmem(line, length, "\"events.dropped\"", 16)) {
		uint64_t count = number_behind(line, length, "\"count\":");

		account->dropped += count;
		account->following += count;
		account->reports++;
	} else if (memmem(line, length, "\"vm.state\"", 10) && memmem(line, length, "stopped", 7)) {
		account->ended = true;
	}
}

/* SOCKET VM MODE CHECK: subscribes, starts the VM if MODE is not "watch-...", reads to its end. */
static int read_stream(char **args)
{
	static char buffer[2 * READ_BYTES];
	const bool check = !strcmp(args[3], "check");
	struct account account = { 0 };
	char request[256], last[64] = "";
	int fd = connect_to(args[0]);
	uint64_t bytes = 0, reads = 0;
	size_t kept = 0;
	double begin;

	snprintf(request, sizeof(request), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
		 "\"events.subscribe\",\"params\":{\"vm\":%s,\"mode\":\"%s\"}}\n", args[1], args[2]);
	write_all(fd, request, strlen(request));
	if (read(fd, buffer, sizeof(buffer)) <= 0)
		die("subscribe");
	puts("ready");
	fflush(stdout);
	begin = now();
	while (!account.ended) {
		ssize_t got = read(fd, buffer + kept, READ_BYTES);
		char *line = buffer, *end;

		if (got <= 0)
			die("the daemon left");
		bytes += (uint64_t)got;
		reads++;
		if (!check) {
			/* The end is looked for in the last bytes only. */
			size_t tail = (size_t)got < sizeof(last) ? (size_t)got : sizeof(last);
			size_t from = (size_t)got > 600 ? (size_t)got - 600 : 0;

			memcpy(last, buffer + got - tail, tail);
			account.ended = memmem(buffer + from, (size_t)got - from, "\"vm.state\"", 10);
			continue;
		}
		kept += (size_t)got;
		while ((end = memchr(line, '\n', (size_t)(buffer + kept - line)))) {
			take_line(&account, line, (size_t)(end - line));
			line = end + 1;
		}
		kept = (size_t)(buffer + kept - line);
		memmove(buffer, line, kept);
	}
	printf("{\"seconds\":%.6f,\"cpu\":%.6f,\"bytes\":%" PRIu64 ",\"reads\":%" PRIu64
	       ",\"told\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"reports\":%" PRIu64 ",\"gaps\":%s}\n",
	       now() - begin, cpu_seconds(), bytes, reads, account.told, account.dropped,
	       account.reports, account.gaps ? "true" : "false");
	return 0;
}

/* Reads what comes on all of `fds` until `done` says so of each; the number of bytes. */
static uint64_t drain(struct pollfd *fds, unsigned int count, bool (*done)(const char *, ssize_t))
{
	static char buffer[READ_BYTES];
	unsigned int left = count;
	uint64_t bytes = 0;

	while (left) {
		if (poll(fds, count, -1) < 0)
			die("poll");
		for (unsigned int i = 0; i < count; i++) {
			ssize_t got;

			if (fds[i].fd < 0 || !fds[i].revents)
				continue;
			got = read(fds[i].fd, buffer, sizeof(buffer));
			bytes += got > 0 ? (uint64_t)got : 0;
			if (done(buffer, got)) {
				close(fds[i].fd);
				fds[i].fd = -1;		/* poll(2) passes it over */
				left--;
			}
		}
	}
	return bytes;
}

static bool at_end(const char *bytes, ssize_t got)
{
	(void)bytes;
	return got <= 0;
}

/* The VM's last state is among the last bytes. */
static bool at_last_state(const char *bytes, ssize_t got)
{
	const size_t from = got > 600 ? (size_t)got - 600 : 0;

	if (got <= 0)
		die("the daemon left");
	return memmem(bytes + from, (size_t)got - from, "\"vm.state\"", 10);
}

static struct pollfd *sockets(const char *text, unsigned int *count)
{
	struct pollfd *fds;

	*count = (unsigned int)atoi(text);
	fds = *count && *count <= SOCKETS_MAX ? calloc(*count, sizeof(*fds)) : NULL;
	if (!fds)
		die("number of sockets");
	for (unsigned int i = 0; i < *count; i++)
		fds[i].events = POLLIN;
	return fds;
}

/* SOCKET VM COUNT: so many lossless subscribers, to the end of all. */
static int crowd(char **args)
{
	unsigned int count;
	struct pollfd *fds = sockets(args[2], &count);
	char request[256], answer[4096];
	uint64_t bytes;
	double begin;

	snprintf(request, sizeof(request), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":"
		 "\"events.subscribe\",\"params\":{\"vm\":%s,\"mode\":\"lossless\"}}\n", args[1]);
	for (unsigned int i = 0; i < count; i++) {
		fds[i].fd = connect_to(args[0]);
		write_all(fds[i].fd, request, strlen(request));
		if (read(fds[i].fd, answer, sizeof(answer)) <= 0)
			die("subscribe");
	}
	puts("ready");
	fflush(stdout);
	begin = now();
	bytes = drain(fds, count, at_last_state);
	printf("{\"seconds\":%.6f,\"bytes\":%" PRIu64 "}\n", now() - begin, bytes);
	free(fds);
	return 0;
}

/* Starts a process that reads all sockets to their ends; `writers` are where it reads from. */
static void start_plain_reader(int *writers, struct pollfd *readers, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		int pair[2];

		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
			die("socketpair");
		writers[i] = pair[0];
		readers[i].fd = pair[1];
	}
	switch (fork()) {
	case -1:
		die("fork");
		break;
	case 0:
		for (unsigned int i = 0; i < count; i++)
			close(writers[i]);
		drain(readers, count, at_end);
		_exit(0);
	}
	for (unsigned int i = 0; i < count; i++)
		close(readers[i].fd);
}

/* BYTES BATCH SOCKETS: writes BYTES to each of SOCKETS in pieces of BATCH, in turn. */
static int plain(char **args)
{
	const uint64_t bytes = strtoull(args[0], NULL, 10);
	const size_t batch = strtoull(args[1], NULL, 10);
	static int fds[SOCKETS_MAX];
	unsigned int count;
	struct pollfd *readers = sockets(args[2], &count);
	char *data = malloc(batch);
	uint64_t left = bytes;
	double begin;

	if (!data || !batch)
		die("plain");
	memset(data, 'x', batch);
	start_plain_reader(fds, readers, count);
	begin = now();
	while (left) {
		size_t some = left < batch ? left : batch;

		for (unsigned int i = 0; i < count; i++)
			write_all(fds[i], data, some);
		left -= some;
	}
	for (unsigned int i = 0; i < count; i++)
		close(fds[i]);
	while (wait(NULL) > 0)
		;
	printf("{\"seconds\":%.6f,\"cpu\":%.6f,\"bytes\":%" PRIu64 "}\n", now() - begin, cpu_seconds(),
	       bytes);
	free(data);
	free(readers);
	return 0;
}

/* PATH: the plainest server that keeps a line's beginning for each client: echoes what comes. */
static int serve(char **args)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int ready = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN };
	struct client { int fd; char line[4096]; } *client;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", args[0]);
	if (bind(listener, (const struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 512) || epoll_ctl(ready, EPOLL_CTL_ADD, listener, &event))
		die(args[0]);
	while (epoll_wait(ready, &event, 1, -1) == 1) {
		ssize_t got;

		client = event.data.ptr;
		if (!client) {
			client = malloc(sizeof(*client));
			if (!client)
				die("client");
			client->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			event = (struct epoll_event){ .events = EPOLLIN, .data.ptr = client };
			if (client->fd < 0 || epoll_ctl(ready, EPOLL_CTL_ADD, client->fd, &event))
				die("accept");
			continue;
		}
		got = read(client->fd, client->line, sizeof(client->line));
		if (got > 0)
			write_all(client->fd, client->line, (size_t)got);
		if (got <= 0) {
			close(client->fd);
			free(client);
		}
	}
	die("epoll");
	return 1;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int args;
		int (*run)(char **args);
	} commands[] = {
		{ "log", 3, make_log }, { "encode", 1, encode }, { "read", 4, read_stream },
		{ "plain", 3, plain }, { "crowd", 3, crowd }, { "serve", 1, serve },
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (argc == commands[i].args + 2 && !strcmp(argv[1], commands[i].name))
			return commands[i].run(argv + 2);
	fputs("usage: stream_tool log FILE VMS EVENTS | encode EVENTS | read SOCKET VM MODE check|fast "
	      "| crowd SOCKET VM COUNT | plain BYTES BATCH SOCKETS | serve PATH\n", stderr);
	return 2;
}
