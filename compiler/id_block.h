/* SPDX-License-Identifier: MIT */
/*
 * ID block and ID authentication information of a SEV-SNP launch (SEV-SNP firmware ABI,
 * SNP_LAUNCH_FINISH). svmc fills the block; svmc-sign, which alone needs a crypto library, signs it.
 */
#ifndef SVMC_ID_BLOCK_H
#define SVMC_ID_BLOCK_H

#include <stdint.h>
#include <svmkit/svmt.h>

struct id_block {
	uint8_t digest[48];
	uint8_t family_id[16], image_id[16];
	uint32_t version;		/* 1 */
	uint32_t guest_svn;
	uint64_t policy;
};
_Static_assert(sizeof(struct id_block) == 96, "ID block");

/* Numbers are little endian in 72 bytes, of which P-384 fills 48. */
struct id_signature {
	uint8_t r[72], s[72], zero[368];
};

struct id_public_key {
	uint32_t curve;			/* 2: P-384 */
	uint8_t qx[72], qy[72], zero[880];
};

struct id_auth {
	uint32_t id_key_algo, author_key_algo;	/* 1: ECDSA P-384 with SHA-384; author: 0 without */
	uint8_t zero0[56];
	struct id_signature block_signature;
	struct id_public_key id_key;
	uint8_t zero1[60];
	struct id_signature id_key_signature;
	struct id_public_key author_key;
	uint8_t zero2[892];
};
_Static_assert(sizeof(struct id_signature) == 512, "signature");
_Static_assert(sizeof(struct id_public_key) == 1028, "public key");
_Static_assert(sizeof(struct id_auth) == 4096, "ID authentication information");

void id_block_fill(struct id_block *out, const struct svmt_launch *launch,
		   const uint8_t digest[48]);

/*
 * Sign the block with the keys (PEM files; `author_key` may be NULL) by running svmc-sign. Returns
 * an enum svmc_status, after a message if it is not SVMC_OK.
 */
int id_block_sign(const struct id_block *block, const char *id_key, const char *author_key,
		  struct id_auth *out);

#endif
