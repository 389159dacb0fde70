/* SPDX-License-Identifier: MIT */
/* See sha256_blocks.h. Names are those of FIPS 180-4. */
#include <cpuid.h>
#include <immintrin.h>
#include "sha256_blocks.h"

#define LEAF7_EBX_SHA (1u << 29)

bool sha256_blocks_available(void)
{
	unsigned int eax, ebx, ecx, edx;

	return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && ecx & bit_SSSE3 && ecx & bit_SSE4_1 &&
		__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && ebx & LEAF7_EBX_SHA;
}

static const uint32_t k[64] __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* Rounds 4n to 4n + 3 with the words `w0` of the message schedule. */
#define ROUNDS(n, w0) do { \
	const __m128i wk = _mm_add_epi32(w0, _mm_load_si128((const __m128i *)(const void *)(k + 4 * (n)))); \
	cdgh = _mm_sha256rnds2_epu32(cdgh, abef, wk); \
	abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(wk, 0x0e)); \
} while (0)

/* The same, and `w0` becomes the four words that follow `w3`. */
#define ROUNDS_ON(n, w0, w1, w2, w3) do { \
	ROUNDS(n, w0); \
	w0 = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), \
						_mm_alignr_epi8(w3, w2, 4)), w3); \
} while (0)

__attribute__((target("sha,ssse3,sse4.1")))
static __m128i message(const uint8_t *data)
{
	const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);

	return _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)data), big_endian);
}

__attribute__((target("sha,ssse3,sse4.1")))
void sha256_blocks(uint32_t state[8], const uint8_t *data, size_t blocks)
{
	/* The instructions want A, B, E, F in one register and C, D, G, H in the other, A highest. */
	__m128i abef = _mm_set_epi32((int)state[0], (int)state[1], (int)state[4], (int)state[5]);
	__m128i cdgh = _mm_set_epi32((int)state[2], (int)state[3], (int)state[6], (int)state[7]);
	uint32_t out[8];

	for (; blocks; blocks--, data += SHA256_BLOCK_BYTES) {
		const __m128i abef_before = abef, cdgh_before = cdgh;
		__m128i a = message(data), b = message(data + 16), c = message(data + 32),
			d = message(data + 48);

		ROUNDS_ON(0, a, b, c, d);
		ROUNDS_ON(1, b, c, d, a);
		ROUNDS_ON(2, c, d, a, b);
		ROUNDS_ON(3, d, a, b, c);
		ROUNDS_ON(4, a, b, c, d);
		ROUNDS_ON(5, b, c, d, a);
		ROUNDS_ON(6, c, d, a, b);
		ROUNDS_ON(7, d, a, b, c);
		ROUNDS_ON(8, a, b, c, d);
		ROUNDS_ON(9, b, c, d, a);
		ROUNDS_ON(10, c, d, a, b);
		ROUNDS_ON(11, d, a, b, c);
		ROUNDS(12, a);
		ROUNDS(13, b);
		ROUNDS(14, c);
		ROUNDS(15, d);
		abef = _mm_add_epi32(abef, abef_before);
		cdgh = _mm_add_epi32(cdgh, cdgh_before);
	}
	_mm_storeu_si128((__m128i *)(void *)out, abef);
	_mm_storeu_si128((__m128i *)(void *)(out + 4), cdgh);
	state[0] = out[3];
	state[1] = out[2];
	state[4] = out[1];
	state[5] = out[0];
	state[2] = out[7];
	state[3] = out[6];
	state[6] = out[5];
	state[7] = out[4];
}
