/* SPDX-License-Identifier: MIT */
/* --drive NAME=FILE and --link NAME=TAP: what the names of a template's devices stand for. */
#ifndef SVMKIT_CTL_BACKINGS_H
#define SVMKIT_CTL_BACKINGS_H

#include <cjson/cJSON.h>
#include "ctl.h"
#include "options.h"
#include "svmt_read.h"

struct backings {
	struct ctl_list drives, links;
};

/* Rows of an option table for `backings`. */
#define BACKING_OPTIONS(backings) \
	{ 'd', "drive", CTL_LIST, "NAME=FILE", &(backings).drives, \
	  "FILE on svmrund's machine is the drive NAME;\nbelow a directory of its svmrund.conf" }, \
	{ 'L', "link", CTL_LIST, "NAME=TAP", &(backings).links, "the tap interface TAP is the link NAME" }

/* Whether every one is NAME=VALUE with a name that a template can have; false after a message. */
bool backings_check(const struct backings *backings);

/*
 * Put them into the params of vm.create. With a view only those that the template has a device for:
 * of several specs not each has every drive.
 */
void backings_add(cJSON *params, const struct backings *backings, const struct svmt_view *view);

#endif
