/* SPDX-License-Identifier: MIT */
/*
 * Definitions that come from the tables of fields, intercepts, exit codes and rules, and the
 * scalars of the language. A scalar may always be a variable instead; svmc looks at what it stands for.
 */
#include <ctype.h>
#include <string.h>
#include "flags.h"
#include "guest_tables.h"
#include "profile.h"
#include "read.h"
#include "schema.h"
#include "spec_read.h"
#include "spec_tables.h"
#include "vmsa.h"
#include "wide.h"

#define NUMBER "(0x[0-9a-fA-F]+(_[0-9a-fA-F]+)*|0|[1-9][0-9]*(_[0-9]+)*)"

static cJSON *string_pattern(const char *pattern)
{
	cJSON *schema = cJSON_CreateObject();

	cJSON_AddStringToObject(schema, "type", "string");
	cJSON_AddStringToObject(schema, "pattern", pattern);
	return schema;
}

/* { "anyOf": [] } under `name`; returns the list. */
static cJSON *add_choice(cJSON *object, const char *name)
{
	return cJSON_AddArrayToObject(cJSON_AddObjectToObject(object, name), "anyOf");
}

/* A list of names in a choice that has variables too; returns the names' array. */
static cJSON *add_enum(cJSON *choice)
{
	cJSON *names = cJSON_CreateObject();

	cJSON_AddItemToArray(choice, names);
	cJSON_AddItemToArray(choice, schema_ref("variable"));
	return cJSON_AddArrayToObject(names, "enum");
}

static void add_name(cJSON *names, const char *name)
{
	cJSON_AddItemToArray(names, cJSON_CreateString(name));
}

static void add_integer(cJSON *choice, unsigned int bits)
{
	cJSON *integer = cJSON_CreateObject();

	cJSON_AddStringToObject(integer, "type", "integer");
	cJSON_AddNumberToObject(integer, "minimum", 0);
	/* 2^64 - 1 has no exact double; svmc itself refuses more. */
	if (bits < 64)
		cJSON_AddNumberToObject(integer, "maximum", (double)((1ULL << bits) - 1));
	cJSON_AddItemToArray(choice, integer);
}

static void add_scalars(cJSON *defs)
{
	static const unsigned int widths[] = { 8, 16, 32, 64 };
	cJSON *choice;
	char name[24];

	cJSON_AddItemToObject(defs, "variable", string_pattern("\\$\\([A-Za-z_][A-Za-z0-9_]*\\)"));
	cJSON_AddItemToObject(defs, "number_text", string_pattern("^" NUMBER "$"));
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		snprintf(name, sizeof(name), "number%u", widths[i]);
		choice = add_choice(defs, name);
		add_integer(choice, widths[i]);
		cJSON_AddItemToArray(choice, schema_ref("number_text"));
		cJSON_AddItemToArray(choice, schema_ref("variable"));
	}
	choice = add_choice(defs, "wide");
	add_integer(choice, 64);
	cJSON_AddItemToArray(choice, schema_ref("number_text"));
	cJSON_AddItemToArray(choice, schema_ref("variable"));
	choice = add_choice(defs, "size");
	add_integer(choice, 64);
	cJSON_AddItemToArray(choice, string_pattern("^" NUMBER "(KiB|MiB|GiB)?$"));
	cJSON_AddItemToArray(choice, schema_ref("variable"));
	choice = add_choice(defs, "time");
	cJSON_AddItemToArray(choice, string_pattern("^" NUMBER "(ns|us|ms|s)$"));
	cJSON_AddItemToArray(choice, schema_ref("variable"));
	choice = add_choice(defs, "span");
	add_integer(choice, 32);
	cJSON_AddItemToArray(choice, string_pattern("^" NUMBER "(-" NUMBER ")?$"));
	cJSON_AddItemToArray(choice, schema_ref("variable"));
	/* YAML readers see numbers and booleans where svmc sees text. */
	cJSON_AddItemToObject(defs, "scalar", cJSON_Parse(
		"{\"type\":[\"string\",\"number\",\"boolean\",\"null\"]}"));
	cJSON_AddItemToObject(defs, "text", cJSON_Parse(
		"{\"type\":[\"string\",\"number\",\"boolean\"],\"minLength\":1}"));
	cJSON_AddItemToObject(defs, "vars", cJSON_Parse(
		"{\"type\":\"object\",\"propertyNames\":{\"pattern\":\"^[A-Za-z_][A-Za-z0-9_]*$\"},"
		"\"additionalProperties\":{\"$ref\":\"#/$defs/scalar\"}}"));
}

