/* SPDX-License-Identifier: MIT */
/* Names of a template and what they stand for. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "suggest.h"
#include "svmt_device.h"
#include "vm_backing.h"

const char *vm_backing_word(uint32_t type)
{
	return type == SVMT_DEV_VIRTIO_BLK ? "drive" : "link";
}

static const struct svmt_device *find_device(const struct svmt_view *view, uint32_t type,
					     const char *name)
{
	for (uint32_t i = 0; i < view->device_count; i++)
		if (view->devices[i].type == type &&
		    !strcmp(svmt_device_name(view, &view->devices[i]), name))
			return &view->devices[i];
	return NULL;
}

const struct svmt_device *vm_backing_device(const struct svmt_view *view, uint32_t type,
					    const char *name, char text[VM_BACKING_ERROR_BYTES])
{
	const struct svmt_device *device = find_device(view, type, name);
	struct suggest suggest;

	if (device)
		return device;
	suggest_begin(&suggest, name);
	for (uint32_t i = 0; i < view->device_count; i++)
		if (view->devices[i].type == type)
			suggest_offer(&suggest, svmt_device_name(view, &view->devices[i]));
	snprintf(text, VM_BACKING_ERROR_BYTES, "the template has no %s `%.64s`%s%s%s",
		 vm_backing_word(type), name, suggest.best ? "; did you mean `" : "",
		 suggest.best ? suggest.best : "", suggest.best ? "`?" : "");
	return NULL;
}

static struct vm_backing *find(struct vm_backings *backings, uint32_t type, const char *name)
{
	for (unsigned int i = 0; i < backings->count; i++)
		if (backings->items[i].type == type && !strcmp(backings->items[i].name, name))
			return &backings->items[i];
	return NULL;
}

struct vm_backing *vm_backings_add(struct vm_backings *backings, uint32_t type, const char *name,
				   char text[VM_BACKING_ERROR_BYTES])
{
	struct vm_backing *backing = &backings->items[backings->count];

	if (find(backings, type, name)) {
		snprintf(text, VM_BACKING_ERROR_BYTES, "the %s `%.64s` is given twice",
			 vm_backing_word(type), name);
		return NULL;
	}
	*backing = (struct vm_backing){ .type = type, .fd = -1 };
	snprintf(backing->name, sizeof(backing->name), "%s", name);
	backings->count++;
	return backing;
}

bool vm_backings_suffice(const struct vm_backings *backings, const struct svmt_view *view,
			 uint32_t *type, char text[VM_BACKING_ERROR_BYTES])
{
	for (uint32_t i = 0; i < view->device_count; i++) {
		const struct svmt_device *device = &view->devices[i];
		const char *name = svmt_device_name(view, device);

		if (!svmt_has_name(device->type) ||
		    find((struct vm_backings *)(uintptr_t)backings, device->type, name))
			continue;
		*type = device->type;
		snprintf(text, VM_BACKING_ERROR_BYTES, "the template has a %s `%s`: say what it is "
			 "(in svmctl, --%s %s=%s)", vm_backing_word(*type), name,
			 vm_backing_word(*type), name,
			 *type == SVMT_DEV_VIRTIO_BLK ? "FILE" : "TAP");
		return false;
	}
	return true;
}

struct vm_backing *vm_backing_of(struct vm_backings *backings, const struct svmt_view *view,
				 const struct svmt_device *device)
{
	return find(backings, device->type, svmt_device_name(view, device));
}

void vm_backings_close(struct vm_backings *backings)
{
	for (unsigned int i = 0; i < backings->count; i++) {
		if (backings->items[i].fd >= 0)
			close(backings->items[i].fd);
		backings->items[i].fd = -1;
	}
}
