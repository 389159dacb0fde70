/* SPDX-License-Identifier: MIT */
/* Writing all of something to a descriptor, however often it is interrupted. */
#ifndef SVMC_WRITE_ALL_H
#define SVMC_WRITE_ALL_H

#include <stdint.h>

int write_all(int fd, const uint8_t *data, uint64_t bytes);	/* 0, or -1 with errno */

#endif
