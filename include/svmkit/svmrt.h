/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * The ABI of /dev/svmrt. File descriptors are the objects: system fd -> VM fd -> vCPU fds, and
 * memory objects; closing the last one frees everything. Every struct starts with its own size in
 * bytes; unknown flags and non-zero reserved fields are EINVAL. A refused call fills `error` with
 * one line of text that names the object and the rule. Self-contained: needs linux/types.h only.
 */
#ifndef SVMKIT_SVMRT_H
#define SVMKIT_SVMRT_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define SVMRT_ABI_VERSION 1
#define SVMRT_ERROR_BYTES 128

/* ---- Exit policy: what is done with an exit (action), and what is told (event class) ---- */

enum svmrt_action {
	SVMRT_DO_USER = 0,	/* return from RUN with the run page filled */
	SVMRT_DO_TABLE = 1,	/* answer from the CPUID or MSR table; a range of ports or GPAs: `value` */
	SVMRT_DO_SKIP = 2,	/* step over the instruction; drop a #DB */
	SVMRT_DO_INJECT = 3,	/* `vector`, or SVMRT_VECTOR_SAME: the intercepted exception itself */
	SVMRT_DO_WAIT = 4,	/* step over HLT and sleep until an event or a kick */
	SVMRT_DO_STOP = 5,	/* return from RUN; RIP stays at the instruction */
	SVMRT_ACTIONS
};

enum svmrt_event_class {
	SVMRT_EVENT_NONE = 0,
	SVMRT_EVENT_COUNT = 1,	/* as none: counters are always on; says that this is meant */
	SVMRT_EVENT_SAMPLE = 2,	/* one of every `sample` exits of this code */
	SVMRT_EVENT_STREAM = 3,
	SVMRT_EVENTS
};

#define SVMRT_VECTOR_SAME 0xffff

#define SVMRT_MAX_RULES 4096u

/*
 * A rule for an exit code (`access` 0; then first, last and value are 0), or a finer one for what is
 * accessed: the CPUID leaf (READ only), the MSR, the first port or guest physical address of the
 * access, first to last. Where a finer rule fits it is the only one. Those of one code and direction
 * do not overlap. TABLE for ports and GPAs: reads give `value`, as much of it as the access is wide,
 * writes are dropped; INS, OUTS, and at a GPA everything but MOV and its kin, go to user space.
 */
struct svmrt_exit_rule {
	__u64 code;		/* EXITCODE, APM volume 2 appendix C */
	__u8 action;		/* enum svmrt_action */
	__u8 event;		/* enum svmrt_event_class */
	__u16 vector;		/* SVMRT_DO_INJECT: exception vector; error code 0 where it has one */
	__u32 sample;		/* SVMRT_EVENT_SAMPLE: N >= 1; else 0 */
	__u64 first;
	__u64 last;
	__u64 value;
	__u32 access;		/* SVMRT_ON_* */
	__u32 reserved;
};
#define SVMRT_ON_READ	1u	/* CPUID, RDMSR, IN; GPA: read or fetch */
#define SVMRT_ON_WRITE	2u	/* WRMSR, OUT; GPA: write */

/*
 * CPUID answer: (host value & keep) | set, registers in the order EAX EBX ECX EDX; then what is the
 * vCPU's own, by `live`: its number, which is its APIC ID, and what depends on its CR4 and XCR0.
 */
struct svmrt_cpuid_row {
	__u32 leaf;
	__u32 subleaf;
	__u32 flags;		/* SVMRT_CPUID_SUBLEAF: the row is for this ECX only */
	__u32 live;		/* SVMRT_CPUID_LIVE_* */
	__u32 keep[4];
	__u32 set[4];
};
#define SVMRT_CPUID_SUBLEAF 1u
#define SVMRT_CPUID_LIVE_EBX_ID 1u	/* number in EBX[31:24], as in leaf 1 */
#define SVMRT_CPUID_LIVE_EDX_ID 2u	/* number in EDX, as in leaf Bh */
#define SVMRT_CPUID_LIVE_OSXSAVE 4u	/* CR4.OSXSAVE in ECX[27], as in leaf 1 */
#define SVMRT_CPUID_LIVE_XSAVE 8u	/* bytes of XCR0's components in EBX, as in leaf Dh */
#define SVMRT_CPUID_LIVE 15u

