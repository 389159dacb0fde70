/* SPDX-License-Identifier: MIT */
/*
 * One function for each family of packets, found by the first letters. A packet that is not known is
 * answered with nothing, which tells GDB to do without; one that is wrong, with E and an errno.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gdb_server.h"

#define SIGNAL_TRAP 5
#define MAX_MEMORY_BYTES (GDB_PACKET_BYTES / 2)

static void say(struct gdb_server *server, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct gdb_server *server, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	json_out_text(&server->reply, text);
}

static void say_result(struct gdb_server *server, bool good, int error)
{
	if (good)
		say(server, "OK");
	else
		say(server, "E%02x", (unsigned int)error & 0xff);
}

static void say_stop(struct gdb_server *server)
{
	const struct gdb_stop *stop = &server->stop;

	switch (stop->kind) {
	case GDB_STOP_EXITED: say(server, "W%02x", stop->number & 0xff); return;
	case GDB_STOP_KILLED: say(server, "X%02x", stop->number & 0xff); return;
	case GDB_STOP_SOFT: say(server, "T05swbreak:;thread:%x;", stop->vcpu + 1); return;
	case GDB_STOP_EXECUTE: say(server, "T05hwbreak:;thread:%x;", stop->vcpu + 1); return;
	case GDB_STOP_DATA:
		say(server, "T05watch:%llx;thread:%x;", (unsigned long long)stop->address,
		    stop->vcpu + 1);
		return;
	default:
		say(server, "T%02xthread:%x;", stop->number & 0xff, stop->vcpu + 1);
		return;
	}
}

static void put_register(struct gdb_server *server, unsigned int number,
			 const struct gdb_value *value)
{
	gdb_put_hex(&server->reply, value->bytes, gdb_registers[number].bytes);
}

static void read_registers(struct gdb_server *server, const char *args)
{
	struct gdb_value values[GDB_REGISTERS];

	(void)args;
	if (!server->target->read_registers(server->data, server->vcpu, values)) {
		say_result(server, false, EIO);
		return;
	}
	for (unsigned int i = 0; i < GDB_REGISTERS; i++)
		put_register(server, i, &values[i]);
}

static void write_registers(struct gdb_server *server, const char *args)
{
	struct gdb_value before[GDB_REGISTERS];
	size_t left = strlen(args);
	bool good = server->target->read_registers(server->data, server->vcpu, before);

	for (unsigned int i = 0; good && i < GDB_REGISTERS; i++) {
		const struct gdb_register *reg = &gdb_registers[i];
		struct gdb_value value = { { 0 } };

		if (left < 2 * reg->bytes)
			break;
		if (gdb_take_hex(args, value.bytes, reg->bytes) &&
		    memcmp(&value, &before[i], sizeof(value)))
			good = server->target->write_register(server->data, server->vcpu, i, &value);
		args += 2 * reg->bytes;
		left -= 2 * reg->bytes;
	}
	say_result(server, good, EINVAL);
}

static void read_register(struct gdb_server *server, const char *args)
{
	struct gdb_value values[GDB_REGISTERS];
	uint64_t number;

	if (!gdb_take_number(&args, &number) || *args || number >= GDB_REGISTERS)
		say_result(server, false, EINVAL);
	else if (!server->target->read_registers(server->data, server->vcpu, values))
		say_result(server, false, EIO);
	else
		put_register(server, (unsigned int)number, &values[number]);
}

static void write_register(struct gdb_server *server, const char *args)
{
	struct gdb_value value = { { 0 } };
	uint64_t number;
	bool good = gdb_take_number(&args, &number) && *args++ == '=' && number < GDB_REGISTERS &&
		strlen(args) == 2 * gdb_registers[number].bytes &&
		gdb_take_hex(args, value.bytes, gdb_registers[number].bytes);

	say_result(server, good && server->target->write_register(server->data, server->vcpu,
								   (unsigned int)number, &value),
		   EINVAL);
}

/* ADDRESS,LENGTH and what must follow it. */
static bool take_range(const char **args, uint64_t *at, uint64_t *bytes, char end)
{
	return gdb_take_number(args, at) && *(*args)++ == ',' && gdb_take_number(args, bytes) &&
		**args == end;
}

