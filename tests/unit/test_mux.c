/* SPDX-License-Identifier: MIT */
/*
 * Properties of the lab's multiplexer: a byte stream decodes the same however it is cut, two ends
 * that follow the rules never exceed a credit, whatever breaks a rule is refused with its reason,
 * and random bytes are refused or understood but never over-read. Random parts are seeded; the seed
 * is printed when one fails.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mux.h"

static uint64_t random_state;

static uint32_t next_random(void)
{
	random_state = random_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(random_state >> 33);
}

static uint32_t below(uint32_t limit)
{
	return next_random() % limit;
}

/* --- helpers -------------------------------------------------------------------------------- */

static size_t put_frame(uint8_t *out, enum mux_type type, uint16_t channel, const void *payload,
			uint32_t length)
{
	mux_header(out, type, channel, length);
	if (length)
		memcpy(out + MUX_HEADER_BYTES, payload, length);
	return MUX_HEADER_BYTES + length;
}

static size_t put_hello(uint8_t *out)
{
	uint8_t payload[8];

	mux_put32(payload, MUX_MAGIC);
	mux_put32(payload + 4, MUX_VERSION);
	return put_frame(out, MUX_HELLO, 0, payload, sizeof(payload));
}

static size_t put_credit(uint8_t *out, uint16_t channel, uint32_t grant)
{
	uint8_t payload[4];

	mux_put32(payload, grant);
	return put_frame(out, MUX_CREDIT, channel, payload, sizeof(payload));
}

/* Feeds bytes to one end; returns the verdict on the last frame (MUX_DROP when there was none). */
static enum mux_verdict feed(struct mux *m, struct mux_reader *reader, const uint8_t *data,
			     size_t size)
{
	enum mux_verdict verdict = MUX_DROP;
	struct mux_frame frame;
	int got;

	while ((got = mux_read(m, reader, &data, &size, &frame)) > 0) {
		verdict = mux_receive(m, &frame);
		if (verdict == MUX_BAD)
			return verdict;
	}
	return got < 0 ? MUX_BAD : verdict;
}

static struct mux_reader reader_a, reader_b;

/* A host that has had its HELLO, so that the frame under test is what decides. */
static void ready_host(struct mux *m)
{
	uint8_t bytes[64];

	mux_init(m, MUX_HOST);
	mux_reader_init(&reader_a);
	assert_int_equal(feed(m, &reader_a, bytes, put_hello(bytes)), MUX_DELIVER);
}

static void assert_refused(struct mux *m, const uint8_t *bytes, size_t size, const char *reason)
{
	assert_int_equal(feed(m, &reader_a, bytes, size), MUX_BAD);
	assert_string_equal(m->error, reason);
}

/* --- framing -------------------------------------------------------------------------------- */

#define STREAM_FRAMES 200

/* Decodes `size` bytes cut at random places and returns a digest of the frames. */
static uint64_t decode_digest(const uint8_t *bytes, size_t size, uint32_t largest_cut)
{
	uint64_t digest = 14695981039346656037ull;
	struct mux_frame frame;
	unsigned int frames = 0;
	struct mux m;

	mux_init(&m, MUX_GUEST);
	mux_reader_init(&reader_a);
	while (size) {
		const uint32_t wanted = largest_cut ? 1 + below(largest_cut) : UINT32_MAX;
		size_t cut = wanted < size ? wanted : size;
		/* A copy of its own size, so that a sanitizer sees any read beyond the cut. */
		uint8_t *part = malloc(cut);
		const uint8_t *data = part;
		size_t left = cut;
		int got;

		memcpy(part, bytes, cut);
		while ((got = mux_read(&m, &reader_a, &data, &left, &frame)) > 0) {
			frames++;
			digest = (digest ^ (uint64_t)frame.type ^ (uint64_t)frame.channel << 8 ^
				  (uint64_t)frame.length << 24) * 1099511628211ull;
			for (uint32_t i = 0; i < frame.length; i++)
				digest = (digest ^ frame.payload[i]) * 1099511628211ull;
		}
		assert_int_equal(got, 0);
		assert_int_equal(left, 0);
		free(part);
		bytes += cut;
		size -= cut;
	}
	assert_int_equal(frames, STREAM_FRAMES);
	return digest;
}

