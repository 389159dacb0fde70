/* SPDX-License-Identifier: MIT */
/*
 * The types that parameters have: how a value is checked, the rule in words for who broke it, and
 * the JSON Schema of the same rule for the OpenRPC document.
 */
#include <stdlib.h>
#include <string.h>
#include "limits.h"
#include "rpc.h"
#include "svmt_device.h"
#include "vm_backing.h"

#define MAX_EXACT 9007199254740991.0	/* 2^53 - 1 */
#define MAX_TIMEOUT_MS 86400000.0
#define MAX_NAMES 64
#define MAX_PATH_BYTES 4095
#define MAX_RANGES 16
#define MAX_TAP_BYTES 15		/* IFNAMSIZ, with its NUL */
#define BACKING_PATTERN "^[A-Za-z0-9][A-Za-z0-9._-]{0,30}$"
#define MAX_CPUS 1024
#define MAX_BREAKPOINTS 4
#define U64_PATTERN "^0x[0-9a-f]{1,16}$"

static bool take_number(const cJSON *item, double least, double most, struct rpc_arg *arg)
{
	double value = item->valuedouble;

	if (!cJSON_IsNumber(item) || !(value >= least) || !(value <= most) ||
	    value != (double)(uint64_t)value)
		return false;
	arg->number = (uint64_t)value;
	return true;
}

bool rpc_u64(const cJSON *item, uint64_t *value)
{
	struct rpc_arg arg;
	const char *text = item->valuestring;

	if (!cJSON_IsString(item)) {
		if (!take_number(item, 0, MAX_EXACT, &arg))
			return false;
		*value = arg.number;
		return true;
	}
	if (strncmp(text, "0x", 2) || strlen(text) < 3 || strlen(text) > 18 ||
	    strspn(text + 2, "0123456789abcdef") != strlen(text) - 2)
		return false;
	*value = strtoull(text, NULL, 16);
	return true;
}

static bool is_name(const char *text)
{
	size_t length = strlen(text);

	if (!length || length > 64)
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return false;
	return true;
}

