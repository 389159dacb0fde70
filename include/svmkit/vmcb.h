/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The only way to touch a VMCB (APM volume 2, appendix B): one getter and one setter per table row.
 * A setter clears the clean bit of its group (APM 15.15.2), so no write can leave the processor
 * with a stale copy. The page is opaque on purpose: raw member access does not compile.
 */
#ifndef SVMKIT_VMCB_H
#define SVMKIT_VMCB_H

#include <linux/types.h>

#define VMCB_PAGE_BYTES 4096
#define VMCB_SAVE_OFFSET 0x400
#define VMCB_NEVER_CACHED 0xff

struct svmk_vmcb {
	__u8 opaque_page[VMCB_PAGE_BYTES];
} __attribute__((aligned(4096)));

enum vmcb_access { VMCB_IN, VMCB_OUT, VMCB_INOUT, VMCB_SBZ, VMCB_HOST };

enum vmcb_loaded_by {
	VMCB_BY_VMRUN, VMCB_BY_VMLOAD, VMCB_BY_VMRUN_NP, VMCB_BY_VMRUN_LBRV, VMCB_BY_VMRUN_PMC,
	VMCB_BY_VMRUN_IBS, VMCB_BY_NOTHING,
};

/* Whether svmrt.ko sets an intercept whatever the template says (facts: host_safety). */
enum svm_force { SVM_FORCE_NO, SVM_FORCE_ALWAYS, SVM_FORCE_IF_FEATURE };

enum svm_exit_kind {
	SVM_KIND_INSN, SVM_KIND_EXC, SVM_KIND_INTR, SVM_KIND_VINTR, SVM_KIND_IOIO, SVM_KIND_MSR,
	SVM_KIND_TASK, SVM_KIND_MISC, SVM_KIND_TRAP, SVM_KIND_FAULT_LIKE, SVM_KIND_NPF,
	SVM_KIND_AVIC, SVM_KIND_SEV_ES, SVM_KIND_VC_CODE, SVM_KIND_PML, SVM_KIND_SW,
	SVM_KIND_ERROR, SVM_KIND_GHCB,
};

/* SVM_EXIT_CODE_x: the exit codes by name. */
#define SVM_EXIT(code, NAME, kind, nrip, exitinfo1, exitinfo2, note) \
	static const __u64 SVM_EXIT_CODE_##NAME __attribute__((unused)) = code;
#include <svmkit/exitcodes.def>
#undef SVM_EXIT

/* SVM_ROW_x: dense numbers for the same rows, for arrays indexed by exit code. */
enum svm_exit_row {
#define SVM_EXIT(code, NAME, kind, nrip, exitinfo1, exitinfo2, note) SVM_ROW_##NAME,
#include <svmkit/exitcodes.def>
#undef SVM_EXIT
	SVM_EXIT_ROWS
};

/* Dense row of an exit code, or -1 for a code that the table does not know. */
static inline int svm_exit_row(__u64 code)
{
	/* Rows 0x000..0x0a6 of the table are the codes themselves (asserted in lib/tables.c). */
	if (code <= 0xa6)
		return (int)code;
	switch (code) {
	case 0x400: return SVM_ROW_NPF;
	case 0x401: return SVM_ROW_AVIC_INCOMPLETE_IPI;
	case 0x402: return SVM_ROW_AVIC_NOACCEL;
	case 0x403: return SVM_ROW_VMGEXIT;
	case 0x407: return SVM_ROW_PML_FULL;
	case 0xf0000000ULL: return SVM_ROW_SW_RESERVED;
	case 0xffffffffffffffffULL: return SVM_ROW_INVALID;
	case 0xfffffffffffffffeULL: return SVM_ROW_BUSY;
	case 0xfffffffffffffffdULL: return SVM_ROW_IDLE_REQUIRED;
	case 0xfffffffffffffffcULL: return SVM_ROW_INVALID_PMC;
	default: return -1;
	}
}

static inline __u64 vmcb_load_word_(const struct svmk_vmcb *vmcb, unsigned int offset,
				    unsigned int bytes)
{
	const __u8 *p = vmcb->opaque_page + offset;

	switch (bytes) {
	case 1: return *p;
	case 2: { __u16 w; __builtin_memcpy(&w, p, 2); return w; }
	case 4: { __u32 w; __builtin_memcpy(&w, p, 4); return w; }
	default: { __u64 w; __builtin_memcpy(&w, p, 8); return w; }
	}
}

