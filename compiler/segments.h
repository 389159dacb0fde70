/* SPDX-License-Identifier: MIT */
/* `segments:` of the language: its reader and its limit. */
#ifndef SVMC_SEGMENTS_H
#define SVMC_SEGMENTS_H

#include "comp.h"

#define SEGMENTS_MAX 4096u	/* every two contents are compared for overlap */

bool spec_read_segments(struct comp *c, const struct node *node, void *into);

#endif