static bool is_digest(const char *text)
{
	return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* Two members of one name would be one value too many. */
static bool is_first_of_name(const cJSON *object, const cJSON *member)
{
	return cJSON_GetObjectItemCaseSensitive(object, member->string) == member;
}

static bool is_registers(const cJSON *item)
{
	const cJSON *member;
	uint64_t value;

	if (!cJSON_IsObject(item) || !item->child)
		return false;
	cJSON_ArrayForEach(member, item)
		if (!rpc_u64(member, &value) || !is_first_of_name(item, member))
			return false;
	return true;
}

static const char *const limit_names[] = { "run_time_ms", "exits", "vcpus", "memory_bytes" };

#define LIMIT_NAMES (sizeof(limit_names) / sizeof(limit_names[0]))

static bool is_limit(const char *name)
{
	for (size_t i = 0; i < LIMIT_NAMES; i++)
		if (!strcmp(limit_names[i], name))
			return true;
	return false;
}

static bool is_limits(const cJSON *item)
{
	const cJSON *member;
	struct rpc_arg arg;

	if (!cJSON_IsObject(item))
		return false;
	cJSON_ArrayForEach(member, item)
		if (!is_limit(member->string) || !take_number(member, 1, MAX_EXACT, &arg) ||
		    !is_first_of_name(item, member))
			return false;
	return true;
}

static bool is_cpus(const cJSON *item)
{
	int count = cJSON_IsArray(item) ? cJSON_GetArraySize(item) : 0;
	const cJSON *cpu;
	struct rpc_arg arg;

	cJSON_ArrayForEach(cpu, item)
		if (!take_number(cpu, 0, MAX_CPUS - 1, &arg))
			return false;
	return count > 0 && count <= MAX_CPUS;
}

static bool is_nice(const cJSON *item)
{
	return cJSON_IsNumber(item) && item->valuedouble >= -20 && item->valuedouble <= 19 &&
		item->valuedouble == (double)(int)item->valuedouble;
}

static bool is_names(const cJSON *item)
{
	int count = cJSON_IsArray(item) ? cJSON_GetArraySize(item) : 0;
	const cJSON *name;

	cJSON_ArrayForEach(name, item)
		if (!cJSON_IsString(name) || !is_name(name->valuestring))
			return false;
	return count > 0 && count <= MAX_NAMES;
}

static bool is_range(const cJSON *item)
{
	const cJSON *first = cJSON_GetObjectItemCaseSensitive(item, "first");
	const cJSON *last = cJSON_GetObjectItemCaseSensitive(item, "last");
	uint64_t from, to;

	return cJSON_IsObject(item) && cJSON_GetArraySize(item) == 2 && first && last &&
		rpc_u64(first, &from) && rpc_u64(last, &to) && from <= to;
}

static bool is_ranges(const cJSON *item)
{
	int count = cJSON_IsArray(item) ? cJSON_GetArraySize(item) : 0;
	const cJSON *range;

	cJSON_ArrayForEach(range, item)
		if (!is_range(range))
			return false;
	return count > 0 && count <= MAX_RANGES;
}

static bool is_breakpoint(const cJSON *item)
{
	const cJSON *at = cJSON_GetObjectItemCaseSensitive(item, "at");
	const cJSON *kind = cJSON_GetObjectItemCaseSensitive(item, "kind");
	const cJSON *bytes = cJSON_GetObjectItemCaseSensitive(item, "bytes");
	struct rpc_arg arg;
	uint64_t address;

	return cJSON_IsObject(item) && at && rpc_u64(at, &address) && cJSON_IsString(kind) &&
		(!strcmp(kind->valuestring, "execute") || !strcmp(kind->valuestring, "write") ||
		 !strcmp(kind->valuestring, "access")) &&
		(!bytes || take_number(bytes, 1, 8, &arg)) &&
		cJSON_GetArraySize(item) == (bytes ? 3 : 2);
}

static bool is_breakpoints(const cJSON *item)
{
	int count = cJSON_IsArray(item) ? cJSON_GetArraySize(item) : 0;
	const cJSON *breakpoint;

	cJSON_ArrayForEach(breakpoint, item)
		if (!is_breakpoint(breakpoint))
			return false;
	return count > 0 && count <= MAX_BREAKPOINTS;
}

/* {name, `member`} or {name, descriptor: true}. */
static bool is_backing(const cJSON *item, const char *member, size_t most_bytes)
{
	const cJSON *name = cJSON_GetObjectItemCaseSensitive(item, "name");
	const cJSON *text = cJSON_GetObjectItemCaseSensitive(item, member);
	const cJSON *descriptor = cJSON_GetObjectItemCaseSensitive(item, "descriptor");

	return cJSON_IsObject(item) && cJSON_GetArraySize(item) == 2 && cJSON_IsString(name) &&
		svmt_good_name(name->valuestring) &&
		(cJSON_IsTrue(descriptor) ||
		 (cJSON_IsString(text) && text->valuestring[0] &&
		  strlen(text->valuestring) <= most_bytes));
}

static bool is_backings(const cJSON *item, const char *member, size_t most_bytes)
{
	int count = cJSON_IsArray(item) ? cJSON_GetArraySize(item) : 0;
	const cJSON *backing;

	cJSON_ArrayForEach(backing, item)
		if (!is_backing(backing, member, most_bytes))
			return false;
	return count > 0 && count <= (int)VM_MAX_BACKINGS;
}

static const char *take_text(const char *text, enum rpc_type type)
{
	switch (type) {
	case RPC_TYPE_NAME:
		return text && is_name(text) ? NULL :
			"a string of 1 to 64 bytes without control characters";
	case RPC_TYPE_DIGEST:
		return text && is_digest(text) ? NULL :
			"a template's identity, 64 lower-case hex digits";
	case RPC_TYPE_BASE64:
		return text ? NULL : "a string in base64";
	case RPC_TYPE_TEXT:
		return text ? NULL : "a string";
	case RPC_TYPE_PATH:
		return text && text[0] && strlen(text) <= MAX_PATH_BYTES ? NULL :
			"a string of 1 to 4095 bytes";
	case RPC_TYPE_EVENT_FORMAT:
		return text && (!strcmp(text, "json") || !strcmp(text, "binary")) ? NULL :
			"\"json\" or \"binary\"";
	default:
		return text && (!strcmp(text, "lossy") || !strcmp(text, "lossless")) ? NULL :
			"\"lossy\" or \"lossless\"";
	}
}

static const char *take_structure(const cJSON *item, enum rpc_type type)
{
	switch (type) {
	case RPC_TYPE_REGS:
		return is_registers(item) ? NULL :
			"an object of registers, each once, with integers or \"0x...\" strings";
	case RPC_TYPE_LIMITS:
		return is_limits(item) ? NULL :
			"an object with run_time_ms, exits, vcpus and memory_bytes only, integers "
			"from 1 on";
	case RPC_TYPE_BREAKPOINTS:
		return is_breakpoints(item) ? NULL :
			"an array of 1 to 4 objects {at, kind, bytes}, kind execute, write or access, "
			"bytes 1 to 8 or left out";
	case RPC_TYPE_CPUS:
		return is_cpus(item) ? NULL : "an array of 1 to 1024 integers from 0 to 1023";
	case RPC_TYPE_NAMES:
		return is_names(item) ? NULL : "an array of 1 to 64 names";
	case RPC_TYPE_DRIVES:
		return is_backings(item, "path", MAX_PATH_BYTES) ? NULL :
			"an array of 1 to 16 objects {name, path} or {name, descriptor: true}; a name "
			"is one that a spec may have";
	case RPC_TYPE_LINKS:
		return is_backings(item, "tap", MAX_TAP_BYTES) ? NULL :
			"an array of 1 to 16 objects {name, tap} or {name, descriptor: true}; a name "
			"is one that a spec may have, an interface's has at most 15 bytes";
	default:
		return is_ranges(item) ? NULL :
			"an array of 1 to 16 ranges {first, last}, integers or \"0x...\" strings, "
			"first not above last";
	}
}

const char *rpc_type_take(const cJSON *item, enum rpc_type type, struct rpc_arg *arg)
{
	arg->given = true;
	arg->json = item;
	arg->text = cJSON_IsString(item) ? item->valuestring : NULL;
	switch (type) {
	case RPC_TYPE_NUMBER:
		return take_number(item, 1, MAX_EXACT, arg) ? NULL : "an integer from 1 on";
	case RPC_TYPE_INDEX:
		return take_number(item, 0, MAX_EXACT, arg) ? NULL : "an integer from 0 on";
	case RPC_TYPE_MS:
		return take_number(item, 0, MAX_TIMEOUT_MS, arg) ? NULL :
			"an integer from 0 to 86400000";
	case RPC_TYPE_LENGTH:
		return take_number(item, 1, LIMIT_ACCESS_BYTES, arg) ? NULL :
			"an integer from 1 to 1048576";
	case RPC_TYPE_U64:
		return rpc_u64(item, &arg->number) ? NULL :
			"an integer from 0 on, or a string like \"0x1f\"";
	case RPC_TYPE_NICE:
		return is_nice(item) ? NULL : "an integer from -20 to 19";
	case RPC_TYPE_TRUE:
		return cJSON_IsTrue(item) ? NULL : "true, or left out";
	case RPC_TYPE_NAME:
	case RPC_TYPE_DIGEST:
	case RPC_TYPE_BASE64:
	case RPC_TYPE_TEXT:
	case RPC_TYPE_PATH:
	case RPC_TYPE_EVENT_MODE:
	case RPC_TYPE_EVENT_FORMAT:
		return take_text(arg->text, type);
	case RPC_TYPE_REGS:
	case RPC_TYPE_LIMITS:
	case RPC_TYPE_CPUS:
	case RPC_TYPE_BREAKPOINTS:
	case RPC_TYPE_NAMES:
	case RPC_TYPE_DRIVES:
	case RPC_TYPE_LINKS:
	case RPC_TYPE_RANGES:
		return take_structure(item, type);
	}
	return "of a known type";
}

static cJSON *new_schema(const char *type)
{
	cJSON *schema = cJSON_CreateObject();

	cJSON_AddStringToObject(schema, "type", type);
	return schema;
}

static cJSON *integer_schema(double least, double most)
{
	cJSON *schema = new_schema("integer");

	cJSON_AddNumberToObject(schema, "minimum", least);
	if (most < MAX_EXACT)
		cJSON_AddNumberToObject(schema, "maximum", most);
	return schema;
}

static cJSON *u64_schema(void)
{
	cJSON *schema = cJSON_CreateObject(), *text = new_schema("string");
	cJSON *choices = cJSON_AddArrayToObject(schema, "oneOf");

	cJSON_AddItemToArray(choices, integer_schema(0, MAX_EXACT));
	cJSON_AddStringToObject(text, "pattern", U64_PATTERN);
	cJSON_AddItemToArray(choices, text);
	return schema;
}

static void add_choices(cJSON *schema, const char *one, const char *other)
{
	cJSON *choices = cJSON_AddArrayToObject(schema, "enum");

	cJSON_AddItemToArray(choices, cJSON_CreateString(one));
	cJSON_AddItemToArray(choices, cJSON_CreateString(other));
}

static cJSON *text_schema(enum rpc_type type)
{
	cJSON *schema = new_schema("string");

	switch (type) {
	case RPC_TYPE_NAME:
		cJSON_AddNumberToObject(schema, "minLength", 1);
		cJSON_AddNumberToObject(schema, "maxLength", 64);
		break;
	case RPC_TYPE_DIGEST:
		cJSON_AddStringToObject(schema, "pattern", "^[0-9a-f]{64}$");
		break;
	case RPC_TYPE_BASE64:
		cJSON_AddStringToObject(schema, "contentEncoding", "base64");
		break;
	case RPC_TYPE_TEXT:
		break;
	case RPC_TYPE_PATH:
		cJSON_AddNumberToObject(schema, "minLength", 1);
		cJSON_AddNumberToObject(schema, "maxLength", MAX_PATH_BYTES);
		break;
	case RPC_TYPE_EVENT_FORMAT:
		add_choices(schema, "json", "binary");
		break;
	default:
		add_choices(schema, "lossy", "lossless");
		break;
	}
	return schema;
}

static cJSON *array_schema(cJSON *items, double most)
{
	cJSON *schema = new_schema("array");

	cJSON_AddItemToObject(schema, "items", items);
	cJSON_AddNumberToObject(schema, "minItems", 1);
	cJSON_AddNumberToObject(schema, "maxItems", most);
	return schema;
}

/* An object that has these members only. */
static cJSON *members_schema(const char *const *names, size_t count, cJSON *(*member)(void),
			     bool required)
{
	cJSON *schema = new_schema("object"), *array;
	cJSON *properties = cJSON_AddObjectToObject(schema, "properties");

	for (size_t i = 0; i < count; i++)
		cJSON_AddItemToObject(properties, names[i], member());
	if (required) {
		array = cJSON_AddArrayToObject(schema, "required");
		for (size_t i = 0; i < count; i++)
			cJSON_AddItemToArray(array, cJSON_CreateString(names[i]));
	}
	cJSON_AddFalseToObject(schema, "additionalProperties");
	return schema;
}

static cJSON *range_schema(void)
{
	static const char *const names[] = { "first", "last" };

	return members_schema(names, 2, u64_schema, true);
}

static cJSON *true_schema(void)
{
	cJSON *schema = new_schema("boolean");

	cJSON_AddItemToArray(cJSON_AddArrayToObject(schema, "enum"), cJSON_CreateTrue());
	return schema;
}

static cJSON *positive_schema(void)
{
	return integer_schema(1, MAX_EXACT);
}

static cJSON *breakpoint_schema(void)
{
	cJSON *schema = new_schema("object"), *kind = new_schema("string"), *names;
	cJSON *properties = cJSON_AddObjectToObject(schema, "properties");

	cJSON_AddItemToObject(properties, "at", u64_schema());
	names = cJSON_AddArrayToObject(kind, "enum");
	cJSON_AddItemToArray(names, cJSON_CreateString("execute"));
	cJSON_AddItemToArray(names, cJSON_CreateString("write"));
	cJSON_AddItemToArray(names, cJSON_CreateString("access"));
	cJSON_AddItemToObject(properties, "kind", kind);
	cJSON_AddItemToObject(properties, "bytes", integer_schema(1, 8));
	names = cJSON_AddArrayToObject(schema, "required");
	cJSON_AddItemToArray(names, cJSON_CreateString("at"));
	cJSON_AddItemToArray(names, cJSON_CreateString("kind"));
	cJSON_AddFalseToObject(schema, "additionalProperties");
	return schema;
}

static cJSON *text_of_bytes_schema(double most)
{
	cJSON *schema = new_schema("string");

	cJSON_AddNumberToObject(schema, "minLength", 1);
	cJSON_AddNumberToObject(schema, "maxLength", most);
	return schema;
}

static cJSON *backings_schema(const char *member, double most_bytes)
{
	cJSON *schema = new_schema("object"), *name = new_schema("string");
	cJSON *properties = cJSON_AddObjectToObject(schema, "properties");

	cJSON_AddStringToObject(name, "pattern", BACKING_PATTERN);
	cJSON_AddItemToObject(properties, "name", name);
	cJSON_AddItemToObject(properties, member, text_of_bytes_schema(most_bytes));
	cJSON_AddItemToObject(properties, "descriptor", true_schema());
	cJSON_AddItemToArray(cJSON_AddArrayToObject(schema, "required"), cJSON_CreateString("name"));
	cJSON_AddNumberToObject(schema, "minProperties", 2);
	cJSON_AddNumberToObject(schema, "maxProperties", 2);
	cJSON_AddFalseToObject(schema, "additionalProperties");
	return array_schema(schema, VM_MAX_BACKINGS);
}

static cJSON *registers_schema(void)
{
	cJSON *schema = new_schema("object");

	cJSON_AddItemToObject(schema, "additionalProperties", u64_schema());
	cJSON_AddNumberToObject(schema, "minProperties", 1);
	return schema;
}

cJSON *rpc_type_schema(enum rpc_type type)
{
	switch (type) {
	case RPC_TYPE_NUMBER: return positive_schema();
	case RPC_TYPE_INDEX: return integer_schema(0, MAX_EXACT);
	case RPC_TYPE_MS: return integer_schema(0, MAX_TIMEOUT_MS);
	case RPC_TYPE_LENGTH: return integer_schema(1, LIMIT_ACCESS_BYTES);
	case RPC_TYPE_U64: return u64_schema();
	case RPC_TYPE_TRUE: return true_schema();
	case RPC_TYPE_REGS: return registers_schema();
	case RPC_TYPE_LIMITS:
		return members_schema(limit_names, LIMIT_NAMES, positive_schema, false);
	case RPC_TYPE_CPUS: return array_schema(integer_schema(0, MAX_CPUS - 1), MAX_CPUS);
	case RPC_TYPE_BREAKPOINTS: return array_schema(breakpoint_schema(), MAX_BREAKPOINTS);
	case RPC_TYPE_NICE: return integer_schema(-20, 19);
	case RPC_TYPE_NAMES: return array_schema(text_schema(RPC_TYPE_NAME), MAX_NAMES);
	case RPC_TYPE_DRIVES: return backings_schema("path", MAX_PATH_BYTES);
	case RPC_TYPE_LINKS: return backings_schema("tap", MAX_TAP_BYTES);
	case RPC_TYPE_RANGES:
		return array_schema(range_schema(), MAX_RANGES);
	default: return text_schema(type);
	}
}
