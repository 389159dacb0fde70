/* SPDX-License-Identifier: MIT */
/* The two checks over a template's bytes, shared by its reader and its writer. */
#ifndef SVMKIT_SVMT_DIGEST_H
#define SVMKIT_SVMT_DIGEST_H

#include <stdint.h>

/* SHA-256 of the bytes behind the header. `bytes` is the image's length, at least the header's. */
void svmt_image_sha256(const uint8_t *image, uint64_t bytes, uint8_t digest[32]);

/*
 * Who hashes, if not libmd: a program that has something faster at hand sets it before it reads
 * templates. NULL by default.
 */
extern void (*svmt_digest_by)(const void *data, uint64_t bytes, uint8_t digest[32]);

/* CRC-32C of the whole image with the header's crc32c field taken as zero. */
uint32_t svmt_image_crc32c(const uint8_t *image, uint64_t bytes);

#endif
