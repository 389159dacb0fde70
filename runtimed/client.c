/* SPDX-License-Identifier: MIT */
/*
 * Life and output of a client. Output is appended to a buffer and written once per turn of the
 * loop; the queue's length drives congestion (events dropped or vCPUs held) and, at its limit, the
 * end of the connection. The socket is read and written by our own calls, not by a stream of libuv,
 * because descriptors come along with the bytes.
 */
#include <config.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "client.h"
#include "client_input.h"
#include "limits.h"
#include "log.h"
#include "rpc.h"
#include "rpc_answer.h"
#include "subscription.h"

static void on_closed(uv_handle_t *handle)
{
	struct client *client = handle->data;

	output_queue_free(&client->output);
	free(client);
}

/* Closes the connection with one line that says why; the peer may not be reading. */
static void refuse(int fd, const char *line)
{
	if (send(fd, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_line(LOG_INFO, "a client that was refused did not read why");
	close(fd);
}

static bool refuse_one_too_many(int fd, unsigned int connected, uint64_t most, const char *who)
{
	char line[256];

	if (connected < most)
		return false;
	snprintf(line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":3,"
		 "\"message\":\"too many %s are connected; try again later\","
		 "\"data\":{\"limit\":\"clients\",\"value\":%llu}}}\n", who, (unsigned long long)most);
	refuse(fd, line);
	log_line(LOG_WARNING, "a client was refused: %u %s are connected", connected, who);
	return true;
}

uint64_t client_observers_share(uint64_t limit)
{
	return limit / 2 + limit % 2;
}

static bool refuse_observer_too_many(const struct daemon *daemon, enum role role, int fd)
{
	unsigned int connected = 0;

	if (role != ROLE_OBSERVER)
		return false;
	list_each(link, &daemon->clients)
		connected += list_object(link, struct client, link)->role == ROLE_OBSERVER;
	return refuse_one_too_many(fd, connected,
				   client_observers_share(daemon->config->limits.clients), "observers");
}

static bool refuse_stranger(const struct peer *peer, enum role role, int fd)
{
	char line[320];

	if (role != ROLE_NONE)
		return false;
	snprintf(line, sizeof(line), "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":%d,"
		 "\"message\":\"user %u has no role here; an administrator can give one to the user "
		 "or a group in svmrund.conf\",\"data\":{\"role\":\"none\"}}}\n", RPC_NOT_ALLOWED,
		 (unsigned int)peer->uid);
	refuse(fd, line);
	log_line(LOG_WARNING, "a client was refused: uid %u (pid %d) has no role",
		 (unsigned int)peer->uid, (int)peer->pid);
	return true;
}

int client_take_descriptor(struct client *client)
{
	const int fd = client->descriptors[0];

	if (!client->descriptor_count)
		return -1;
	client->descriptor_count--;
	memmove(client->descriptors, client->descriptors + 1,
		client->descriptor_count * sizeof(client->descriptors[0]));
	return fd;
}

static void close_descriptors(struct client *client)
{
	while (client->descriptor_count)
		close(client->descriptors[--client->descriptor_count]);
}

void client_want_flush(struct client *client)
{
	if (list_empty(&client->flush_link) && !client->closing)
		list_append(&client->daemon->to_flush, &client->flush_link);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct client *client = poll->data;

	if (status < 0) {
		client_close(client);
		return;
	}
	if (events & UV_WRITABLE)
		client_flush(client);
	if (events & UV_READABLE && client->reading && !client->closing)
		client_input_readable(client);
}

static void new_client(struct daemon *daemon, int fd, struct peer peer, enum role role)
{
	struct client *client = need_memory(sizeof(*client));

	client->daemon = daemon;
	client->number = ++daemon->last_client;
	client->fd = fd;
	client->peer = peer;
	client->role = role;
	list_init(&client->flush_link);
	list_init(&client->requests);
	list_init(&client->subscriptions);
	list_init(&client->attachments);
	if (uv_poll_init(&daemon->loop, &client->poll, fd)) {
		log_line(LOG_ERR, "a client was refused: its socket cannot be polled");
		peer_free(&client->peer);
		close(fd);
		free(client);
		return;
	}
	client->poll.data = client;
	list_append(&daemon->clients, &client->link);
	daemon->client_count++;
	daemon->metrics.clients_accepted++;
	client_input_update(client);
}

bool client_accept(struct daemon *daemon, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct peer peer = { 0 };
	enum role role;

	if (fd < 0)
		return false;
	if (refuse_one_too_many(fd, daemon->client_count, daemon->config->limits.clients, "clients")) {
		daemon->metrics.clients_refused++;
		return true;
	}
	if (!peer_learn(&peer, fd)) {
		log_line(LOG_WARNING, "a client was refused: the kernel does not say who it is");
		peer_free(&peer);
		close(fd);
		return true;
	}
	role = peer_role(&peer, daemon->config);
	if (refuse_stranger(&peer, role, fd) || refuse_observer_too_many(daemon, role, fd)) {
		daemon->metrics.clients_refused++;
		peer_free(&peer);
	} else {
		new_client(daemon, fd, peer, role);
	}
	return true;
}

void client_close(struct client *client)
{
	if (client->closing)
		return;
	client->closing = true;
	client->reading = false;
	rpc_forget_client(client);
	subscription_forget_client(client);
	client_input_free(client);
	close_descriptors(client);
	peer_free(&client->peer);
	list_remove(&client->flush_link);
	list_remove(&client->link);
	client->daemon->client_count--;
	uv_close((uv_handle_t *)&client->poll, on_closed);
	close(client->fd);
}

void client_doom(struct client *client, const char *reason)
{
	if (!client->doom)
		client->doom = reason;
	client_want_flush(client);
}

struct json_out *client_output(struct client *client)
{
	return &client->output.text;
}

void client_output_shared(struct client *client, struct shared_bytes *bytes)
{
	output_queue_add(&client->output, bytes);
}

size_t client_queue_bytes(const struct client *client)
{
	return output_queue_bytes(&client->output);
}

void client_queued(struct client *client)
{
	const struct config_limits *limits = &client->daemon->config->limits;
	size_t queued = client_queue_bytes(client);

	client_want_flush(client);
	if (client->output.text.failed)
		client_doom(client, "no memory for its output");
	else if (queued > limits->output_bytes)
		client_doom(client, "it does not read: its output queue is full");
	if (queued > limits->output_high_bytes && !client->congested) {
		client->congested = true;
		client->progress_ms = daemon_now_ms(client->daemon);
		daemon_need_tick(client->daemon);
	}
}

void client_update_poll(struct client *client)
{
	int events = (client->reading ? UV_READABLE : 0) |
		(client_queue_bytes(client) ? UV_WRITABLE : 0);

	if (client->closing || events == client->polled_for)
		return;
	client->polled_for = events;
	if (events)
		uv_poll_start(&client->poll, events, on_poll);
	else
		uv_poll_stop(&client->poll);
}

/* False: the peer is gone. */
static bool write_some(struct client *client)
{
	while (client_queue_bytes(client)) {
		ssize_t done = output_queue_send(&client->output, client->fd);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return errno == EAGAIN || errno == ENOBUFS;
		client->daemon->metrics.sends++;
		client->daemon->metrics.sent_bytes += (uint64_t)done;
		client->progress_ms = daemon_now_ms(client->daemon);
	}
	return true;
}

static void relieve(struct client *client)
{
	if (!client->congested ||
	    client_queue_bytes(client) >= client->daemon->config->limits.output_low_bytes)
		return;
	client->congested = false;
	subscription_client_relieved(client);
	client_input_resume(client);
}

void client_flush(struct client *client)
{
	list_remove(&client->flush_link);
	if (!client->doom && !client->closing && !write_some(client)) {
		client_close(client);
		return;
	}
	relieve(client);
	client_input_update(client);
	if (client->doom) {
		log_client(LOG_WARNING, client, "client %llu (pid %d) is disconnected: %s",
			   (unsigned long long)client->number, (int)client->peer.pid, client->doom);
		client->daemon->metrics.clients_dropped++;
		client_close(client);
	} else if (client->close_when_flushed && !client_queue_bytes(client)) {
		client_close(client);
	}
}

/* A half-open peer that vanishes causes no read event any more, so it is looked for. */
static bool watch_half_open(struct client *client)
{
	struct pollfd poll_fd = { .fd = client->fd };

	if (!client->ended || client->closing)
		return false;
	if (!client->subscription_count && list_empty(&client->requests)) {
		client->close_when_flushed = true;
		client_want_flush(client);
	}
	if (poll(&poll_fd, 1, 0) > 0 && (poll_fd.revents & (POLLHUP | POLLERR))) {
		client_close(client);
		return false;
	}
	return true;
}

bool client_tick(struct client *client)
{
	uint64_t now = daemon_now_ms(client->daemon);
	bool half_open = watch_half_open(client);

	if (client->closing || !client->congested)
		return half_open;
	if (now - client->progress_ms >= client->daemon->config->limits.stall_ms) {
		client->progress_ms = now;
		subscription_client_stalled(client);
	}
	return true;
}

void client_update_role(struct client *client)
{
	enum role before = client->role;

	client->role = peer_role(&client->peer, client->daemon->config);
	if (client->role == before)
		return;
	log_client(LOG_NOTICE, client, "client %llu (uid %u) was %s, and is %s now",
		   (unsigned long long)client->number, (unsigned int)client->peer.uid,
		   role_name(before), role_name(client->role));
	if (client->role < ROLE_OPERATOR)
		subscription_client_demoted(client);
	if (client->role == ROLE_NONE)
		client_doom(client, "the new configuration gives it no role");
}
