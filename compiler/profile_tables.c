/* SPDX-License-Identifier: MIT */
/*
 * The built-in profiles' values. Segment attributes are in the VMCB's packed form: descriptor bits
 * 55:52 and 47:40 (APM volume 2, 15.5.1). Everything that is not listed is zero.
 */
#include <stddef.h>
#include "profile.h"

/* Common to all: what VMRUN wants (C01, C25) and the documented idle values of DR6 and DR7. */
#define COMMON \
	{ "g_pat", 0x0007040600070406 },	/* APM 7.8.2: PAT at reset */ \
	{ "dr6", 0xffff0ff0 }, { "dr7", 0x400 }, /* APM table 14-1 */ \
	{ "xcr0", 1 },				/* APM 11.5.2: x87 is always on */ \
	{ "rflags", 0x2 }			/* APM 3.1.6: bit 1 reads as one */

#define SEGMENT(NAME, selector_, attrib_, limit_, base_) \
	{ NAME ".selector", selector_ }, { NAME ".attrib", attrib_ }, \
	{ NAME ".limit", limit_ }, { NAME ".base", base_ }

#define FLAT_DATA(NAME) SEGMENT(NAME, 0x10, 0xc93, 0xffffffff, 0)
#define REAL_DATA(NAME) SEGMENT(NAME, 0, 0x93, 0xffff, 0)

static const struct profile_value long64_values[] = {
	COMMON,
	{ "cr0", 0x80010033 },		/* PG WP NE ET MP PE */
	{ "cr4", 0x20 },		/* PAE */
	{ "efer", 0x1500 },		/* SVME LMA LME */
	SEGMENT("cs", 0x08, 0xa9b, 0xffffffff, 0),	/* L: 64-bit code */
	FLAT_DATA("ds"), FLAT_DATA("es"), FLAT_DATA("ss"), FLAT_DATA("fs"), FLAT_DATA("gs"),
	SEGMENT("tr", 0x18, 0x8b, 0x67, 0),		/* busy TSS; base: memory.c */
	{ "rip", 0x1000 }, { "rsp", 0x8000 },
	{ "", 0 },
};

static const struct profile_value prot32_values[] = {
	COMMON,
	{ "cr0", 0x33 },		/* NE ET MP PE; paging off */
	{ "efer", 0x1000 },		/* SVME */
	SEGMENT("cs", 0x08, 0xc9b, 0xffffffff, 0),	/* D, G: 32-bit code */
	FLAT_DATA("ds"), FLAT_DATA("es"), FLAT_DATA("ss"), FLAT_DATA("fs"), FLAT_DATA("gs"),
	SEGMENT("tr", 0x18, 0x8b, 0x67, 0),		/* busy 32-bit TSS */
	{ "rip", 0x1000 }, { "rsp", 0x8000 },
	{ "", 0 },
};

/* EBX is the address of the information structure, which svmc puts into memory. */
static const struct profile_value multiboot_values[] = {
	COMMON,
	{ "cr0", 0x33 },		/* NE ET MP PE; paging off */
	{ "efer", 0x1000 },		/* SVME */
	SEGMENT("cs", 0x08, 0xc9b, 0xffffffff, 0),
	FLAT_DATA("ds"), FLAT_DATA("es"), FLAT_DATA("ss"), FLAT_DATA("fs"), FLAT_DATA("gs"),
	SEGMENT("tr", 0x18, 0x8b, 0x67, 0),
	{ "rax", 0x2badb002 },
	{ "rip", 0x1000 },
	{ "", 0 },
};

/* RSI is the address of the zero page, RIP 0x200 behind the loaded kernel: image_linux.c has both. */
static const struct profile_value linux64_values[] = {
	COMMON,
	{ "cr0", 0x80010033 },		/* PG WP NE ET MP PE */
	{ "cr4", 0x20 },		/* PAE */
	{ "efer", 0x1500 },		/* SVME LMA LME */
	SEGMENT("cs", 0x10, 0xa9b, 0xffffffff, 0),	/* __BOOT_CS */
	SEGMENT("ds", 0x18, 0xc93, 0xffffffff, 0),	/* __BOOT_DS */
	SEGMENT("es", 0x18, 0xc93, 0xffffffff, 0), SEGMENT("ss", 0x18, 0xc93, 0xffffffff, 0),
	SEGMENT("fs", 0x18, 0xc93, 0xffffffff, 0), SEGMENT("gs", 0x18, 0xc93, 0xffffffff, 0),
	SEGMENT("tr", 0x20, 0x8b, 0x67, 0),
	{ "rip", 0x1000200 },
	{ "", 0 },
};

/* EBX is the address of the start information; the guest brings its own descriptor table. */
static const struct profile_value pvh_values[] = {
	COMMON,
	{ "cr0", 0x11 },		/* ET PE: all else is clear */
	{ "efer", 0x1000 },		/* SVME */
	SEGMENT("cs", 0x08, 0xc9b, 0xffffffff, 0),
	FLAT_DATA("ds"), FLAT_DATA("es"), FLAT_DATA("ss"), FLAT_DATA("fs"), FLAT_DATA("gs"),
	SEGMENT("tr", 0x18, 0x8b, 0x67, 0),
	{ "rip", 0x100000 },
	{ "", 0 },
};

