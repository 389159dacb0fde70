/* SPDX-License-Identifier: MIT */
/*
 * `expect:`: what makes a spec a test. It is checked here and stored as JSON in the template, for
 * svmctl test to compare; numbers become hex strings, since JSON readers round above 2^53.
 */
#include <string.h>
#include "read.h"
#include "spec_read.h"
#include "spec_tables.h"

static void add_hex(struct json_out *out, const char *name, uint64_t value)
{
	json_out_name(out, name);
	json_out_hex(out, value);
}

static void add_text(struct json_out *out, const char *name, const char *text)
{
	json_out_name(out, name);
	json_out_string(out, text, strlen(text));
}

static bool read_exit(struct comp *c, const struct node *node, void *into)
{
	int row = read_exit_name(c, node);

	if (row >= 0)
		add_text(into, "exit", svm_exits[row].name);
	return row >= 0;
}

/* Reasons of vm.state that a guest brings about itself (svmrund-rpc(7)). */
static bool read_end(struct comp *c, const struct node *node, void *into)
{
	static const char *const words[] = {
		"stop", "debug-exit", "power-off", "reset", "shutdown", "invalid",
	};

	for (size_t i = 0; node->kind == NODE_SCALAR && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(node->text, words[i]))
			continue;
		add_text(into, "end", words[i]);
		return true;
	}
	diag_error(&c->diag, &node->range, "`end` is %s; the rule is stop, debug-exit, power-off, "
		   "reset, shutdown or invalid", node_quote(&c->arena, node));
	return false;
}

static const char *regs_name_next(size_t index)
{
	static const char *const others[] = { "rip", "rflags", "dr0", "dr1", "dr2", "dr3", "xcr0" };

	if (index < 16)
		return svmrt_gpr_name[index];
	return index - 16 < sizeof(others) / sizeof(others[0]) ? others[index - 16] : NULL;
}

static bool read_regs(struct comp *c, const struct node *node, void *into)
{
	struct json_out *out = into;
	bool good = want_map(c, node, "regs");

	if (!good)
		return false;
	json_out_name(out, "regs");
	JSON_OUT_LITERAL(out, "{");
	for (size_t i = 0; i < node->count; i++) {
		const struct node *key = node->pairs[i].key;
		uint64_t value = 0;
		bool known = false;
		const char *name;

		for (size_t j = 0; (name = regs_name_next(j)) != NULL; j++)
			known |= !strcmp(name, key->text);
		if (!known) {
			unknown_name(c, key, "register that can be expected", regs_name_next,
				     "the general registers, rip, rflags, dr0-dr3 and xcr0 can");
			good = false;
		} else if (!read_number(c, node->pairs[i].value, key->text, 64, UNIT_NONE,
					&value)) {
			good = false;
		} else {
			add_hex(out, key->text, value);
		}
	}
	JSON_OUT_LITERAL(out, "}");
	return good;
}

static bool read_serial(struct comp *c, const struct node *node, void *into)
{
	if (node->kind != NODE_SCALAR) {
		diag_error(&c->diag, &node->range, "`serial` is %s; the rule is a text",
			   node_quote(&c->arena, node));
		return false;
	}
	add_text(into, "serial", node->text);
	return true;
}

static bool add_number(struct comp *c, const struct node *node, void *into, const char *name)
{
	uint64_t value = 0;

	if (!read_number(c, node, name, 64, UNIT_NONE, &value))
		return false;
	add_hex(into, name, value);
	return true;
}

static bool read_info1(struct comp *c, const struct node *node, void *into)
{
	return add_number(c, node, into, "info1");
}

static bool read_mask(struct comp *c, const struct node *node, void *into)
{
	return add_number(c, node, into, "mask");
}

static bool read_info2(struct comp *c, const struct node *node, void *into)
{
	return add_number(c, node, into, "info2");
}

static bool read_mask2(struct comp *c, const struct node *node, void *into)
{
	return add_number(c, node, into, "mask2");
}

static bool read_rip(struct comp *c, const struct node *node, void *into)
{
	return add_number(c, node, into, "rip");
}

static const struct key event_keys[] = {
	{ "exit", read_exit, true, 0 }, { "info1", read_info1, false, 0 },
	{ "mask", read_mask, false, 0 }, { "info2", read_info2, false, 0 },
	{ "mask2", read_mask2, false, 0 }, { "rip", read_rip, false, 0 },
};
KEY_TABLE(expect_event_keys, event_keys);