enum svmrt_msr_access {
	SVMRT_MSR_GP = 0,	/* #GP(0) in the guest */
	SVMRT_MSR_VALUE = 1,	/* read: the row's value, or what STORE last wrote */
	SVMRT_MSR_IGNORE = 2,	/* write: dropped */
	SVMRT_MSR_STORE = 3,	/* write: kept per vCPU (rows of one MSR only) */
	SVMRT_MSR_STATE = 4,	/* both: the vCPU's own register, see svmrt_msr_has_state() */
};

/*
 * The guest's clock by its TSC, as KVM defines it: MSRs 4B56_4D00h and 4B56_4D01h take the address of
 * pvclock_wall_clock and pvclock_vcpu_time_info, neither of which may cross a page. They are written
 * before the guest goes on, and again when its TSC_OFFSET was changed. Nanoseconds are guest time.
 */
#define SVMRT_MSR_WALL_CLOCK	0x4b564d00u
#define SVMRT_MSR_SYSTEM_TIME	0x4b564d01u

/*
 * MSRs that a row may give access to, with all of a processor's rules: TSC, PAT, EFER, TSC_AUX; and the
 * two above.
 */
static inline int svmrt_msr_has_state(__u32 msr)
{
	return msr == 0x10 || msr == 0x277 || msr == 0xc0000080 || msr == 0xc0000103 ||
	       msr == SVMRT_MSR_WALL_CLOCK || msr == SVMRT_MSR_SYSTEM_TIME;
}

struct svmrt_msr_row {
	__u32 first;		/* MSR index range, both ends included */
	__u32 last;
	__u8 read;		/* enum svmrt_msr_access */
	__u8 write;
	__u16 reserved0;
	__u32 reserved1;
	__u64 value;
};

/* ---- vCPU register page beside the VMCB (4096 bytes; also a page of the template) ---- */

/* GPR numbers are the processor's own encoding. RAX and RSP live in the VMCB: here they are 0. */
struct svmrt_vcpu_state {
	__u64 gpr[16];
	__u64 dr[4];		/* DR0-3; DR6 and DR7 live in the VMCB */
	__u64 xcr0;
	__u64 reserved0[3];
	__u8 fxsave[512];	/* x87, SSE and MXCSR in FXSAVE64 layout */
	__u8 reserved1[3392];
};

/* Dense slot of an exit code: policy and counters are arrays of SVMRT_SLOTS. -1: not a known code. */
#define SVMRT_SLOTS 0x114
static inline int svmrt_exit_slot(__u64 code)
{
	if (code < 0x100)
		return (int)code;
	if (code >= 0x400 && code < 0x410)
		return 0x100 + (int)(code - 0x400);
	if (code >= 0xfffffffffffffffcULL)
		return 0x110 + (int)(0xffffffffffffffffULL - code);
	return -1;
}

/* ---- System fd ---- */

#define SVMRT_CAP_NPT		(1ULL << 0)
#define SVMRT_CAP_NRIPS		(1ULL << 1)
#define SVMRT_CAP_FLUSHBYASID	(1ULL << 2)
#define SVMRT_CAP_DECODE	(1ULL << 3)
#define SVMRT_CAP_XSAVE		(1ULL << 4)

struct svmrt_info {
	__u32 size;
	__u32 abi_version;
	__u64 caps;		/* SVMRT_CAP_* */
	__u32 svm_revision;	/* CPUID 8000_000A EAX[7:0] */
	__u32 asids;		/* CPUID 8000_000A EBX */
	__u32 svm_features;	/* CPUID 8000_000A EDX */
	__u32 npt_levels;
	__u32 cpus_online;
	__u32 cpus_claimed;	/* EFER.SVME is ours on that many */
	__u32 vms;
	__u32 vcpus;
	__u32 memory_objects;
	__u32 max_vcpus;	/* per VM */
	__u64 pages;		/* 4 KiB pages that the module holds for VMs and memory objects */
	__u64 max_pages_per_user;
	__u64 host_xcr0;
	char unusable[SVMRT_ERROR_BYTES];	/* why no VM can be created now, and the remedy; or "" */
};

struct svmrt_create_vm {
	__u32 size;
	__u32 flags;		/* 0 */
	char error[SVMRT_ERROR_BYTES];
};

struct svmrt_create_mem {
	__u32 size;
	__u32 flags;		/* SVMRT_MEM_* */
	__u64 bytes;		/* multiple of 4096 */
	char error[SVMRT_ERROR_BYTES];
};
/* Only 4 KiB pages: for contents with holes. Without it, 2 MiB appear at once where they can be had. */
#define SVMRT_MEM_SMALL 1u

/* ---- VM fd ---- */

