/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer target: any bytes as a template. Length, checksum and digest are put right first, or
 * the fuzzer would never get behind them; then everything that an accepted template points at is read.
 */
#include <stdlib.h>
#include <string.h>
#include "svmt_digest.h"
#include "svmt_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static volatile uint8_t sink;

static void touch(const void *data, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i++)
		sink = (uint8_t)(sink ^ ((const uint8_t *)data)[i]);
}

static void touch_pages(const struct svmt_view *view)
{
	for (uint32_t i = 0; i < view->vcpu_count; i++) {
		touch(svmt_blob_page(view, view->vcpus[i].vmcb_page), SVMT_PAGE_BYTES);
		touch(svmt_blob_page(view, view->vcpus[i].state_page), SVMT_PAGE_BYTES);
		if (view->vmsas)
			touch(svmt_blob_page(view, view->vmsas[i].page), SVMT_PAGE_BYTES);
	}
	for (uint32_t i = 0; i < view->run_count; i++)
		touch(svmt_blob_page(view, view->runs[i].blob_page),
		      (uint64_t)view->runs[i].pages * SVMT_PAGE_BYTES);
}

static void touch_tables(const struct svmt_view *view)
{
	touch(view->meta, view->meta_bytes);
	touch(view->features, sizeof(*view->features));
	touch(view->regions, view->region_count * sizeof(*view->regions));
	touch(view->msrpm, 8192);
	touch(view->cpuid, view->cpuid_count * sizeof(*view->cpuid));
	touch(view->msrs, view->msr_count * sizeof(*view->msrs));
	touch(view->exits, view->exit_count * sizeof(*view->exits));
	touch(view->devices, view->device_count * sizeof(*view->devices));
	touch(view->expect, view->expect_bytes);
	if (!view->launch)
		return;
	for (uint32_t i = 0; i < view->launch->row_count; i++)
		touch(svmt_memory_page(view, view->launch_rows[i].gpa & ~4095ULL), SVMT_PAGE_BYTES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	const size_t whole = (bytes + SVMT_PAGE_BYTES - 1) / SVMT_PAGE_BYTES * SVMT_PAGE_BYTES;
	uint8_t *image = aligned_alloc(SVMT_PAGE_BYTES, whole ? whole : SVMT_PAGE_BYTES);
	struct svmt_header *header = (struct svmt_header *)image;
	struct svmt_error error;
	struct svmt_view view;

	if (!image)
		return 0;
	memset(image, 0, whole);
	memcpy(image, data, bytes);
	if (whole) {
		header->total_bytes = whole;
		svmt_image_sha256(image, whole, header->sha256);
		header->crc32c = svmt_image_crc32c(image, whole);
	}
	if (!svmt_view_open(&view, image, whole, &error)) {
		touch_tables(&view);
		touch_pages(&view);
	} else if (error.offset > whole) {
		abort();	/* a place outside the file helps nobody */
	}
	free(image);
	return 0;
}
