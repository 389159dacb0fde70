/* SPDX-License-Identifier: MIT */
/* template.*: load from base64, list, unload. */
#include <stdlib.h>
#include <string.h>
#include "json_b64.h"
#include "limits.h"
#include "rpc_handlers.h"
#include "template.h"

static void add_template(cJSON *json, const struct template *template)
{
	cJSON_AddStringToObject(json, "template", template->identity);
	cJSON_AddStringToObject(json, "name", template->name);
	cJSON_AddNumberToObject(json, "vcpus", template->view.vcpu_count);
	cJSON_AddNumberToObject(json, "memory_bytes", (double)template->memory_bytes);
}

/* Decodes args[0] into page-aligned memory; NULL: the request is answered. */
static void *decode_image(struct rpc_request *request, size_t *bytes)
{
	const char *text = request->args[0].text;
	size_t length = strlen(text), bad;
	void *image = aligned_alloc(SVMT_PAGE_BYTES, (length / 4 * 3 + SVMT_PAGE_BYTES) /
				    SVMT_PAGE_BYTES * SVMT_PAGE_BYTES);
	ssize_t got;

	if (!image) {
		rpc_fail(request, RPC_INTERNAL, "no memory for a template of %zu bytes",
			 length / 4 * 3);
		return NULL;
	}
	got = json_b64_decode(image, text, length, &bad);
	if (got < 0) {
		free(image);
		rpc_fail_param(request, "data", "template.load: parameter data is not base64: %s "
			       "at character %zu",
			       bad == length ? "the length is no multiple of 4" :
			       "a character that does not fit", bad);
		return NULL;
	}
	*bytes = (size_t)got;
	return image;
}

/* After the load, since one that is loaded already needs no more room. False: it was answered. */
static bool keep_within_limits(struct rpc_request *request, struct template *template)
{
	const struct daemon *daemon = template->daemon;
	bool too_many = daemon->template_count > LIMIT_TEMPLATES;

	if (!too_many && daemon->template_bytes <= LIMIT_TEMPLATE_BYTES)
		return true;
	template_unload(template);
	if (too_many)
		rpc_fail_limit(request, "templates", LIMIT_TEMPLATES,
			       "%u templates are loaded; unload one", LIMIT_TEMPLATES);
	else
		rpc_fail_limit(request, "template_bytes", LIMIT_TEMPLATE_BYTES,
			       "the loaded templates hold %llu bytes; unload one",
			       (unsigned long long)daemon->template_bytes);
	return false;
}

void rpc_template_load(struct rpc_request *request)
{
	struct daemon *daemon = rpc_daemon(request);
	struct svmt_error error = { 0 };
	struct template *template;
	size_t bytes;
	cJSON *result;
	void *image = decode_image(request, &bytes);

	if (!image)
		return;
	template = template_load(daemon, image, bytes, &error);
	if (!template) {
		rpc_fail_template(request, error.offset, error.text);
		return;
	}
	if (!keep_within_limits(request, template))
		return;
	result = cJSON_CreateObject();
	add_template(result, template);
	rpc_reply(request, result);
}

void rpc_template_list(struct rpc_request *request)
{
	cJSON *result = cJSON_CreateObject();
	cJSON *array = cJSON_AddArrayToObject(result, "templates");

	list_each(link, &rpc_daemon(request)->templates) {
		const struct template *template = list_object(link, struct template, link);
		cJSON *json = cJSON_CreateObject();

		add_template(json, template);
		cJSON_AddNumberToObject(json, "vms", template->vms);
		cJSON_AddItemToArray(array, json);
	}
	rpc_reply(request, result);
}

void rpc_template_unload(struct rpc_request *request)
{
	struct template *template = template_find(rpc_daemon(request), request->args[0].text);

	if (!template) {
		rpc_fail(request, RPC_NO_OBJECT, "no template %s is loaded; template.list has them",
			 request->args[0].text);
		return;
	}
	if (template->vms) {
		rpc_fail(request, RPC_WRONG_STATE, "%u VMs use the template; destroy them first",
			 template->vms);
		return;
	}
	template_unload(template);
	rpc_reply(request, cJSON_CreateObject());
}
