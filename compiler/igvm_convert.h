/* SPDX-License-Identifier: MIT */
/*
 * Templates to IGVM and back. What a direction cannot carry is a loss, which is told and never
 * silent: an import collects its own, an export's are the difference to what comes back.
 */
#ifndef SVMC_IGVM_CONVERT_H
#define SVMC_IGVM_CONVERT_H

#include <stdio.h>
#include "igvm.h"
#include "svmc.h"
#include "svmt_read.h"

/* The file for a template, the same bytes each time, for free(). Returns 0, or -1 with errno. */
int igvm_export(const struct svmt_view *view, uint8_t **out, uint64_t *bytes);

struct igvm_loss {
	char *text;
	bool measured;			/* it changes the launch digest */
};

struct igvm_import {
	struct svmc_image image;	/* svmc_image_free() */
	struct igvm_loss *losses;	/* igvm_import_free() frees them and the image */
	size_t loss_count;
};

#define IGVM_ANY_PLATFORM UINT32_MAX

/*
 * The template of a file. `name` becomes the template's name, `platform` (enum igvm_platform)
 * chooses when the file has several. Messages go to `diag`. Returns an enum svmc_status.
 */
int igvm_import(const char *path, const uint8_t *data, uint64_t bytes, const char *name,
		uint32_t platform, struct igvm_import *out, FILE *diag);
void igvm_import_free(struct igvm_import *import);

/* "sev-snp", or NULL for a platform that svmc does not name; and back, or IGVM_ANY_PLATFORM. */
const char *igvm_platform_name(uint32_t platform);
uint32_t igvm_platform_find(const char *name);

#endif
