/* SPDX-License-Identifier: MIT */
/*
 * Digest and checksum of a template image, as include/svmkit/svmt.h defines them. SHA-256 is
 * libmd's, with whole blocks by the processor where it can: libcrypto costs milliseconds of start-up.
 */
#include <stddef.h>
#include <sha2.h>
#include "sha256_blocks.h"
#include "svmt_digest.h"
#include "svmt_read.h"

void (*svmt_digest_by)(const void *data, uint64_t bytes, uint8_t digest[32]);

/* SHA256Update, for a context that has only whole blocks behind it. */
static void add(SHA2_CTX *context, const uint8_t *data, size_t bytes)
{
	if (sha256_blocks_available()) {
		const size_t blocks = bytes / SHA256_BLOCK_BYTES;

		sha256_blocks(context->state.st32, data, blocks);
		context->bitcount[0] += (uint64_t)blocks * SHA256_BLOCK_BYTES * 8;
		data += blocks * SHA256_BLOCK_BYTES;
		bytes -= blocks * SHA256_BLOCK_BYTES;
	}
	SHA256Update(context, data, bytes);
}

void svmt_image_sha256(const uint8_t *image, uint64_t bytes, uint8_t digest[32])
{
	const uint8_t *data = image + sizeof(struct svmt_header);
	SHA2_CTX context;

	bytes -= sizeof(struct svmt_header);
	if (svmt_digest_by) {
		svmt_digest_by(data, bytes, digest);
		return;
	}
	SHA256Init(&context);
	add(&context, data, (size_t)bytes);
	SHA256Final(digest, &context);
}

uint32_t svmt_image_crc32c(const uint8_t *image, uint64_t bytes)
{
	static const uint8_t zero[4];
	const uint64_t at = offsetof(struct svmt_header, crc32c);
	uint32_t crc = svmt_crc32c(0, image, at);

	crc = svmt_crc32c(crc, zero, sizeof(zero));
	return svmt_crc32c(crc, image + at + 4, bytes - at - 4);
}
