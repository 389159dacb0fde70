/* SPDX-License-Identifier: MIT */
#include <string.h>
#include "aml.h"

enum {
	NAME_OP = 0x08, BYTE_PREFIX = 0x0a, WORD_PREFIX = 0x0b, DWORD_PREFIX = 0x0c,
	STRING_PREFIX = 0x0d, QWORD_PREFIX = 0x0e, SCOPE_OP = 0x10, BUFFER_OP = 0x11,
	PACKAGE_OP = 0x12, EXT_OP = 0x5b, DEVICE_OP = 0x82,
};

void aml_bytes(struct aml *aml, const void *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		aml->bytes = arena_grow(aml->arena, aml->bytes, aml->count, &aml->capacity, 1);
		aml->bytes[aml->count++] = ((const uint8_t *)bytes)[i];
	}
}

/* Bytes before what stands at `at`. */
static void insert(struct aml *aml, size_t at, const void *bytes, size_t count)
{
	aml_bytes(aml, bytes, count);
	memmove(aml->bytes + at + count, aml->bytes + at, aml->count - count - at);
	memcpy(aml->bytes + at, bytes, count);
}

static void put(struct aml *aml, uint64_t value, size_t bytes)
{
	aml_bytes(aml, &value, bytes);
}

/* 20.2.2: a root prefix stays, names shorter than four characters are filled up. */
static void put_path(struct aml *aml, const char *path)
{
	char segment[4] = { '_', '_', '_', '_' };

	if (*path == '\\')
		put(aml, (uint8_t)*path++, 1);
	memcpy(segment, path, strnlen(path, sizeof(segment)));
	aml_bytes(aml, segment, sizeof(segment));
}

/*
 * 20.2.4: the length of a package counts its own bytes: one up to 3fh, else the first byte has the
 * low four bits and the number of those that follow.
 */
void aml_end(struct aml *aml, size_t begun)
{
	const size_t bytes = aml->count - begun;
	size_t length_bytes = 1;
	uint8_t length[4];

	while (bytes + length_bytes >= (length_bytes == 1 ? 0x40u :
					1ull << (4 + 8 * (length_bytes - 1))))
		length_bytes++;
	length[0] = (uint8_t)(bytes + length_bytes);
	for (size_t i = 1; i < length_bytes; i++) {
		length[0] = (uint8_t)((length_bytes - 1) << 6 | ((bytes + length_bytes) & 0xf));
		length[i] = (uint8_t)((bytes + length_bytes) >> (4 + 8 * (i - 1)));
	}
	insert(aml, begun, length, length_bytes);
}

size_t aml_begin_scope(struct aml *aml, const char *path)
{
	size_t begun;

	put(aml, SCOPE_OP, 1);
	begun = aml->count;
	put_path(aml, path);
	return begun;
}

size_t aml_begin_device(struct aml *aml, const char *name)
{
	size_t begun;

	put(aml, EXT_OP, 1);
	put(aml, DEVICE_OP, 1);
	begun = aml->count;
	put_path(aml, name);
	return begun;
}

void aml_name(struct aml *aml, const char *path)
{
	put(aml, NAME_OP, 1);
	put_path(aml, path);
}

/* The shortest form: ZeroOp and OneOp are their own values. */
void aml_integer(struct aml *aml, uint64_t value)
{
	if (value > 1)
		put(aml, value <= UINT8_MAX ? BYTE_PREFIX : value <= UINT16_MAX ? WORD_PREFIX :
		    value <= UINT32_MAX ? DWORD_PREFIX : QWORD_PREFIX, 1);
	put(aml, value, value <= UINT8_MAX ? 1 : value <= UINT16_MAX ? 2 :
	    value <= UINT32_MAX ? 4 : 8);
}

void aml_string(struct aml *aml, const char *text)
{
	put(aml, STRING_PREFIX, 1);
	aml_bytes(aml, text, strlen(text) + 1);
}

/* 19.6.36 (EISAID): three letters of five bits, four hexadecimal digits, big endian. */
void aml_eisa_id(struct aml *aml, const char *id)
{
	uint32_t value = 0;

	for (unsigned int i = 0; i < 3; i++)
		value = value << 5 | (uint32_t)(id[i] - '@');
	for (unsigned int i = 3; i < 7; i++)
		value = value << 4 | (uint32_t)(id[i] <= '9' ? id[i] - '0' : id[i] - 'A' + 10);
	aml_integer(aml, __builtin_bswap32(value));
}

size_t aml_begin_package(struct aml *aml, uint8_t elements)
{
	size_t begun;

	put(aml, PACKAGE_OP, 1);
	begun = aml->count;
	put(aml, elements, 1);
	return begun;
}

size_t aml_begin_resources(struct aml *aml)
{
	put(aml, BUFFER_OP, 1);
	return aml->count;
}

/* The end tag's checksum of 0 counts as good (6.4.2.9). In front goes the size of the buffer. */
void aml_end_resources(struct aml *aml, size_t begun)
{
	const uint8_t end_tag[2] = { 0x79, 0 };
	uint8_t size[3];
	size_t bytes;

	aml_bytes(aml, end_tag, sizeof(end_tag));
	bytes = aml->count - begun;
	size[0] = bytes <= UINT8_MAX ? BYTE_PREFIX : WORD_PREFIX;
	size[1] = (uint8_t)bytes;
	size[2] = (uint8_t)(bytes >> 8);
	insert(aml, begun, size, bytes <= UINT8_MAX ? 2 : 3);
	aml_end(aml, begun);
}

/* 6.4.2.5: I/O port descriptor; 16 bits are decoded. */
void aml_io(struct aml *aml, uint16_t port, uint8_t ports)
{
	put(aml, 0x47, 1);
	put(aml, 1, 1);
	put(aml, port, 2);		/* lowest and highest base */
	put(aml, port, 2);
	put(aml, 1, 1);
	put(aml, ports, 1);
}

/* 6.4.2.1: IRQ descriptor without flags. */
void aml_irq(struct aml *aml, unsigned int irq)
{
	put(aml, 0x22, 1);
	put(aml, 1u << irq, 2);
}

/* 6.4.3.4: 32-bit fixed memory range; 6.4.3.5.1: QWord address space descriptor. */
void aml_memory(struct aml *aml, uint64_t gpa, uint64_t bytes)
{
	if (gpa + bytes <= UINT32_MAX) {
		put(aml, 0x86, 1);
		put(aml, 9, 2);
		put(aml, 1, 1);		/* writable */
		put(aml, gpa, 4);
		put(aml, bytes, 4);
		return;
	}
	put(aml, 0x8a, 1);
	put(aml, 43, 2);
	put(aml, 0, 1);			/* memory */
	put(aml, 0x0d, 1);		/* consumed here, minimum and maximum fixed */
	put(aml, 1, 1);			/* writable, not cacheable */
	put(aml, 0, 8);			/* granularity */
	put(aml, gpa, 8);
	put(aml, gpa + bytes - 1, 8);
	put(aml, 0, 8);
	put(aml, bytes, 8);
}

/* 6.4.3.6: extended interrupt descriptor. */
void aml_interrupt(struct aml *aml, uint32_t gsi, enum aml_trigger trigger, bool shared)
{
	put(aml, 0x89, 1);
	put(aml, 6, 2);
	put(aml, 1u | trigger | (shared ? 8u : 0u), 1);	/* consumed here, active high */
	put(aml, 1, 1);
	put(aml, gsi, 4);
}
