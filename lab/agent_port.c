/* SPDX-License-Identifier: MIT */
/*
 * The agent's end of the virtio-serial port: finding it, the greeting, and the frames that the host
 * sends. Frames to the host are queued here and written by the agent's loop; what a frame does to a
 * channel is agent_channel.c's.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "fd.h"

#define PORT_WAIT_MS 10000

void wire_frame(enum mux_type type, uint16_t channel, const void *payload, uint32_t length)
{
	buf_append_frame(&agent.wire, type, channel, payload, length);
}

static void frame_received(const struct mux_frame *frame)
{
	switch (frame->type) {
	case MUX_OPEN:
		channel_open(frame->channel, (enum mux_service)frame->payload[0]);
		break;
	case MUX_DATA:
		channel_data(frame->channel, frame);
		break;
	case MUX_EOF:
		agent.channels[frame->channel].in_eof = true;
		if (agent.channels[frame->channel].service == MUX_SERVICE_CONTROL)
			control_input(frame->channel);
		break;
	case MUX_CLOSE:
		channel_close(frame->channel);
		break;
	case MUX_POWEROFF:
		power_off();
	default:
		break;
	}
}

void port_input(void)
{
	static uint8_t bytes[MUX_FRAME_MAX_BYTES];
	const uint8_t *data = bytes;
	struct mux_frame frame;
	size_t size;
	ssize_t n;
	int got;

	n = read(agent.port, bytes, sizeof(bytes));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		/* The host's daemon is gone, and with it everyone who could want this lab. */
		fprintf(stderr, "svmlab-agent: the host has closed the port\n");
		power_off();
	}
	size = (size_t)n;
	while ((got = mux_read(&agent.mux, &agent.reader, &data, &size, &frame)) > 0) {
		const enum mux_verdict verdict = mux_receive(&agent.mux, &frame);

		if (verdict == MUX_BAD)
			die(agent.mux.error);
		if (verdict == MUX_DELIVER)
			frame_received(&frame);
	}
	if (got < 0)
		die(agent.mux.error);
}

/* The virtio port of our name, found in sysfs: its /dev/virtio-ports link would need udev. */
static int open_named_port(void)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	struct dirent *entry;
	int fd = -1;

	while (dir && fd < 0 && (entry = readdir(dir))) {
		char path[sizeof(entry->d_name) + 64], name[64] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(name, sizeof(name), f) && strcmp(name, MUX_PORT_NAME "\n") == 0) {
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		}
		fclose(f);
	}
	if (dir)
		closedir(dir);
	return fd;
}

/* The port's name arrives some time after its driver, without an event that reaches user space. */
int wait_for_port(void)
{
	const struct timespec pause = { .tv_nsec = 5 * 1000 * 1000 };

	for (int waited_ms = 0; waited_ms < PORT_WAIT_MS; waited_ms += 5) {
		const int fd = open_named_port();

		if (fd >= 0)
			return fd;
		nanosleep(&pause, NULL);
	}
	die("no virtio port named " MUX_PORT_NAME " appeared");
}

void say_hello(void)
{
	uint8_t payload[8];

	mux_put32(payload, MUX_MAGIC);
	mux_put32(payload + 4, MUX_VERSION);
	wire_frame(MUX_HELLO, 0, payload, sizeof(payload));
	if (drain_to(agent.port, &agent.wire) < 0)
		die("the port does not take output");
}