enum svmrt_map_mode {
	SVMRT_MAP_SHARED = 0,	/* the object's pages, writable */
	SVMRT_MAP_RO = 1,	/* the object's pages; a guest write is an NPF exit */
	SVMRT_MAP_COW = 2,	/* the object's pages until the guest writes; then a private copy.
				 * Where the object has none: private zeroed memory at once */
};

struct svmrt_map {
	__u32 size;
	__u32 flags;		/* 0 */
	__u64 gpa;		/* guest physical address, multiple of 4096 */
	__u64 bytes;		/* multiple of 4096 */
	__u64 offset;		/* into the memory object, bytes, multiple of 4096 */
	__s32 mem_fd;
	__u32 mode;		/* enum svmrt_map_mode */
	char error[SVMRT_ERROR_BYTES];
};

/*
 * SVMRT_VM_UNMAP: no region is at [gpa, gpa + bytes) any more; one that is there in part is cut.
 * SVMRT_VM_ZAP: regions stay, but what the guest made of them goes: private copies are dropped and
 * the next touch finds the memory object's contents again. When either returns, no vCPU can reach
 * the old pages, and memory that only this VM used is free.
 */
struct svmrt_range {
	__u32 size;
	__u32 flags;		/* 0 */
	__u64 gpa;		/* multiple of 4096 */
	__u64 bytes;		/* multiple of 4096, not 0 */
	char error[SVMRT_ERROR_BYTES];
};

enum svmrt_dirty_op {
	SVMRT_DIRTY_START = 1,	/* from now on; every page is clean */
	SVMRT_DIRTY_STOP = 2,
	SVMRT_DIRTY_HARVEST = 3, /* tell which pages were written to, and call them clean */
	SVMRT_DIRTY_RESET = 4,	/* call them clean without telling */
};

/*
 * Writes of guests and of SVMRT_VM_ACCESS are tracked, in pages of 4096 bytes; what user space writes
 * through its own mapping of a memory object is not.
 */
struct svmrt_dirty {
	__u32 size;
	__u32 flags;		/* 0 */
	__u32 op;		/* enum svmrt_dirty_op */
	__u32 reserved;
	__u64 gpa;		/* START, STOP: in the region. Else: a multiple of 64 pages from its start */
	__u64 bytes;		/* HARVEST, RESET: whole pages, not beyond the region */
	__u64 bitmap;		/* HARVEST: user address, 8 bytes for each 64 pages; bit 0 is the first */
	__u64 dirty_pages;	/* out, HARVEST and RESET: bits that were set */
	char error[SVMRT_ERROR_BYTES];
};

/* Once per VM, before its first vCPU. Pointers are user addresses. */
struct svmrt_policy {
	__u32 size;
	__u32 flags;		/* 0 */
	__u64 rules;		/* struct svmrt_exit_rule [rule_count]; codes without a rule: USER, COUNT */
	__u64 cpuid;		/* struct svmrt_cpuid_row [cpuid_count] */
	__u64 msrs;		/* struct svmrt_msr_row [msr_count], sorted, not overlapping */
	__u64 msrpm;		/* 8192 bytes, or 0: all ones. A bit may be clear for switched MSRs only */
	__u32 rule_count;
	__u32 cpuid_count;
	__u32 msr_count;
	__u32 reserved;
	char error[SVMRT_ERROR_BYTES];
};

struct svmrt_create_vcpu {
	__u32 size;
	__u32 flags;		/* SVMRT_VCPU_WAIT_SIPI: RUN sleeps until INIT and SIPI start it */
	__u32 index;		/* 0 .. max_vcpus - 1, each once */
	__u32 ring_entries;	/* power of two, 64 .. 65536 */
	__u64 vmcb;		/* 4096 bytes: control words by allow-list, save area as it is */
	__u64 state;		/* struct svmrt_vcpu_state */
	char error[SVMRT_ERROR_BYTES];
};

#define SVMRT_VCPU_WAIT_SIPI 1u

/* Copy guest physical memory of regions to or from user memory. Pages are populated as by a touch. */
struct svmrt_access {
	__u32 size;
	__u32 flags;		/* SVMRT_ACCESS_WRITE */
	__u64 gpa;
	__u64 bytes;		/* at most 1 MiB a call */
	__u64 buffer;		/* user address */
	char error[SVMRT_ERROR_BYTES];
};
#define SVMRT_ACCESS_WRITE 1u

/* ---- vCPU fd ---- */

