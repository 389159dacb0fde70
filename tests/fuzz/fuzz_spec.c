/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: any bytes as a spec. Nothing but the bytes is read and no program runs; what
 * compiles must be a template that the reader takes.
 */
#include <stdlib.h>
#include "svmc.h"
#include "svmt_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const struct svmc_options options = { .sealed = true };
	static FILE *diag;
	struct svmc_image image;
	struct svmt_error error;
	struct svmt_view view;

	if (!diag)
		diag = fopen("/dev/null", "we");
	if (!diag)
		abort();
	if (svmc_compile_text("fuzz", (const char *)data, bytes, &options, &image, diag) ==
	    SVMC_OK && svmt_view_open(&view, image.bytes, image.length, &error))
		abort();
	svmc_image_free(&image);
	return 0;
}
