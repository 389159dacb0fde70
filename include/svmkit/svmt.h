/* SPDX-License-Identifier: MIT */
/*
 * The template file (.svmt), format version 1. Little endian throughout. A header, a section table
 * directly behind it, then payloads at 4 KiB boundaries in ascending order, zeroes between. The
 * reader is lib/svmt_read.c and the writer lib/svmt_write.c; svmt(5) is the prose.
 */
#ifndef SVMKIT_SVMT_H
#define SVMKIT_SVMT_H

#include <linux/types.h>
#include <svmkit/svmrt.h>

#define SVMT_MAGIC "SVMT"
#define SVMT_VERSION 1
#define SVMT_PAGE_BYTES 4096u
#define SVMT_MAX_SECTIONS 64u
#define SVMT_MAX_BYTES (4ULL << 30)
#define SVMT_MAX_VCPUS 255u
#define SVMT_MAX_REGIONS 65536u
#define SVMT_MAX_ROWS 65536u
#define SVMT_MAX_DEVICES 64u

struct svmt_header {
	__u8 magic[4];
	__u32 version;
	__u64 total_bytes;	/* of the file, multiple of 4096 */
	__u8 sha256[32];	/* of bytes 128 .. total_bytes - 1: the template's identity */
	__u32 crc32c;		/* CRC-32C of the whole file with this field zero */
	__u32 section_count;
	__u32 flags;		/* SVMT_F_* */
	__u8 reserved[68];
};

#define SVMT_F_ILLEGAL_STATE 1u	/* the spec allowed a save state that VMRUN refuses */

struct svmt_section {
	__u32 type;		/* enum svmt_section_type, each at most once */
	__u32 flags;		/* SVMT_S_OPTIONAL: a reader that does not know the type ignores it */
	__u64 offset;		/* from the start of the file, multiple of 4096 */
	__u64 length;		/* bytes, without the padding to the next page */
	__u64 reserved;
};

#define SVMT_S_OPTIONAL (1u << 31)

enum svmt_section_type {
	SVMT_META = 1,		/* JSON text: name, svmspec, profile */
	SVMT_FEATURES = 2,	/* struct svmt_features */
	SVMT_MEMORY = 3,	/* struct svmt_memory, regions, runs */
	SVMT_BLOB = 4,		/* pool of distinct non-zero pages */
	SVMT_VCPU = 5,		/* struct svmt_vcpu [] */
	SVMT_MSRPM = 6,		/* 8192 bytes, APM volume 2 15.11 */
	SVMT_CPUID = 7,		/* struct svmrt_cpuid_row [] */
	SVMT_MSRS = 8,		/* struct svmrt_msr_row [] */
	SVMT_EXITS = 9,		/* struct svmrt_exit_rule [], ascending codes */
	SVMT_DEVICES = 10,	/* struct svmt_device [] */
	SVMT_EXPECT = 11,	/* JSON text: what svmctl test compares */
	SVMT_VMSA = 12,		/* struct svmt_vmsa [], one a vCPU; confidential only */
	SVMT_LAUNCH = 13,	/* struct svmt_launch, rows: what is measured, in its order */
};

struct svmt_features {
	__u32 svm_edx;		/* bits of CPUID 8000_000A EDX that the host must have */
	__u32 reserved[15];
};

struct svmt_memory {
	__u32 region_count;
	__u32 run_count;
	__u64 reserved;
	/* struct svmt_region [region_count], ascending gpa; struct svmt_run [run_count], the same */
};

enum svmt_region_kind { SVMT_RAM = 1, SVMT_ROM = 2 };

struct svmt_region {
	__u64 gpa;		/* multiple of 4096 */
	__u64 bytes;		/* multiple of 4096 */
	__u32 kind;		/* enum svmt_region_kind */
	__u32 reserved;
};

/* Initial contents: `pages` pages of the pool from number blob_page on, at gpa. */
struct svmt_run {
	__u64 gpa;
	__u32 blob_page;
	__u32 pages;
};

enum svmt_vcpu_kind { SVMT_VCPU_PLAIN = 1, SVMT_VCPU_CONFIDENTIAL = 2 /* refused by svmrt.ko */ };
enum svmt_vcpu_start { SVMT_START_RUN = 0, SVMT_START_WAIT_SIPI = 1 };

struct svmt_vcpu {
	__u32 kind;		/* enum svmt_vcpu_kind */
	__u32 start;		/* enum svmt_vcpu_start */
	__u32 vmcb_page;	/* pool number of the VMCB page; physical-address fields are 0 */
	__u32 state_page;	/* pool number of struct svmrt_vcpu_state, or SVMT_ZERO_PAGE */
};
#define SVMT_ZERO_PAGE 0xffffffffu

