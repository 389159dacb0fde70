/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: any bytes as what a debugger sends, on a target of two vCPUs and a page of memory.
 * Payloads get their checksums put right first, or few would be looked at.
 */
#include <stdlib.h>
#include <string.h>
#include "gdb_server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static uint8_t page[4096];
static struct gdb_value registers[2][GDB_REGISTERS];

static bool read_registers(void *data, unsigned int vcpu, struct gdb_value values[GDB_REGISTERS])
{
	(void)data;
	memcpy(values, registers[vcpu], sizeof(registers[vcpu]));
	return true;
}

static bool write_register(void *data, unsigned int vcpu, unsigned int number,
			   const struct gdb_value *value)
{
	(void)data;
	registers[vcpu][number] = *value;
	return true;
}

static size_t in_page(uint64_t at, size_t bytes)
{
	if (at >= sizeof(page))
		return 0;
	return bytes < sizeof(page) - at ? bytes : sizeof(page) - at;
}

static size_t read_memory(void *data, unsigned int vcpu, uint64_t at, void *to, size_t bytes)
{
	(void)data;
	(void)registers[vcpu];
	bytes = in_page(at, bytes);
	if (bytes)
		memcpy(to, page + at, bytes);
	return bytes;
}

static size_t write_memory(void *data, unsigned int vcpu, uint64_t at, const void *from, size_t bytes)
{
	(void)data;
	(void)registers[vcpu];
	bytes = in_page(at, bytes);
	if (bytes)
		memcpy(page + at, from, bytes);
	return bytes;
}

static bool set_break(void *data, unsigned int vcpu, enum gdb_break kind, uint64_t at, uint64_t bytes)
{
	(void)data;
	(void)registers[vcpu];
	return kind != GDB_BREAK_SOFT || at < bytes;
}

static bool clear_break(void *data, enum gdb_break kind, uint64_t at, uint64_t bytes)
{
	(void)data;
	return kind != GDB_BREAK_SOFT || at < bytes;
}

static bool resume(void *data, int step, int only)
{
	(void)data;
	if (step >= 2 || only >= 2)
		abort();	/* there are two vCPUs */
	return true;
}

static void nothing(void *data)
{
	(void)data;
}

static const struct gdb_target target = {
	.vcpus = 2, .read_registers = read_registers, .write_register = write_register,
	.read_memory = read_memory, .write_memory = write_memory, .set_break = set_break,
	.clear_break = clear_break, .resume = resume, .interrupt = nothing, .kill = nothing,
	.detach = nothing,
};

/* Lines of the input are payloads, but for those that begin with a tilde: they go as they are. */
static void feed(struct gdb_input *input, const uint8_t *line, size_t bytes)
{
	struct json_out out = { 0 };
	size_t room;
	char *to;

	if (bytes && line[0] == '~')
		json_out_bytes(&out, line + 1, bytes - 1);
	else
		gdb_put_packet(&out, (const char *)line, bytes);
	for (size_t at = 0; at < out.length; at += room) {
		to = gdb_input_room(input, &room);
		if (room > out.length - at)
			room = out.length - at;
		memcpy(to, out.data + at, room);
		input->length += room;
	}
	json_out_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct gdb_input input;
	const struct gdb_stop stop = { .kind = GDB_STOP_DATA, .vcpu = 1, .address = 0x10 };
	struct gdb_server server;

	input.length = input.start = 0;
	gdb_server_init(&server, &target, NULL);
	while (bytes && !server.finished) {
		const uint8_t *end = memchr(data, '\n', bytes);
		size_t length = end ? (size_t)(end - data) : bytes;

		feed(&input, data, length);
		gdb_server_take(&server, &input);
		if (server.running)
			gdb_server_stopped(&server, &stop);
		length += end != NULL;
		data += length;
		bytes -= length;
	}
	gdb_server_free(&server);
	return 0;
}