/* Why RUN returned (also errno: RUN returns 0 for all of these). */
enum svmrt_run_reason {
	SVMRT_RUN_NONE = 0,
	SVMRT_RUN_EXIT = 1,	/* policy `user`: finish the exit, then RUN again */
	SVMRT_RUN_STOP = 2,	/* policy `stop` */
	SVMRT_RUN_KICKED = 3,	/* SVMRT_VCPU_KICK, or a signal is pending */
	SVMRT_RUN_RING_FULL = 4, /* SVMRT_RING_RETURN: consume, then RUN again; nothing was lost */
	SVMRT_RUN_SHUTDOWN = 5,	/* guest shutdown (triple fault): VMCB contents are undefined */
	SVMRT_RUN_INVALID = 6,	/* VMEXIT_INVALID: VMRUN refused the state */
	SVMRT_RUN_BROKEN = 7,	/* the vCPU cannot go on; `text` says why */
	SVMRT_RUN_DEBUG = 8,	/* SVMRT_VCPU_DEBUG: what happened is in `debug` */
	SVMRT_RUN_INTA = 9,	/* INTR line: the guest takes it now; give its vector in `inta` */
};

/* User writes these bits in svmrt_run_page.dirty; the kernel takes the fields at the next RUN. */
#define SVMRT_DIRTY_GPR		1u	/* gpr[] */
#define SVMRT_DIRTY_RIP		2u	/* rip; also ends the interrupt shadow */
#define SVMRT_DIRTY_INJECT	4u	/* inject */
#define SVMRT_DIRTY_INTA	8u	/* inta; only after SVMRT_RUN_INTA */
#define SVMRT_DIRTY_RFLAGS	16u	/* the status flags in rflags; RF is cleared */
#define SVMRT_DIRTY_CR2		32u	/* cr2 */
#define SVMRT_DIRTY_APIC	64u	/* apic_value, as the guest's write to the register at apic_offset */

/* First page of the vCPU mapping. Kernel-filled at every return from RUN, by value. */
struct svmrt_run_page {
	__u32 reason;		/* enum svmrt_run_reason */
	__u32 dirty;		/* SVMRT_DIRTY_* */
	__u64 exitcode;
	__u64 exitinfo1;
	__u64 exitinfo2;
	__u64 exitintinfo;
	__u64 next_rip;		/* of the exiting instruction, or 0: not known */
	__u64 rip;
	__u64 rflags;
	__u64 gpr[16];		/* RAX and RSP included */
	__u64 cr0, cr2, cr3, cr4, efer;
	__u64 cs_base;
	__u32 cs_attrib;
	__u32 cpl;
	__u8 insn_bytes;	/* bytes of insn[] that could be fetched at CS:RIP */
	__u8 insn[15];
	__u64 inject;		/* EVENTINJ format; only exceptions (type 3) are taken */
	__u64 debug;		/* SVMRT_RUN_DEBUG: SVMRT_DEBUG_HIT_* */
	__u32 inta;		/* vector, 0 .. 255 */
	__u32 apic_offset;	/* multiple of 16, below 4096 */
	/* BROKEN; INVALID: the rule that the state breaks; RUN fails for want of a page: which */
	char text[SVMRT_ERROR_BYTES];
	__u8 inputs[1024];	/* INVALID: bytes 0-0xff and 0x400-0x6ff of the VMCB as VMRUN got it */
	__u32 apic_value;
	__u32 reserved;
};

/* Second page of the mapping: the event ring's header. Records follow from the third page. */
struct svmrt_ring {
	__u64 head;		/* kernel: records written so far; the slot is head % entries */
	__u64 dropped;		/* kernel: events that found a lossy ring full */
	__u64 reserved0[6];
	__u64 tail;		/* user: records consumed so far */
	__u32 lossless;		/* user: enum svmrt_ring_mode */
	__u32 waiting;		/* kernel: 1: the vCPU sleeps in RUN until there is room */
};

/*
 * What a full ring does. A consumer of a ring that WAITs stores the new tail, then (after a full
 * barrier) looks at `waiting`, and calls SVMRT_VCPU_WAKE if it is set; a kick or a signal ends the
 * sleep, too.
 */
enum svmrt_ring_mode {
	SVMRT_RING_LOSSY = 0,	/* drop events, and count them */
	SVMRT_RING_RETURN = 1,	/* RUN returns: for a consumer that is the thread which runs */
	SVMRT_RING_WAIT = 2,	/* the vCPU sleeps in RUN */
};

