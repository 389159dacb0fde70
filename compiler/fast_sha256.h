/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 of much data for svmc measure: by libcrypto, which uses the processor's SHA instructions,
 * if it is installed and the data are worth its start-up; else by libmd, as everywhere in svmkit.
 */
#ifndef SVMC_FAST_SHA256_H
#define SVMC_FAST_SHA256_H

#include <sha2.h>
#include <stdint.h>

struct fast_sha256 {
	SHA2_CTX md;
	void *evp;			/* of libcrypto, or NULL */
};

/* Take libcrypto from now on, for templates that are read, too, if `bytes` are much. */
void fast_sha256_expect(uint64_t bytes);

void fast_sha256_begin(struct fast_sha256 *hash);
void fast_sha256_add(struct fast_sha256 *hash, const void *data, uint64_t bytes);
/* Digest of what was added so far; more may be added. */
void fast_sha256_peek(const struct fast_sha256 *hash, uint8_t digest[32]);
void fast_sha256_end(struct fast_sha256 *hash, uint8_t digest[32]);

#endif