static inline void vmcb_store_word_(struct svmk_vmcb *vmcb, unsigned int offset,
				    unsigned int bytes, __u64 value)
{
	__u8 *p = vmcb->opaque_page + offset;

	switch (bytes) {
	case 1: *p = (__u8)value; break;
	case 2: { __u16 w = (__u16)value; __builtin_memcpy(p, &w, 2); break; }
	case 4: { __u32 w = (__u32)value; __builtin_memcpy(p, &w, 4); break; }
	default: __builtin_memcpy(p, &value, 8); break;
	}
}

/*
 * Field at bits hi..lo of the word at offset (units: bytes, bits). For a field wider than 64 bits
 * (reserved ranges, instruction bytes, the LBR stack) only the first 64 are reached; use
 * vmcb_bytes() for those.
 */
static inline __u64 vmcb_get_field(const struct svmk_vmcb *vmcb, unsigned int offset,
				   unsigned int bytes, unsigned int hi, unsigned int lo)
{
	unsigned int width = hi - lo + 1;
	__u64 word = vmcb_load_word_(vmcb, offset, bytes) >> (lo & 63);

	return width >= 64 ? word : word & ((1ULL << width) - 1);
}

static inline void vmcb_set_field(struct svmk_vmcb *vmcb, unsigned int offset, unsigned int bytes,
				  unsigned int hi, unsigned int lo, unsigned int clean, __u64 value)
{
	unsigned int width = hi - lo + 1;
	__u64 mask = width >= 64 ? ~0ULL : ((1ULL << width) - 1) << (lo & 63);
	__u64 word = vmcb_load_word_(vmcb, offset, bytes);

	vmcb_store_word_(vmcb, offset, bytes, (word & ~mask) | ((value << (lo & 63)) & mask));
	if (clean != VMCB_NEVER_CACHED)
		vmcb_store_word_(vmcb, 0x0c0, 4,
				 vmcb_load_word_(vmcb, 0x0c0, 4) & ~(1ULL << clean));
}

/* Bytes of the page from offset on; for dumps, copies and fields wider than 64 bits. */
static inline const __u8 *vmcb_bytes(const struct svmk_vmcb *vmcb, unsigned int offset)
{
	return vmcb->opaque_page + offset;
}

/* vmcb_get_NAME() and vmcb_set_NAME(): the control area, then the save area. */
#define VMCB_CONTROL(offset, bytes, hi, lo, NAME, word, access, clean, feature, meaning, rule) \
	static inline __u64 vmcb_get_##NAME(const struct svmk_vmcb *vmcb) \
	{ \
		return vmcb_get_field(vmcb, offset, bytes, hi, lo); \
	} \
	static inline void vmcb_set_##NAME(struct svmk_vmcb *vmcb, __u64 value) \
	{ \
		vmcb_set_field(vmcb, offset, bytes, hi, lo, clean, value); \
	}
#include <svmkit/vmcb_control.def>
#undef VMCB_CONTROL

#define VMCB_SAVE(offset, bytes, NAME, member, spec_name, loaded_by, clean, feature, meaning, rule) \
	static inline __u64 vmcb_get_##NAME(const struct svmk_vmcb *vmcb) \
	{ \
		return vmcb_get_field(vmcb, VMCB_SAVE_OFFSET + (offset), bytes, (bytes) * 8 - 1, 0); \
	} \
	static inline void vmcb_set_##NAME(struct svmk_vmcb *vmcb, __u64 value) \
	{ \
		vmcb_set_field(vmcb, VMCB_SAVE_OFFSET + (offset), bytes, (bytes) * 8 - 1, 0, clean, \
			       value); \
	}
#include <svmkit/vmcb_save.def>
#undef VMCB_SAVE

/* Intercept word 0..5, as one value. */
static inline __u32 vmcb_get_intercepts(const struct svmk_vmcb *vmcb, unsigned int word)
{
	return (__u32)vmcb_get_field(vmcb, word * 4, 4, 31, 0);
}

static inline void vmcb_set_intercepts(struct svmk_vmcb *vmcb, unsigned int word, __u32 value)
{
	vmcb_set_field(vmcb, word * 4, 4, 31, 0, 0, value);
}

#endif