#define SVMRT_EVENT_CPL(flags)		((flags) & 3)
#define SVMRT_EVENT_MODE(flags)		(((flags) >> 2) & 7)
#define SVMRT_EVENT_SHADOW		(1u << 5)
#define SVMRT_EVENT_ACTION(flags)	(((flags) >> 8) & 0xff)
enum svmrt_mode { SVMRT_REAL, SVMRT_V86, SVMRT_PROT16, SVMRT_PROT32, SVMRT_COMPAT, SVMRT_LONG64 };

struct svmrt_event {		/* 64 bytes, little endian */
	__u64 seq;		/* per vCPU, from 0; a gap is an event that was dropped */
	__u64 tsc;		/* host TSC after the exit */
	__u64 exitinfo1;
	__u64 exitinfo2;	/* of an MSR exit: ECX, the number of the MSR */
	__u64 rip;
	__u64 rax;
	__u64 exitintinfo;
	__u32 code;		/* low 32 bits of EXITCODE */
	__u32 flags;
};

/* What the host causes is counted here and never told as an event. */
struct svmrt_stats {
	__u32 size;
	__u32 reserved;
	__u64 exits[SVMRT_SLOTS];	/* by svmrt_exit_slot(); guest-caused */
	__u64 host_intr, host_nmi, host_smi, host_init, host_mce;
	__u64 host_npf;			/* pages populated or copied */
	__u64 entries;			/* VMRUN executed */
	__u64 slices;
	__u64 xcr0_restored;		/* XSETBV got past the intercept (emulators) */
	__u64 events;			/* sequence numbers given out */
	__u64 events_dropped;
	__u64 interrupts;		/* taken by the guest; NMI not counted */
	__u64 interrupt_windows;	/* exits because the guest became able to take one */
	__u64 halts;			/* sleeps in HLT or for SIPI, and how many an event ended: */
	__u64 wakes;
	__u64 timer_missed;		/* ticks that were merged with another */
	__u64 flushes;			/* entries with tlb=asid whose translations had to go */
	__u64 doorbells;		/* SVMRT_VM_IOEVENTFD: writes that only signalled */
};

/* Exits that met each finer rule of the policy, in the order in which SVMRT_VM_POLICY had those. */
struct svmrt_rule_counts {
	__u32 size;
	__u32 flags;		/* 0 */
	__u32 count;		/* room in `counts`; out: how many finer rules there are */
	__u32 reserved;
	__u64 counts;		/* user address: __u64 [count] */
};

/*
 * Guest-caused exits by port (IOIO), MSR number and guest page (NPF), counted apart from stats. A
 * vCPU has SVMRT_DETAIL_ROWS of them; what finds no row is counted in `others` of its kind.
 */
enum svmrt_detail_kind { SVMRT_DETAIL_PORT, SVMRT_DETAIL_MSR, SVMRT_DETAIL_GPA, SVMRT_DETAIL_KINDS };
#define SVMRT_DETAIL_ROWS 256

struct svmrt_detail_row {
	__u64 key;		/* port, MSR number, or GPA with bits 11:0 clear */
	__u64 count;		/* 0: the row is not used */
	__u32 kind;		/* enum svmrt_detail_kind */
	__u32 reserved;
};

struct svmrt_details {
	__u32 size;
	__u32 flags;		/* 0 */
	__u64 rows;		/* user address: struct svmrt_detail_row [SVMRT_DETAIL_ROWS] */
	__u64 others[SVMRT_DETAIL_KINDS];
};

/* The whole architectural state, physical addresses of the host zeroed. Not while RUN is in progress. */
struct svmrt_vcpu_image {
	__u32 size;
	__u32 flags;		/* out: SVMRT_IMAGE_* */
	__u64 vmcb;		/* user address: 4096 bytes */
	__u64 state;		/* user address: struct svmrt_vcpu_state */
};
#define SVMRT_IMAGE_INPUTS 1u	/* after SHUTDOWN or INVALID: state as it was before that VMRUN */

/*
 * Replace the state: what CREATE_VCPU takes, by the same rules. Of the control area only TSC_OFFSET,
 * V_TPR and INTERRUPT_SHADOW are taken, so an image can be changed and given back. All or nothing.
 * It also ends a HLT, drops an event that waits for delivery, and brings a vCPU back that ended with
 * SHUTDOWN or INVALID. Not while RUN is in progress.
 */
struct svmrt_vcpu_set_image {
	__u32 size;
	__u32 flags;		/* 0 */
	__u64 vmcb;		/* user address: 4096 bytes */
	__u64 state;		/* user address: struct svmrt_vcpu_state */
	char error[SVMRT_ERROR_BYTES];
};

