/* SPDX-License-Identifier: MIT */
/* Writing of a result file so that a reader sees the old file or the whole new one. */
#ifndef SVMC_OUTPUT_H
#define SVMC_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Replace `path` by `bytes` bytes ("-": write them to standard output). A file that exists and is
 * not a regular one (a device, a pipe) is written in place. Returns 0, or -1 with errno.
 */
int output_write(const char *path, const uint8_t *data, uint64_t bytes);

#endif
