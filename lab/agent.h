/* SPDX-License-Identifier: MIT */
/*
 * What the files of svmlab-agent share: its channels, the mux that carries them, and what each
 * file offers to the others. There is one agent per process, so its state is one object.
 */
#ifndef SVMLAB_AGENT_H
#define SVMLAB_AGENT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "mux.h"

struct session;

struct channel {
	enum mux_service service;	/* 0: the channel is free */
	bool closing;			/* CLOSE follows when `out` is sent */
	int fd;				/* control: the connection to svmrund */
	struct buf in;			/* control: for fd */
	bool in_eof;
	struct buf out;			/* for the mux, waiting for credit */
	struct session *session;	/* exec */
};

struct agent {
	int port;
	const char *control_path;
	struct mux mux;
	struct mux_reader reader;
	struct buf wire;		/* frames for the port */
	struct channel channels[MUX_CHANNELS];
	unsigned int first;		/* where the next round starts, so that all get a turn */
};

extern struct agent agent;

/* svmlab-agent.c. Both end the agent: as failed, and with its commands and its appliance. */
_Noreturn void die(const char *what);
_Noreturn void power_off(void);

/* agent_port.c. wait_for_port returns the port's descriptor, or dies. */
int wait_for_port(void);
void say_hello(void);
void port_input(void);
void wire_frame(enum mux_type type, uint16_t channel, const void *payload, uint32_t length);

/* agent_channel.c. channel_pump is one turn: what became possible since the last one. */
void channel_open(uint16_t number, enum mux_service service);
void channel_data(uint16_t number, const struct mux_frame *frame);
void channel_pump(uint16_t number);
void channel_wants(const struct channel *c, struct pollfd *polls, nfds_t *count);
/* Gives up what the channel holds and tells the host; nothing is sent on it any more. */
void channel_close(uint16_t number);
/* The poll events for a stream whose bytes go to the channel; m pays for them unless it is NULL. */
short out_events(const struct channel *c, const struct mux *m, uint16_t stream);

/* agent_control.c */
void control_open(struct channel *c);
void control_input(uint16_t number);
void control_output(struct channel *c);

/* agent_exec.c. session_open returns false when there is no memory; channel_close frees. */
bool session_open(struct channel *c);
void session_free(struct session *s);
void session_bytes(struct channel *c, const uint8_t *data, size_t size);
void session_pump(struct channel *c);
void session_wants(const struct channel *c, struct pollfd *polls, nfds_t *count);
/* Process `pid` has ended with waitpid's `status`; it may be nobody's command. */
void sessions_reaped(pid_t pid, int status);

#endif
