/* SPDX-License-Identifier: MIT */
/*
 * How a guest ended: the END object of svmrund-rpc(7) as a sentence and as an exit status.
 */
#ifndef SVMKIT_CTL_END_H
#define SVMKIT_CTL_END_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include "ctl.h"

/* A sentence without a full stop, safe for a terminal. */
void end_text(char *text, size_t size, const cJSON *end);

/* The exit status of `svmctl run` and `svmctl wait`; CTL_ERROR for a reason that is not known. */
int end_status(const cJSON *end);

#endif
