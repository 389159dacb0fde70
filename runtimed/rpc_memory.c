/* SPDX-License-Identifier: MIT */
/*
 * memory.read and memory.write: guest physical memory in base64. The engine copies page by page, in
 * any state of the VM; a running guest may see a write of several pages in parts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "json_b64.h"
#include "limits.h"
#include "log.h"
#include "rpc_handlers.h"

/* False: the request is answered. Holes and read-only memory are the caller's mistake. */
static bool copy(struct rpc_request *request, const struct vm *vm, struct svmrt_access *access)
{
	struct engine_error error;

	if (!vm->daemon->engine->access(vm->fd, access, &error))
		return true;
	if (error.number == ENOENT || error.number == EACCES)
		rpc_fail_param(request, "gpa", "%s", error.text);
	else
		rpc_fail_engine(request, &error);
	return false;
}

static cJSON *place_json(const struct vm *vm, const struct svmrt_access *access)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddNumberToObject(json, "vm", (double)vm->number);
	rpc_add_hex(json, "gpa", access->gpa);
	cJSON_AddNumberToObject(json, "bytes", (double)access->bytes);
	return json;
}

void rpc_memory_read(struct rpc_request *request)
{
	struct svmrt_access access = {
		.gpa = request->args[1].number, .bytes = request->args[2].number,
	};
	const struct vm *vm = rpc_vm_of(request);
	char *bytes, *text;
	cJSON *result;

	if (!vm)
		return;
	bytes = need_memory(access.bytes);
	access.buffer = (uintptr_t)bytes;
	if (copy(request, vm, &access)) {
		text = need_memory(JSON_B64_CHARS(access.bytes) + 1);
		text[json_b64_encode(text, bytes, access.bytes)] = '\0';
		result = place_json(vm, &access);
		cJSON_AddStringToObject(result, "data", text);
		free(text);
		rpc_reply(request, result);
	}
	free(bytes);
}

void rpc_memory_write(struct rpc_request *request)
{
	const char *text = request->args[2].text;
	struct svmrt_access access = {
		.flags = SVMRT_ACCESS_WRITE, .gpa = request->args[1].number,
	};
	size_t length = strlen(text), bad = 0;
	const struct vm *vm = rpc_vm_of(request);	/* NULL: `request` is gone */
	ssize_t bytes;
	void *data;

	if (!vm)
		return;
	if (length > JSON_B64_CHARS(LIMIT_ACCESS_BYTES)) {
		rpc_fail_limit(request, "access_bytes", LIMIT_ACCESS_BYTES,
			       "data has more than %u bytes; write it in parts",
			       LIMIT_ACCESS_BYTES);
		return;
	}
	data = need_memory(length + 1);
	bytes = json_b64_decode(data, text, length, &bad);
	access.bytes = bytes < 0 ? 0 : (uint64_t)bytes;
	access.buffer = (uintptr_t)data;
	if (bytes < 0)
		rpc_fail_param(request, "data", "data is not base64 at character %zu", bad);
	else if (!bytes)
		rpc_fail_param(request, "data", "data is empty: there is nothing to write");
	else if (copy(request, vm, &access))
		rpc_reply(request, place_json(vm, &access));
	free(data);
}
