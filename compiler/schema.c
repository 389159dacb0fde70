/* SPDX-License-Identifier: MIT */
/*
 * The schema from the readers' tables of keys: one definition for each, with its keys, those that
 * it needs, and the rules between keys that a schema can say.
 */
#include <stdio.h>
#include <string.h>
#include "profile.h"
#include "schema.h"
#include "spec_tables.h"

static const struct map {
	const char *name;
	const struct key_table *keys;
	const char *rules;		/* JSON members beside the keys, or NULL */
} maps[] = {
	{ "region", &memory_region_keys, NULL },
	{ "payload", &payload_map_keys, NULL },
	{ "module", &module_keys, NULL }, { "initrd", &initrd_keys, NULL },
	{ "segment", &segment_keys, "{\"oneOf\":[{\"required\":[\"hex\"]},"
		"{\"required\":[\"base64\"]},{\"required\":[\"file\"]}]}" },
	{ "vcpus", &vcpus_keys, NULL }, { "vcpus_item", &vcpus_item_keys, NULL },
	{ "cpuid", &cpuid_keys, NULL }, { "cpuid_row", &cpuid_row_keys, NULL },
	{ "msr", &msr_row_keys, NULL },
	{ "device", &device_keys, "{\"oneOf\":[{\"required\":[\"uart\"],\"propertyNames\":"
		"{\"enum\":[\"uart\",\"at\",\"irq\"]},\"properties\":{\"at\":{\"$ref\":\"#/$defs/number16\"}}},"
		"{\"required\":[\"debug_exit\"],\"maxProperties\":1},"
		"{\"required\":[\"debug_console\"],\"maxProperties\":1},"
		"{\"required\":[\"fw_cfg\"],\"maxProperties\":1},"
		"{\"required\":[\"chipset\"],\"propertyNames\":{\"enum\":[\"chipset\",\"acpi\"]}},"
		"{\"required\":[\"virtio\"],\"properties\":{\"virtio\":{\"enum\":[\"console\",\"rng\"]}},"
		"\"propertyNames\":{\"enum\":[\"virtio\",\"at\",\"irq\"]}},"
		"{\"required\":[\"virtio\",\"drive\"],\"properties\":{\"virtio\":{\"const\":\"blk\"}},"
		"\"propertyNames\":{\"enum\":[\"virtio\",\"at\",\"irq\",\"drive\",\"read_only\"]}},"
		"{\"required\":[\"virtio\",\"link\"],\"properties\":{\"virtio\":{\"const\":\"net\"}},"
		"\"propertyNames\":{\"enum\":[\"virtio\",\"at\",\"irq\",\"link\",\"mac\"]}},"
		"{\"required\":[\"virtio\"],\"properties\":{\"virtio\":{\"$ref\":\"#/$defs/variable\"}}}]}" },
	{ "exit", &exit_keys, NULL }, { "exit_rule", &exit_rule_keys, NULL },
	{ "page_tables", &page_tables_keys, NULL }, { "page_map", &page_map_keys, NULL },
	{ "gdt", &gdt_keys, NULL },
	{ "gdt_entry", &gdt_entry_keys, "{\"oneOf\":[{\"required\":[\"kind\"]},"
		"{\"required\":[\"attrib\"]}]}" },
	{ "idt", &idt_keys, NULL }, { "idt_gate", &idt_gate_keys, NULL },
	{ "injection", &inject_keys, NULL },
	{ "expect", &expect_keys, NULL },
	{ "event", &expect_event_keys,
		"{\"dependentRequired\":{\"mask\":[\"info1\"],\"mask2\":[\"info2\"]}}" },
	{ "confidential", &launch_keys, NULL }, { "launch_digest", &launch_digest_keys, NULL },
	{ "id_block", &launch_id_keys, NULL }, { "launch_row", &launch_row_keys, NULL },
};

/* Keys of a table into `map`, the needed ones into `required`. */
static int add_keys(cJSON *map, cJSON *required, const char *name, const struct key_table *table,
		    char error[128])
{
	cJSON *properties = cJSON_AddObjectToObject(map, "properties");

	cJSON_AddStringToObject(map, "type", "object");
	cJSON_AddBoolToObject(map, "additionalProperties", false);
	for (size_t i = 0; i < table->count; i++) {
		const struct key *key = &table->keys[i];
		cJSON *schema = schema_of_key(name, key->name);

		if (!schema) {
			snprintf(error, 128, "the key %s of %s is not described", key->name, name);
			return -1;
		}
		cJSON_AddItemToObject(properties, key->name, schema);
		if (key->needed)
			cJSON_AddItemToArray(required, cJSON_CreateString(key->name));
	}
	return 0;
}

