/* SPDX-License-Identifier: MIT */
/*
 * One exit notification as one aligned line for people. What EXITINFO1 and EXITINFO2 mean depends on
 * the exit code (APM volume 2, 15.9 to 15.14 and appendix C); the raw values always stand behind it.
 */
#ifndef SVMKIT_CTL_EVENT_TEXT_H
#define SVMKIT_CTL_EVENT_TEXT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

/* `params` of an `exit` notification; with a line feed. */
void event_print(FILE *out, bool colour, const cJSON *params);

#endif