static size_t random_stream(uint8_t *out)
{
	static uint8_t payload[MUX_PAYLOAD_MAX_BYTES];
	size_t size = 0;

	for (int i = 0; i < STREAM_FRAMES; i++) {
		uint32_t length = below(8) ? below(300) + 1 : below(MUX_PAYLOAD_MAX_BYTES) + 1;

		for (uint32_t j = 0; j < length; j++)
			payload[j] = (uint8_t)next_random();
		if (below(4))
			size += put_frame(out + size, MUX_DATA, (uint16_t)below(MUX_CHANNELS),
					  payload, length);
		else
			size += put_credit(out + size, (uint16_t)below(MUX_CHANNELS), length);
	}
	return size;
}

static void any_split_of_the_stream_decodes_the_same(void **state)
{
	static const uint32_t cuts[] = { 1, 2, 7, 8, 9, 100, 4096, 65536, 200000 };
	uint8_t *bytes = malloc((size_t)STREAM_FRAMES * MUX_FRAME_MAX_BYTES);
	uint64_t whole;
	size_t size;

	(void)state;
	random_state = 1;
	size = random_stream(bytes);
	whole = decode_digest(bytes, size, 0);
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
		assert_int_equal(decode_digest(bytes, size, cuts[i]), whole);
	free(bytes);
}

static void a_header_is_judged_before_its_payload_arrives(void **state)
{
	uint8_t bytes[MUX_HEADER_BYTES];
	struct mux m;

	(void)state;
	ready_host(&m);
	mux_header(bytes, MUX_DATA, 3, 0xffffffffu);
	assert_refused(&m, bytes, sizeof(bytes), "DATA of 4294967295 bytes: it has 1 to 65536");
}

static void random_bytes_are_refused_or_understood(void **state)
{
	(void)state;
	for (unsigned int seed = 1; seed <= 3000; seed++) {
		const size_t size = 1 + seed % 97;
		uint8_t *bytes = malloc(size);
		struct mux m;

		random_state = seed;
		for (size_t i = 0; i < size; i++)
			bytes[i] = (uint8_t)(below(3) ? below(13) * (i % 8 == 0) : next_random());
		mux_init(&m, (enum mux_role)(seed % 4));
		mux_reader_init(&reader_a);
		if (feed(&m, &reader_a, bytes, size) == MUX_BAD && !m.error[0])
			fail_msg("seed %u: refused without a reason", seed);
		free(bytes);
	}
}

/* --- bad frames ----------------------------------------------------------------------------- */

static void frames_that_no_guest_may_send_are_refused(void **state)
{
	static const struct {
		enum mux_type type;
		uint16_t channel;
		uint32_t length;
		const char *reason;
	} cases[] = {
		{ 0, 0, 0, "frame of unknown type 0" },
		{ MUX_TYPES, 0, 0, "frame of unknown type 13" },
		{ 255, 0, 0, "frame of unknown type 255" },
		{ MUX_OPEN, 1, 1, "OPEN is never sent to the host" },
		{ MUX_EOF, 1, 0, "EOF is never sent to the host" },
		{ MUX_POWEROFF, 0, 0, "POWEROFF is never sent to the host" },
		{ MUX_SIGNAL, 0, 4, "SIGNAL is never sent to the host" },
		{ MUX_EXIT, 0, 4, "EXIT is never sent to the host" },
		{ MUX_DATA, 1, 0, "DATA of 0 bytes: it has 1 to 65536" },
		{ MUX_DATA, 1, 65537, "DATA of 65537 bytes: it has 1 to 65536" },
		{ MUX_DATA, 128, 1, "DATA on channel 128: the last is 127" },
		{ MUX_CREDIT, 1, 5, "CREDIT of 5 bytes: it has 4 to 4" },
		{ MUX_CLOSE, 65535, 0, "CLOSE on channel 65535: the last is 127" },
		{ MUX_DATA, 5, 1, "DATA on channel 5, which is not open" },
		{ MUX_CLOSE, 5, 0, "CLOSE on channel 5, which is not open" },
	};
	uint8_t bytes[MUX_HEADER_BYTES + 16];
	struct mux m;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(bytes, 0, sizeof(bytes));
		ready_host(&m);
		mux_header(bytes, cases[i].type, cases[i].channel, cases[i].length);
		assert_refused(&m, bytes, MUX_HEADER_BYTES + (cases[i].length % 8),
			       cases[i].reason);
	}
}