static void add_policy(cJSON *defs)
{
	cJSON *names = add_enum(add_choice(defs, "action")), *choice;
	const char *name;

	for (unsigned int i = 0; (name = svmrt_action_name(i)) != NULL; i++)
		add_name(names, name);
	choice = add_choice(defs, "event_class");
	names = add_enum(choice);
	for (unsigned int i = 0; (name = svmrt_event_class_name(i)) != NULL; i++)
		if (i != SVMRT_EVENT_SAMPLE)
			add_name(names, name);
	cJSON_AddItemToArray(choice, string_pattern("^sample " NUMBER "$"));
	cJSON_AddItemToArray(choice, cJSON_Parse(
		"{\"type\":\"object\",\"required\":[\"sample\"],\"additionalProperties\":false,"
		"\"properties\":{\"sample\":{\"$ref\":\"#/$defs/number32\"}}}"));
	names = add_enum(add_choice(defs, "exit_name"));
	for (size_t i = 0; (name = exit_name_next(i)) != NULL; i++)
		add_name(names, name);
}

/* An object of fixed keys and no others; returns its properties. */
static cJSON *add_map(cJSON *defs, const char *name)
{
	cJSON *map = cJSON_AddObjectToObject(defs, name);

	cJSON_AddStringToObject(map, "type", "object");
	cJSON_AddBoolToObject(map, "additionalProperties", false);
	return cJSON_AddObjectToObject(map, "properties");
}

static const char *number_of(unsigned int bits)
{
	return bits <= 8 ? "number8" : bits <= 16 ? "number16" : bits <= 32 ? "number32" :
	       bits <= 64 ? "size" : "wide";
}

/* A list of the register's bit names, behind one of `signs`. */
static void add_flag_list(cJSON *choice, const char *reg, const char *signs)
{
	cJSON *list = cJSON_CreateObject();
	cJSON *names = cJSON_AddArrayToObject(cJSON_AddObjectToObject(list, "items"), "enum");
	const char *name;
	char text[32];

	cJSON_AddStringToObject(list, "type", "array");
	for (size_t i = 0; (name = flags_name(reg, i)) != NULL; i++) {
		if (!*signs)
			add_name(names, name);
		for (const char *sign = signs; *sign; sign++) {
			snprintf(text, sizeof(text), "%c%s", *sign, name);
			add_name(names, text);
		}
	}
	cJSON_AddItemToArray(choice, list);
}

static void add_register(cJSON *state, const char *name, unsigned int bits)
{
	cJSON *choice;

	if (!has_flags(name)) {
		cJSON_AddItemToObject(state, name, schema_ref(number_of(bits)));
		return;
	}
	choice = add_choice(state, name);
	cJSON_AddItemToArray(choice, schema_ref("number64"));
	add_flag_list(choice, name, "");
	add_flag_list(choice, name, "+-");
}

/* es.base is a key of the state, and base is one of the map es. */
static void add_segment_part(cJSON *state, const struct vmcb_field_info *field)
{
	const char *dot = strchr(field->name, '.');
	cJSON *segment, *parts;
	char name[16];

	snprintf(name, sizeof(name), "%.*s", (int)(dot - field->name), field->name);
	segment = cJSON_GetObjectItemCaseSensitive(state, name);
	parts = segment ? cJSON_GetObjectItemCaseSensitive(segment, "properties")
			: add_map(state, name);
	add_register(parts, dot + 1, field->bytes * 8u);
}

/* Fields of a confidential guest's page that the VMCB does not have; wide ones are digits. */
static void add_vmsa_fields(cJSON *state)
{
	for (size_t i = 0; i < vmsa_field_count; i++) {
		const struct vmsa_field_info *f = &vmsa_fields[i];

		if (f->reserved || cJSON_GetObjectItemCaseSensitive(state, f->name))
			continue;
		if (f->bytes <= 8)
			add_register(state, f->name, f->bytes * 8u);
		else
			cJSON_AddItemToObject(state, f->name,
					      string_pattern("^[0-9a-fA-F \t\n]*$"));
	}
	add_register(state, "vmsa_gpa", 64);
}

