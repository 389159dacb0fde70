/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: any bytes as an IGVM file. Length and checksum are put right first. What is
 * imported must be a good template, and its export must be a file that is imported again.
 */
#include <stdlib.h>
#include <string.h>
#include "igvm_convert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void put_right(uint8_t *image, size_t bytes)
{
	struct igvm_fixed fixed;
	uint32_t least, crc;

	if (bytes < sizeof(fixed))
		return;
	memcpy(&fixed, image, sizeof(fixed));
	fixed.magic = IGVM_MAGIC;
	fixed.version = fixed.version == 2 ? 2 : 1;
	fixed.total_bytes = (uint32_t)bytes;
	least = fixed.version == 1 ? 24 : 32;
	fixed.checksum = 0;
	memcpy(image, &fixed, sizeof(fixed));
	if (fixed.headers_offset >= bytes || fixed.headers_bytes >= bytes - fixed.headers_offset ||
	    bytes < least)
		return;
	crc = igvm_crc32(0, image, least);
	fixed.checksum = igvm_crc32(crc, image + fixed.headers_offset, fixed.headers_bytes);
	memcpy(image, &fixed, sizeof(fixed));
}

static void go_around(const struct igvm_import *import, FILE *sink)
{
	struct igvm_import again;
	struct svmt_error error;
	struct svmt_view view;
	uint8_t *file;
	uint64_t bytes;

	if (svmt_view_open(&view, import->image.bytes, import->image.length, &error))
		abort();
	if (igvm_export(&view, &file, &bytes))
		return;		/* no memory */
	if (igvm_import("again", file, bytes, "t", IGVM_ANY_PLATFORM, &again, sink) == SVMC_OK)
		igvm_import_free(&again);
	else
		abort();
	free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	FILE *sink = fopen("/dev/null", "we");
	uint8_t *image = malloc(bytes ? bytes : 1);
	struct igvm_import import;

	if (image && sink) {
		memcpy(image, data, bytes);
		put_right(image, bytes);
		if (igvm_import("f", image, bytes, "t", IGVM_ANY_PLATFORM, &import, sink) ==
		    SVMC_OK) {
			go_around(&import, sink);
			igvm_import_free(&import);
		}
	}
	if (sink)
		fclose(sink);
	free(image);
	return 0;
}
