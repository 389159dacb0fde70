/* SPDX-License-Identifier: MIT */
/*
 * `confidential:` of a decompiled template. Firmware and hashes are contents of memory by now, so
 * that the key `launch` says what is measured, instead of files that the template does not name.
 */
#include <inttypes.h>
#include <string.h>
#include "decompile.h"
#include "flags.h"
#include "profile.h"
#include "spec_read.h"
#include "vmsa.h"

static void begin(struct comp *c, const struct svmt_launch *head, const char *profile)
{
	struct spec_launch *launch = &c->spec.launch;

	launch->head = *head;
	launch->profile = profile ? launch_profile_find(c, profile) : NULL;
	if (launch->profile)
		c->spec.profile = launch_profile_shell(c);
}

void decompile_begin_launch(struct decompile *d, const char *profile)
{
	begin(d->c, d->view->launch, profile);
	begin(d->base, d->view->launch, profile);
}

void decompile_base_launch(struct decompile *d)
{
	struct spec *spec = &d->base->spec;
	uint8_t first[VMSA_PAGE_BYTES], others[VMSA_PAGE_BYTES];

	/* As if the spec had two vCPUs that set nothing. */
	spec->sets[0].last = 1;
	launch_split_sets(d->base);
	if (spec->set_count == 1) {
		spec_add_set(d->base, 1, 1, &spec->sets[0]);
		spec->sets[0].last = 0;
	}
	launch_page(d->base, &spec->sets[0], first);
	launch_page(d->base, &spec->sets[1], others);
	d->split_first = memcmp(first, others, sizeof(first)) != 0;
	spec_select_set(d->base, 0);
}

static void print_hex(FILE *out, const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%02x", bytes[i]);
}

static void print_rows(struct decompile *d)
{
	const struct svmt_launch *l = d->view->launch;

	fprintf(d->out, l->row_count ? "  launch:\n" : "  launch: []\n");
	for (uint32_t i = 0; i < l->row_count; i++) {
		const struct svmt_launch_row *r = &d->view->launch_rows[i];

		fprintf(d->out, "    - { at: 0x%" PRIx64 ", size: ", (uint64_t)r->gpa);
		decompile_size(d->out, r->bytes);
		fprintf(d->out, ", type: %s }\n", launch_type_name(r->type));
	}
}

void decompile_launch(struct decompile *d)
{
	const struct svmt_launch *l = d->view->launch;
	char date[16];

	launch_date(l->as_of, date);
	fprintf(d->out, "confidential:\n  kind: %s\n  vmm: %s\n", launch_kind_name(l->kind),
		launch_vmm_name(l->vmm));
	if (l->as_of)
		fprintf(d->out, "  as_of: %s\n", date);
	fprintf(d->out, "  policy: 0x%" PRIx64 "\n  features: 0x%" PRIx64 "\n",
		(uint64_t)l->policy, (uint64_t)l->features);
	if (l->vmm == SVMT_VMM_QEMU || l->vcpu_signature)
		fprintf(d->out, "  vcpu_signature: 0x%" PRIx32 "\n", l->vcpu_signature);
	if (l->flags & SVMT_LAUNCH_F_ID_BLOCK) {
		fprintf(d->out, "  id_block: { guest_svn: %" PRIu32 ", family_id: \"",
			l->guest_svn);
		print_hex(d->out, l->family_id, sizeof(l->family_id));
		fprintf(d->out, "\", image_id: \"");
		print_hex(d->out, l->image_id, sizeof(l->image_id));
		fprintf(d->out, "\" }\n");
	}
	print_rows(d);
}

void decompile_vmsa(struct decompile *d, unsigned int depth)
{
	const struct spec *spec = &d->c->spec, *base = &d->base->spec;

	for (size_t i = 0; i < vmsa_field_count; i++) {
		const struct vmsa_field_info *f = &vmsa_fields[i];
		size_t count = f->bytes;

		if (f->reserved || vmsa_shared(f) ||
		    !memcmp(spec->vmsa + f->offset, base->vmsa + f->offset, f->bytes))
			continue;
		fprintf(d->out, "%*s%s: ", (int)depth, "", f->name);
		if (f->bytes <= 8) {
			fprintf(d->out, "0x%" PRIx64 "\n", vmsa_get(spec->vmsa, f));
			continue;
		}
		while (count > 1 && !spec->vmsa[f->offset + count - 1])
			count--;
		fputc('"', d->out);
		print_hex(d->out, spec->vmsa + f->offset, count);
		fputs("\"\n", d->out);
	}
	if (*spec->vmsa_gpa != *base->vmsa_gpa)
		fprintf(d->out, "%*svmsa_gpa: 0x%" PRIx64 "\n", (int)depth, "",
			(uint64_t)*spec->vmsa_gpa);
}