static void read_memory(struct gdb_server *server, const char *args)
{
	static uint8_t bytes[MAX_MEMORY_BYTES];
	uint64_t at, count;
	size_t got;

	if (!take_range(&args, &at, &count, '\0')) {
		say_result(server, false, EINVAL);
		return;
	}
	if (count > sizeof(bytes))
		count = sizeof(bytes);
	got = server->target->read_memory(server->data, server->vcpu, at, bytes, count);
	if (got || !count)
		gdb_put_hex(&server->reply, bytes, got);
	else
		say_result(server, false, EFAULT);
}

static void write_memory(struct gdb_server *server, const char *args)
{
	static uint8_t bytes[MAX_MEMORY_BYTES];
	uint64_t at, count;

	if (!take_range(&args, &at, &count, ':') || count > sizeof(bytes) ||
	    strlen(args + 1) != 2 * count || !gdb_take_hex(args + 1, bytes, count))
		say_result(server, false, EINVAL);
	else
		say_result(server, server->target->write_memory(server->data, server->vcpu, at, bytes,
								count) == count, EFAULT);
}

/* X: the bytes themselves; the payload may hold NUL, so its length counts. */
static void write_binary(struct gdb_server *server, const char *packet, size_t length)
{
	const char *args = packet + 1;
	uint64_t at, count;

	if (!take_range(&args, &at, &count, ':') ||
	    (uint64_t)(packet + length - (args + 1)) != count)
		say_result(server, false, EINVAL);
	else
		say_result(server, server->target->write_memory(server->data, server->vcpu, at, args + 1,
								count) == count, EFAULT);
}

static void change_break(struct gdb_server *server, const char *packet)
{
	const struct gdb_target *target = server->target;
	uint64_t kind, at, bytes;
	const char *args = packet + 1;

	if (!gdb_take_number(&args, &kind) || *args++ != ',' ||
	    !(take_range(&args, &at, &bytes, '\0') || *args == ';')) {
		say_result(server, false, EINVAL);
		return;
	}
	/* 3, a watch for reads only, is not there on x86: GDB takes 4 instead. */
	if (kind > GDB_BREAK_ACCESS || kind == 3)
		return;
	if (packet[0] == 'Z')
		say_result(server, target->set_break(server->data, server->vcpu, (enum gdb_break)kind,
						     at, bytes), ENOSPC);
	else
		say_result(server, target->clear_break(server->data, (enum gdb_break)kind, at, bytes),
			   ENOENT);
}

static void go_on(struct gdb_server *server, int step, int only)
{
	if (server->stop.kind == GDB_STOP_EXITED || server->stop.kind == GDB_STOP_KILLED) {
		say_stop(server);
		return;
	}
	server->running = server->target->resume(server->data, step, only);
	if (!server->running)
		say_result(server, false, EIO);
}

/* A thread's number: -1 all, 0 any; the vCPU in *vcpu, or -1. False: there is no such thread. */
static bool take_thread(const struct gdb_server *server, const char **args, int *vcpu)
{
	uint64_t number;

	*vcpu = -1;
	if (!strncmp(*args, "-1", 2)) {
		*args += 2;
		return true;
	}
	if (!gdb_take_number(args, &number) || number > server->target->vcpus)
		return false;
	*vcpu = (int)number - 1;
	return true;
}

/*
 * vCont;ACTION[:THREAD]... The first action that fits a thread is its. GDB steps one thread and lets
 * the others run or not; it never wants two to step.
 */