static void the_reserved_byte_must_be_zero(void **state)
{
	uint8_t bytes[MUX_HEADER_BYTES];
	struct mux m;

	(void)state;
	ready_host(&m);
	mux_header(bytes, MUX_CLOSE, 0, 0);
	bytes[1] = 7;
	assert_refused(&m, bytes, sizeof(bytes), "CLOSE with 7 in the byte that must be zero");
}

static void nothing_precedes_hello_and_nothing_repeats_it(void **state)
{
	uint8_t bytes[64];
	struct mux m;

	(void)state;
	mux_init(&m, MUX_HOST);
	mux_reader_init(&reader_a);
	assert_refused(&m, bytes, put_frame(bytes, MUX_CLOSE, 0, NULL, 0), "CLOSE before HELLO");
	ready_host(&m);
	assert_refused(&m, bytes, put_hello(bytes), "a second HELLO");
}

static void hello_of_another_version_is_refused(void **state)
{
	uint8_t bytes[64];
	struct mux m;

	(void)state;
	mux_init(&m, MUX_HOST);
	mux_reader_init(&reader_a);
	put_hello(bytes);
	mux_put32(bytes + MUX_HEADER_BYTES + 4, 9);
	assert_refused(&m, bytes, 16, "HELLO of protocol version 9: this side speaks 1");
}

static void data_beyond_the_credit_is_refused(void **state)
{
	static uint8_t bytes[MUX_FRAME_MAX_BYTES], payload[MUX_PAYLOAD_MAX_BYTES];
	struct mux m;

	(void)state;
	ready_host(&m);
	assert_int_equal(mux_open(&m), 0);
	for (uint32_t sent = 0; sent < MUX_WINDOW_BYTES; sent += MUX_PAYLOAD_MAX_BYTES)
		assert_int_equal(feed(&m, &reader_a, bytes,
				      put_frame(bytes, MUX_DATA, 0, payload, sizeof(payload))),
				 MUX_DELIVER);
	assert_refused(&m, bytes, put_frame(bytes, MUX_DATA, 0, payload, 1),
		       "DATA of 1 bytes on channel 0: the credit left is 0");
}

static void credit_beyond_the_window_is_refused(void **state)
{
	uint8_t bytes[64];
	struct mux m;

	(void)state;
	ready_host(&m);
	assert_int_equal(mux_open(&m), 0);
	mux_sent(&m, 0, 10);
	assert_int_equal(feed(&m, &reader_a, bytes, put_credit(bytes, 0, 4)), MUX_DELIVER);
	assert_refused(&m, bytes, put_credit(bytes, 0, 7),
		       "CREDIT of 7 on channel 0, which has 262138 of 262144");
	assert_refused(&m, bytes, put_credit(bytes, 0, 0),
		       "CREDIT of 0 on channel 0, which has 262138 of 262144");
	assert_refused(&m, bytes, put_credit(bytes, 0, 0xffffffffu),
		       "CREDIT of 4294967295 on channel 0, which has 262138 of 262144");
}

