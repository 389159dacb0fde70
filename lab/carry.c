/* SPDX-License-Identifier: MIT */
/*
 * One end of the lab's serial line with its mailboxes; carry.h describes it.
 */
#include "carry.h"

#include <errno.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "fd.h"

#define BOX_ROOM_BYTES (LINK_TO_HOST_OFFSET - LINK_TO_GUEST_OFFSET)

int line_raw(int fd)
{
	struct termios t;

	if (tcgetattr(fd, &t) < 0)
		return -1;
	cfmakeraw(&t);
	t.c_cflag |= CLOCAL | CREAD;
	cfsetspeed(&t, B115200);
	return tcsetattr(fd, TCSANOW, &t);
}

void carry_init(struct carry *c, enum link_role role, int local, int line)
{
	c->local = local;
	c->line = line;
	link_init(&c->link, role);
	if (role == LINK_GUEST)
		buf_append(&c->to_line, LINK_GREETING, strlen(LINK_GREETING));
}

void carry_wants(const struct carry *c, struct pollfd *polls, nfds_t *count)
{
	const short read_local = c->from_local.size_bytes < LINK_BOX_BYTES ? POLLIN : 0;

	want(polls, count, c->local,
	     (short)(read_local | (c->to_local.size_bytes ? POLLOUT : 0)));
	want(polls, count, c->line, (short)(POLLIN | (c->to_line.size_bytes ? POLLOUT : 0)));
}

/* Reads what is there: the number of bytes, 0 for none yet, -1 at the end. */
static ssize_t take(int fd, uint8_t *bytes, size_t most)
{
	const ssize_t n = read(fd, bytes, most);

	if (n > 0)
		return n;
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static const char *take_box(struct carry *c)
{
	uint8_t message[LINK_MESSAGE_MAX_BYTES];
	size_t n;

	if (c->read_box(buf_reserve(&c->to_local, BOX_ROOM_BYTES), c->link.length) < 0)
		return "the disk of the mailboxes cannot be read";
	buf_commit(&c->to_local, c->link.length);
	n = link_empty(&c->link, message);
	buf_append(&c->to_line, message, n);
	return NULL;
}

static const char *line_input(struct carry *c)
{
	const char *end = NULL;
	uint8_t wire[256];
	ssize_t n, i;

	n = take(c->line, wire, sizeof(wire));
	if (n < 0)
		return "the line has closed";
	for (i = 0; i < n && !end; i++) {
		const enum link_event event = link_receive(&c->link, wire[i]);

		if (event == LINK_FULL)
			end = take_box(c);
		else if (event == LINK_BAD)
			end = c->link.error;
	}
	return end;
}

static const char *local_input(struct carry *c)
{
	uint8_t *room;
	ssize_t n;

	if (c->from_local.size_bytes >= LINK_BOX_BYTES)
		return NULL;
	room = buf_reserve(&c->from_local, BOX_ROOM_BYTES);
	n = take(c->local, room, LINK_BOX_BYTES - c->from_local.size_bytes);
	if (n < 0)
		return "the local side has closed";
	buf_commit(&c->from_local, (size_t)n);
	return NULL;
}

static const char *give_box(struct carry *c)
{
	const size_t size = c->from_local.size_bytes;
	uint8_t message[LINK_MESSAGE_MAX_BYTES];
	size_t n;

	if (!size || !link_ready(&c->link))
		return NULL;
	if (c->write_box(buf_front(&c->from_local), size) < 0)
		return "the disk of the mailboxes cannot be written";
	buf_consume(&c->from_local, size);
	n = link_full(&c->link, (uint32_t)size, message);
	buf_append(&c->to_line, message, n);
	return NULL;
}

const char *carry_turn(struct carry *c)
{
	const char *end = line_input(c);

	if (!end)
		end = local_input(c);
	if (!end)
		end = give_box(c);
	/* What came before an end is still handed on. */
	if (drain_to(c->local, &c->to_local) < 0 && !end)
		end = "the local side takes no output";
	if (!end && drain_to(c->line, &c->to_line) < 0)
		end = "the line takes no output";
	return end;
}
