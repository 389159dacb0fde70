/* SPDX-License-Identifier: MIT */
/* The nearest profile: as many are built as there are, and compared field by field. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "comp.h"
#include "page_fit.h"
#include "profile.h"
#include "spec_read.h"
#include "vmsa.h"

unsigned int page_fit_differing(const uint8_t a[4096], const uint8_t b[4096])
{
	uint8_t known[VMSA_PAGE_BYTES] = { 0 };
	unsigned int count = 0;

	for (size_t i = 0; i < vmsa_field_count; i++) {
		const struct vmsa_field_info *f = &vmsa_fields[i];

		memset(known + f->offset, 1, f->bytes);
		count += memcmp(a + f->offset, b + f->offset, f->bytes) != 0;
	}
	for (size_t i = 0; i < VMSA_PAGE_BYTES; i++)
		if (!known[i] && a[i] != b[i])
			return count + 1;
	return count;
}

static void offer(struct comp *c, const char *name, bool is_first, const uint8_t page[4096],
		  struct page_fit *out)
{
	uint8_t built[VMSA_PAGE_BYTES];
	unsigned int differing;

	launch_page(c, &c->spec.sets[c->spec.set_count - 1], built);
	differing = page_fit_differing(page, built);
	if (differing >= out->differing)
		return;
	out->differing = differing;
	out->is_first = is_first;
	snprintf(out->profile, sizeof(out->profile), "%s", name);
}

/* What the page says itself of where it begins and on which processor. */
static void begin(struct comp *c, uint32_t kind, const uint8_t page[4096])
{
	struct spec_launch *launch = &c->spec.launch;
	const uint64_t rip = vmsa_get(page, vmsa_field_find("rip"));

	memset(&c->spec, 0, sizeof(c->spec));
	launch->head.kind = kind;
	launch->head.vcpu_signature = (uint32_t)vmsa_get(page, vmsa_field_find("rdx"));
	launch->ap_start = (uint32_t)(vmsa_get(page, vmsa_field_find("cs.base")) + rip);
}

static void try_launch(struct comp *c, uint32_t kind, const uint8_t page[4096],
		       const struct launch_profile *profile, struct page_fit *out)
{
	for (int is_first = 1; is_first >= 0; is_first--) {
		begin(c, kind, page);
		c->spec.launch.profile = profile;
		c->spec.launch.head.features = launch_default_features(&c->spec.launch);
		spec_add_set(c, 0, 0, NULL);
		launch_profile_apply(c, is_first);
		offer(c, profile->name, is_first, page, out);
	}
}

static void try_plain(struct comp *c, uint32_t kind, const uint8_t page[4096],
		      const struct profile *profile, struct page_fit *out)
{
	begin(c, kind, page);
	c->spec.launch.head.features = launch_default_features(&c->spec.launch);
	c->spec.profile = profile;
	spec_add_set(c, 0, 0, NULL);
	profile_apply(c);
	offer(c, profile->name, true, page, out);
}

int page_fit_find(uint32_t kind, const uint8_t page[4096], struct page_fit *out)
{
	struct comp *c = calloc(1, sizeof(*c));
	struct launch_profile profile;
	volatile int result = -1;

	*out = (struct page_fit){ .differing = UINT32_MAX };
	if (c && !setjmp(c->arena.out_of_memory)) {
		for (size_t i = 0; launch_profile_at(i, &profile); i++)
			try_launch(c, kind, page, &profile, out);
		for (size_t i = 0; profiles[i]; i++)
			try_plain(c, kind, page, profiles[i], out);
		result = 0;
	}
	if (c)
		arena_free(&c->arena);
	free(c);
	return result;
}