static void continue_threads(struct gdb_server *server, const char *args)
{
	int step = -1, only = -1;
	bool others = false, any = false;

	while (*args == ';') {
		char action = args[1];
		uint64_t signal;
		int vcpu = -1;

		args += 2;
		if ((action == 'C' || action == 'S') && !gdb_take_number(&args, &signal))
			break;
		if (*args == ':') {
			args++;
			if (!take_thread(server, &args, &vcpu))
				break;
		}
		if (action == 's' || action == 'S') {
			if (step < 0)
				step = vcpu < 0 ? (int)server->vcpu : vcpu;
		} else if (action != 'c' && action != 'C') {
			break;
		}
		if (vcpu < 0)
			others = true;
		else if (!any)
			only = vcpu;
		any = true;
	}
	if (*args || !any)
		say_result(server, false, EINVAL);
	else
		go_on(server, step, others ? -1 : only);
}

static void choose_thread(struct gdb_server *server, const char *args)
{
	char operation = *args;
	int vcpu;

	args += operation != '\0';
	if (!take_thread(server, &args, &vcpu) || *args) {
		say_result(server, false, EINVAL);
		return;
	}
	if (operation == 'g' && vcpu >= 0)
		server->vcpu = (unsigned int)vcpu;
	if (operation == 'c')
		server->step_vcpu = vcpu;
	say(server, "OK");
}

static void list_threads(struct gdb_server *server)
{
	say(server, "m");
	for (unsigned int i = 0; i < server->target->vcpus; i++)
		say(server, "%s%x", i ? "," : "", i + 1);
}

static void describe_thread(struct gdb_server *server, const char *args)
{
	char text[32];
	int vcpu;

	if (!take_thread(server, &args, &vcpu) || vcpu < 0) {
		say_result(server, false, EINVAL);
		return;
	}
	snprintf(text, sizeof(text), "vCPU %d", vcpu);
	gdb_put_hex(&server->reply, text, strlen(text));
}

/* qXfer:features:read:target.xml:OFFSET,LENGTH */
static void read_description(struct gdb_server *server, const char *args)
{
	uint64_t at, bytes;
	size_t length;

	if (!server->xml)
		server->xml = gdb_target_xml();
	if (!server->xml || strncmp(args, "target.xml:", 11)) {
		say_result(server, false, ENOENT);
		return;
	}
	args += 11;
	if (!take_range(&args, &at, &bytes, '\0')) {
		say_result(server, false, EINVAL);
		return;
	}
	length = strlen(server->xml);
	if (at > length)
		at = length;
	if (bytes > GDB_PACKET_BYTES / 2)
		bytes = GDB_PACKET_BYTES / 2;
	say(server, "%c", bytes < length - at ? 'm' : 'l');
	json_out_bytes(&server->reply, server->xml + at, bytes < length - at ? bytes : length - at);
}

static bool begins(const char *packet, const char *word, const char **rest)
{
	size_t length = strlen(word);

	*rest = packet + length;
	return !strncmp(packet, word, length);
}

static void query(struct gdb_server *server, const char *packet)
{
	const char *rest;

	if (begins(packet, "qSupported", &rest))
		say(server, "PacketSize=%x;qXfer:features:read+;QStartNoAckMode+;vContSupported+;"
		    "swbreak+;hwbreak+", GDB_PACKET_BYTES);
	else if (begins(packet, "qXfer:features:read:", &rest))
		read_description(server, rest);
	else if (begins(packet, "qfThreadInfo", &rest))
		list_threads(server);
	else if (begins(packet, "qsThreadInfo", &rest))
		say(server, "l");
	else if (begins(packet, "qThreadExtraInfo,", &rest))
		describe_thread(server, rest);
	else if (begins(packet, "qAttached", &rest))
		say(server, "1");
	else if (begins(packet, "qC", &rest) && !*rest)
		say(server, "QC%x", server->vcpu + 1);
	else if (begins(packet, "qSymbol", &rest))
		say(server, "OK");
}

static void verbose(struct gdb_server *server, const char *packet)
{
	const char *rest;

	if (begins(packet, "vCont?", &rest)) {
		say(server, "vCont;c;C;s;S");
	} else if (begins(packet, "vCont", &rest)) {
		continue_threads(server, rest);
	} else if (begins(packet, "vKill", &rest)) {
		server->target->kill(server->data);
		server->finished = true;
		say(server, "OK");
	}
}

