/* SPDX-License-Identifier: MIT */
/*
 * CRC-32C (Castagnoli polynomial, reflected), the fast checksum of a template. Uses the CRC32
 * instruction where the processor has it, since a template may hold gigabytes.
 */
#include <string.h>
#include "crc32c.h"
#include "svmt_read.h"

/* Remainders of the 16 nibbles for the reflected polynomial 0x82f63b78. */
static const uint32_t nibble_table[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362,
	0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab,
	0xe330a81a, 0xf36e6f75,
};

uint32_t svmt_crc32c_portable(uint32_t crc, const void *data, uint64_t bytes)
{
	const uint8_t *p = data;

	crc = ~crc;
	for (; bytes; bytes--, p++) {
		crc = nibble_table[(crc ^ *p) & 15] ^ (crc >> 4);
		crc = nibble_table[(crc ^ (*p >> 4)) & 15] ^ (crc >> 4);
	}
	return ~crc;
}

/* Eight bytes at any address. */
typedef uint64_t unaligned_word __attribute__((may_alias, aligned(1)));

__attribute__((target("sse4.2")))
static uint32_t crc32c_sse42(uint32_t crc, const void *data, uint64_t bytes)
{
	const uint8_t *p = data;
	uint64_t state = (uint32_t)~crc;

	for (; bytes >= 64; bytes -= 64, p += 64) {
		const unaligned_word *words = (const void *)p;

		state = __builtin_ia32_crc32di(state, words[0]);
		state = __builtin_ia32_crc32di(state, words[1]);
		state = __builtin_ia32_crc32di(state, words[2]);
		state = __builtin_ia32_crc32di(state, words[3]);
		state = __builtin_ia32_crc32di(state, words[4]);
		state = __builtin_ia32_crc32di(state, words[5]);
		state = __builtin_ia32_crc32di(state, words[6]);
		state = __builtin_ia32_crc32di(state, words[7]);
	}
	for (; bytes >= 8; bytes -= 8, p += 8) {
		uint64_t word;

		memcpy(&word, p, 8);
		state = __builtin_ia32_crc32di(state, word);
	}
	for (; bytes; bytes--, p++)
		state = __builtin_ia32_crc32qi((uint32_t)state, *p);
	return ~(uint32_t)state;
}

uint32_t svmt_crc32c(uint32_t crc, const void *data, uint64_t bytes)
{
	if (__builtin_cpu_supports("sse4.2"))
		return crc32c_sse42(crc, data, bytes);
	return svmt_crc32c_portable(crc, data, bytes);
}