/*
 * A debugger on this vCPU, until the next call replaces it. Not while RUN is in progress. The guest
 * sees its own TF, DR6, DR7 and DR0-3; with HW its own breakpoints sleep.
 */
struct svmrt_vcpu_debug {
	__u32 size;
	__u32 flags;		/* SVMRT_DEBUG_*; 0: no debugger */
	__u64 dr[4];		/* HW: linear addresses; else 0 */
	__u64 dr7;		/* HW: no GD, no I/O breakpoints; else 0 */
	char error[SVMRT_ERROR_BYTES];
};
#define SVMRT_DEBUG_STEP	1u	/* RUN returns after one instruction, or one delivered event */
#define SVMRT_DEBUG_BREAK	2u	/* INT3 ends RUN, with RIP at it */
#define SVMRT_DEBUG_HW		4u	/* dr[] and dr7 are in force */
#define SVMRT_DEBUG_HIT_DR(n)	(1ULL << (n))
#define SVMRT_DEBUG_HIT_STEP	(1ULL << 14)	/* as DR6.BS */
#define SVMRT_DEBUG_HIT_BREAK	(1ULL << 32)

/*
 * ---- Interrupts ----
 * NMI, the INTR line, INIT and SIPI exist for every vCPU. Local APICs in the kernel are decided before
 * the first vCPU: vCPU n gets APIC ID n, vCPU 0 is the boot processor. They answer the page at
 * IA32_APIC_BASE (no region may be there), MSRs 1Bh, 6E0h and 800h to 8FFh before the policy does; an
 * access that is not an aligned 32-bit MOV is an NPF exit as before. The timer's clock is
 * 1 GHz. Calls here may be made from any thread while RUN is in progress.
 */
struct svmrt_irqchip {
	__u32 size;
	__u32 flags;		/* SVMRT_IRQCHIP_LAPIC, or both */
	char error[SVMRT_ERROR_BYTES];
};
#define SVMRT_IRQCHIP_LAPIC 1u
/* vCPU 0 begins as firmware leaves it: its APIC is on, LINT0 is ExtINT (virtual wire), LINT1 NMI. */
#define SVMRT_IRQCHIP_VIRTUAL_WIRE 2u

/* One message to the local APICs, as a device writes it. Returns how many APICs took it. */
struct svmrt_msi {
	__u32 size;
	__u32 flags;		/* 0 */
	__u64 address;		/* FEEx_xxxxh; bits 63:40 are destination bits 31:8 */
	__u32 data;		/* vector, delivery mode, trigger mode (bit 15: level) */
	__u32 reserved;
	char error[SVMRT_ERROR_BYTES];
};

/* A signal of the eventfd is that message. The VM holds the eventfd until it is removed. */
struct svmrt_irqfd {
	__u32 size;
	__u32 flags;		/* SVMRT_FD_REMOVE: of this fd; address and data do not matter */
	__u64 address;
	__u32 data;
	__s32 fd;
	__u64 reserved;
	char error[SVMRT_ERROR_BYTES];
};
#define SVMRT_FD_REMOVE 1u

/* The eventfd is signalled when a level-triggered interrupt with that vector ends on any vCPU. */
struct svmrt_eoifd {
	__u32 size;
	__u32 flags;		/* SVMRT_FD_REMOVE */
	__s32 fd;
	__u32 vector;		/* 10h .. FFh */
	char error[SVMRT_ERROR_BYTES];
};

/*
 * Doorbell: a guest's OUT to a port, or MOV to an address where no memory is, that only signals an
 * eventfd. Other forms (string, REP) go on to the policy. REMOVE names the same place, size and data.
 */
struct svmrt_ioeventfd {
	__u32 size;
	__u32 flags;		/* SVMRT_FD_REMOVE, SVMRT_IOEVENT_PORT, SVMRT_IOEVENT_DATA */
	__u64 address;
	__u64 data;		/* with DATA: only this value; else 0 */
	__s32 fd;
	__u32 bytes;		/* 1, 2, 4, 8 (memory only), or 0: any */
	char error[SVMRT_ERROR_BYTES];
};
#define SVMRT_IOEVENT_PORT 2u
#define SVMRT_IOEVENT_DATA 4u

/*
 * Guest time of the whole VM: its TSCs and its local APICs' timers. STOP: it stands still, no timer
 * expires, and RUN is EBUSY; EBUSY itself if a vCPU is in RUN. GO: it goes on from where it stood: every
 * vCPU's TSC_OFFSET becomes smaller by what the TSC counted meanwhile, timers expire later by as much.
 * JUMP: it goes on as if it had never stood still; what should have expired does so at once. EALREADY:
 * it stands still, or runs, already.
 */