/* A mask without the value that it masks compares nothing. */
static bool check_mask(struct comp *c, const struct node *event, const char *mask,
		       const char *value)
{
	const struct node *node = node_get(event, mask);

	if (!node || node_get(event, value))
		return true;
	diag_error(&c->diag, &node->range,
		   "`%s` without `%s` compares nothing; add the value or remove "
		   "the mask",
		   mask, value);
	return false;
}

static bool read_event(struct comp *c, const struct node *node, struct json_out *out)
{
	struct spec *spec = &c->spec;
	const struct node *name;

	JSON_OUT_LITERAL(out, "{");
	if (!read_map(c, node, "an expected event", event_keys, 6, out))
		return false;
	JSON_OUT_LITERAL(out, "}");
	if (!check_mask(c, node, "mask", "info1") || !check_mask(c, node, "mask2", "info2"))
		return false;
	name = node_get(node, "exit");
	spec->expect_events = arena_grow(&c->arena, spec->expect_events, spec->expect_event_count,
					 &spec->expect_event_capacity,
					 sizeof(*spec->expect_events));
	spec->expect_events[spec->expect_event_count++] = (struct spec_expect_event){
		.code = svm_exit_find(name->text)->code, .name = name->text, .range = name->range,
	};
	return true;
}

static bool read_serial_has(struct comp *c, const struct node *node, void *into)
{
	struct json_out *out = into;
	bool good = want_list(c, node, "serial_has");

	if (!good)
		return false;
	json_out_name(out, "serial_has");
	JSON_OUT_LITERAL(out, "[");
	for (size_t i = 0; i < node->count; i++) {
		const char *text = "";

		good &= read_text(c, node->items[i], "serial_has", &text);
		if (i)
			JSON_OUT_LITERAL(out, ",");
		json_out_string(out, text, strlen(text));
	}
	JSON_OUT_LITERAL(out, "]");
	return good;
}

static bool read_events(struct comp *c, const struct node *node, void *into)
{
	struct json_out *out = into;
	bool good = want_list(c, node, "events");

	if (!good)
		return false;
	json_out_name(out, "events");
	JSON_OUT_LITERAL(out, "[");
	for (size_t i = 0; i < node->count; i++) {
		if (i)
			JSON_OUT_LITERAL(out, ",");
		good &= read_event(c, node->items[i], out);
	}
	JSON_OUT_LITERAL(out, "]");
	return good;
}

static bool read_strict(struct comp *c, const struct node *node, void *into)
{
	bool strict = false;

	if (!read_bool(c, node, "strict", &strict))
		return false;
	json_out_name(into, "strict");
	json_out_text(into, strict ? "true" : "false");
	return true;
}

static bool read_within(struct comp *c, const struct node *node, void *into)
{
	uint64_t within = 0;

	if (!read_number(c, node, "within", 64, UNIT_TIME, &within))
		return false;
	if (!within || within > 86400ULL * 1000000000ULL) {
		diag_error(&c->diag, &node->range,
			   "`within` is %s; the rule is more than nothing and at "
			   "most 86400s",
			   node_quote(&c->arena, node));
		return false;
	}
	json_out_name(into, "within_ns");
	json_out_u64(into, within);
	return true;
}

static const struct key keys[] = {
	{ "exit", read_exit, false, 0 }, { "end", read_end, false, 0 },
	{ "regs", read_regs, false, 0 }, { "serial", read_serial, false, 0 },
	{ "serial_has", read_serial_has, false, 0 }, { "events", read_events, false, 0 },
	{ "strict", read_strict, false, 0 }, { "within", read_within, false, 0 },
};
KEY_TABLE(expect_keys, keys);

bool spec_read_expect(struct comp *c, const struct node *node, void *into)
{
	struct json_out *out = &c->spec.expect;
	bool good;

	(void)into;
	JSON_OUT_LITERAL(out, "{");
	good = read_map(c, node, "expect", keys, sizeof(keys) / sizeof(keys[0]), out);
	JSON_OUT_LITERAL(out, "}");
	if (out->failed)
		longjmp(c->arena.out_of_memory, 1);
	return good;
}
