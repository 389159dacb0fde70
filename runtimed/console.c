/* SPDX-License-Identifier: MIT */
/*
 * Console output from vCPU threads to clients. Text goes out as "data" when it is UTF-8 without NUL
 * (a C reader of JSON would cut it there), else as "base64"; a character that is split between two
 * writes is held back until it is whole.
 */
#include <stdlib.h>
#include <string.h>
#include "console.h"
#include "device_thread.h"
#include "json_b64.h"
#include "json_check.h"
#include "log.h"
#include "vcpu.h"

void console_init(struct console *console)
{
	pthread_mutex_init(&console->lock, NULL);
	pthread_cond_init(&console->room, NULL);
}

void console_free(struct console *console)
{
	pthread_mutex_destroy(&console->lock);
	pthread_cond_destroy(&console->room);
}

void console_write(struct vm *vm, const char *bytes, size_t length)
{
	struct console *console = &vm->console;

	pthread_mutex_lock(&console->lock);
	for (size_t i = 0; i < length; i++) {
		/* The loop never waits for a thread that has not said `done`, so room will come. */
		while (console->pending_bytes == sizeof(console->pending))
			pthread_cond_wait(&console->room, &console->lock);
		if (!console->pending_bytes)
			daemon_wake(vm->daemon);
		console->pending[console->pending_bytes++] = bytes[i];
	}
	pthread_mutex_unlock(&console->lock);
}

bool console_get(struct console *console, uint8_t *byte)
{
	bool got;

	pthread_mutex_lock(&console->lock);
	got = console->input_bytes > 0;
	if (got) {
		*byte = (uint8_t)console->input[console->input_start];
		console->input_start = (console->input_start + 1) % sizeof(console->input);
		console->input_bytes--;
	}
	pthread_mutex_unlock(&console->lock);
	return got;
}

bool console_has_input(struct console *console)
{
	bool has;

	pthread_mutex_lock(&console->lock);
	has = console->input_bytes > 0;
	pthread_mutex_unlock(&console->lock);
	return has;
}

bool console_type(struct console *console, const char *bytes, size_t length, size_t *waiting)
{
	bool fits;

	pthread_mutex_lock(&console->lock);
	fits = length <= sizeof(console->input) - console->input_bytes;
	for (size_t i = 0; fits && i < length; i++)
		console->input[(console->input_start + console->input_bytes++) %
			       sizeof(console->input)] = bytes[i];
	*waiting = console->input_bytes;
	pthread_mutex_unlock(&console->lock);
	if (fits && console->typed)
		device_async_send(console->typed);
	return fits;
}

static void send_bytes(struct vm *vm, struct client *client, const char *bytes, size_t length)
{
	struct json_out *out = client_output(client);
	bool bad;

	JSON_OUT_LITERAL(out, "{\"jsonrpc\":\"2.0\",\"method\":\"console.output\","
			 "\"params\":{\"vm\":");
	json_out_u64(out, vm->number);
	if (json_utf8_prefix(bytes, length, &bad) == length && !memchr(bytes, 0, length)) {
		JSON_OUT_LITERAL(out, ",\"data\":");
		json_out_string(out, bytes, length);
	} else {
		char *room;

		JSON_OUT_LITERAL(out, ",\"base64\":\"");
		room = json_out_room(out, JSON_B64_CHARS(length));
		if (room)
			out->length += json_b64_encode(room, bytes, length);
		JSON_OUT_LITERAL(out, "\"");
	}
	JSON_OUT_LITERAL(out, "}}\n");
	client_queued(client);
}

static void remember(struct console *console, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		console->history[console->history_end++ % CONSOLE_HISTORY_BYTES] = bytes[i];
}

static void deliver(struct vm *vm, const char *bytes, size_t length)
{
	if (!length)
		return;
	remember(&vm->console, bytes, length);
	list_each(link, &vm->attachments)
		send_bytes(vm, list_object(link, struct attachment, vm_link)->client, bytes,
			   length);
}

/* How many of the last bytes are the start of a character that may still become whole. */
static size_t unfinished_tail(const char *bytes, size_t length)
{
	bool bad;

	for (size_t tail = 1; tail < 4 && tail <= length; tail++) {
		unsigned char lead = (unsigned char)bytes[length - tail];

		if ((lead & 0xc0) == 0x80)
			continue;
		if (json_utf8_prefix(bytes + length - tail, tail, &bad) == 0 && !bad)
			return tail;
		break;
	}
	return 0;
}

void console_pump(struct vm *vm, bool last)
{
	static char taken[4 + CONSOLE_PENDING_BYTES];	/* one loop, one thread */
	struct console *console = &vm->console;
	size_t length = console->carry_bytes, tail;

	memcpy(taken, console->carry, length);
	pthread_mutex_lock(&console->lock);
	memcpy(taken + length, console->pending, console->pending_bytes);
	length += console->pending_bytes;
	console->pending_bytes = 0;
	pthread_cond_broadcast(&console->room);
	pthread_mutex_unlock(&console->lock);
	tail = last ? 0 : unfinished_tail(taken, length);
	console->carry_bytes = tail;
	memcpy(console->carry, taken + length - tail, tail);
	deliver(vm, taken, length - tail);
}

uint64_t console_lost_bytes(const struct console *console)
{
	return console->history_end > CONSOLE_HISTORY_BYTES ?
		console->history_end - CONSOLE_HISTORY_BYTES : 0;
}

bool console_attach(struct vm *vm, struct client *client)
{
	struct attachment *attachment;

	list_each(link, &vm->attachments)
		if (list_object(link, struct attachment, vm_link)->client == client)
			return false;
	attachment = need_memory(sizeof(*attachment));
	attachment->client = client;
	attachment->vm = vm;
	list_append(&client->attachments, &attachment->client_link);
	list_append(&vm->attachments, &attachment->vm_link);
	client->subscription_count++;
	return true;
}

void console_send_history(struct vm *vm, struct client *client)
{
	const struct console *console = &vm->console;
	uint64_t from = console_lost_bytes(console);
	size_t length = (size_t)(console->history_end - from), skip = 0;
	char *bytes;

	if (!length)
		return;
	bytes = need_memory(length);
	for (size_t i = 0; i < length; i++)
		bytes[i] = console->history[(from + i) % CONSOLE_HISTORY_BYTES];
	/* The oldest character may have lost its first bytes. */
	while (from && skip < 3 && skip < length && ((unsigned char)bytes[skip] & 0xc0) == 0x80)
		skip++;
	send_bytes(vm, client, bytes + skip, length - skip);
	free(bytes);
}

void console_detach(struct attachment *attachment)
{
	list_remove(&attachment->client_link);
	list_remove(&attachment->vm_link);
	attachment->client->subscription_count--;
	free(attachment);
}
