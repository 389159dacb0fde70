/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: any bytes as an OVMF image. Its length is made whole pages and the footer's
 * GUID put into its place, or the fuzzer would never get to the table; what is accepted must be
 * sane.
 */
#include <stdlib.h>
#include <string.h>
#include "firmware.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void check(const struct firmware *f)
{
	for (unsigned int i = 0; i < f->section_count; i++) {
		const struct firmware_section *s = &f->sections[i];

		if (!s->bytes || s->gpa % 4096 || s->bytes % 4096 ||
		    (uint64_t)s->gpa + s->bytes > f->gpa || !firmware_section_name(s->type) ||
		    s->offset >= f->bytes)
			abort();
	}
	if (f->gpa + f->bytes != FIRMWARE_END || (f->section_count && !f->has_metadata))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	const size_t whole = (bytes + 4095) / 4096 * 4096;
	uint8_t *image = malloc(whole ? whole : 1);
	struct firmware_error error = { .offset = ~0ULL };
	struct firmware firmware;

	if (!image)
		return 0;
	/* What the input lacks is in front: the interesting part is at an image's end. */
	memset(image, 0, whole);
	memcpy(image + (whole - bytes), data, bytes);
	if (whole)
		firmware_guid(image + whole - 48, "96b582de-1fb2-45f7-baea-a366c55a082d");
	if (!firmware_read(&firmware, image, whole, &error))
		check(&firmware);
	else if (error.offset > whole)
		abort();	/* a place outside the file helps nobody */
	free(image);
	return 0;
}
