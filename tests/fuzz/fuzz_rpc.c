/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: any bytes as what a client sends, to the daemon's own client and RPC code on an
 * engine without hardware. Each input is a connection of its own, which must leave nothing behind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "client.h"
#include "config.h"
#include "fake_engine.h"
#include "rpc.h"
#include "template.h"
#include "vm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct daemon daemon_under_test;
static int listener;
static struct sockaddr_un address = { .sun_family = AF_UNIX };
static socklen_t address_bytes;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static struct engine engine;
	struct daemon *daemon = &daemon_under_test;

	(void)argc;
	(void)argv;
	fake_engine_init(&engine);
	daemon->engine = &engine;
	daemon->config = config_default();
	metrics_init(&daemon->metrics);
	list_init(&daemon->clients);
	list_init(&daemon->templates);
	list_init(&daemon->vms);
	list_init(&daemon->to_flush);
	uv_loop_init(&daemon->loop);
	uv_async_init(&daemon->loop, &daemon->wake, NULL);
	uv_timer_init(&daemon->loop, &daemon->tick);
	daemon->tick.data = daemon;
	/* A name in the abstract namespace, which no file system sees. */
	address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
		(size_t)snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "fuzz_rpc-%d",
				 (int)getpid()));
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(listener, (const struct sockaddr *)&address, address_bytes) || listen(listener, 8))
		abort();
	return 0;
}

static void turn(struct daemon *daemon)
{
	/* system.shutdown is answered; the daemon's end is no part of this. */
	daemon->closing = false;
	uv_run(&daemon->loop, UV_RUN_NOWAIT);
	while (!list_empty(&daemon->to_flush))
		client_flush(list_object(daemon->to_flush.next, struct client, flush_link));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct daemon *daemon = &daemon_under_test;
	int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	static char answers[1 << 20];
	unsigned int turns = 0;

	if (connect(peer, (const struct sockaddr *)&address, address_bytes) ||
	    !client_accept(daemon, listener))
		abort();
	while (bytes && daemon->client_count) {
		ssize_t done = send(peer, data, bytes, MSG_NOSIGNAL);

		if (done > 0) {
			data += done;
			bytes -= (size_t)done;
		}
		turn(daemon);
		while (recv(peer, answers, sizeof(answers), 0) > 0)
			;
	}
	shutdown(peer, SHUT_WR);
	while (daemon->client_count) {
		turn(daemon);
		if (recv(peer, answers, sizeof(answers), 0) < 0 && turns++ > 3)
			break;
	}
	close(peer);
	list_each(link, &daemon->clients)
		client_close(list_object(link, struct client, link));
	turn(daemon);
	list_each(link, &daemon->vms)
		vm_destroy(list_object(link, struct vm, link));
	list_each(link, &daemon->templates)
		template_unload(list_object(link, struct template, link));
	turn(daemon);
	if (daemon->client_count || daemon->input_bytes || daemon->template_bytes)
		abort();
	return 0;
}