/* A virtio device is virtio-mmio, version 2 of the registers, and needs the chipset. */
enum svmt_device_type {
	SVMT_DEV_UART = 1, SVMT_DEV_DEBUG_EXIT = 2, SVMT_DEV_CHIPSET_PC = 3,
	SVMT_DEV_DEBUG_CONSOLE = 4, SVMT_DEV_FW_CFG = 5, SVMT_DEV_VIRTIO_CONSOLE = 6,
	SVMT_DEV_VIRTIO_BLK = 7, SVMT_DEV_VIRTIO_RNG = 8, SVMT_DEV_VIRTIO_NET = 9,
};

struct svmt_device {
	__u32 type;		/* enum svmt_device_type */
	__u32 index;		/* of its type: com1 is 0 */
	__u64 at;		/* first port; virtio: gpa of the registers; chipset: 0 */
	__u32 irq;		/* input of the I/O APIC, or SVMT_NO_IRQ */
	__u16 flags;		/* SVMT_DEV_F_* */
	__u8 mac[6];		/* VIRTIO_NET; zero: svmrund makes one for each VM */
	__u32 name_page;	/* VIRTIO_BLK, VIRTIO_NET: pool number of the drive's or link's name */
};
#define SVMT_NO_IRQ 0xffffffffu
#define SVMT_IRQS 24u			/* inputs of the I/O APIC */
#define SVMT_DEV_F_READ_ONLY 1u		/* VIRTIO_BLK */
#define SVMT_VIRTIO_BYTES 4096u		/* of guest memory that a virtio device's registers take */
/* A name's page: letters, digits, `-`, `_` and `.`, the first a letter or digit; then zeroes. */
#define SVMT_NAME_MAX 31u

/* Confidential templates: the vCPU's registers are here; its VMCB has the control area only. */
struct svmt_vmsa {
	__u32 page;		/* pool number of the VMSA page */
	__u32 reserved;
	__u64 gpa;		/* where it is measured; KVM: SVMT_VMSA_GPA_KVM */
};
#define SVMT_VMSA_GPA_KVM 0xfffffffff000ULL

enum svmt_launch_kind { SVMT_LAUNCH_SEV_ES = 1, SVMT_LAUNCH_SEV_SNP = 2 };
enum svmt_launch_vmm { SVMT_VMM_QEMU = 1, SVMT_VMM_EC2 = 2, SVMT_VMM_GCE = 3, SVMT_VMM_RAW = 4 };

struct svmt_launch {
	__u32 kind;		/* enum svmt_launch_kind */
	__u32 vmm;		/* enum svmt_launch_vmm */
	__u32 as_of;		/* date that the spec pins, as 20260501; 0: none (raw) */
	__u32 vcpu_signature;	/* CPUID Fn0000_0001_EAX, or 0 */
	__u64 policy;		/* guest policy of the launch command */
	__u64 features;		/* SEV_FEATURES that vCPUs begin with */
	__u32 flags;		/* SVMT_LAUNCH_F_* */
	__u32 guest_svn;	/* of the ID block */
	__u32 row_count;
	__u32 reserved;
	__u8 family_id[16], image_id[16];
	/* struct svmt_launch_row [row_count] */
};
#define SVMT_LAUNCH_F_ID_BLOCK 1u

/* Guest memory that the launch measures; contents are those of MEMORY. */
struct svmt_launch_row {
	__u64 gpa;		/* SEV-SNP: multiple of 4096; SEV-ES: of 16 */
	__u64 bytes;		/* likewise */
	__u32 type;		/* enum svmt_page_type; SEV-ES: NORMAL only */
	__u32 reserved;
};

/* PAGE_TYPE of the SEV-SNP firmware ABI. VMSA pages are no rows: they come last, by vCPU. */
enum svmt_page_type {
	SVMT_PAGE_NORMAL = 1, SVMT_PAGE_VMSA = 2, SVMT_PAGE_ZERO = 3, SVMT_PAGE_UNMEASURED = 4,
	SVMT_PAGE_SECRETS = 5, SVMT_PAGE_CPUID = 6,
};

_Static_assert(sizeof(struct svmt_header) == 128, "header");
_Static_assert(sizeof(struct svmt_section) == 32, "section table row");
_Static_assert(sizeof(struct svmt_device) == 32, "device row");
_Static_assert(sizeof(struct svmt_vmsa) == 16, "VMSA row");
_Static_assert(sizeof(struct svmt_launch) == 80, "head of LAUNCH");
_Static_assert(sizeof(struct svmt_launch_row) == 24, "launch row");
_Static_assert(sizeof(struct svmrt_vcpu_state) == 4096, "register page");
_Static_assert(sizeof(struct svmrt_event) == 64, "event record");

#endif
