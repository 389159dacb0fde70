/* SPDX-License-Identifier: MIT */
/*
 * Counters of the daemon, and the socket that tells them in OpenMetrics text over HTTP: a Unix
 * socket, a port of 127.0.0.1, or both, as svmrund.conf(5) says. Loop thread only.
 */
#ifndef SVMRUND_METRICS_H
#define SVMRUND_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct daemon;
struct json_out;
struct metrics_server;

#define METRICS_BUCKETS 9		/* the last one has no bound */

struct metrics_method {
	uint64_t answers, errors;
	uint64_t ns;			/* all latencies together */
	uint64_t buckets[METRICS_BUCKETS];	/* each latency in one of them */
};

struct metrics {
	uint64_t clients_accepted, clients_refused, clients_dropped;
	uint64_t sends, sent_bytes;	/* to clients, by send(2) */
	uint64_t events;		/* records taken from rings */
	uint64_t subscription_drops;	/* told by events.dropped */
	struct metrics_method *methods;	/* as rpc_methods[] */
	struct metrics_server *server;	/* or NULL */
};

void metrics_init(struct metrics *metrics);
void metrics_free(struct metrics *metrics);
void metrics_answer(struct metrics *metrics, size_t method, uint64_t ns, bool error);

/* What the configuration names; false: it was logged why not. */
bool metrics_listen(struct daemon *daemon);
void metrics_close(struct daemon *daemon);
/* The whole text. */
void metrics_write(struct daemon *daemon, struct json_out *out);

#endif
