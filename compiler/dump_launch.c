/* SPDX-License-Identifier: MIT */
/* Both forms of svmc dump for what only confidential templates have: VMSA pages and the launch. */
#include <inttypes.h>
#include <string.h>
#include "dump.h"
#include "flags.h"
#include "launch.h"
#include "vmsa.h"

const uint8_t *dump_vmsa(const struct svmt_view *view, uint32_t vcpu)
{
	return view->vmsas ? svmt_blob_page(view, view->vmsas[vcpu].page) : NULL;
}

/* Bytes of a wide field without the zeroes at the end; false when all are zero. */
static bool wide_text(const uint8_t *page, const struct vmsa_field_info *f, char text[513])
{
	size_t count = f->bytes;

	while (count && !page[f->offset + count - 1])
		count--;
	for (size_t i = 0; i < count; i++)
		snprintf(text + 2 * i, 3, "%02x", page[f->offset + i]);
	return count;
}

void dump_vmsa_text(FILE *out, const uint8_t *page)
{
	for (size_t i = 0; i < vmsa_field_count; i++) {
		const struct vmsa_field_info *f = &vmsa_fields[i];
		const uint64_t value = vmsa_get(page, f);
		char bits[256], wide[2 * 512 + 1];

		if (f->bytes > 8) {
			if (wide_text(page, f, wide))
				fprintf(out, "    %-22s %s\n", f->name, wide);
			continue;
		}
		if (!value)
			continue;
		flags_text(f->name, value, bits, sizeof(bits));
		fprintf(out, "    %-22s 0x%" PRIx64 "%s%s\n", f->name, value, *bits ? "  " : "",
			bits);
	}
}

static void print_hex(FILE *out, const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%02x", bytes[i]);
}

void dump_launch_text(FILE *out, const struct svmt_view *view)
{
	const struct svmt_launch *l = view->launch;
	char date[16];

	if (!l)
		return;
	launch_date(l->as_of, date);
	fprintf(out, "launch: %s, vmm %s, as of %s, policy 0x%" PRIx64 ", features 0x%" PRIx64
		", vcpu signature 0x%" PRIx32 "\n", launch_kind_name(l->kind),
		launch_vmm_name(l->vmm), l->as_of ? date : "no day", (uint64_t)l->policy,
		(uint64_t)l->features, l->vcpu_signature);
	if (l->flags & SVMT_LAUNCH_F_ID_BLOCK) {
		fprintf(out, "id block: guest svn %" PRIu32 ", family ", l->guest_svn);
		print_hex(out, l->family_id, sizeof(l->family_id));
		fprintf(out, ", image ");
		print_hex(out, l->image_id, sizeof(l->image_id));
		fprintf(out, "\n");
	}
	for (uint32_t i = 0; i < l->row_count; i++) {
		const struct svmt_launch_row *r = &view->launch_rows[i];

		fprintf(out, "measured: 0x%" PRIx64 "-0x%" PRIx64 " %s\n", (uint64_t)r->gpa,
			(uint64_t)(r->gpa + r->bytes - 1), launch_type_name(r->type));
	}
}

static void add_hex(cJSON *object, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	cJSON_AddStringToObject(object, name, text);
}

void dump_vmsa_json(cJSON *object, const uint8_t *page)
{
	for (size_t i = 0; i < vmsa_field_count; i++) {
		const struct vmsa_field_info *f = &vmsa_fields[i];
		char wide[2 * 512 + 1];

		if (f->bytes > 8 && wide_text(page, f, wide))
			cJSON_AddStringToObject(object, f->name, wide);
		else if (f->bytes <= 8 && vmsa_get(page, f))
			add_hex(object, f->name, vmsa_get(page, f));
	}
}

static void add_id(cJSON *object, const char *name, const uint8_t id[16])
{
	char text[33];

	for (size_t i = 0; i < 16; i++)
		snprintf(text + 2 * i, 3, "%02x", id[i]);
	cJSON_AddStringToObject(object, name, text);
}

void dump_launch_json(cJSON *root, const struct svmt_view *view)
{
	const struct svmt_launch *l = view->launch;
	cJSON *launch, *rows, *id;
	char date[16];

	if (!l)
		return;
	launch = cJSON_AddObjectToObject(root, "launch");
	cJSON_AddStringToObject(launch, "kind", launch_kind_name(l->kind));
	cJSON_AddStringToObject(launch, "vmm", launch_vmm_name(l->vmm));
	launch_date(l->as_of, date);
	if (l->as_of)
		cJSON_AddStringToObject(launch, "as_of", date);
	add_hex(launch, "policy", l->policy);
	add_hex(launch, "features", l->features);
	add_hex(launch, "vcpu_signature", l->vcpu_signature);
	if (l->flags & SVMT_LAUNCH_F_ID_BLOCK) {
		id = cJSON_AddObjectToObject(launch, "id_block");
		cJSON_AddNumberToObject(id, "guest_svn", l->guest_svn);
		add_id(id, "family_id", l->family_id);
		add_id(id, "image_id", l->image_id);
	}
	rows = cJSON_AddArrayToObject(launch, "measured");
	for (uint32_t i = 0; i < l->row_count; i++) {
		cJSON *row = cJSON_CreateObject();

		cJSON_AddItemToArray(rows, row);
		add_hex(row, "gpa", view->launch_rows[i].gpa);
		add_hex(row, "bytes", view->launch_rows[i].bytes);
		cJSON_AddStringToObject(row, "type", launch_type_name(view->launch_rows[i].type));
	}
}
