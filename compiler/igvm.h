/* SPDX-License-Identifier: MIT */
/*
 * IGVM files (igvm_defs 0.4.0; facts/igvm.csv): a fixed header, variable headers (type, length,
 * contents, each at a multiple of 8), then file data. The reader takes a file apart and judges
 * nothing but its form; what has a home in a template is decided by igvm_import.c.
 */
#ifndef SVMC_IGVM_H
#define SVMC_IGVM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IGVM_MAGIC 0x4d564749u		/* "IGVM" */
#define IGVM_PAGE 4096u
#define IGVM_MAX_BYTES (1ULL << 30)
#define IGVM_MAX_HEADERS 300000u	/* a GiB of pages, and some more */
#define IGVM_OPTIONAL (1u << 31)	/* of a header's type: a loader may pass it over */

enum igvm_group { IGVM_PLATFORM, IGVM_INIT, IGVM_DIRECTIVE };

/* IGVM_T_PAGE_DATA and its like. */
enum igvm_type {
#define IGVM_HEADER(type, NAME, bytes, group, note) IGVM_T_##NAME = type,
#include <svmkit/igvm.def>
#undef IGVM_HEADER
};

enum igvm_platform {
	IGVM_NATIVE = 0, IGVM_VSM = 1, IGVM_SEV_SNP = 2, IGVM_TDX = 3, IGVM_SEV = 4,
	IGVM_SEV_ES = 5,
};

struct igvm_fixed {
	uint32_t magic, version, headers_offset, headers_bytes, total_bytes, checksum;
};

/* Behind it in version 2, which igvm_defs calls unstable. */
struct igvm_fixed2 {
	uint32_t architecture;		/* 0: x86-64 */
	uint32_t page_bytes;
};

struct igvm_supported_platform {
	uint32_t mask;
	uint8_t highest_vtl, type;
	uint16_t version;
	uint64_t shared_gpa_boundary;
};

struct igvm_guest_policy {
	uint64_t policy;
	uint32_t mask, reserved;
};

#define IGVM_PAGE_2MIB 1u
#define IGVM_PAGE_UNMEASURED 2u
#define IGVM_PAGE_SHARED 4u

enum igvm_data_type { IGVM_NORMAL = 0, IGVM_SECRETS = 1, IGVM_CPUID = 2, IGVM_CPUID_XF = 3 };

struct igvm_page_data {
	uint64_t gpa;
	uint32_t mask, file_offset, flags;
	uint16_t data_type, reserved;
};

struct igvm_parameter_area {
	uint64_t bytes;
	uint32_t index, file_offset;
};

struct igvm_parameter_insert {
	uint64_t gpa;
	uint32_t mask, index;
};

struct igvm_vp_context {
	uint64_t gpa;
	uint32_t mask, file_offset;
	uint16_t vp_index, reserved;
	uint32_t pad;			/* of the header, not of the contents */
};

struct igvm_required_memory {
	uint64_t gpa;
	uint32_t mask, bytes, flags, reserved;
};

struct igvm_signature {
	uint8_t r[72], s[72];
};

struct igvm_public_key {
	uint32_t curve, reserved;
	uint8_t qx[72], qy[72];
};

struct igvm_id_block {
	uint32_t mask;
	uint8_t author_key_enabled, reserved[3];
	uint8_t digest[48], family_id[16], image_id[16];
	uint32_t version, guest_svn, id_key_algorithm, author_key_algorithm;
	struct igvm_signature id_signature;
	struct igvm_public_key id_key;
	struct igvm_signature author_signature;
	struct igvm_public_key author_key;
};

_Static_assert(sizeof(struct igvm_fixed) == 24, "fixed header");
_Static_assert(sizeof(struct igvm_page_data) == 24, "PAGE_DATA");
_Static_assert(sizeof(struct igvm_id_block) == 696, "SNP_ID_BLOCK");

/* The context of a vCPU without isolation: the rest of its page is zero. */
struct igvm_native_context {
	uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rip, rflags, idtr_base;
	uint16_t idtr_limit, reserved[2], gdtr_limit;
	uint64_t gdtr_base;
	uint16_t code_selector, code_attributes;
	uint32_t code_base, code_limit;
	uint16_t data_selector, data_attributes;
	uint32_t data_base, data_limit;
	uint64_t gs_base, cr0, cr3, cr4, efer;
};
_Static_assert(sizeof(struct igvm_native_context) == 0xe8, "native context");
_Static_assert(offsetof(struct igvm_native_context, gdtr_base) == 0xa0, "gdtr_base");
_Static_assert(offsetof(struct igvm_native_context, gs_base) == 0xc0, "gs_base");

/* The 12 packed bits of VMCB and VMSA, and the descriptor's own 16 with bits 11:8 zero. */
static inline uint16_t igvm_attrib(uint64_t packed)
{
	return (uint16_t)((packed & 0xff) | (packed & 0xf00) << 4);
}

static inline uint64_t igvm_packed(uint16_t attrib)
{
	return (attrib & 0xffu) | (attrib >> 4 & 0xf00u);
}

/* One variable header, at `offset` of the file; its contents follow 8 bytes behind. */
struct igvm_header {
	uint32_t type, bytes;
	uint32_t offset;
	const uint8_t *contents;
};

struct igvm {
	const uint8_t *data;
	uint64_t bytes;
	uint32_t version;
	struct igvm_header *headers;	/* igvm_free() */
	size_t count;
};

struct igvm_error {
	uint64_t offset;
	char text[256];
};

/* Whether the bytes begin as an IGVM file does. */
bool igvm_is(const uint8_t *data, uint64_t bytes);

/*
 * Check the fixed header, the checksum, every header's length, alignment and order, and that what
 * headers point at is inside the file. Returns 0, or -1 and fills `error`. `data` must live on.
 */
int igvm_read(struct igvm *out, const uint8_t *data, uint64_t bytes, struct igvm_error *error);
void igvm_free(struct igvm *igvm);

/* Name and table row of a type, or NULL. */
const char *igvm_type_name(uint32_t type);

/* CRC-32 (IEEE) as zlib has it, going on from `crc` (0 to begin). */
uint32_t igvm_crc32(uint32_t crc, const void *data, uint64_t bytes);

#endif
