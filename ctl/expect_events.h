/* SPDX-License-Identifier: MIT */
/*
 * The events of an EXPECT section: an ordered list with masks, either the whole stream (strict) or
 * an ordered part of it.
 */
#ifndef SVMKIT_CTL_EXPECT_EVENTS_H
#define SVMKIT_CTL_EXPECT_EVENTS_H

#include "expect.h"

unsigned int expect_compare_events(const cJSON *expect, const struct observed *observed, FILE *out);

/* One item of the YAML list of mismatches. */
void expect_mismatch(FILE *out, const char *what, const char *expected, const char *actual);

#endif
