/* SPDX-License-Identifier: MIT */
/*
 * The lab's serial line with its mailboxes: two ends whose mailboxes are never written while the
 * peer may still read them, whatever the order of events, and what a hostile peer's bytes get.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "link.h"

#define UART_FIFO_BYTES 16u
#define ROUNDS 2000u

struct wire {
	uint8_t bytes[64];
	size_t have, most;
};

struct end {
	struct link link;
	struct wire *to_peer, *from_peer;
	uint32_t box, taken;		/* our mailbox's contents, and what came of the peer's */
	uint32_t sent;
	int has_taken;			/* EMPTY is still to be sent */
};

static void push(struct wire *w, const uint8_t *bytes, size_t n)
{
	assert_true(w->have + n <= sizeof(w->bytes));
	memcpy(w->bytes + w->have, bytes, n);
	w->have += n;
	if (w->have > w->most)
		w->most = w->have;
}

static void end_send(struct end *e)
{
	uint8_t message[LINK_MESSAGE_MAX_BYTES];

	if (!link_ready(&e->link) || e->sent == ROUNDS)
		return;
	e->box = ++e->sent;
	push(e->to_peer, message, link_full(&e->link, e->box, message));
}

/* Takes one byte off the line, if there is one. */
static void end_take(struct end *e, const struct end *peer)
{
	uint8_t message[LINK_MESSAGE_MAX_BYTES];
	enum link_event event;

	if (e->has_taken) {
		push(e->to_peer, message, link_empty(&e->link, message));
		e->has_taken = 0;
	}
	if (!e->from_peer->have)
		return;
	event = link_receive(&e->link, e->from_peer->bytes[0]);
	memmove(e->from_peer->bytes, e->from_peer->bytes + 1, --e->from_peer->have);
	assert_int_not_equal(event, LINK_BAD);
	if (event != LINK_FULL)
		return;
	assert_int_equal(e->link.length, peer->box);
	assert_int_equal(peer->box, e->taken + 1);
	e->taken = peer->box;
	e->has_taken = 1;
}

static void mailboxes_arrive_whole_in_order_and_few_bytes_are_on_the_line(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= 50; seed++) {
		static const char noise[] = "noise SVML" LINK_GREETING;
		struct wire to_guest = { .have = 0 }, to_host = { .have = 0 };
		struct end host = { .to_peer = &to_guest, .from_peer = &to_host };
		struct end guest = { .to_peer = &to_host, .from_peer = &to_guest };
		unsigned int turns = 0;

		srand(seed);
		link_init(&host.link, LINK_HOST);
		link_init(&guest.link, LINK_GUEST);
		push(&to_host, (const uint8_t *)noise, strlen(noise));
		while (host.taken < ROUNDS || guest.taken < ROUNDS) {
			assert_true(++turns < 1000000);
			switch (rand() % 6) {
			case 0:
				end_send(&host);
				break;
			case 1:
				end_send(&guest);
				break;
			case 2:
			case 3:
				end_take(&host, &guest);
				break;
			default:
				end_take(&guest, &host);
			}
		}
		assert_true(to_guest.most <= UART_FIFO_BYTES);
	}
}

static void the_host_says_nothing_before_the_greeting(void **state)
{
	static const char almost[] = "SSVMLINK";
	struct link l;
	size_t i;

	(void)state;
	link_init(&l, LINK_HOST);
	for (i = 0; i < strlen(almost); i++) {
		assert_int_equal(link_receive(&l, (uint8_t)almost[i]), LINK_NOTHING);
		assert_false(link_ready(&l));
	}
	assert_int_equal(link_receive(&l, '1'), LINK_GREETED);
	assert_true(link_ready(&l));
}

static void a_broken_rule_is_named(void **state)
{
	static const struct {
		uint8_t bytes[8];
		size_t count;
		const char *error;
	} cases[] = {
		{ { 0 }, 1, "unknown type" },
		{ { 3 }, 1, "unknown type" },
		{ { 2 }, 1, "emptied that was empty" },
		{ { 1, 0, 0 }, 3, "no bytes, or more than it can" },
		{ { 1, 1, 0xfe }, 3, "no bytes, or more than it can" },
		{ { 1, 1, 0, 1 }, 4, "full again" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct link l;

		link_init(&l, LINK_GUEST);
		for (size_t at = 0; at + 1 < cases[i].count; at++)
			assert_int_not_equal(link_receive(&l, cases[i].bytes[at]), LINK_BAD);
		assert_int_equal(link_receive(&l, cases[i].bytes[cases[i].count - 1]), LINK_BAD);
		assert_non_null(strstr(l.error, cases[i].error));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mailboxes_arrive_whole_in_order_and_few_bytes_are_on_the_line),
		cmocka_unit_test(the_host_says_nothing_before_the_greeting),
		cmocka_unit_test(a_broken_rule_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
