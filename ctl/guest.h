/* SPDX-License-Identifier: MIT */
/*
 * One run of one template: load, create, attach, start, deliver what comes, stop, clean up. `svmctl
 * run` and `svmctl test` differ only in what they do with console bytes and exits.
 */
#ifndef SVMKIT_CTL_GUEST_H
#define SVMKIT_CTL_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "rpc.h"

/* What a run delivers. A function that returns non-zero ends guest_run() with GUEST_SINK. */
struct guest_sink {
	int (*console)(void *context, const void *bytes, size_t length);
	int (*event)(void *context, const struct rpc_note *note);	/* exit and events.dropped */
	void *context;
};

enum guest_events { GUEST_NO_EVENTS, GUEST_LOSSY, GUEST_LOSSLESS };

struct guest {
	struct rpc *rpc;
	long vm;			/* 0: not created */
	char template[65];		/* "": not loaded */
	bool running;
	cJSON *end;			/* after GUEST_ENDED */
};

enum guest_result {
	GUEST_ENDED, GUEST_TIME_LIMIT, GUEST_INTERRUPTED, GUEST_SINK, GUEST_FAILED /* see rpc_text() */
};

/* Load the template only; guest->template is its identity. */
enum rpc_status guest_load(struct guest *guest, struct rpc *rpc, const void *image, size_t bytes);

/*
 * Load the template, create the VM, attach to its console and subscribe. `more` are further params of
 * vm.create by name (its name, drives, links), or NULL.
 */
enum rpc_status guest_create(struct guest *guest, struct rpc *rpc, const void *image, size_t bytes,
			     const cJSON *more, enum guest_events events);

enum rpc_status guest_start(struct guest *guest);

/* Deliver notifications until the guest has ended, `deadline`, a signal, or an error. */
enum guest_result guest_run(struct guest *guest, const struct guest_sink *sink, int64_t deadline);

/* Stop a running guest and deliver the rest of its notifications. */
enum guest_result guest_stop(struct guest *guest, const struct guest_sink *sink);

/* Destroy the VM and unload its template unless someone else uses it; then forget both. */
enum rpc_status guest_destroy(struct guest *guest);

#endif
