/* SPDX-License-Identifier: MIT */
/* The portable CRC-32C: for processors without SSE 4.2, and for the test that compares both. */
#ifndef SVMKIT_CRC32C_H
#define SVMKIT_CRC32C_H

#include <stdint.h>

/* As svmt_crc32c(), without the processor's CRC32 instruction. */
uint32_t svmt_crc32c_portable(uint32_t crc, const void *data, uint64_t bytes);

#endif
