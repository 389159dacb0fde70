/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 over whole blocks by the processor's own instructions (SHA-NI): every AMD processor since Zen
 * has them, and a template is hashed when it is written and whenever it is loaded.
 */
#ifndef SVMKIT_SHA256_BLOCKS_H
#define SVMKIT_SHA256_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_BLOCK_BYTES 64u

bool sha256_blocks_available(void);

/* Only where they are available. `state` is H0 to H7 of FIPS 180-4, before and after. */
void sha256_blocks(uint32_t state[8], const uint8_t *data, size_t blocks);

#endif
