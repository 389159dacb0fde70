/* SPDX-License-Identifier: MIT */
/*
 * As much HTTP as a scraper needs: GET /metrics, one answer, and the connection is closed. A peer may
 * send 8 KiB and take 10 seconds; there are at most 16 at once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>
#include "config.h"
#include "daemon.h"
#include "json_out.h"
#include "list.h"
#include "log.h"
#include "metrics.h"

#define REQUEST_BYTES 8192
#define PEER_MS 10000u
#define PEERS 16u

union stream {
	uv_handle_t handle;
	uv_stream_t stream;
	uv_pipe_t pipe;
	uv_tcp_t tcp;
};

struct metrics_server {
	struct daemon *daemon;
	union stream unix_listener, tcp_listener;
	bool has_unix, has_tcp;
	char *path;
	struct list peers;
	unsigned int peer_count, handles;
	bool closing;
};

struct peer_of_metrics {
	struct list link;
	struct metrics_server *server;
	union stream stream;
	uv_timer_t timer;
	uv_write_t write;
	struct json_out answer;
	unsigned int handles;
	bool closing;
	size_t length;
	char request[REQUEST_BYTES];
};

static void free_server(struct metrics_server *server)
{
	if (!server->closing || server->handles || server->peer_count)
		return;
	free(server->path);
	free(server);
}

static void on_peer_closed(uv_handle_t *handle)
{
	struct peer_of_metrics *peer = handle->data;
	struct metrics_server *server = peer->server;

	if (--peer->handles)
		return;
	json_out_free(&peer->answer);
	free(peer);
	server->peer_count--;
	free_server(server);
}

static void close_peer(struct peer_of_metrics *peer)
{
	if (peer->closing)
		return;
	peer->closing = true;
	list_remove(&peer->link);
	uv_close(&peer->stream.handle, on_peer_closed);
	uv_close((uv_handle_t *)&peer->timer, on_peer_closed);
}

static void on_time(uv_timer_t *timer)
{
	close_peer(timer->data);
}

static void on_written(uv_write_t *write, int status)
{
	(void)status;
	close_peer(write->data);
}

static void answer(struct peer_of_metrics *peer, const char *status, const char *type,
		   const struct json_out *body)
{
	char head[256];
	uv_buf_t buffer;

	uv_read_stop(&peer->stream.stream);
	snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
		 "Connection: close\r\n\r\n", status, type, body->length);
	json_out_text(&peer->answer, head);
	json_out_bytes(&peer->answer, body->data, body->length);
	if (peer->answer.failed) {
		close_peer(peer);
		return;
	}
	buffer = uv_buf_init(peer->answer.data, (unsigned int)peer->answer.length);
	peer->write.data = peer;
	if (uv_write(&peer->write, &peer->stream.stream, &buffer, 1, on_written))
		close_peer(peer);
}

static void refuse(struct peer_of_metrics *peer, const char *status, const char *text)
{
	struct json_out body = { 0 };

	json_out_text(&body, text);
	answer(peer, status, "text/plain; charset=utf-8", &body);
	json_out_free(&body);
}

static void take_request(struct peer_of_metrics *peer)
{
	struct json_out body = { 0 };

	if (strncmp(peer->request, "GET ", 4)) {
		refuse(peer, "405 Method Not Allowed", "only GET\n");
	} else if (strncmp(peer->request + 4, "/metrics ", 9) &&
		   strncmp(peer->request + 4, "/metrics?", 9)) {
		refuse(peer, "404 Not Found", "there is /metrics\n");
	} else {
		metrics_write(peer->server->daemon, &body);
		answer(peer, "200 OK",
		       "application/openmetrics-text; version=1.0.0; charset=utf-8", &body);
		json_out_free(&body);
	}
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct peer_of_metrics *peer = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(peer->request + peer->length,
			      (unsigned int)(sizeof(peer->request) - 1 - peer->length));
}

static void on_read(uv_stream_t *stream, ssize_t bytes, const uv_buf_t *buffer)
{
	struct peer_of_metrics *peer = stream->data;

	(void)buffer;
	if (bytes == UV_ENOBUFS) {
		refuse(peer, "431 Request Header Fields Too Large", "the request is too long\n");
		return;
	}
	if (bytes < 0) {
		close_peer(peer);
		return;
	}
	peer->length += (size_t)bytes;
	peer->request[peer->length] = '\0';
	if (strstr(peer->request, "\r\n\r\n") || strstr(peer->request, "\n\n"))
		take_request(peer);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct metrics_server *server = listener->data;
	struct peer_of_metrics *peer;

	if (status < 0)
		return;
	peer = need_memory(sizeof(*peer));
	peer->server = server;
	peer->handles = 2;
	server->peer_count++;
	list_append(&server->peers, &peer->link);
	if (listener == &server->unix_listener.stream)
		uv_pipe_init(listener->loop, &peer->stream.pipe, 0);
	else
		uv_tcp_init(listener->loop, &peer->stream.tcp);
	uv_timer_init(listener->loop, &peer->timer);
	peer->stream.handle.data = peer->timer.data = peer;
	if (uv_accept(listener, &peer->stream.stream) || server->peer_count > PEERS ||
	    uv_read_start(&peer->stream.stream, on_alloc, on_read))
		close_peer(peer);
	else
		uv_timer_start(&peer->timer, on_time, PEER_MS, 0);
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct metrics_server *server = handle->data;

	server->handles--;
	free_server(server);
}

/* The directory is the administrator's; who can reach the socket may read. */
static int listen_unix(struct metrics_server *server, const char *path)
{
	struct stat status;
	int error;

	uv_pipe_init(&server->daemon->loop, &server->unix_listener.pipe, 0);
	server->unix_listener.handle.data = server;
	server->has_unix = true;
	server->handles++;
	if (!lstat(path, &status) && S_ISSOCK(status.st_mode))
		unlink(path);
	error = uv_pipe_bind(&server->unix_listener.pipe, path);
	if (!error) {
		server->path = need_copy(path, strlen(path));
		error = uv_listen(&server->unix_listener.stream, 16, on_connection);
	}
	if (!error && chmod(path, 0666))
		error = -errno;
	return error;
}

