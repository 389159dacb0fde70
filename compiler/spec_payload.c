/* SPDX-License-Identifier: MIT */
/* `payload:`: exactly one of several kinds, with the keys that only some of them take. */
#include <string.h>
#include "read.h"
#include "spec_read.h"
#include "spec_tables.h"

#define MAX_CMDLINE 2047	/* what a kernel may be expected to keep */
#define MAX_MODULES 64u

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

static bool read_linux(struct comp *c, const struct node *node, void *into)
{
	return read_file(c, node, into, PAYLOAD_LINUX, "linux");
}

static bool read_pvh(struct comp *c, const struct node *node, void *into)
{
	return read_file(c, node, into, PAYLOAD_PVH, "pvh");
}

static bool read_payload_at(struct comp *c, const struct node *node, void *into)
{
	struct spec_payload *payload = into;

	payload->has_at = true;
	return read_number(c, node, "at", 64, UNIT_SIZE, &payload->gpa);
}

static bool check_cmdline(struct comp *c, const struct node *node)
{
	if (node->kind == NODE_SCALAR && node->text_bytes <= MAX_CMDLINE &&
	    !strchr(node->text, '\n'))
		return true;
	diag_error(&c->diag, &node->range, "`cmdline` is %s; the rule is a text of one line, at "
		   "most %d bytes", node_quote(&c->arena, node), MAX_CMDLINE);
	return false;
}

static bool read_cmdline(struct comp *c, const struct node *node, void *into)
{
	struct spec_payload *payload = into;

	payload->cmdline = node->text;
	payload->cmdline_range = node->range;
	return check_cmdline(c, node);
}

static bool read_module_file(struct comp *c, const struct node *node, void *into)
{
	struct spec_module *module = into;
	const char *text;

	module->node = node;
	return read_text(c, node, "file", &text);
}

static bool read_module_at(struct comp *c, const struct node *node, void *into)
{
	struct spec_module *module = into;

	module->has_at = true;
	return read_number(c, node, "at", 64, UNIT_SIZE, &module->gpa);
}

static bool read_module_cmdline(struct comp *c, const struct node *node, void *into)
{
	struct spec_module *module = into;

	module->cmdline = node->text;
	return check_cmdline(c, node);
}

/* An initrd has no `cmdline`. */
static const struct key module_keys_[] = {
	{ "file", read_module_file, true, 0 }, { "at", read_module_at, false, 0 },
	{ "cmdline", read_module_cmdline, false, 0 },
};
KEY_TABLE(module_keys, module_keys_);

const struct key_table initrd_keys = { module_keys_, 2 };

static bool add_module(struct comp *c, const struct node *node, struct spec_payload *payload,
		       const char *what, const struct key_table *keys)
{
	struct spec_module module = { .has_at = false };

	if (!read_map(c, node, what, keys->keys, keys->count, &module))
		return false;
	payload->modules = arena_grow(&c->arena, payload->modules, payload->module_count,
				      &payload->module_capacity, sizeof(module));
	payload->modules[payload->module_count++] = module;
	return true;
}

static bool read_initrd(struct comp *c, const struct node *node, void *into)
{
	struct spec_payload *payload = into;
	struct spec_module *module;
	const char *text;

	if (node->kind == NODE_MAP)
		return add_module(c, node, payload, "initrd", &initrd_keys);
	module = arena_alloc(&c->arena, sizeof(*module));
	module->node = node;
	payload->modules = module;
	payload->module_count = 1;
	return read_text(c, node, "initrd", &text);
}

static bool read_modules(struct comp *c, const struct node *node, void *into)
{
	bool good = want_list(c, node, "modules");

	if (good && node->count > MAX_MODULES) {
		diag_error(&c->diag, &node->range, "`modules` has %zu items; at most %u",
			   node->count, MAX_MODULES);
		return false;
	}
	for (size_t i = 0; node->kind == NODE_LIST && i < node->count; i++)
		good &= add_module(c, node->items[i], into, "a module", &module_keys);
	return good;
}

static const struct key payload_keys[] = {
	{ "asm", read_asm, false, 0 }, { "bin", read_bin, false, 0 },
	{ "elf", read_elf, false, 0 }, { "multiboot", read_multiboot, false, 0 },
	{ "linux", read_linux, false, 0 }, { "pvh", read_pvh, false, 0 },
	{ "at", read_payload_at, false, 0 }, { "cmdline", read_cmdline, false, 0 },
	{ "initrd", read_initrd, false, 0 }, { "modules", read_modules, false, 0 },
};
KEY_TABLE(payload_map_keys, payload_keys);

/* The kinds are the first keys of the table, up to `at`. */
#define KIND_COUNT 6

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
		diag_error(&c->diag, &node->range, "the payload is none of asm, bin, elf, "
			   "multiboot, linux and pvh; the rule is exactly one, or `payload: none`");
	return found;
}

/* Keys that only some kinds take. */
static const struct {
	const char *name;
	uint32_t kinds;
	const char *message;
} some_keys[] = {
	{ "at", 1u << PAYLOAD_ASM | 1u << PAYLOAD_BIN,
	  "`at` is for asm and bin; an image says itself where it goes" },
	{ "cmdline", 1u << PAYLOAD_MULTIBOOT | 1u << PAYLOAD_LINUX | 1u << PAYLOAD_PVH,
	  "`cmdline` is for multiboot, linux and pvh; nothing would hand it to this payload" },
	{ "initrd", 1u << PAYLOAD_LINUX,
	  "`initrd` is for linux; multiboot and pvh have `modules`" },
	{ "modules", 1u << PAYLOAD_MULTIBOOT | 1u << PAYLOAD_PVH,
	  "`modules` is for multiboot and pvh; linux has `initrd`, others have `segments`" },
};

static bool check_keys(struct comp *c, const struct node *node, enum payload_kind kind)
{
	bool good = true;

	for (size_t i = 0; i < sizeof(some_keys) / sizeof(some_keys[0]); i++) {
		const struct node *value = node_get(node, some_keys[i].name);

		if (!value || some_keys[i].kinds & 1u << kind)
			continue;
		diag_error(&c->diag, &value->range, "%s", some_keys[i].message);
		good = false;
	}
	return good;
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
			   "or `{ bin: FILE }`, or elf, multiboot, linux or pvh likewise",
			   node_quote(&c->arena, node));
		return false;
	}
	return read_map(c, node, "the payload", payload_keys,
			sizeof(payload_keys) / sizeof(payload_keys[0]), payload) &&
	       find_kind(c, node) >= 0 && check_keys(c, node, payload->kind);
}
