/* SPDX-License-Identifier: MIT */
/* What only confidential templates have, as named values: VMSA pages and the launch. */
#include <inttypes.h>
#include <string.h>
#include "facts.h"
#include "flags.h"
#include "launch.h"
#include "vmsa.h"

static const char *field_text(struct arena *arena, const uint8_t *page,
			      const struct vmsa_field_info *f)
{
	const uint64_t value = vmsa_get(page, f);
	const char *text = "";
	size_t count = f->bytes;
	char bits[256];

	if (f->bytes <= 8) {
		flags_text(f->name, value, bits, sizeof(bits));
		return arena_printf(arena, *bits ? "0x%" PRIx64 " [%s]" : "0x%" PRIx64, value,
				    bits);
	}
	while (count && !page[f->offset + count - 1])
		count--;
	if (!count)
		return "0";
	for (size_t i = 0; i < count; i++)
		text = arena_printf(arena, "%s%02x", text, page[f->offset + i]);
	return text;
}

void facts_vmsa(struct facts *facts, const uint8_t *page)
{
	uint8_t known[VMSA_PAGE_BYTES] = { 0 };

	for (size_t i = 0; i < vmsa_field_count; i++) {
		const struct vmsa_field_info *f = &vmsa_fields[i];

		memset(known + f->offset, 1, f->bytes);
		facts_add(facts, f->name, f->meaning, "%s", field_text(facts->arena, page, f));
	}
	for (unsigned int i = 0; i < VMSA_PAGE_BYTES; i++)
		if (!known[i] && page[i])
			facts_add(facts, arena_printf(facts->arena, "offset 0x%03x", i),
				  "a byte that belongs to no field", "0x%02x", page[i]);
}

static const char *hex(struct arena *arena, const uint8_t id[16])
{
	const char *text = "";

	for (size_t i = 0; i < 16; i++)
		text = arena_printf(arena, "%s%02x", text, id[i]);
	return text;
}

void facts_launch(struct facts *facts, const struct svmt_view *view)
{
	const struct svmt_launch *l = view->launch;
	char date[16];

	if (!l)
		return;
	launch_date(l->as_of, date);
	facts_add(facts, "kind", "", "%s", launch_kind_name(l->kind));
	facts_add(facts, "vmm", "", "%s", launch_vmm_name(l->vmm));
	facts_add(facts, "as of", "", "%s", l->as_of ? date : "no day");
	facts_add(facts, "policy", "", "0x%" PRIx64, (uint64_t)l->policy);
	facts_add(facts, "features", "", "0x%" PRIx64, (uint64_t)l->features);
	facts_add(facts, "vcpu signature", "", "0x%" PRIx32, l->vcpu_signature);
	if (l->flags & SVMT_LAUNCH_F_ID_BLOCK) {
		facts_add(facts, "guest svn", "", "%" PRIu32, l->guest_svn);
		facts_add(facts, "family id", "", "%s", hex(facts->arena, l->family_id));
		facts_add(facts, "image id", "", "%s", hex(facts->arena, l->image_id));
	}
	for (uint32_t i = 0; i < l->row_count; i++)
		facts_add(facts, arena_printf(facts->arena, "row %" PRIu32, i), "", "%s, 0x%" PRIx64
			  " bytes at 0x%" PRIx64, launch_type_name(view->launch_rows[i].type),
			  (uint64_t)view->launch_rows[i].bytes, (uint64_t)view->launch_rows[i].gpa);
}