enum svmrt_time_op { SVMRT_TIME_STOP = 1, SVMRT_TIME_GO = 2, SVMRT_TIME_JUMP = 3 };

struct svmrt_time {
	__u32 size;
	__u32 flags;		/* 0 */
	__u32 op;		/* enum svmrt_time_op */
	__u32 reserved;
	__u64 ns;		/* out: CLOCK_MONOTONIC at that moment, for clocks in user space */
	char error[SVMRT_ERROR_BYTES];
};

/*
 * ---- Ports that the kernel answers for user space ----
 * SVMRT_VM_PORTS gives the VM a page, which mmap of its descriptor shares: a cell for each register
 * that SVMRT_VM_PORT names, and a queue of posted writes. Both calls come before the first vCPU. An IN
 * or OUT of that port and size (INS and OUTS are not meant) that the policy gives to user space is done
 * in the kernel as the cell's mode says at that moment, counted and told as any exit (action TABLE).
 * Where the mode has no bit for it, the queue is full, or with UNLESS, it goes to user space as before.
 */
struct svmrt_port_cell {
	__u32 value;		/* both: what IN reads; what OUT stores */
	__u32 mode;		/* user: SVMRT_PORT_*, at any time */
};
#define SVMRT_PORT_READ		1u	/* IN reads `value` */
#define SVMRT_PORT_STORE	2u	/* OUT puts its operand, with store_mask, into `value` */
#define SVMRT_PORT_POST		4u	/* OUT goes into the queue (and not into `value`) */

#define SVMRT_PORT_CELLS 32u
#define SVMRT_POSTED 256u	/* power of two */

struct svmrt_posted {
	__u16 port;
	__u16 bytes;
	__u32 value;
};

/*
 * The page (4096 bytes). Whoever takes from the queue does so before it handles any other access to
 * those ports: so nothing overtakes a posted write.
 */
struct svmrt_port_page {
	struct svmrt_port_cell cells[SVMRT_PORT_CELLS];
	__u32 head;		/* kernel: writes posted so far; the slot is head % SVMRT_POSTED */
	__u32 reserved0[15];
	__u32 tail;		/* user: writes taken so far */
	__u32 reserved1[15];
	struct svmrt_posted posted[SVMRT_POSTED];
};

/* The eventfd is signalled `delay_ns` after a write was posted, once for all that were until then. */
struct svmrt_ports {
	__u32 size;
	__u32 flags;		/* 0 */
	__s32 fd;
	__u32 delay_ns;		/* 1000 .. 1000000000 */
	char error[SVMRT_ERROR_BYTES];
};

struct svmrt_port {
	__u32 size;
	__u32 flags;		/* SVMRT_PORT_UNLESS */
	__u32 port;
	__u32 bytes;		/* 1, 2 or 4: of the access */
	__u32 cell;		/* each is one port's */
	__u32 store_mask;
	/* UNLESS: not while (cells[unless_cell].value & unless_mask) == unless_value. Else 0 */
	__u32 unless_cell;
	__u32 unless_mask;
	__u32 unless_value;
	__u32 reserved;
	char error[SVMRT_ERROR_BYTES];
};
#define SVMRT_PORT_UNLESS 1u

/*
 * The INTR line of a PIC in user space. While it is 1 and the guest can take an interrupt (with a local
 * APIC: if LINT0 is in ExtINT mode, or the APIC is off), RUN returns SVMRT_RUN_INTA; the next RUN
 * delivers the vector that it finds in `inta`. A message in ExtINT mode asks so once, whatever LINT0
 * says. Where LINT0 is in another mode the line sends what that says each time it rises.
 */
struct svmrt_vcpu_extint {
	__u32 size;
	__u32 flags;		/* 0 */
	__u32 level;
	__u32 reserved;
	char error[SVMRT_ERROR_BYTES];
};

/* INIT resets the vCPU; all but vCPU 0 then wait for SIPI. SIPI counts only while one waits. */
struct svmrt_vcpu_init {
	__u32 size;
	__u32 flags;		/* SVMRT_INIT_INIT, SVMRT_INIT_SIPI, or both in this order */
	__u32 vector;		/* of SIPI: the code is at vector * 4096 */
	__u32 reserved;
	char error[SVMRT_ERROR_BYTES];
};
#define SVMRT_INIT_INIT 1u
#define SVMRT_INIT_SIPI 2u

