/* SPDX-License-Identifier: MIT */
/*
 * What the files of svmlab-muxd share: the lab that it supervises, and what each file offers to the
 * others. There is one lab per process, so its state is one object, and all of it runs in one event
 * loop.
 */
#ifndef SVMLAB_MUXD_H
#define SVMLAB_MUXD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "mux.h"

#define PORT_BUSY_BYTES (1024u * 1024u)	/* above this, clients are not read */
#define LINGER_MS 1000		/* for clients to take what was queued for them at the end */

#define EXIT_LAB 125

enum stage { BOOTING, READY, POWERING_OFF, QUITTING, KILLING, ENDED };

struct client;

struct lab {
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
};

extern struct lab lab;

/* svmlab-muxd.c. The parent waits in the foreground; it is told once, or sees its socket close. */
void tell_parent_ready(void);
void parent_close(void);

/* muxd_must.c. What cannot be had ends the supervisor; must takes 0 or a negative errno. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
void *must_alloc(size_t size_bytes);
void must(int result, const char *what);
/* The path of a file in the lab's directory; one at a time. */
const char *in_directory(const char *name);
void write_pid(const char *name, pid_t pid);
void open_pipe(uv_pipe_t *pipe, int fd);

/* muxd_stages.c */
/* Goes on to `stage` of the way down; never back, so that any event may ask for it. */
void advance(enum stage stage);
/* An end that nobody asked for has a reason, which `svmlab status` shows from the log. */
__attribute__((format(printf, 1, 2))) void fail(const char *format, ...);
void guest_ready(void);
/* Everything is closed; clients first get what was queued for them, in bounded time. */
void end_loop(void);
/* The loop ends with its last handle: the timer goes when no client is left. */
void end_if_idle(void);
void stage_expired(uv_timer_t *timer);
void on_stop_signal(uv_signal_t *handle, int number);

/* muxd_clients.c */
/* Sockets exist exactly while the appliance is ready: connecting to a lab that boots fails. */
void start_listening(void);
void stop_listening(void);
/* Reads clients again, as far as credit and the port allow. */
void client_resume(struct client *client);
void clients_resume(void);
void client_send(struct client *client, const struct mux_frame *frame);
/* The guest will send no more; the client closes when it has what was queued for it. */
void guest_closed(struct client *client);
/* The client's connection ends here; the channel's number waits for the guest's CLOSE. */
void client_close(struct client *client);
bool clients_left(void);

/* muxd_port.c */
void send_bytes(uv_pipe_t *pipe, const void *head, uint32_t head_bytes, const void *data,
		uint32_t size_bytes);
void send_frame(enum mux_type type, uint16_t channel, const void *payload, uint32_t length);
/* Received DATA of `used_bytes` are used up: grants credit for them when it is due. */
void send_grant(uint16_t channel, uint32_t used_bytes);
/* Decodes bytes of the port; false when the guest broke the protocol. */
bool port_bytes(const uint8_t *data, size_t size);
void port_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf);
void port_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

/* muxd_console.c. console_alloc serves all that are read and not kept, too. */
void console_open_log(void);
void console_write(const uint8_t *data, size_t size_bytes);
void console_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf);
void console_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

/* muxd_qemu.c */
void start_child(char **command, int count);
void child_ended(uv_signal_t *handle, int number);

#endif
