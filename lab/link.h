/* SPDX-License-Identifier: MIT */
/*
 * The lab's bytes where there is a serial line and a disk (Bochs): an emulated UART costs thousands
 * of instructions a byte and loses what its FIFO of 16 bytes has no room for, so bytes go through
 * two mailboxes on a disk, and the line says only that one is full or empty again. Coding only,
 * without I/O; what is received is hostile.
 *
 * After the guest's greeting, which ends what firmware and drivers may have sent, there are two
 * messages: FULL, with the number of bytes (u16, little endian) in the sender's mailbox, and EMPTY:
 * the peer's bytes have been taken. A mailbox that is full is written again after EMPTY only, so at
 * most 4 bytes are ever on their way.
 */
#ifndef SVMLAB_LINK_H
#define SVMLAB_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_GREETING "SVMLINK1"
#define LINK_BOX_BYTES 65024u		/* 127 sectors */
#define LINK_TO_GUEST_OFFSET 0u
#define LINK_TO_HOST_OFFSET 65536u
#define LINK_DISK_BYTES 516096u		/* a cylinder of 16 heads and 63 sectors, as Bochs wants */
#define LINK_MESSAGE_MAX_BYTES 3u

enum link_role { LINK_HOST, LINK_GUEST };
enum link_event {
	LINK_BAD = -1,			/* the peer broke the rule that link.error names */
	LINK_NOTHING,
	LINK_GREETED,			/* host: the guest is there */
	LINK_FULL,			/* the peer's mailbox holds link.length bytes */
	LINK_EMPTY			/* our mailbox may be written again */
};

struct link {
	bool up;			/* the greeting has been seen, or is ours to send */
	size_t greeted;			/* bytes of it seen so far */
	unsigned int expected;		/* bytes that complete a FULL */
	uint32_t length;
	bool ours_full, theirs_full;
	const char *error;
};

void link_init(struct link *l, enum link_role role);

/* Takes one byte of the line. After LINK_BAD the session must end. */
enum link_event link_receive(struct link *l, uint8_t byte);

/* Whether our mailbox may be written now. */
bool link_ready(const struct link *l);

/* Each makes a message in `out` and returns its length; FULL needs link_ready, EMPTY a FULL. */
size_t link_full(struct link *l, uint32_t length, uint8_t out[LINK_MESSAGE_MAX_BYTES]);
size_t link_empty(struct link *l, uint8_t out[LINK_MESSAGE_MAX_BYTES]);

#endif