static void merge(cJSON *map, const char *rules)
{
	cJSON *members = cJSON_Parse(rules), *member;

	while (members && (member = cJSON_DetachItemFromArray(members, 0)) != NULL)
		cJSON_AddItemToObject(map, member->string, member);
	cJSON_Delete(members);
}

/*
 * One key of the payload says what it is; the others say where and how, and may stand alone where a
 * file that the spec includes has that one.
 */
static void add_forms(cJSON *map)
{
	static const char *const others[] = { "at", "cmdline", "initrd", "modules" };
	cJSON *forms = cJSON_AddArrayToObject(map, "oneOf"), *none = cJSON_CreateObject();
	cJSON *any = cJSON_AddArrayToObject(cJSON_AddObjectToObject(none, "not"), "anyOf");

	for (size_t i = 0; i < payload_map_keys.count; i++) {
		bool is_form = true;
		cJSON *form;

		for (size_t j = 0; j < sizeof(others) / sizeof(others[0]); j++)
			is_form &= strcmp(others[j], payload_map_keys.keys[i].name) != 0;
		if (!is_form)
			continue;
		form = cJSON_CreateObject();
		cJSON_AddItemToArray(cJSON_AddArrayToObject(form, "required"),
				     cJSON_CreateString(payload_map_keys.keys[i].name));
		cJSON_AddItemToArray(any, cJSON_Duplicate(form, true));
		cJSON_AddItemToArray(forms, form);
	}
	cJSON_AddItemToArray(forms, none);
}

static int add_maps(cJSON *defs, char error[128])
{
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		cJSON *map = cJSON_AddObjectToObject(defs, maps[i].name);
		cJSON *required = cJSON_CreateArray();

		if (cJSON_AddItemToObject(map, "required", required) &&
		    add_keys(map, required, maps[i].name, maps[i].keys, error))
			return -1;
		if (!cJSON_GetArraySize(required))
			cJSON_DeleteItemFromObject(map, "required");
		if (maps[i].rules)
			merge(map, maps[i].rules);
		if (maps[i].keys == &payload_map_keys)
			add_forms(map);
	}
	return 0;
}

/* What a spec needs may come from a file that it includes or extends: then nothing is required. */
static int add_top(cJSON *root, char error[128])
{
	cJSON *required = cJSON_CreateArray(), *alone = cJSON_CreateObject(), *then, *names;
	int result = add_keys(root, required, "spec", &spec_keys, error);

	cJSON_AddItemToObject(alone, "not", cJSON_Parse("{\"anyOf\":[{\"required\":[\"include\"]},"
		"{\"required\":[\"confidential\"]}]}"));
	names = cJSON_AddArrayToObject(cJSON_AddObjectToObject(
		cJSON_AddObjectToObject(alone, "properties"), "extends"), "enum");
	for (size_t i = 0; profiles[i]; i++)
		cJSON_AddItemToArray(names, cJSON_CreateString(profiles[i]->name));
	cJSON_AddItemToArray(required, cJSON_CreateString("extends"));
	cJSON_AddItemToObject(root, "if", alone);
	then = cJSON_AddObjectToObject(root, "then");
	cJSON_AddItemToObject(then, "required", required);
	return result;
}

cJSON *schema_make(char error[128])
{
	cJSON *root = cJSON_CreateObject(), *defs;

	snprintf(error, 128, "out of memory");
	cJSON_AddStringToObject(root, "$schema", "https://json-schema.org/draft/2020-12/schema");
	cJSON_AddStringToObject(root, "title", "svmspec 1");
	cJSON_AddStringToObject(root, "description", "Description of an AMD SVM guest, svmspec(5). "
		"Generated by `svmc schema`. A spec that fits may still break a rule that no "
		"schema can say; `svmc check` tells.");
	if (!add_top(root, error)) {
		defs = cJSON_AddObjectToObject(root, "$defs");
		schema_add_names(defs);
		if (defs && !add_maps(defs, error))
			return root;
	}
	cJSON_Delete(root);
	return NULL;
}
