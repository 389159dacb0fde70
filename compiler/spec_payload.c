/* SPDX-License-Identifier: MIT */
/* `payload:`: exactly one of several kinds, with the keys that only some of them take. */
#include <string.h>
#include "read.h"
#include "spec_read.h"
#include "spec_tables.h"

#define MAX_CMDLINE 2047	/* what a kernel may be expected to keep */

static bool read_file(struct comp *c, const struct node *node, void *into, enum payload_kind kind,
		      const char *what)
{
	struct spec_payload *payload = into;
	const char *text;

	payload->node = node;
	payload->kind = kind;
	return read_text(c, node, what, &text);
}

static bool read_asm(struct comp *c, const struct node *node, void *into)
{
	if (!read_file(c, node, into, PAYLOAD_ASM, "asm"))
		return false;
	if (!node->folded)
		return true;
	diag_error(&c->diag, &node->range,
		   "`asm` is a folded block, which joins lines; begin it with `|` instead of `>`");
	return false;
}

static bool read_bin(struct comp *c, const struct node *node, void *into)
{
	return read_file(c, node, into, PAYLOAD_BIN, "bin");
}

static bool read_elf(struct comp *c, const struct node *node, void *into)
{
	return read_file(c, node, into, PAYLOAD_ELF, "elf");
}

static bool read_multiboot(struct comp *c, const struct node *node, void *into)
{
	return read_file(c, node, into, PAYLOAD_MULTIBOOT, "multiboot");
}

static bool read_payload_at(struct comp *c, const struct node *node, void *into)
{
	struct spec_payload *payload = into;

	payload->has_at = true;
	return read_number(c, node, "at", 64, UNIT_SIZE, &payload->gpa);
}

static bool read_cmdline(struct comp *c, const struct node *node, void *into)
{
	struct spec_payload *payload = into;

	if (node->kind == NODE_SCALAR && node->text_bytes <= MAX_CMDLINE &&
	    !strchr(node->text, '\n')) {
		payload->cmdline = node->text;
		return true;
	}
	diag_error(&c->diag, &node->range, "`cmdline` is %s; the rule is a text of one line, at "
		   "most %d bytes", node_quote(&c->arena, node), MAX_CMDLINE);
	return false;
}

static const struct key payload_keys[] = {
	{ "asm", read_asm, false, 0 }, { "bin", read_bin, false, 0 },
	{ "elf", read_elf, false, 0 }, { "multiboot", read_multiboot, false, 0 },
	{ "at", read_payload_at, false, 0 }, { "cmdline", read_cmdline, false, 0 },
};
KEY_TABLE(payload_map_keys, payload_keys);

/* The kinds are the first keys of the table, up to `at`. */
#define KIND_COUNT 4

/* Exactly one kind; its row in the table, or -1 after messages. */
static int find_kind(struct comp *c, const struct node *node)
{
	const struct node *value;
	int found = -1;

	for (int i = 0; i < KIND_COUNT; i++) {
		value = node_get(node, payload_keys[i].name);
		if (!value)
			continue;
		if (found >= 0) {
			diag_error(&c->diag, &value->range, "the payload is %s and %s; the rule is "
				   "exactly one", payload_keys[found].name, payload_keys[i].name);
			diag_note(&c->diag, &node_get(node, payload_keys[found].name)->range,
				  "%s is here", payload_keys[found].name);
			return -1;
		}
		found = i;
	}
	if (found < 0)
		diag_error(&c->diag, &node->range, "the payload is none of asm, bin, elf and "
			   "multiboot; the rule is exactly one, or `payload: none`");
	return found;
}

/* Keys that the kind does not take. */
static bool check_keys(struct comp *c, const struct node *node, enum payload_kind kind)
{
	const struct node *at = node_get(node, "at"), *cmdline = node_get(node, "cmdline");

	if (at && (kind == PAYLOAD_ELF || kind == PAYLOAD_MULTIBOOT)) {
		diag_error(&c->diag, &at->range, "`at` is for asm and bin; an image says itself "
			   "where it goes");
		return false;
	}
	if (cmdline && kind != PAYLOAD_MULTIBOOT) {
		diag_error(&c->diag, &cmdline->range, "`cmdline` is for multiboot; nothing would "
			   "hand it to this payload");
		return false;
	}
	return true;
}

bool spec_read_payload(struct comp *c, const struct node *node, void *into)
{
	struct spec_payload *payload = &c->spec.payload;

	(void)into;
	payload->range = node->range;
	if (node->kind == NODE_SCALAR && !strcmp(node->text, "none"))
		return true;
	if (node->kind != NODE_MAP) {
		diag_error(&c->diag, &node->range,
			   "`payload` is %s; the rule is `none`, `{ asm: | ... }` "
			   "or `{ bin: FILE }`, or elf or multiboot likewise",
			   node_quote(&c->arena, node));
		return false;
	}
	return read_map(c, node, "the payload", payload_keys,
			sizeof(payload_keys) / sizeof(payload_keys[0]), payload) &&
	       find_kind(c, node) >= 0 && check_keys(c, node, payload->kind);
}
