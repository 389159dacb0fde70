/* SPDX-License-Identifier: MIT */
/*
 * svmrund.conf(5): limits, roles of peers, what files and taps clients may name, metrics. One table describes
 * every key; reading is all or nothing, so that a bad file at a reload changes nothing. A config is
 * read-only once it is made.
 */
#ifndef SVMRUND_CONFIG_H
#define SVMRUND_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "limits.h"

/* In this order: each may do what the one before may. */
enum role { ROLE_NONE, ROLE_OBSERVER, ROLE_OPERATOR };

struct role_rule {
	enum role role;
	bool group;
	uint32_t id;		/* uid or gid */
};

/* What [limits] sets; where requests are answered with error 3, data.limit has these names. */
struct config_limits {
	uint64_t clients, line_bytes, input_bytes, batch, subscriptions, pending, vms;
	uint64_t templates, template_bytes, output_bytes, output_high_bytes, output_low_bytes;
	uint64_t stall_ms, vm_vcpus, vm_memory_bytes;
};

struct config_texts {
	char **items;
	size_t count;
};

struct config {
	struct config_limits limits;
	enum role default_role;
	struct role_rule *rules;
	size_t rule_count;
	struct config_texts template_directories, drive_directories;	/* resolved by realpath(3) */
	struct config_texts taps;	/* patterns of fnmatch(3) */
	char *metrics_socket;		/* or NULL */
	uint64_t metrics_port;		/* of 127.0.0.1; 0: none */
};

struct config_error {
	char text[512];			/* FILE:LINE: what was found, the rule, the remedy */
};

/* The built-in values. */
struct config *config_default(void);
/* Reads the file over the built-in values. NULL: `error` says why. */
struct config *config_read(const char *path, struct config_error *error);
void config_free(struct config *config);
const char *role_name(enum role role);

#endif
