/* SPDX-License-Identifier: MIT */
/*
 * A bounded record of a run. A guest that prints or exits without end fills the record and so ends
 * its run; it does not fill the memory of the machine that watches it.
 */
#include <stdlib.h>
#include <string.h>
#include "capture.h"
#include "event_text.h"
#include "text.h"

#define CONSOLE_LIMIT_BYTES (16u << 20)
#define EXIT_LIMIT 1000000u
#define CONSOLE_TAIL_BYTES 400u

static int take_console(void *context, const void *bytes, size_t length)
{
	struct capture *c = context;
	size_t needed = c->console_bytes + length, capacity = c->console_capacity;
	char *console;

	if (needed > CONSOLE_LIMIT_BYTES) {
		c->full = "the guest printed more than 16 MiB";
		return -1;
	}
	while (capacity < needed)
		capacity = capacity * 2 + 4096;
	console = capacity > c->console_capacity ? realloc(c->console, capacity) : c->console;
	if (capacity && !console) {
		c->full = "out of memory for the console";
		return -1;
	}
	c->console = console;
	c->console_capacity = capacity;
	if (length)
		memcpy(c->console + c->console_bytes, bytes, length);
	c->console_bytes = needed;
	return 0;
}

static int make_room(struct capture *c)
{
	size_t capacity = c->exit_capacity * 2 + 2 * CAPTURE_TAIL;
	cJSON **exits;

	if (!c->keep_all && c->exit_count == CAPTURE_TAIL) {
		cJSON_Delete(c->exits[0]);
		memmove(c->exits, c->exits + 1, (CAPTURE_TAIL - 1) * sizeof(*c->exits));
		c->exit_count--;
	}
	if (c->exit_count < c->exit_capacity)
		return 0;
	exits = c->exit_count < EXIT_LIMIT ? reallocarray(c->exits, capacity, sizeof(*exits)) : NULL;
	if (!exits) {
		c->full = "the guest caused more than a million events";
		return -1;
	}
	c->exits = exits;
	c->exit_capacity = capacity;
	return 0;
}

static int take_event(void *context, const struct rpc_note *note)
{
	struct capture *c = context;

	if (!strcmp(note->method, "events.dropped"))
		c->dropped += json_number(note->params, "count", 0);
	if (strcmp(note->method, "exit"))
		return 0;
	if (make_room(c))
		return -1;
	c->exits[c->exit_count] = cJSON_Duplicate(note->params, 1);
	if (!c->exits[c->exit_count]) {
		c->full = "out of memory for events";
		return -1;
	}
	c->exit_count++;
	return 0;
}

struct guest_sink capture_sink(struct capture *capture)
{
	return (struct guest_sink){ take_console, take_event, capture };
}

void capture_free(struct capture *capture)
{
	for (size_t i = 0; i < capture->exit_count; i++)
		cJSON_Delete(capture->exits[i]);
	free(capture->exits);
	free(capture->console);
	*capture = (struct capture){ .keep_all = false };
}

static void print_exit(const cJSON *params, FILE *out)
{
	char *line = NULL;
	size_t bytes = 0;
	FILE *memory = open_memstream(&line, &bytes);

	if (!memory)
		return;
	event_print(memory, false, params);
	if (!fclose(memory)) {
		fputs("  - \"", out);
		text_escape_to(out, line, strcspn(line, "\n"));
		fputs("\"\n", out);
	}
	free(line);
}

void capture_print_tail(const struct capture *capture, FILE *out)
{
	size_t first = capture->exit_count > CAPTURE_TAIL ? capture->exit_count - CAPTURE_TAIL : 0;
	size_t bytes = capture->console_bytes, skipped = 0;

	fputs(capture->exit_count ? "  last_exits:\n" : "  last_exits: []\n", out);
	for (size_t i = first; i < capture->exit_count; i++)
		print_exit(capture->exits[i], out);
	if (bytes > CONSOLE_TAIL_BYTES)
		skipped = bytes - CONSOLE_TAIL_BYTES;
	fprintf(out, "  console_tail: \"%s", skipped ? "..." : "");
	text_escape_to(out, capture->console + skipped, bytes - skipped);
	fputs("\"\n", out);
}
