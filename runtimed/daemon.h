/* SPDX-License-Identifier: MIT */
/*
 * The daemon: one libuv loop that owns every object. All functions of the daemon run on the loop's
 * thread unless their header says otherwise; vCPU threads reach the loop through daemon_wake().
 */
#ifndef SVMRUND_DAEMON_H
#define SVMRUND_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>
#include "engine.h"
#include "list.h"
#include "metrics.h"

struct config;
struct recorder;

struct daemon_options {
	const char *config_path;	/* svmrund.conf; need not exist unless it is required */
	bool config_required;
	const char *socket_path;
	const char *record_path;	/* or NULL: no recording */
	bool device_required;		/* without a device that answers: leave */
	const char *socket_group;	/* or NULL: the socket is for its owner only */
};

struct daemon {
	uv_loop_t loop;
	const struct engine *engine;
	struct recorder *recorder;	/* or NULL */
	const struct daemon_options *options;
	struct config *config;
	const char *socket_path;
	uv_poll_t listener;
	int listener_fd;
	bool listening;
	bool accept_later;	/* no descriptor was left for a connection: with the next tick */
	uint64_t socket_device, socket_inode;	/* so that only our own socket file is removed */
	uv_prepare_t flush;	/* before the loop sleeps: one write per client */
	uv_async_t wake;
	uv_timer_t tick;	/* runs only while something has a deadline */
	uv_timer_t watchdog;	/* service.c */
	uv_signal_t sigterm, sigint, sighup;
	struct list clients, templates, vms;
	struct list to_flush;	/* clients with output */
	unsigned int client_count, vm_count, template_count;
	uint64_t template_bytes;	/* images of all loaded templates */
	uint64_t input_bytes;		/* buffered input of all clients */
	uint64_t last_client, last_vm;
	struct metrics metrics;
	bool closing;			/* shutting down: no new VMs, no new clients */
	uint64_t closing_since_ms;
	const char *closing_reason;
	bool told;			/* clients heard of the shutdown */
	int status;			/* of the process */
};

/* Listens, runs until SIGTERM, SIGINT or system.shutdown, cleans up. Returns the exit status. */
int daemon_run(const struct daemon_options *options, const struct engine *engine);

/* Reads svmrund.conf again; a bad file is logged and changes nothing. */
void daemon_reload(struct daemon *daemon);
/* Begins an orderly end: VMs are stopped, clients told, then daemon_run() returns. */
void daemon_shutdown(struct daemon *daemon, const char *reason);

/* From any thread: have the loop look at the VMs (console output, ended vCPUs). */
void daemon_wake(struct daemon *daemon);

/* Something has a deadline from now on: keep the tick running. */
void daemon_need_tick(struct daemon *daemon);
uint64_t daemon_now_ms(const struct daemon *daemon);

#endif