static void add_state(cJSON *defs)
{
	static const char *const others[] = { "dr0", "dr1", "dr2", "dr3", "xcr0" };
	cJSON *state = add_map(defs, "state"), *regs = add_map(defs, "expect_regs");

	for (unsigned int i = 0; i < 16; i++) {
		/* rax and rsp are fields of the VMCB for a vCPU, and registers for `expect`. */
		if (!vmcb_field_find(svmrt_gpr_name[i], true))
			add_register(state, svmrt_gpr_name[i], 64);
		cJSON_AddItemToObject(regs, svmrt_gpr_name[i], schema_ref("number64"));
	}
	cJSON_AddItemToObject(regs, "rip", schema_ref("number64"));
	cJSON_AddItemToObject(regs, "rflags", schema_ref("number64"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		add_register(state, others[i], 64);
		cJSON_AddItemToObject(regs, others[i], schema_ref("number64"));
	}
	for (size_t i = 0; fxsave_register(i); i++)
		add_register(state, fxsave_register(i)->name, fxsave_register(i)->bytes * 8u);
	for (size_t i = 0; i < vmcb_field_count; i++) {
		if (!vcpus_take_field(&vmcb_fields[i]))
			continue;
		add_register(state, vmcb_fields[i].name, vmcb_fields[i].bytes * 8u);
		if (strchr(vmcb_fields[i].name, '.'))
			add_segment_part(state, &vmcb_fields[i]);
	}
	add_vmsa_fields(state);
}

static void add_control(cJSON *defs)
{
	cJSON *control = add_map(defs, "control");
	cJSON *list = cJSON_AddObjectToObject(control, "intercepts"), *names;
	char text[64];

	cJSON_AddStringToObject(list, "type", "array");
	names = add_enum(add_choice(list, "items"));
	for (size_t i = 0; i < svm_intercept_count; i++)
		for (const char *sign = "+-"; *sign; sign++) {
			snprintf(text, sizeof(text), "%c%s", *sign, svm_intercepts[i].name);
			add_name(names, text);
		}
	for (size_t i = 0; i < vmcb_field_count; i++) {
		const struct vmcb_field_info *f = &vmcb_fields[i];
		size_t length = 0;

		if (!control_takes_field(f))
			continue;
		for (; f->name[length] && length < sizeof(text) - 1; length++)
			text[length] = (char)tolower((unsigned char)f->name[length]);
		text[length] = 0;
		cJSON_AddItemToObject(control, text, schema_ref(f->bytes > 8 ? "wide" :
			f->hi - f->lo < 63 ? number_of(f->hi - f->lo + 1u) : "number64"));
	}
}

static void add_profiles(cJSON *defs)
{
	cJSON *choice = add_choice(defs, "profile"), *names = add_enum(choice);

	for (size_t i = 0; profiles[i]; i++)
		add_name(names, profiles[i]->name);
	cJSON_AddItemToArray(choice, string_pattern("/|\\.ya?ml$"));
}

static void add_words(cJSON *defs, const char *name, const char *(*next)(size_t index))
{
	cJSON *names = add_enum(add_choice(defs, name));
	const char *word;

	for (size_t i = 0; (word = next(i)) != NULL; i++)
		add_name(names, word);
}

/* An MSR's number or name, or a range of them; an editor completes from the names. */
static void add_msrs(cJSON *defs)
{
	cJSON *choice = add_choice(defs, "msr_span"), *names = add_enum(choice);

	for (size_t i = 0; i < svm_msr_count; i++)
		add_name(names, svm_msrs[i].name);
	add_integer(choice, 32);
	cJSON_AddItemToArray(choice, string_pattern("^" NUMBER "$|^(" NUMBER
		"|[A-Z][A-Z0-9_]*)-(" NUMBER "|[A-Z][A-Z0-9_]*)$"));
}

static void add_rules(cJSON *defs)
{
	cJSON *names = add_enum(add_choice(defs, "save_rule"));

#define SVM_RULE(id, class, illegal_when, result, decided, host_fact, apm) \
	if (!strcmp(class, "save")) \
		add_name(names, #id);
#include <svmkit/consistency.def>
#undef SVM_RULE
}

void schema_add_names(cJSON *defs)
{
	cJSON *exits;
	const char *name;

	add_scalars(defs);
	add_profiles(defs);
	add_msrs(defs);
	add_words(defs, "descriptor_kind", descriptor_kind_name);
	add_words(defs, "gate_kind", gate_kind_name);
	add_rules(defs);
	add_policy(defs);
	add_control(defs);
	add_state(defs);
	exits = add_map(defs, "exits");
	for (size_t i = 0; (name = exit_name_next(i)) != NULL; i++)
		cJSON_AddItemToObject(exits, name, schema_ref("exit"));
}
