/* SPDX-License-Identifier: MIT */
/*
 * The counters of vm.info and stats.get as tables: what the guest caused, and apart from it what the
 * host caused while the guest ran.
 */
#ifndef SVMKIT_CTL_STATS_H
#define SVMKIT_CTL_STATS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

/* `vcpus`: the array of vm.info. With `each`, one line per vCPU and exit, else sums over vCPUs. */
bool stats_print(FILE *out, const cJSON *vcpus, bool each);

#endif
