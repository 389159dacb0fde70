/* SPDX-License-Identifier: MIT */
/*
 * Digest and checksum of a template image, as include/svmkit/svmt.h defines them. SHA-256 is
 * libmd's: libcrypto costs milliseconds of start-up.
 */
#include <stddef.h>
#include <sha2.h>
#include "svmt_digest.h"
#include "svmt_read.h"

void (*svmt_digest_by)(const void *data, uint64_t bytes, uint8_t digest[32]);

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
	SHA256Update(&context, data, (size_t)bytes);
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
