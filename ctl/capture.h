/* SPDX-License-Identifier: MIT */
/*
 * Keeps what a guest said and did, for comparing and for showing: its console, and its exits either
 * all or the last few.
 */
#ifndef SVMKIT_CTL_CAPTURE_H
#define SVMKIT_CTL_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "guest.h"

#define CAPTURE_TAIL 10		/* exits that are kept without keep_all, and that are shown */

struct capture {
	bool keep_all;
	char *console;
	size_t console_bytes, console_capacity;
	cJSON **exits;		/* params of `exit` notifications */
	size_t exit_count, exit_capacity;
	double dropped;
	const char *full;	/* which limit was reached, or NULL */
};

/* A sink that fills `capture`, which must be zero but for keep_all. */
struct guest_sink capture_sink(struct capture *capture);
void capture_free(struct capture *capture);

/* The last exits and the end of the console as members of a YAML map, indented by two spaces. */
void capture_print_tail(const struct capture *capture, FILE *out);

#endif