static const struct profile_value real16_values[] = {
	COMMON,
	{ "cr0", 0x10 },		/* ET */
	{ "efer", 0x1000 },		/* SVME */
	SEGMENT("cs", 0, 0x9b, 0xffff, 0),
	REAL_DATA("ds"), REAL_DATA("es"), REAL_DATA("ss"), REAL_DATA("fs"), REAL_DATA("gs"),
	SEGMENT("tr", 0, 0x8b, 0xffff, 0), SEGMENT("ldtr", 0, 0x82, 0xffff, 0),
	{ "gdtr.limit", 0xffff }, { "idtr.limit", 0x3ff },	/* 256 vectors of 4 bytes */
	{ "rip", 0x1000 }, { "rsp", 0x8000 },
	{ "", 0 },
};

/* APM volume 2 table 14-1, initial processor state, column RESET. EFER.SVME is ours (C01). */
static const struct profile_value apm_reset_values[] = {
	COMMON,
	{ "cr0", 0x60000010 },		/* CD NW ET */
	{ "efer", 0x1000 },
	SEGMENT("cs", 0xf000, 0x9b, 0xffff, 0xffff0000),
	REAL_DATA("ds"), REAL_DATA("es"), REAL_DATA("ss"), REAL_DATA("fs"), REAL_DATA("gs"),
	SEGMENT("tr", 0, 0x83, 0xffff, 0), SEGMENT("ldtr", 0, 0x82, 0xffff, 0),
	{ "gdtr.limit", 0xffff }, { "idtr.limit", 0xffff },
	{ "rip", 0xfff0 },
	{ "", 0 },
};

/*
 * The same table, column INIT. What INIT leaves as it was (CR0.CD and NW, the x87 and SSE state) is
 * here that of a system that runs: caches on, x87 as after FINIT.
 */
static const struct profile_value apm_init_values[] = {
	COMMON,
	{ "cr0", 0x10 },		/* ET */
	{ "efer", 0x1000 },
	SEGMENT("cs", 0xf000, 0x9b, 0xffff, 0xffff0000),
	REAL_DATA("ds"), REAL_DATA("es"), REAL_DATA("ss"), REAL_DATA("fs"), REAL_DATA("gs"),
	SEGMENT("tr", 0, 0x83, 0xffff, 0), SEGMENT("ldtr", 0, 0x82, 0xffff, 0),
	{ "gdtr.limit", 0xffff }, { "idtr.limit", 0xffff },
	{ "rip", 0xfff0 },
	{ "", 0 },
};

static const struct profile long64 = {
	.name = "long64", .as_of = "2026-11",
	.summary = "64-bit mode, flat segments, first GiB identity mapped with 2 MiB pages",
	.source = "APM volume 2, 14.6 (long mode) and 5.3 (page translation)",
	.code_bits = 64, .builds_gdt = true, .builds_page_tables = true,
	.fcw = 0x37f, .ftw = 0, .values = long64_values,
};

static const struct profile prot32 = {
	.name = "prot32", .as_of = "2026-11",
	.summary = "32-bit protected mode, flat segments, paging off",
	.source = "APM volume 2, 14.4 (protected mode) and 4.7 (segment descriptors)",
	.code_bits = 32, .builds_gdt = true,
	.fcw = 0x37f, .ftw = 0, .values = prot32_values,
};

static const struct profile multiboot = {
	.name = "multiboot", .as_of = "2026-11",
	.summary = "what a Multiboot 1 loader hands over: 32-bit protected mode, flat, paging off",
	.source = "Multiboot Specification 0.6.96, 3.2 (machine state)",
	.code_bits = 32, .builds_gdt = true,
	.fcw = 0x37f, .ftw = 0, .values = multiboot_values,
};

static const struct profile real16 = {
	.name = "real16", .as_of = "2026-11",
	.summary = "real mode, all segments at 0",
	.source = "APM volume 2, 14.1.5 and 4.5 (real-mode segments)",
	.code_bits = 16, .fcw = 0x37f, .ftw = 0, .values = real16_values,
};

static const struct profile apm_reset = {
	.name = "apm-reset", .as_of = "2026-11",
	.summary = "processor state after RESET, as the manual's table has it; RDX is 0",
	.source = "APM volume 2, table 14-1",
	.code_bits = 16, .fcw = 0x40, .ftw = 0xff, .values = apm_reset_values,
};

static const struct profile apm_init = {
	.name = "apm-init", .as_of = "2026-11",
	.summary = "processor state after INIT of a running system: caches on; RDX is 0",
	.source = "APM volume 2, table 14-1, column INIT",
	.code_bits = 16, .fcw = 0x37f, .ftw = 0, .values = apm_init_values,
};

static const struct profile linux64 = {
	.name = "linux64", .as_of = "2026-11",
	.summary = "what a loader hands to Linux in 64-bit mode: first GiB identity mapped",
	.source = "Linux, Documentation/arch/x86/boot.rst, 64-bit boot protocol (2.12 and later)",
	.code_bits = 64, .builds_gdt = true, .builds_page_tables = true,
	.fcw = 0x37f, .ftw = 0, .values = linux64_values,
};

static const struct profile pvh = {
	.name = "pvh", .as_of = "2026-11",
	.summary = "what a loader hands to a PVH image: 32-bit protected mode, flat, paging off",
	.source = "Xen, docs/misc/pvh, x86/HVM direct boot ABI",
	.code_bits = 32, .fcw = 0x37f, .ftw = 0, .values = pvh_values,
};

const struct profile *const profiles[] = {
	&long64, &prot32, &real16, &apm_reset, &apm_init, &multiboot, &linux64, &pvh, NULL,
};

/* Rows that facts/intercepts.csv recommends, what a guest must not find missing, and VMMCALL. */
const char *const profile_intercepts[] = {
	"CPUID", "HLT", "RDPMC", "MONITOR", "MWAIT", "MWAIT_CONDITIONAL", "RSM", "ICEBP", "WBINVD",
	"VMMCALL", "RDPRU", NULL,
};
