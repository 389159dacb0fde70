/* SPDX-License-Identifier: MIT */
/*
 * The counters of vm.info and stats.get as tables: what the guest caused, and apart from it what the
 * host caused while the guest ran, and ticks that came too late.
 */
#ifndef SVMKIT_CTL_STATS_H
#define SVMKIT_CTL_STATS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

/* `answer`: of vm.info or stats.get. With `each`, one line per vCPU and exit, else sums over vCPUs. */
bool stats_print(FILE *out, const cJSON *answer, bool each);

#endif