static void a_second_open_or_eof_is_refused(void **state)
{
	uint8_t bytes[64], service = MUX_SERVICE_CONTROL;
	struct mux m;

	(void)state;
	mux_init(&m, MUX_GUEST);
	mux_reader_init(&reader_a);
	assert_int_equal(feed(&m, &reader_a, bytes, put_frame(bytes, MUX_OPEN, 4, &service, 1)),
			 MUX_DELIVER);
	assert_refused(&m, bytes, put_frame(bytes, MUX_OPEN, 4, &service, 1),
		       "OPEN of channel 4, which is open");
	assert_int_equal(feed(&m, &reader_a, bytes, put_frame(bytes, MUX_EOF, 4, NULL, 0)),
			 MUX_DELIVER);
	assert_refused(&m, bytes, put_frame(bytes, MUX_EOF, 4, NULL, 0),
		       "a second EOF on channel 4");
	assert_refused(&m, bytes, put_frame(bytes, MUX_DATA, 4, "x", 1),
		       "DATA after EOF on channel 4");
	service = 9;
	assert_refused(&m, bytes, put_frame(bytes, MUX_OPEN, 5, &service, 1),
		       "OPEN of unknown service 9");
}

/* --- closing -------------------------------------------------------------------------------- */

static void a_number_is_free_again_after_both_have_closed(void **state)
{
	uint8_t bytes[64];
	struct mux m;

	(void)state;
	ready_host(&m);
	assert_int_equal(mux_open(&m), 0);
	assert_int_equal(mux_open(&m), 1);
	assert_true(mux_send_close(&m, 0));
	assert_false(mux_send_close(&m, 0));
	assert_int_equal(mux_sendable(&m, 0), 0);
	assert_int_equal(mux_open(&m), 2);
	/* What the guest sent before it saw our CLOSE is dropped. */
	assert_int_equal(feed(&m, &reader_a, bytes, put_frame(bytes, MUX_DATA, 0, "late", 4)),
			 MUX_DROP);
	assert_int_equal(feed(&m, &reader_a, bytes, put_frame(bytes, MUX_CLOSE, 0, NULL, 0)),
			 MUX_DROP);
	assert_int_equal(mux_open(&m), 0);

	assert_int_equal(feed(&m, &reader_a, bytes, put_frame(bytes, MUX_CLOSE, 1, NULL, 0)),
			 MUX_DELIVER);
	assert_int_equal(mux_open(&m), 3);
	assert_refused(&m, bytes, put_frame(bytes, MUX_DATA, 1, "x", 1),
		       "DATA on channel 1, which is not open");
	assert_true(mux_send_close(&m, 1));
	assert_int_equal(mux_open(&m), 1);
}

static void all_channels_can_be_open_and_no_more(void **state)
{
	struct mux m;

	(void)state;
	ready_host(&m);
	for (unsigned int i = 0; i < MUX_CHANNELS; i++)
		assert_int_equal(mux_open(&m), i);
	assert_int_equal(mux_open(&m), -1);
}

/* --- two ends ------------------------------------------------------------------------------- */

#define PAIR_CHANNELS 5

struct end {
	struct mux mux;
	struct mux_reader *reader;
	uint8_t *wire;			/* bytes under way to this end */
	size_t wire_bytes;
	uint32_t held[PAIR_CHANNELS];	/* received and not yet consumed */
	uint64_t sent[PAIR_CHANNELS], received[PAIR_CHANNELS];
};

#define WIRE_BYTES (16u * 1024 * 1024)

static void put_on_wire(struct end *to, enum mux_type type, uint16_t channel, const void *payload,
			uint32_t length)
{
	assert_true(to->wire_bytes + MUX_HEADER_BYTES + length < WIRE_BYTES);
	to->wire_bytes += put_frame(to->wire + to->wire_bytes, type, channel, payload, length);
}

static void deliver(struct end *end, size_t size)
{
	const uint8_t *data = end->wire;
	size_t left = size;
	struct mux_frame frame;
	int got;

	while ((got = mux_read(&end->mux, end->reader, &data, &left, &frame)) > 0) {
		if (mux_receive(&end->mux, &frame) == MUX_BAD)
			fail_msg("%s", end->mux.error);
		if (frame.type == MUX_DATA) {
			end->held[frame.channel] += frame.length;
			end->received[frame.channel] += frame.length;
			assert_true(end->held[frame.channel] <= MUX_WINDOW_BYTES);
		}
	}
	if (got < 0)
		fail_msg("%s", end->mux.error);
	memmove(end->wire, end->wire + size, end->wire_bytes - size);
	end->wire_bytes -= size;
}

