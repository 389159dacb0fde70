/* SPDX-License-Identifier: MIT */
/* The reader's second half: rules about what is inside the sections. Internal to lib/. */
#ifndef SVMKIT_SVMT_CHECK_H
#define SVMKIT_SVMT_CHECK_H

#include <stdbool.h>
#include "svmt_read.h"

/* Fill `error` from printf arguments; always returns -1. `offset` counts from the file's start. */
__attribute__((format(printf, 3, 4)))
int svmt_fail(struct svmt_error *error, uint64_t offset, const char *format, ...);

/*
 * Check the section `row` (known type, already inside the image and aligned) and point the view at
 * it. Needs the view's image, and blob_pages, which the caller sets before everything else.
 */
int svmt_check_section(struct svmt_view *view, const struct svmt_section *row,
		       struct svmt_error *error);

/* Sections of confidential templates, and the rules between them once all sections were read. */
int svmt_check_vmsa(struct svmt_view *view, const struct svmt_section *row,
		    struct svmt_error *error);
int svmt_check_launch(struct svmt_view *view, const struct svmt_section *row,
		      struct svmt_error *error);
int svmt_check_confidential(const struct svmt_view *view, struct svmt_error *error);

/* The devices, and their places once all sections were read. */
int svmt_check_devices(struct svmt_view *view, const struct svmt_section *row,
		       struct svmt_error *error);
int svmt_check_device_places(const struct svmt_view *view, struct svmt_error *error);

/* Name of a section type ("MEMORY"), or NULL. */
const char *svmt_section_name(uint32_t type);

#endif