static void is_alive(struct gdb_server *server, const char *args)
{
	int vcpu;

	say_result(server, take_thread(server, &args, &vcpu) && vcpu >= 0, ESRCH);
}

static void start_no_ack(struct gdb_server *server, const char *packet)
{
	if (strcmp(packet, "QStartNoAckMode"))
		return;
	server->no_ack = true;
	say(server, "OK");
}

/* Packets that are about a target that stands still come from GDB only then, or are refused. */
static void dispatch(struct gdb_server *server, const char *packet, size_t length)
{
	switch (packet[0]) {
	case '?': say_stop(server); return;
	case 'g': read_registers(server, packet + 1); return;
	case 'G': write_registers(server, packet + 1); return;
	case 'p': read_register(server, packet + 1); return;
	case 'P': write_register(server, packet + 1); return;
	case 'm': read_memory(server, packet + 1); return;
	case 'M': write_memory(server, packet + 1); return;
	case 'X': write_binary(server, packet, length); return;
	case 'Z':
	case 'z': change_break(server, packet); return;
	case 'c': go_on(server, -1, -1); return;
	case 's':
		go_on(server, server->step_vcpu < 0 ? (int)server->vcpu : server->step_vcpu, -1);
		return;
	case 'H': choose_thread(server, packet + 1); return;
	case 'T': is_alive(server, packet + 1); return;
	case 'q': query(server, packet); return;
	case 'Q': start_no_ack(server, packet); return;
	case 'v': verbose(server, packet); return;
	case 'D':
		server->target->detach(server->data);
		server->finished = true;
		say(server, "OK");
		return;
	case 'k':
		server->target->kill(server->data);
		server->finished = true;
		return;
	default: return;	/* not known: an empty answer */
	}
}

static void do_packet(struct gdb_server *server, const char *packet, size_t length)
{
	bool was_running = server->running;

	if (!server->no_ack)
		json_out_text(&server->out, "+");
	server->reply.length = 0;
	if (was_running)
		say_result(server, false, EBUSY);
	else
		dispatch(server, packet, length);
	/* A resume is answered when it stops, a kill not at all. */
	if (was_running || (!server->running && packet[0] != 'k'))
		gdb_put_packet(&server->out, server->reply.data, server->reply.length);
}

void gdb_server_take(struct gdb_server *server, struct gdb_input *input)
{
	static char packet[GDB_PACKET_BYTES + 1];
	enum gdb_got got = GDB_PACKET;
	size_t length;

	while (got != GDB_MORE && !server->finished) {
		got = gdb_input_next(input, packet, &length);
		if (got == GDB_PACKET)
			do_packet(server, packet, length);
		else if (got == GDB_INTERRUPT && server->running)
			server->target->interrupt(server->data);
		else if (got == GDB_DAMAGED && !server->no_ack)
			json_out_text(&server->out, "-");
		else if (got == GDB_NAK && !server->no_ack && !server->running)
			gdb_put_packet(&server->out, server->reply.data, server->reply.length);
	}
}

void gdb_server_stopped(struct gdb_server *server, const struct gdb_stop *stop)
{
	server->stop = *stop;
	if (!server->running)
		return;
	server->running = false;
	if (stop->vcpu < server->target->vcpus)
		server->vcpu = stop->vcpu;
	server->reply.length = 0;
	say_stop(server);
	gdb_put_packet(&server->out, server->reply.data, server->reply.length);
}

void gdb_server_init(struct gdb_server *server, const struct gdb_target *target, void *data)
{
	*server = (struct gdb_server){
		.target = target, .data = data, .step_vcpu = -1,
		.stop = { .kind = GDB_STOP_SIGNAL, .number = SIGNAL_TRAP },
	};
}

void gdb_server_free(struct gdb_server *server)
{
	json_out_free(&server->out);
	json_out_free(&server->reply);
	free(server->xml);
}
