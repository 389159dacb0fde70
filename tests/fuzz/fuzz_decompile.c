/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: any bytes as a template, whose length, checksum and digest are put right first.
 * What the reader takes is decompiled; what then compiles is decompiled again, and both must agree:
 * a spec that svmc itself has written gives the template that it is the spec of.
 */
#include <stdlib.h>
#include <string.h>
#include "decompile.h"
#include "svmc.h"
#include "svmt_digest.h"
#include "svmt_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#define MAX_TEXT ((size_t)16 << 20)	/* of a spec */

static FILE *sink;

/* The spec of a template as text of malloc(), or NULL when the language has no words for it. */
static char *text_of(const struct svmt_view *view, size_t *bytes)
{
	char error[256], *text = decompile(view, bytes, error);

	if (text && *bytes > MAX_TEXT) {
		free(text);
		return NULL;
	}
	return text;
}

/* Compile text of decompile(); false when svmc refuses it, which an odd template may well get. */
static bool compile(const char *text, size_t bytes, struct svmc_image *image)
{
	static const struct svmc_options options = { .sealed = true };

	return svmc_compile_text("fuzz", text, bytes, &options, image, sink) == SVMC_OK;
}

static void round_trip(const struct svmt_view *view)
{
	struct svmc_image first, second;
	struct svmt_error error;
	struct svmt_view again;
	size_t bytes = 0;
	char *text = text_of(view, &bytes);

	if (!text)
		return;
	if (!compile(text, bytes, &first)) {
		free(text);
		return;
	}
	free(text);
	/* This template is svmc's own, so nothing of it may be lost or refused. */
	if (svmt_view_open(&again, first.bytes, first.length, &error))
		abort();
	text = text_of(&again, &bytes);
	if (!text || !compile(text, bytes, &second))
		abort();
	if (first.length != second.length || memcmp(first.bytes, second.bytes, first.length))
		abort();
	free(text);
	svmc_image_free(&first);
	svmc_image_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	const size_t whole = (bytes + SVMT_PAGE_BYTES - 1) / SVMT_PAGE_BYTES * SVMT_PAGE_BYTES;
	uint8_t *image;
	struct svmt_header *header;
	struct svmt_error error;
	struct svmt_view view;

	if (!sink)
		sink = fopen("/dev/null", "we");
	if (!sink)
		abort();
	if (!whole)
		return 0;
	image = aligned_alloc(SVMT_PAGE_BYTES, whole);
	if (!image)
		return 0;
	memset(image, 0, whole);
	memcpy(image, data, bytes);
	header = (struct svmt_header *)image;
	header->total_bytes = whole;
	svmt_image_sha256(image, whole, header->sha256);
	header->crc32c = svmt_image_crc32c(image, whole);
	if (!svmt_view_open(&view, image, whole, &error))
		round_trip(&view);
	free(image);
	return 0;
}