static int listen_tcp(struct metrics_server *server, uint64_t port)
{
	struct sockaddr_in address;
	int error;

	uv_tcp_init(&server->daemon->loop, &server->tcp_listener.tcp);
	server->tcp_listener.handle.data = server;
	server->has_tcp = true;
	server->handles++;
	uv_ip4_addr("127.0.0.1", (int)port, &address);
	error = uv_tcp_bind(&server->tcp_listener.tcp, (const struct sockaddr *)&address, 0);
	return error ? error : uv_listen(&server->tcp_listener.stream, 16, on_connection);
}

bool metrics_listen(struct daemon *daemon)
{
	const struct config *config = daemon->config;
	struct metrics_server *server;
	int error = 0;

	if (!config->metrics_socket && !config->metrics_port)
		return true;
	server = need_memory(sizeof(*server));
	server->daemon = daemon;
	list_init(&server->peers);
	daemon->metrics.server = server;
	if (config->metrics_socket) {
		error = listen_unix(server, config->metrics_socket);
		if (error)
			log_line(LOG_ERR, "[metrics] socket = %s: %s", config->metrics_socket,
				 uv_strerror(error));
	}
	if (!error && config->metrics_port) {
		error = listen_tcp(server, config->metrics_port);
		if (error)
			log_line(LOG_ERR, "[metrics] port = %llu: %s",
				 (unsigned long long)config->metrics_port, uv_strerror(error));
	}
	return !error;
}

void metrics_close(struct daemon *daemon)
{
	struct metrics_server *server = daemon->metrics.server;

	if (!server)
		return;
	daemon->metrics.server = NULL;
	server->closing = true;
	list_each(link, &server->peers)
		close_peer(list_object(link, struct peer_of_metrics, link));
	if (server->has_unix)
		uv_close(&server->unix_listener.handle, on_listener_closed);
	if (server->has_tcp)
		uv_close(&server->tcp_listener.handle, on_listener_closed);
	if (server->path)
		unlink(server->path);
	free_server(server);
}
