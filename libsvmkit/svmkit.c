/* SPDX-License-Identifier: MIT */
/*
 * The public face of libsvmkit: connections, plain calls and the life of a VM. JSON stays inside:
 * callers see text and numbers. Events are in svmkit_event.c, messages in rpc.c, bytes in wire.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "json_b64.h"
#include "json_get.h"
#include "svmkit_priv.h"

#define DEFAULT_SOCKET "/run/svmrund/control.sock"
#define DEFAULT_TIMEOUT_NS (60 * INT64_C(1000000000))
#define ACCESS_BYTES (1u << 20)		/* of one memory.read or memory.write */
#define TEMPLATE_BYTES (512u << 20)	/* what the daemon takes at most */

static int64_t to_ns(int64_t ms)
{
	return ms < 0 || ms > INT64_MAX / 1000000 ? INT64_MAX : ms * 1000000;
}

int64_t svmkit_deadline(int64_t timeout_ms)
{
	return rpc_deadline(to_ns(timeout_ms));
}

enum svmkit_status svmkit_from_rpc(struct svmkit *svmkit, enum rpc_status status)
{
	if (status != RPC_OK)
		snprintf(svmkit->error, sizeof(svmkit->error), "%s", rpc_text(svmkit->rpc));
	switch (status) {
	case RPC_OK:
		return SVMKIT_OK;
	case RPC_REFUSED:
		return SVMKIT_REFUSED;
	case RPC_TIMEOUT:
		return SVMKIT_TIMEOUT;
	default:
		return SVMKIT_LOST;
	}
}

enum svmkit_status svmkit_say(struct svmkit *svmkit, enum svmkit_status status, const char *format,
			      ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(svmkit->error, sizeof(svmkit->error), format, args);
	va_end(args);
	return status;
}

struct svmkit *svmkit_open(const char *socket)
{
	struct svmkit *svmkit = calloc(1, sizeof(*svmkit));
	const char *named = socket ? socket : getenv("SVMRUND_SOCKET");
	enum rpc_status status;

	if (!svmkit)
		return NULL;
	svmkit->rpc = rpc_connect(named && *named ? named : DEFAULT_SOCKET, DEFAULT_TIMEOUT_NS,
				  &status);
	if (!svmkit->rpc) {
		free(svmkit);
		return NULL;
	}
	svmkit_from_rpc(svmkit, status);
	return svmkit;
}

void svmkit_close(struct svmkit *svmkit)
{
	if (!svmkit)
		return;
	rpc_note_free(svmkit->note);
	free(svmkit->bytes);
	rpc_close(svmkit->rpc);
	free(svmkit);
}

void svmkit_set_timeout(struct svmkit *svmkit, int64_t timeout_ms)
{
	rpc_set_timeout(svmkit->rpc, to_ns(timeout_ms));
}

const char *svmkit_error(const struct svmkit *svmkit)
{
	return svmkit->error;
}

int svmkit_error_code(const struct svmkit *svmkit)
{
	return rpc_error_code(svmkit->rpc);
}

int svmkit_fd(const struct svmkit *svmkit)
{
	return rpc_fd(svmkit->rpc);
}

enum svmkit_status svmkit_rpc(struct svmkit *svmkit, const char *method, cJSON *params,
			      cJSON **result)
{
	return svmkit_from_rpc(svmkit, rpc_call(svmkit->rpc, method, params, result));
}

enum svmkit_status svmkit_call(struct svmkit *svmkit, const char *method, const char *params,
			       char **result)
{
	cJSON *object = NULL, *answer = NULL;
	enum svmkit_status status;

	if (result)
		*result = NULL;
	if (params) {
		object = cJSON_ParseWithOpts(params, NULL, 1);
		if (!cJSON_IsObject(object)) {
			cJSON_Delete(object);
			return svmkit_say(svmkit, SVMKIT_ARGUMENT, "%s: the parameters are not a JSON object",
					  method);
		}
	}
	status = svmkit_rpc(svmkit, method, object, result ? &answer : NULL);
	if (status == SVMKIT_OK && result) {
		*result = cJSON_PrintUnformatted(answer);
		if (!*result)
			status = svmkit_say(svmkit, SVMKIT_MEMORY, "%s: out of memory", method);
	}
	cJSON_Delete(answer);
	return status;
}

void svmkit_free(void *text)
{
	cJSON_free(text);
}

/* ---- Templates ---- */

/* A string member of base64 text; false: no memory. */
static bool add_base64(cJSON *object, const char *name, const void *data, size_t bytes)
{
	char *text = malloc(JSON_B64_CHARS(bytes) + 1);
	cJSON *item;

	if (!text)
		return false;
	text[json_b64_encode(text, data, bytes)] = 0;
	item = cJSON_CreateString(text);
	free(text);
	return item && cJSON_AddItemToObject(object, name, item);
}