static void act(struct end *self, struct end *peer)
{
	static const uint8_t payload[MUX_PAYLOAD_MAX_BYTES];
	const uint16_t channel = (uint16_t)below(PAIR_CHANNELS);
	uint32_t size = mux_sendable(&self->mux, channel), grant;
	uint8_t credit[4];

	switch (below(3)) {
	case 0:
		size = size > MUX_PAYLOAD_MAX_BYTES ? MUX_PAYLOAD_MAX_BYTES : size;
		if (!size)
			return;
		size = 1 + below(size);
		put_on_wire(peer, MUX_DATA, channel, payload, size);
		mux_sent(&self->mux, channel, size);
		self->sent[channel] += size;
		break;
	case 1:
		if (channel == 0 || !self->held[channel])
			return;		/* nobody reads channel 0 */
		size = 1 + below(self->held[channel]);
		self->held[channel] -= size;
		grant = mux_consumed(&self->mux, channel, size);
		if (!grant)
			return;
		mux_put32(credit, grant);
		put_on_wire(peer, MUX_CREDIT, channel, credit, sizeof(credit));
		break;
	default:
		if (self->wire_bytes)
			deliver(self, 1 + below((uint32_t)self->wire_bytes));
	}
}

static void two_ends_never_exceed_a_credit_and_a_stuck_channel_blocks_none(void **state)
{
	struct end ends[2] = { { .reader = &reader_a }, { .reader = &reader_b } };
	uint8_t open = MUX_SERVICE_CONTROL, bytes[64];

	(void)state;
	random_state = 7;
	for (int i = 0; i < 2; i++) {
		mux_init(&ends[i].mux, i ? MUX_GUEST : MUX_HOST);
		mux_reader_init(ends[i].reader);
		ends[i].wire = malloc(WIRE_BYTES);
	}
	assert_int_equal(feed(&ends[0].mux, &reader_a, bytes, put_hello(bytes)), MUX_DELIVER);
	for (uint16_t c = 0; c < PAIR_CHANNELS; c++) {
		assert_int_equal(mux_open(&ends[0].mux), c);
		put_on_wire(&ends[1], MUX_OPEN, c, &open, 1);
	}
	deliver(&ends[1], ends[1].wire_bytes);
	for (int i = 0; i < 60000; i++) {
		const uint32_t who = below(2);

		act(&ends[who], &ends[1 - who]);
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ends[i].sent[0], MUX_WINDOW_BYTES);
		for (int c = 1; c < PAIR_CHANNELS; c++)
			assert_true(ends[i].received[c] > 10ull * MUX_WINDOW_BYTES);
	}
	free(ends[0].wire);
	free(ends[1].wire);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_split_of_the_stream_decodes_the_same),
		cmocka_unit_test(a_header_is_judged_before_its_payload_arrives),
		cmocka_unit_test(random_bytes_are_refused_or_understood),
		cmocka_unit_test(frames_that_no_guest_may_send_are_refused),
		cmocka_unit_test(the_reserved_byte_must_be_zero),
		cmocka_unit_test(nothing_precedes_hello_and_nothing_repeats_it),
		cmocka_unit_test(hello_of_another_version_is_refused),
		cmocka_unit_test(data_beyond_the_credit_is_refused),
		cmocka_unit_test(credit_beyond_the_window_is_refused),
		cmocka_unit_test(a_second_open_or_eof_is_refused),
		cmocka_unit_test(a_number_is_free_again_after_both_have_closed),
		cmocka_unit_test(all_channels_can_be_open_and_no_more),
		cmocka_unit_test(two_ends_never_exceed_a_credit_and_a_stuck_channel_blocks_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
