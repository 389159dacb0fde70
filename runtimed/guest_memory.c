/* SPDX-License-Identifier: MIT */
/*
 * The regions of the template say what is there; the engine copies, since the pages are the guest's
 * own and not the template's once they were written to.
 */
#include "guest_memory.h"
#include "limits.h"
#include "vm.h"

static const struct svmt_region *region_of(const struct vm *vm, uint64_t gpa)
{
	const struct svmt_view *view = &vm->template->view;
	uint32_t low = 0, high = view->region_count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const struct svmt_region *region = &view->regions[middle];

		if (gpa < region->gpa)
			high = middle;
		else if (gpa - region->gpa >= region->bytes)
			low = middle + 1;
		else
			return region;
	}
	return NULL;
}

bool guest_has(const struct vm *vm, uint64_t gpa, uint64_t bytes, bool write)
{
	while (bytes) {
		const struct svmt_region *region = region_of(vm, gpa);
		uint64_t left;

		if (!region || (write && region->kind != SVMT_RAM))
			return false;
		left = region->bytes - (gpa - region->gpa);
		if (bytes <= left)
			return true;
		gpa += left;
		bytes -= left;
	}
	return true;
}

static bool copy(const struct vm *vm, uint64_t gpa, void *buffer, uint64_t bytes, uint32_t flags)
{
	const struct engine *engine = vm->daemon->engine;
	struct engine_error error;

	if (!guest_has(vm, gpa, bytes, flags & SVMRT_ACCESS_WRITE))
		return false;
	for (uint64_t at = 0, part; at < bytes; at += part) {
		struct svmrt_access access = { .flags = flags, .gpa = gpa + at,
					       .buffer = (uintptr_t)buffer + at };

		part = bytes - at < LIMIT_ACCESS_BYTES ? bytes - at : LIMIT_ACCESS_BYTES;
		access.bytes = part;
		if (engine->access(vm->fd, &access, &error))
			return false;
	}
	return true;
}

bool guest_read(const struct vm *vm, uint64_t gpa, void *buffer, uint64_t bytes)
{
	return copy(vm, gpa, buffer, bytes, 0);
}

bool guest_write(const struct vm *vm, uint64_t gpa, const void *buffer, uint64_t bytes)
{
	return copy(vm, gpa, (void *)(uintptr_t)buffer, bytes, SVMRT_ACCESS_WRITE);
}