enum svmkit_status svmkit_template_load(struct svmkit *svmkit, const void *image, size_t bytes,
					char id[SVMKIT_TEMPLATE_ID])
{
	cJSON *params = cJSON_CreateObject(), *answer;
	enum svmkit_status status;
	const char *text;

	id[0] = 0;
	if (!add_base64(params, "data", image, bytes)) {
		cJSON_Delete(params);
		return svmkit_say(svmkit, SVMKIT_MEMORY, "template.load: out of memory");
	}
	status = svmkit_rpc(svmkit, "template.load", params, &answer);
	if (status != SVMKIT_OK)
		return status;
	text = json_text(answer, "template", "");
	if (strlen(text) == SVMKIT_TEMPLATE_ID - 1)
		strcpy(id, text);
	else
		status = svmkit_say(svmkit, SVMKIT_LOST, "template.load: the answer has no template id");
	cJSON_Delete(answer);
	return status;
}

/* The whole file in memory of malloc(); NULL with errno. */
static void *read_file(const char *path, size_t *bytes)
{
	FILE *file = fopen(path, "re");
	size_t capacity = 0, n = 0;
	char *image = NULL, *more;

	*bytes = 0;
	if (!file)
		return NULL;
	do {
		*bytes += n;
		if (*bytes == capacity) {
			capacity = capacity * 2 + 65536;
			errno = EFBIG;
			more = *bytes < TEMPLATE_BYTES ? realloc(image, capacity) : NULL;
			if (!more)
				break;
			image = more;
		}
		n = fread(image + *bytes, 1, capacity - *bytes, file);
	} while (n);
	if (n || ferror(file)) {
		free(image);
		image = NULL;
	}
	n = (size_t)errno;
	fclose(file);
	errno = (int)n;
	return image;
}

enum svmkit_status svmkit_template_load_file(struct svmkit *svmkit, const char *path,
					     char id[SVMKIT_TEMPLATE_ID])
{
	enum svmkit_status status;
	size_t bytes;
	void *image = read_file(path, &bytes);

	id[0] = 0;
	if (!image)
		return svmkit_say(svmkit, SVMKIT_ARGUMENT, "%s: %s", path, strerror(errno));
	status = svmkit_template_load(svmkit, image, bytes, id);
	free(image);
	return status;
}

enum svmkit_status svmkit_template_unload(struct svmkit *svmkit, const char *id)
{
	cJSON *params = cJSON_CreateObject();

	cJSON_AddStringToObject(params, "template", id);
	return svmkit_rpc(svmkit, "template.unload", params, NULL);
}

/* ---- The life of a VM ---- */

cJSON *svmkit_vm_params(unsigned int vm)
{
	cJSON *params = cJSON_CreateObject();

	cJSON_AddNumberToObject(params, "vm", vm);
	return params;
}

enum svmkit_status svmkit_vm_create(struct svmkit *svmkit, const char *id, const char *name,
				    unsigned int *vm)
{
	cJSON *params = cJSON_CreateObject(), *answer;
	enum svmkit_status status;

	*vm = 0;
	cJSON_AddStringToObject(params, "template", id);
	if (name)
		cJSON_AddStringToObject(params, "name", name);
	status = svmkit_rpc(svmkit, "vm.create", params, &answer);
	if (status != SVMKIT_OK)
		return status;
	*vm = (unsigned int)json_number(answer, "vm", 0);
	cJSON_Delete(answer);
	return *vm ? SVMKIT_OK :
		svmkit_say(svmkit, SVMKIT_LOST, "vm.create: the answer has no VM number");
}

enum svmkit_status svmkit_vm_start(struct svmkit *svmkit, unsigned int vm)
{
	return svmkit_rpc(svmkit, "vm.start", svmkit_vm_params(vm), NULL);
}

enum svmkit_status svmkit_vm_pause(struct svmkit *svmkit, unsigned int vm)
{
	return svmkit_rpc(svmkit, "vm.pause", svmkit_vm_params(vm), NULL);
}

enum svmkit_status svmkit_vm_resume(struct svmkit *svmkit, unsigned int vm)
{
	return svmkit_rpc(svmkit, "vm.resume", svmkit_vm_params(vm), NULL);
}

enum svmkit_status svmkit_vm_stop(struct svmkit *svmkit, unsigned int vm)
{
	return svmkit_rpc(svmkit, "vm.stop", svmkit_vm_params(vm), NULL);
}

enum svmkit_status svmkit_vm_destroy(struct svmkit *svmkit, unsigned int vm)
{
	return svmkit_rpc(svmkit, "vm.destroy", svmkit_vm_params(vm), NULL);
}

