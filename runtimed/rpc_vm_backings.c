/* SPDX-License-Identifier: MIT */
/* The parameters `drives` and `links` of vm.create: names of the template, and what they stand for. */
#include <fcntl.h>
#include <string.h>
#include "allowed_file.h"
#include "config.h"
#include "drive.h"
#include "link.h"
#include "rpc_handlers.h"
#include "template.h"

_Static_assert((int)VM_BACKING_ERROR_BYTES >= (int)ALLOWED_FILE_ERROR_BYTES, "one text for both");

/* Into backing->fd. False: `text` says why not. */
static bool open_one(struct rpc_request *request, struct vm_backing *backing, const cJSON *row,
		     char text[VM_BACKING_ERROR_BYTES])
{
	const struct config *config = rpc_daemon(request)->config;
	const char *path = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "path"));
	const char *tap = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "tap"));

	if (tap)
		return link_open(config, tap, backing, text);
	if (path) {
		backing->fd = allowed_file_open(&config->drive_directories, "drives", path,
						backing->read_only ? O_RDONLY : O_RDWR, text);
		return backing->fd >= 0;
	}
	backing->fd = client_take_descriptor(request->client);
	if (backing->fd < 0)
		snprintf(text, VM_BACKING_ERROR_BYTES, "%s `%s`: this client sent no descriptor that is "
			 "not used yet; send one with the request (SCM_RIGHTS)",
			 vm_backing_word(backing->type), backing->name);
	else if (backing->type == SVMT_DEV_VIRTIO_NET)
		return link_take(backing, text);
	return backing->fd >= 0;
}

static bool take_one(struct rpc_request *request, const struct template *template, uint32_t type,
		     const cJSON *row, struct vm_backings *backings,
		     char text[VM_BACKING_ERROR_BYTES])
{
	const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "name"));
	const struct svmt_device *device = vm_backing_device(&template->view, type, name, text);
	struct vm_backing *backing = device ? vm_backings_add(backings, type, name, text) : NULL;

	if (!backing)
		return false;
	backing->read_only = device->flags & SVMT_DEV_F_READ_ONLY;
	return open_one(request, backing, row, text) &&
		(type != SVMT_DEV_VIRTIO_BLK ||
		 drive_take(rpc_daemon(request), backings, backing, text));
}

static const char *param_of(uint32_t type)
{
	return type == SVMT_DEV_VIRTIO_BLK ? "drives" : "links";
}

static bool take_all(struct rpc_request *request, const struct template *template, uint32_t type,
		     const cJSON *rows, struct vm_backings *backings)
{
	char text[VM_BACKING_ERROR_BYTES];
	const cJSON *row;

	cJSON_ArrayForEach(row, rows) {
		if (take_one(request, template, type, row, backings, text))
			continue;
		rpc_fail_param(request, param_of(type), "vm.create: %s", text);
		return false;
	}
	return true;
}

bool rpc_take_backings(struct rpc_request *request, const struct template *template,
		       const cJSON *drives, const cJSON *links, struct vm_backings *backings)
{
	char text[VM_BACKING_ERROR_BYTES];
	uint32_t type;

	backings->count = 0;
	if (take_all(request, template, SVMT_DEV_VIRTIO_BLK, drives, backings) &&
	    take_all(request, template, SVMT_DEV_VIRTIO_NET, links, backings)) {
		if (vm_backings_suffice(backings, &template->view, &type, text))
			return true;
		rpc_fail_param(request, param_of(type), "vm.create: %s", text);
	}
	vm_backings_close(backings);
	return false;
}
