/* SPDX-License-Identifier: MIT */
/*
 * The messages of the lab's serial line; link.h describes them.
 */
#include "link.h"

#include <string.h>

#define MESSAGE_FULL 1u
#define MESSAGE_EMPTY 2u

void link_init(struct link *l, enum link_role role)
{
	memset(l, 0, sizeof(*l));
	l->up = role == LINK_GUEST;
}

static enum link_event look_for_greeting(struct link *l, uint8_t byte)
{
	static const char greeting[] = LINK_GREETING;

	if (byte != (uint8_t)greeting[l->greeted])
		l->greeted = byte == (uint8_t)greeting[0];
	else if (!greeting[++l->greeted])
		l->up = true;
	return l->up ? LINK_GREETED : LINK_NOTHING;
}

static enum link_event bad(struct link *l, const char *rule)
{
	l->error = rule;
	return LINK_BAD;
}

/* The length of a FULL, its low byte first. */
static enum link_event length_byte(struct link *l, uint8_t byte)
{
	if (--l->expected) {
		l->length = byte;
		return LINK_NOTHING;
	}
	l->length |= (uint32_t)byte << 8;
	if (!l->length || l->length > LINK_BOX_BYTES)
		return bad(l, "a mailbox is said to hold no bytes, or more than it can");
	l->theirs_full = true;
	return LINK_FULL;
}

enum link_event link_receive(struct link *l, uint8_t byte)
{
	if (!l->up)
		return look_for_greeting(l, byte);
	if (l->expected)
		return length_byte(l, byte);
	if (byte == MESSAGE_FULL) {
		if (l->theirs_full)
			return bad(l, "a mailbox is said to be full again before it was emptied");
		l->expected = 2;
		return LINK_NOTHING;
	}
	if (byte != MESSAGE_EMPTY)
		return bad(l, "a message of unknown type");
	if (!l->ours_full)
		return bad(l, "a mailbox is said to be emptied that was empty");
	l->ours_full = false;
	return LINK_EMPTY;
}

bool link_ready(const struct link *l)
{
	return l->up && !l->ours_full;
}

size_t link_full(struct link *l, uint32_t length, uint8_t out[LINK_MESSAGE_MAX_BYTES])
{
	l->ours_full = true;
	out[0] = MESSAGE_FULL;
	out[1] = (uint8_t)length;
	out[2] = (uint8_t)(length >> 8);
	return 3;
}

size_t link_empty(struct link *l, uint8_t out[LINK_MESSAGE_MAX_BYTES])
{
	l->theirs_full = false;
	out[0] = MESSAGE_EMPTY;
	return 1;
}