void svmkit_read_end(const cJSON *json, struct svmkit_end *end)
{
	*end = (struct svmkit_end){ .vcpu = (unsigned int)json_number(json, "vcpu", 0) };
	end->status = (int)json_number(json, "status", -1);
	snprintf(end->reason, sizeof(end->reason), "%s", json_text(json, "reason", ""));
	snprintf(end->exit, sizeof(end->exit), "%s", json_text(json, "exit", ""));
	json_hex(json, "rip", &end->rip);
}

enum svmkit_status svmkit_vm_wait(struct svmkit *svmkit, unsigned int vm, int64_t timeout_ms,
				  struct svmkit_end *end)
{
	int64_t usual = rpc_set_timeout(svmkit->rpc, INT64_MAX);
	cJSON *params = svmkit_vm_params(vm), *answer = NULL;
	enum svmkit_status status;

	*end = (struct svmkit_end){ .status = -1 };
	/* The daemon keeps the limit; ours only guards against a daemon that does not answer. */
	if (timeout_ms >= 0) {
		cJSON_AddNumberToObject(params, "timeout_ms", (double)timeout_ms);
		rpc_set_timeout(svmkit->rpc, usual > INT64_MAX - to_ns(timeout_ms) ? INT64_MAX :
				usual + to_ns(timeout_ms));
	}
	status = svmkit_rpc(svmkit, "vm.wait", params, &answer);
	rpc_set_timeout(svmkit->rpc, usual);
	if (status == SVMKIT_OK && !cJSON_IsObject(json_member(answer, "end")))
		status = svmkit_say(svmkit, SVMKIT_TIMEOUT, "vm.wait: VM %u has not ended in time", vm);
	else if (status == SVMKIT_OK)
		svmkit_read_end(json_member(answer, "end"), end);
	cJSON_Delete(answer);
	return status;
}

/* ---- Memory ---- */

static cJSON *memory_params(unsigned int vm, uint64_t gpa)
{
	cJSON *params = svmkit_vm_params(vm);
	char text[20];

	snprintf(text, sizeof(text), "0x%" PRIx64, gpa);
	cJSON_AddStringToObject(params, "gpa", text);
	return params;
}

static enum svmkit_status read_some(struct svmkit *svmkit, unsigned int vm, uint64_t gpa,
				    void *buffer, size_t bytes)
{
	cJSON *params = memory_params(vm, gpa), *answer;
	enum svmkit_status status;
	const char *data;
	uint8_t *raw;
	ssize_t n = -1;
	size_t bad;

	cJSON_AddNumberToObject(params, "bytes", (double)bytes);
	status = svmkit_rpc(svmkit, "memory.read", params, &answer);
	if (status != SVMKIT_OK)
		return status;
	data = json_text(answer, "data", "");
	raw = malloc(strlen(data) / 4 * 3 + 3);
	if (raw)
		n = json_b64_decode(raw, data, strlen(data), &bad);
	if (!raw)
		status = svmkit_say(svmkit, SVMKIT_MEMORY, "memory.read: out of memory");
	else if (n != (ssize_t)bytes)
		status = svmkit_say(svmkit, SVMKIT_LOST, "memory.read: the answer is not %zu bytes", bytes);
	else
		memcpy(buffer, raw, bytes);
	free(raw);
	cJSON_Delete(answer);
	return status;
}

static enum svmkit_status write_some(struct svmkit *svmkit, unsigned int vm, uint64_t gpa,
				     const void *data, size_t bytes)
{
	cJSON *params = memory_params(vm, gpa);

	if (!add_base64(params, "data", data, bytes)) {
		cJSON_Delete(params);
		return svmkit_say(svmkit, SVMKIT_MEMORY, "memory.write: out of memory");
	}
	return svmkit_rpc(svmkit, "memory.write", params, NULL);
}

enum svmkit_status svmkit_memory_read(struct svmkit *svmkit, unsigned int vm, uint64_t gpa,
				      void *buffer, size_t bytes)
{
	enum svmkit_status status = SVMKIT_OK;
	size_t done = 0, n;

	for (; done < bytes && status == SVMKIT_OK; done += n) {
		n = bytes - done < ACCESS_BYTES ? bytes - done : ACCESS_BYTES;
		status = read_some(svmkit, vm, gpa + done, (char *)buffer + done, n);
	}
	return status;
}

enum svmkit_status svmkit_memory_write(struct svmkit *svmkit, unsigned int vm, uint64_t gpa,
				       const void *data, size_t bytes)
{
	enum svmkit_status status = SVMKIT_OK;
	size_t done = 0, n;

	for (; done < bytes && status == SVMKIT_OK; done += n) {
		n = bytes - done < ACCESS_BYTES ? bytes - done : ACCESS_BYTES;
		status = write_some(svmkit, vm, gpa + done, (const char *)data + done, n);
	}
	return status;
}
