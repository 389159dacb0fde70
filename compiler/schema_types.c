/* SPDX-License-Identifier: MIT */
/*
 * What kind of value each key of the language has. Which keys there are is not said here but by
 * the readers' tables: a key that has no row here is an error of `svmc schema`, not a gap.
 */
#include <stdio.h>
#include <string.h>
#include "schema.h"

#define NUMBERS(...) "{\"anyOf\":[{\"$ref\":\"#/$defs/number64\"}," __VA_ARGS__ "]}"
#define LIST(item) "{\"type\":\"array\",\"items\":{\"$ref\":\"#/$defs/" item "\"}}"
#define WORDS(...) "{\"anyOf\":[{\"enum\":[" __VA_ARGS__ "]},{\"$ref\":\"#/$defs/variable\"}]}"
#define VECTOR "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":0,\"maximum\":31}," \
	"{\"const\":\"same\"},{\"$ref\":\"#/$defs/number_text\"},{\"$ref\":\"#/$defs/variable\"}]}"

#define HASHED(name) "{\"anyOf\":[{\"$ref\":\"#/$defs/" name "\"}," \
	"{\"$ref\":\"#/$defs/launch_digest\"}]}"
/* YAML editors see an integer where all digits are decimal. */
#define HEX(digits) "{\"type\":[\"string\",\"integer\"],\"pattern\":" \
	"\"^([ \\\\t\\\\n]*[0-9a-fA-F]){" digits "}[ \\\\t\\\\n]*$|\\\\$\\\\(\"}"

/* What svmrund is told of at vm.create; a name of digits only is an integer to YAML. */
#define HOST_NAME "{\"type\":[\"string\",\"integer\"],\"minimum\":0,\"maxLength\":31,\"pattern\":" \
	"\"^[0-9A-Za-z][0-9A-Za-z._-]*$|\\\\$\\\\(\"}"

