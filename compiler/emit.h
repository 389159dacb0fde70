/* SPDX-License-Identifier: MIT */
/* From the checked description to the template's bytes. */
#ifndef SVMC_EMIT_H
#define SVMC_EMIT_H

#include "comp.h"

/* Fill `out`. Returns 0, or -1 after a message (too large). */
int emit_template(struct comp *c, struct svmc_image *out);

#endif
