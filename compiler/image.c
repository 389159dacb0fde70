/* SPDX-License-Identifier: MIT */
/* What all images share: messages, and the way of segments and entry point into the guest. */
#include <inttypes.h>
#include <stdarg.h>
#include "image.h"
#include "memory.h"
#include "payload.h"

bool image_error(struct comp *c, const struct image *image, uint64_t offset, const char *format,
		 ...)
{
	char message[512];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	diag_error(&c->diag, image->where, "%s, offset 0x%" PRIx64 ": %s", image->name, offset,
		   message);
	return false;
}

/*
 * Nothing maps an image's virtual addresses at the start, so where linear addresses are physical
 * the entry point is taken along to where its segment goes.
 */
static uint64_t entry_address(const struct comp *c, const struct image *image)
{
	if (!memory_is_identity(c) || image->entry_is_physical)
		return image->entry;
	for (size_t i = 0; i < image->count; i++) {
		const struct image_segment *s = &image->segments[i];

		if (image->entry >= s->vaddr && image->entry - s->vaddr < s->bytes)
			return image->entry - s->vaddr + s->gpa;
	}
	return image->entry;
}

static bool set_entry(struct comp *c, const struct image *image)
{
	struct svmk_vmcb *vmcb = c->spec.vmcb;
	uint64_t entry = entry_address(c, image), base = vmcb_get_CS_BASE(vmcb);

	if (spec_sets_field(c, "rip"))
		return true;
	if (!memory_is_64bit_code(&c->spec)) {
		if (entry < base || entry > UINT32_MAX) {
			diag_error(&c->diag, image->where, "%s begins at 0x%" PRIx64 ", which code "
				   "outside 64-bit mode with CS at 0x%" PRIx64 " does not reach; "
				   "set rip or take another profile", image->name, entry, base);
			return false;
		}
		entry -= base;
	}
	vmcb_set_RIP(vmcb, entry);
	spec_set_range(c, &c->spec.field_range[vmcb_field_find("rip", true) - vmcb_fields],
		       image->where);
	return true;
}

bool image_place(struct comp *c, const struct image *image)
{
	uint64_t file_bytes = 0;
	bool good = true;

	for (size_t i = 0; i < image->count; i++) {
		const struct image_segment *s = &image->segments[i];

		/* Segments may share bytes of the file: a small file could fill a large memory. */
		file_bytes += s->file_bytes;
		if (file_bytes > PAYLOAD_MAX_BYTES)
			return image_error(c, image, s->offset, "the segments have more than %"
					   PRIu64 " bytes in the file together", PAYLOAD_MAX_BYTES);
		memory_add_padded(c, arena_printf(&c->arena, "segment %zu of %s", i, image->name),
				  s->gpa, image->data + s->offset, s->file_bytes, s->bytes,
				  image->where);
	}
	for (size_t i = 0; i < c->spec.set_count; i++) {
		spec_select_set(c, i);
		good = good && set_entry(c, image);
	}
	spec_select_set(c, 0);
	return good;
}

void image_set_register(struct comp *c, unsigned int gpr, uint64_t value)
{
	for (size_t i = 0; i < c->spec.set_count; i++)
		if (!(c->spec.sets[i].words_set & 1u << gpr))
			c->spec.sets[i].state->gpr[gpr] = value;
}

bool image_place_modules(struct comp *c, const struct image *image)
{
	const uint64_t limit = image->modules_end;
	struct spec_payload *payload = &c->spec.payload;

	for (size_t i = 0; i < payload->module_count; i++) {
		struct spec_module *m = &payload->modules[i];
		const char *what = arena_printf(&c->arena, "%s %s", payload->kind == PAYLOAD_LINUX ?
						"the initrd" : "the module", m->node->text);
		const uint8_t *data = payload_read_beside(c, m->node, PAYLOAD_MAX_BYTES, &m->bytes);

		if (!data)
			return false;
		if (!m->bytes) {
			diag_error(&c->diag, &m->node->range, "%s is empty; leave it out", what);
			return false;
		}
		if (!m->has_at && !memory_find_room(&c->spec, m->bytes, limit, &m->gpa)) {
			diag_error(&c->diag, &m->node->range, "%s (0x%" PRIx64 " bytes) finds no "
				   "room in RAM below 0x%" PRIx64 " beside %s; make a region of "
				   "`memory` larger", what, m->bytes, limit, image->name);
			return false;
		}
		if (m->gpa > limit || m->bytes > limit - m->gpa) {
			diag_error(&c->diag, &m->node->range, "%s (0x%" PRIx64 " bytes) at 0x%"
				   PRIx64 " ends above 0x%" PRIx64 ", the highest place that %s "
				   "takes; move it", what, m->bytes, m->gpa, limit, image->name);
			return false;
		}
		memory_add(c, what, m->gpa, data, m->bytes, &m->node->range);
	}
	return true;
}
