/* SPDX-License-Identifier: MIT */
/*
 * Carries the bytes of a local socket over a serial line and the mailboxes of link.h, both ways: one
 * end of it, for a poll loop. What it holds is bounded by the credit of what it carries.
 */
#ifndef SVMLAB_CARRY_H
#define SVMLAB_CARRY_H

#include <poll.h>

#include "buf.h"
#include "link.h"

/* Reads the peer's mailbox, writes ours: whole sectors, so `bytes` has room for them. 0 or -1. */
typedef int carry_box(uint8_t *bytes, size_t size_bytes);

struct carry {
	int local, line;		/* a socket, a terminal; both nonblocking */
	carry_box *read_box, *write_box;
	struct link link;
	struct buf from_local;		/* for our mailbox */
	struct buf to_local;
	struct buf to_line;		/* messages */
};

/* Makes a terminal carry every byte as it is, in both directions. 0, or -1 with errno. */
int line_raw(int fd);

void carry_init(struct carry *c, enum link_role role, int local, int line);
void carry_wants(const struct carry *c, struct pollfd *polls, nfds_t *count);
/* One turn: whatever is possible now. Returns NULL, or why the line has come to its end. */
const char *carry_turn(struct carry *c);

#endif