/* regs[n] is the register at offset n * 16. Set takes what a guest could write, and ISR, TMR, IRR. */
struct svmrt_lapic_state {
	__u32 size;
	__u32 flags;		/* SVMRT_LAPIC_SET, or 0: get */
	__u64 base;		/* IA32_APIC_BASE */
	__u64 tsc_deadline;
	__u32 regs[64];
	char error[SVMRT_ERROR_BYTES];
};
#define SVMRT_LAPIC_SET 1u

#define SVMRT_IOC 0xB7
#define SVMRT_INFO		_IOWR(SVMRT_IOC, 0x00, struct svmrt_info)
#define SVMRT_CREATE_VM		_IOWR(SVMRT_IOC, 0x01, struct svmrt_create_vm)	/* -> VM fd */
#define SVMRT_CREATE_MEM	_IOWR(SVMRT_IOC, 0x02, struct svmrt_create_mem)	/* -> memory fd */
#define SVMRT_VM_MAP		_IOWR(SVMRT_IOC, 0x10, struct svmrt_map)
#define SVMRT_VM_POLICY		_IOWR(SVMRT_IOC, 0x11, struct svmrt_policy)
#define SVMRT_VM_CREATE_VCPU	_IOWR(SVMRT_IOC, 0x12, struct svmrt_create_vcpu) /* -> vCPU fd */
#define SVMRT_VM_ACCESS		_IOWR(SVMRT_IOC, 0x13, struct svmrt_access)
#define SVMRT_VM_UNMAP		_IOWR(SVMRT_IOC, 0x18, struct svmrt_range)
#define SVMRT_VM_ZAP		_IOWR(SVMRT_IOC, 0x19, struct svmrt_range)
#define SVMRT_VM_DIRTY		_IOWR(SVMRT_IOC, 0x1a, struct svmrt_dirty)
#define SVMRT_VCPU_RUN		_IO(SVMRT_IOC, 0x20)
#define SVMRT_VCPU_KICK		_IO(SVMRT_IOC, 0x21)	/* from any thread */
#define SVMRT_VCPU_STATS	_IOWR(SVMRT_IOC, 0x22, struct svmrt_stats)	/* from any thread */
#define SVMRT_VCPU_WAKE		_IO(SVMRT_IOC, 0x28)	/* from any thread: there is room in the ring */
#define SVMRT_VCPU_RULE_COUNTS	_IOWR(SVMRT_IOC, 0x29, struct svmrt_rule_counts) /* from any thread */
#define SVMRT_VCPU_IMAGE	_IOWR(SVMRT_IOC, 0x23, struct svmrt_vcpu_image)
#define SVMRT_VCPU_SET_IMAGE	_IOWR(SVMRT_IOC, 0x24, struct svmrt_vcpu_set_image)
#define SVMRT_VCPU_DEBUG	_IOWR(SVMRT_IOC, 0x25, struct svmrt_vcpu_debug)
#define SVMRT_VCPU_DETAILS	_IOWR(SVMRT_IOC, 0x2a, struct svmrt_details)	/* from any thread */
#define SVMRT_VCPU_NMI		_IO(SVMRT_IOC, 0x30)
#define SVMRT_VCPU_EXTINT	_IOWR(SVMRT_IOC, 0x31, struct svmrt_vcpu_extint)
#define SVMRT_VCPU_INIT		_IOWR(SVMRT_IOC, 0x32, struct svmrt_vcpu_init)
#define SVMRT_VCPU_LAPIC	_IOWR(SVMRT_IOC, 0x33, struct svmrt_lapic_state)
#define SVMRT_VM_IRQCHIP	_IOWR(SVMRT_IOC, 0x40, struct svmrt_irqchip)
#define SVMRT_VM_MSI		_IOWR(SVMRT_IOC, 0x41, struct svmrt_msi)
#define SVMRT_VM_IRQFD		_IOWR(SVMRT_IOC, 0x42, struct svmrt_irqfd)
#define SVMRT_VM_EOIFD		_IOWR(SVMRT_IOC, 0x43, struct svmrt_eoifd)
#define SVMRT_VM_IOEVENTFD	_IOWR(SVMRT_IOC, 0x44, struct svmrt_ioeventfd)
#define SVMRT_VM_TIME		_IOWR(SVMRT_IOC, 0x47, struct svmrt_time)
#define SVMRT_VM_PORTS		_IOWR(SVMRT_IOC, 0x45, struct svmrt_ports)
#define SVMRT_VM_PORT		_IOWR(SVMRT_IOC, 0x46, struct svmrt_port)

#endif