/* `shape` is the name of a definition, or JSON text when it begins with a brace. */
static const struct {
	const char *map, *key, *shape;
} types[] = {
	{ "spec", "svmspec", WORDS("1") },
	{ "spec", "name", "{\"type\":[\"string\",\"number\"],\"minLength\":1,\"maxLength\":63,"
		"\"pattern\":\"^[ -~]*$\"}" },
	{ "spec", "extends", "profile" },
	{ "spec", "include", "{\"anyOf\":[{\"type\":\"string\"},"
		"{\"type\":\"array\",\"items\":{\"type\":\"string\"}}]}" },
	{ "spec", "vars", "vars" },
	{ "spec", "memory", "{\"type\":\"array\",\"minItems\":1,"
		"\"items\":{\"$ref\":\"#/$defs/region\"}}" },
	{ "spec", "control", "control" },
	{ "spec", "vcpus", "{\"anyOf\":[{\"$ref\":\"#/$defs/vcpus\"},{\"type\":\"array\","
		"\"minItems\":1,\"items\":{\"$ref\":\"#/$defs/vcpus_item\"}}]}" },
	{ "spec", "payload", "{\"anyOf\":[{\"const\":\"none\"},{\"$ref\":\"#/$defs/payload\"}]}" },
	{ "spec", "segments", LIST("segment") },
	{ "spec", "cpuid", "cpuid" },
	{ "spec", "msrs", LIST("msr") },
	{ "spec", "devices", LIST("device") },
	{ "spec", "exits", "exits" },
	{ "spec", "inject", LIST("injection") },
	{ "spec", "allow", LIST("save_rule") },
	{ "spec", "expect", "expect" },
	{ "spec", "confidential", "confidential" },
	{ "confidential", "kind", WORDS("\"sev-es\",\"sev-snp\"") },
	{ "confidential", "vmm", WORDS("\"qemu\",\"ec2\",\"gce\",\"raw\"") },
	{ "confidential", "as_of", "{\"type\":\"string\",\"pattern\":"
		"\"^[0-9]{4}-[0-9]{2}-[0-9]{2}$|\\\\$\\\\(\"}" },
	{ "confidential", "policy", "number64" },
	{ "confidential", "features", "{\"$ref\":\"#/$defs/state/properties/sev_features\"}" },
	{ "confidential", "vcpu_signature", "{\"anyOf\":[{\"$ref\":\"#/$defs/number32\"},"
		"{\"enum\":[\"epyc\",\"rome\",\"milan\",\"genoa\",\"turin\"]}]}" },
	{ "confidential", "firmware", "text" },
	{ "confidential", "kernel", HASHED("text") }, { "confidential", "initrd", HASHED("text") },
	{ "confidential", "cmdline", HASHED("scalar") },
	{ "confidential", "id_block", "id_block" }, { "confidential", "launch", LIST("launch_row") },
	{ "launch_digest", "sha256", HEX("64") },
	{ "id_block", "family_id", HEX("32") }, { "id_block", "image_id", HEX("32") },
	{ "id_block", "guest_svn", "number32" },
	{ "launch_row", "at", "size" }, { "launch_row", "size", "size" },
	{ "launch_row", "type", WORDS("\"normal\",\"zero\",\"unmeasured\",\"secrets\",\"cpuid\"") },
	{ "region", "at", "size" }, { "region", "size", "size" },
	{ "region", "kind", WORDS("\"ram\",\"rom\"") },
	{ "payload", "asm", "text" }, { "payload", "bin", "text" },
	{ "payload", "elf", "text" }, { "payload", "multiboot", "text" },
	{ "payload", "linux", "text" }, { "payload", "pvh", "text" },
	{ "payload", "initrd", "{\"anyOf\":[{\"$ref\":\"#/$defs/text\"},"
		"{\"$ref\":\"#/$defs/initrd\"}]}" },
	{ "payload", "modules", LIST("module") },
	{ "module", "file", "text" }, { "module", "at", "size" }, { "module", "cmdline", "scalar" },
	{ "initrd", "file", "text" }, { "initrd", "at", "size" },
	{ "payload", "cmdline", "scalar" }, { "payload", "at", "size" },
	{ "segment", "at", "size" }, { "segment", "hex", "text" }, { "segment", "base64", "text" },
	{ "segment", "file", "text" },
	{ "vcpus", "count", "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":1,\"maximum\":255},"
		"{\"$ref\":\"#/$defs/number_text\"},{\"$ref\":\"#/$defs/variable\"}]}" },
	{ "vcpus", "state", "state" }, { "vcpus", "start", WORDS("\"run\",\"sipi\"") },
	{ "vcpus_item", "start", WORDS("\"run\",\"sipi\"") }, { "vcpus_item", "at", "span" }, { "vcpus_item", "state", "state" },
	{ "cpuid", "base", WORDS("\"host\",\"none\"") }, { "cpuid", "set", LIST("cpuid_row") },
	{ "cpuid_row", "leaf", "number32" }, { "cpuid_row", "subleaf", "number32" },
	{ "cpuid_row", "eax", "number32" }, { "cpuid_row", "ebx", "number32" },
	{ "cpuid_row", "ecx", "number32" }, { "cpuid_row", "edx", "number32" },
	{ "msr", "index", "msr_span" },
	{ "msr", "pass", WORDS("\"none\",\"read\",\"write\",\"both\"") },
	{ "msr", "read", NUMBERS("{\"enum\":[\"gp\",\"state\"]}") },
	{ "msr", "write", WORDS("\"gp\",\"ignore\",\"store\",\"state\"") },
	{ "device", "uart", WORDS("\"com1\",\"com2\",\"com3\",\"com4\"") },
	{ "device", "debug_exit", "number16" }, { "device", "debug_console", "number16" },
	{ "device", "fw_cfg", "number16" }, { "device", "chipset", WORDS("\"pc\"") },
	{ "device", "virtio", WORDS("\"console\",\"blk\",\"rng\",\"net\"") },
	{ "device", "drive", HOST_NAME }, { "device", "link", HOST_NAME },
	{ "device", "read_only", WORDS("true,false,\"true\",\"false\"") },
	/* YAML 1.1 editors see a number of base 60 where all digits are decimal. */
	{ "device", "mac", "{\"type\":[\"string\",\"integer\"],\"pattern\":"
		"\"^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$|\\\\$\\\\(\"}" },
	{ "device", "acpi", WORDS("true,false,\"true\",\"false\"") }, { "device", "at", "size" },
	{ "device", "irq", "{\"anyOf\":[{\"type\":\"integer\",\"minimum\":0,\"maximum\":23},"
		"{\"$ref\":\"#/$defs/number_text\"},{\"$ref\":\"#/$defs/variable\"}]}" },
	{ "exit", "do", "action" }, { "exit", "event", "event_class" },
	{ "exit", "vector", VECTOR },
	{ "exit", "rules", LIST("exit_rule") },
	{ "exit_rule", "at", "span" }, { "exit_rule", "access", WORDS("\"read\",\"write\"") },
	{ "exit_rule", "do", "action" }, { "exit_rule", "event", "event_class" },
	{ "exit_rule", "vector", VECTOR }, { "exit_rule", "value", "number64" },
	{ "spec", "page_tables", "page_tables" }, { "spec", "gdt", "gdt" }, { "spec", "idt", "idt" },
	{ "page_tables", "at", "size" },
	{ "page_tables", "map", "{\"type\":\"array\",\"minItems\":1,"
		"\"items\":{\"$ref\":\"#/$defs/page_map\"}}" },
	{ "page_map", "at", "size" }, { "page_map", "to", "size" }, { "page_map", "size", "size" },
	{ "page_map", "page", "{\"anyOf\":[{\"enum\":[\"4KiB\",\"2MiB\",\"4MiB\",\"1GiB\"]},"
		"{\"$ref\":\"#/$defs/size\"}]}" },
	{ "page_map", "access", "{\"anyOf\":[{\"type\":\"string\",\"pattern\":"
		"\"^[rwxug]*r[rwxug]*$\"},{\"$ref\":\"#/$defs/variable\"}]}" },
	{ "gdt", "at", "size" }, { "gdt", "entries", LIST("gdt_entry") },
	{ "gdt_entry", "selector", "number16" }, { "gdt_entry", "kind", "descriptor_kind" },
	{ "gdt_entry", "attrib", "number16" }, { "gdt_entry", "base", "size" },
	{ "gdt_entry", "limit", "size" }, { "gdt_entry", "dpl", "number8" },
	{ "idt", "at", "size" }, { "idt", "gates", LIST("idt_gate") },
	{ "idt_gate", "vector", "span" }, { "idt_gate", "to", "size" },
	{ "idt_gate", "step", "size" }, { "idt_gate", "selector", "number16" },
	{ "idt_gate", "kind", "gate_kind" }, { "idt_gate", "dpl", "number8" },
	{ "idt_gate", "ist", "number8" },
	{ "injection", "vcpu", "span" },
	{ "injection", "type", WORDS("\"exception\",\"interrupt\",\"nmi\",\"software\"") },
	{ "injection", "vector", "number8" }, { "injection", "error", "number32" },
	{ "expect", "end", WORDS("\"stop\",\"debug-exit\",\"power-off\",\"reset\",\"shutdown\","
		"\"invalid\"") },
	{ "expect", "serial_has", LIST("scalar") },
	{ "expect", "exit", "exit_name" }, { "expect", "regs", "expect_regs" },
	{ "expect", "serial", "scalar" }, { "expect", "events", LIST("event") },
	{ "expect", "strict", WORDS("true,false,\"true\",\"false\"") },
	{ "expect", "within", "time" },
	{ "event", "exit", "exit_name" }, { "event", "info1", "number64" },
	{ "event", "mask", "number64" }, { "event", "info2", "number64" },
	{ "event", "mask2", "number64" }, { "event", "rip", "number64" },
};

cJSON *schema_ref(const char *name)
{
	char path[64];
	cJSON *schema = cJSON_CreateObject();

	snprintf(path, sizeof(path), "#/$defs/%s", name);
	cJSON_AddStringToObject(schema, "$ref", path);
	return schema;
}

cJSON *schema_of_key(const char *map, const char *key)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(types[i].map, map) && !strcmp(types[i].key, key))
			return types[i].shape[0] == '{' ? cJSON_Parse(types[i].shape)
							: schema_ref(types[i].shape);
	return NULL;
}
