/* SPDX-License-Identifier: MIT */
/*
 * Debug registers from words, and hits to words. DR7 (APM volume 2, 13.1.1): the local enable bit of
 * breakpoint n is 2 n, its R/W field begins at 16 + 4 n, its LEN field at 18 + 4 n.
 */
#include <string.h>
#include "rpc.h"
#include "vcpu_debug.h"

/* The R/W field, or -1. */
static int kind_of(const char *name)
{
	if (!strcmp(name, "execute"))
		return 0;
	if (!strcmp(name, "write"))
		return 1;
	return !strcmp(name, "access") ? 3 : -1;
}

/* The LEN field, or -1; an instruction breakpoint has length 1. */
static int length_of(uint64_t bytes, int kind)
{
	static const int fields[] = { -1, 0, 1, -1, 3, -1, -1, -1, 2 };

	if (bytes > 8 || (!kind && bytes != 1))
		return -1;
	return fields[bytes];
}

static const char *take_one(struct svmrt_vcpu_debug *debug, unsigned int slot, const cJSON *item)
{
	const cJSON *kind = cJSON_GetObjectItemCaseSensitive(item, "kind");
	const cJSON *bytes = cJSON_GetObjectItemCaseSensitive(item, "bytes");
	uint64_t at, length = 1;
	int rw, len;

	rpc_u64(cJSON_GetObjectItemCaseSensitive(item, "at"), &at);
	if (bytes)
		rpc_u64(bytes, &length);
	rw = kind_of(kind->valuestring);
	len = length_of(length, rw);
	if (len < 0)
		return "a hardware breakpoint has 1, 2, 4 or 8 bytes, one that executes has 1";
	if (at & (length - 1))
		return "the address of a hardware breakpoint is a multiple of its bytes";
	debug->flags |= SVMRT_DEBUG_HW;
	debug->dr[slot] = at;
	debug->dr7 |= 1ull << (2 * slot) | (uint64_t)rw << (16 + 4 * slot) |
		(uint64_t)len << (18 + 4 * slot);
	return NULL;
}

const char *vcpu_debug_hardware(struct svmrt_vcpu_debug *debug, const cJSON *array)
{
	unsigned int slot = 0;
	const cJSON *item;

	cJSON_ArrayForEach(item, array) {
		const char *fault = take_one(debug, slot++, item);

		if (fault)
			return fault;
	}
	return NULL;
}

bool vcpu_debug_is_hit(const struct vm *vm)
{
	for (unsigned int i = 0; i < vm->vcpu_count; i++)
		if (atomic_load(&vm->vcpus[i]->debug_hit))
			return true;
	return false;
}

void vcpu_debug_forget(struct vm *vm)
{
	for (unsigned int i = 0; i < vm->vcpu_count; i++)
		atomic_store(&vm->vcpus[i]->debug_hit, 0);
}

cJSON *vcpu_debug_json(const struct vm *vm)
{
	cJSON *json, *slots;
	uint64_t hit = 0;
	unsigned int at = 0;

	while (at < vm->vcpu_count && !(hit = atomic_load(&vm->vcpus[at]->debug_hit)))
		at++;
	if (!hit)
		return cJSON_CreateNull();
	json = cJSON_CreateObject();
	cJSON_AddNumberToObject(json, "vcpu", at);
	cJSON_AddBoolToObject(json, "step", !!(hit & SVMRT_DEBUG_HIT_STEP));
	cJSON_AddBoolToObject(json, "break", !!(hit & SVMRT_DEBUG_HIT_BREAK));
	slots = cJSON_AddArrayToObject(json, "hardware");
	for (unsigned int slot = 0; slot < VCPU_DEBUG_SLOTS; slot++)
		if (hit & SVMRT_DEBUG_HIT_DR(slot))
			cJSON_AddItemToArray(slots, cJSON_CreateNumber(slot));
	return json;
}
