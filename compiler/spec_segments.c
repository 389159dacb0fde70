/* SPDX-License-Identifier: MIT */
/*
 * `segments:`: initial contents at addresses, beside the payload: bytes in the spec itself or a
 * file. Whether they lie in memory and apart is what the payload's checks say of all contents.
 */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include "json_b64.h"
#include "memory.h"
#include "payload.h"
#include "read.h"
#include "segments.h"
#include "spec_read.h"
#include "spec_tables.h"

static bool read_at(struct comp *c, const struct node *node, void *into)
{
	struct spec_contents *x = into;

	return read_number(c, node, "at", 64, UNIT_SIZE, &x->gpa);
}

/* The scalar without blanks and line ends, so that long contents can be folded into lines. */
static char *without_blanks(struct comp *c, const char *text, size_t *length)
{
	char *out = arena_alloc(&c->arena, strlen(text) + 1);
	size_t used = 0;

	for (; *text; text++)
		if (!isspace((unsigned char)*text))
			out[used++] = *text;
	*length = used;
	return out;
}

static bool read_hex(struct comp *c, const struct node *node, void *into)
{
	struct spec_contents *x = into;
	const char *text;
	uint8_t *data;
	size_t length;

	if (!read_text(c, node, "hex", &text))
		return false;
	data = arena_alloc(&c->arena, strlen(text) / 2 + 1);
	if (read_hex_bytes(text, data, strlen(text) / 2 + 1, &length)) {
		diag_error(&c->diag, &node->range, "`hex` is %s; the rule is two hexadecimal "
			   "digits for each byte, with blanks between bytes at will",
			   node_quote(&c->arena, node));
		return false;
	}
	x->data = data;
	x->bytes = length;
	return true;
}

static bool read_base64(struct comp *c, const struct node *node, void *into)
{
	struct spec_contents *x = into;
	size_t length, bad = 0;
	const char *text;
	uint8_t *data;
	ssize_t bytes;

	if (!read_text(c, node, "base64", &text))
		return false;
	text = without_blanks(c, text, &length);
	data = arena_alloc(&c->arena, length / 4 * 3 + 1);
	bytes = json_b64_decode(data, text, length, &bad);
	if (bytes < 0) {
		diag_error(&c->diag, &node->range, "`base64` does not fit at its character %zu, "
			   "blanks not counted; the rule is RFC 4648 with padding", bad + 1);
		return false;
	}
	x->data = data;
	x->bytes = (uint64_t)bytes;
	return true;
}

static bool read_file(struct comp *c, const struct node *node, void *into)
{
	struct spec_contents *x = into;
	const char *text, *path;

	if (!read_text(c, node, "file", &text))
		return false;
	path = *text == '/' ? text : arena_printf(&c->arena, "%s/%s",
						  comp_directory(c, &node->range), text);
	x->data = payload_read_file(c, path, text, &node->range, PAYLOAD_MAX_BYTES, &x->bytes);
	return x->data != NULL;
}

static const struct key keys[] = {
	{ "at", read_at, true, 0 }, { "hex", read_hex, false, 0 },
	{ "base64", read_base64, false, 0 }, { "file", read_file, false, 0 },
};
KEY_TABLE(segment_keys, keys);

static bool read_segment(struct comp *c, const struct node *node)
{
	struct spec_contents x = { .what = "the segment", .range = node->range };
	unsigned int forms = 0;

	if (!read_map(c, node, "a segment", keys, sizeof(keys) / sizeof(keys[0]), &x))
		return false;
	for (size_t i = 1; i < sizeof(keys) / sizeof(keys[0]); i++)
		forms += node_get(node, keys[i].name) != NULL;
	if (forms != 1) {
		diag_error(&c->diag, &node->range, "a segment has %u of hex, base64 and file; the "
			   "rule is exactly one", forms);
		return false;
	}
	if (!x.bytes) {
		diag_error(&c->diag, &node->range, "the segment is empty; leave it out");
		return false;
	}
	memory_add(c, x.what, x.gpa, x.data, x.bytes, &x.range);
	return true;
}

bool spec_read_segments(struct comp *c, const struct node *node, void *into)
{
	bool good = want_list(c, node, "segments");

	(void)into;
	if (good && node->count > SEGMENTS_MAX) {
		diag_error(&c->diag, &node->range, "`segments` has %zu items; at most %u: put "
			   "neighbours together, zeroes between them cost nothing", node->count,
			   SEGMENTS_MAX);
		return false;
	}
	for (size_t i = 0; node->kind == NODE_LIST && i < node->count; i++)
		good &= read_segment(c, node->items[i]);
	return good;
}
