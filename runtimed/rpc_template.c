/* SPDX-License-Identifier: MIT */
/* template.*: load from base64, a file or a descriptor; list, unload. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "allowed_file.h"
#include "json_b64.h"
#include "limits.h"
#include "rpc_handlers.h"
#include "template.h"
#include "template_file.h"

/* args of template.load, as in the table */
enum { ARG_DATA, ARG_PATH, ARG_DESCRIPTOR };

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
	const char *text = request->args[ARG_DATA].text;
	size_t length = strlen(text), bad;
	void *image = template_image_memory(length / 4 * 3);
	ssize_t got;

	if (!image) {
		rpc_fail(request, RPC_INTERNAL, "no memory for a template of %zu bytes",
			 length / 4 * 3);
		return NULL;
	}
	got = json_b64_decode(image, text, length, &bad);
	if (got < 0) {
		template_image_free(image);
		rpc_fail_param(request, "data", "template.load: parameter data is not base64: %s "
			       "at character %zu",
			       bad == length ? "the length is no multiple of 4" :
			       "a character that does not fit", bad);
		return NULL;
	}
	*bytes = (size_t)got;
	return image;
}

/* Reads `fd`, which it closes; NULL: the request is answered, the error is about `param`. */
static void *read_image(struct rpc_request *request, int fd, const char *param, size_t *bytes)
{
	char text[TEMPLATE_FILE_ERROR_BYTES];
	void *image = template_file_read(fd, rpc_daemon(request)->config->limits.template_bytes,
					 bytes, text);

	close(fd);
	if (!image)
		rpc_fail_param(request, param, "template.load: %s", text);
	return image;
}

static void *open_image(struct rpc_request *request, size_t *bytes)
{
	char text[ALLOWED_FILE_ERROR_BYTES];
	int fd = allowed_file_open(&rpc_daemon(request)->config->template_directories, "templates",
				   request->args[ARG_PATH].text, O_RDONLY, text);

	if (fd >= 0)
		return read_image(request, fd, "path", bytes);
	rpc_fail_param(request, "path", "template.load: %s", text);
	return NULL;
}

static void *received_image(struct rpc_request *request, size_t *bytes)
{
	const int fd = client_take_descriptor(request->client);

	if (fd >= 0)
		return read_image(request, fd, "descriptor", bytes);
	rpc_fail_param(request, "descriptor", "template.load: this client sent no descriptor that is "
		       "not used yet; send one with the request (SCM_RIGHTS)");
	return NULL;
}

/* NULL: the request is answered. */
static void *get_image(struct rpc_request *request, size_t *bytes)
{
	const struct rpc_arg *args = request->args;

	if (args[ARG_DATA].given + args[ARG_PATH].given + args[ARG_DESCRIPTOR].given != 1) {
		rpc_fail_param(request, "data", "template.load: exactly one of the parameters data, "
			       "path and descriptor must be given");
		return NULL;
	}
	if (args[ARG_DATA].given)
		return decode_image(request, bytes);
	return args[ARG_PATH].given ? open_image(request, bytes) : received_image(request, bytes);
}

/* After the load, since one that is loaded already needs no more room. False: it was answered. */
static bool keep_within_limits(struct rpc_request *request, struct template *template)
{
	const struct daemon *daemon = template->daemon;
	const struct config_limits *limits = &daemon->config->limits;
	bool too_many = daemon->template_count > limits->templates;

	if (!too_many && daemon->template_bytes <= limits->template_bytes)
		return true;
	template_unload(template);
	if (too_many)
		rpc_fail_limit(request, "templates", limits->templates,
			       "%llu templates are loaded; unload one",
			       (unsigned long long)limits->templates);
	else
		rpc_fail_limit(request, "template_bytes", limits->template_bytes,
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
	void *image = get_image(request, &bytes);

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
