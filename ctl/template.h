/* SPDX-License-Identifier: MIT */
/*
 * A template from a file: read as it is when it begins with the SVMT magic, compiled by libsvmc when
 * it does not.
 */
#ifndef SVMKIT_CTL_TEMPLATE_H
#define SVMKIT_CTL_TEMPLATE_H

#include <stdio.h>
#include "ctl.h"
#include "svmc.h"
#include "svmt_read.h"

struct template {
	const void *image;
	size_t bytes;
	void *read;			/* from the file, or */
	struct svmc_image compiled;	/* from the compiler: what image points into */
	struct svmt_view view;	/* into image; valid after CTL_OK */
};

/*
 * CTL_OK, CTL_REJECTED (the spec or the template is bad) or CTL_ERROR (the file cannot be read).
 * Everything that is wrong goes to `diag`. template_free() in any case.
 */
int template_read(struct template *template, const char *path, const struct ctl_list *defines,
		  FILE *diag);
void template_free(struct template *template);

#endif
