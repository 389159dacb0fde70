/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The VMCB as one packed struct (APM volume 2, appendix B), for the compile-time assertions at the
 * end and for people who read. Code reads and writes a VMCB through vmcb.h only, which keeps the
 * clean bits honest. kmod/control.c and the tests include this file for what it asserts.
 */
#ifndef SVMKIT_VMCB_LAYOUT_H
#define SVMKIT_VMCB_LAYOUT_H

#include <linux/types.h>
#ifdef __KERNEL__
#include <linux/stddef.h>
#else
#include <stddef.h>
#endif

/* A segment register; attrib packs descriptor bits 55:52 and 47:40 into 12 bits. */
struct vmcb_segment {
	__u16 selector;
	__u16 attrib;
	__u32 limit;
	__u64 base;
} __attribute__((packed));

struct vmcb_control_layout {
	__u32 intercept_vec0_cr;
	__u32 intercept_vec1_dr;
	__u32 intercept_vec2_exc;
	__u32 intercept_vec3;
	__u32 intercept_vec4;
	__u32 intercept_vec5;
	__u8 reserved_018[36];
	__u16 pause_filter_threshold;
	__u16 pause_filter_count;
	__u64 iopm_base_pa;
	__u64 msrpm_base_pa;
	__u64 tsc_offset;
	__u32 guest_asid;
	__u8 tlb_control;
	__u8 erap_ctl;
	__u16 reserved_05e;
	__u32 int_ctl;
	__u32 int_vector;
	__u64 int_state;
	__u64 exitcode;
	__u64 exitinfo1;
	__u64 exitinfo2;
	__u64 exitintinfo;
	__u64 misc_ctl;
	__u64 avic_apic_bar;
	__u64 ghcb_gpa;
	__u64 eventinj;
	__u64 n_cr3;
	__u64 misc_ctl2;
	__u32 vmcb_clean;
	__u32 reserved_0c4;
	__u64 nrip;
	__u8 insn_len;
	__u8 insn_bytes[15];
	__u64 avic_backing_page;
	__u64 reserved_0e8;
	__u64 avic_logical_table;
	__u64 avic_physical_id;
	__u64 reserved_100;
	__u64 vmsa_pa;
	__u64 vmgexit_rax;
	__u8 vmgexit_cpl;
	__u8 pad_119[7];
	__u16 bus_lock_counter;
	__u8 pad_122[6];
	__u8 reserved_128[12];
	__u8 update_irr;
	__u8 pad_135[3];
	__u64 allowed_sev_features;
	__u64 guest_sev_features;
	__u64 reserved_148;
	__u8 requested_irr[32];
	__u8 pad_170[88];
	__u64 pml_addr;
	__u16 pml_index;
	__u8 pad_1d2[526];
	__u8 host_use[32];
} __attribute__((packed));

struct vmcb_save_layout {
	struct vmcb_segment es;
	struct vmcb_segment cs;
	struct vmcb_segment ss;
	struct vmcb_segment ds;
	struct vmcb_segment fs;
	struct vmcb_segment gs;
	struct vmcb_segment gdtr;
	struct vmcb_segment ldtr;
	struct vmcb_segment idtr;
	struct vmcb_segment tr;
	__u8 reserved_0a0[43];
	__u8 cpl;
	__u32 reserved_0cc;
	__u64 efer;
	__u64 reserved_0d8;
	__u64 perf_ctl0;
	__u64 perf_ctr0;
	__u64 perf_ctl1;
	__u64 perf_ctr1;
	__u64 perf_ctl2;
	__u64 perf_ctr2;
	__u64 perf_ctl3;
	__u64 perf_ctr3;
	__u64 perf_ctl4;
	__u64 perf_ctr4;
	__u64 perf_ctl5;
	__u64 perf_ctr5;
	__u64 unlisted_140;
	__u64 cr4;
	__u64 cr3;
	__u64 cr0;
	__u64 dr7;
	__u64 dr6;
	__u64 rflags;
	__u64 rip;
	__u8 reserved_180[64];
	__u64 instr_retired_ctr;
	__u64 perf_ctr_global_sts;
	__u64 perf_ctr_global_ctl;
	__u64 rsp;
	__u64 s_cet;
	__u64 ssp;
	__u64 isst_addr;
	__u64 rax;
	__u64 star;
	__u64 lstar;
	__u64 cstar;
	__u64 sfmask;
	__u64 kernel_gs_base;
	__u64 sysenter_cs;
	__u64 sysenter_esp;
	__u64 sysenter_eip;
	__u64 cr2;
	__u8 reserved_248[32];
	__u64 g_pat;
	__u64 dbgctl;
	__u64 br_from;
	__u64 br_to;
	__u64 last_excp_from;
	__u64 last_excp_to;
	__u64 dbgextnctl;
	__u8 reserved_2a0[64];
	__u64 spec_ctrl;
	__u8 reserved_2e8[904];
	__u64 lbr_stack_from_to[32];
	__u64 lbr_select;
	__u64 ibs_fetch_ctl;
	__u64 ibs_fetch_linaddr;
	__u64 ibs_op_ctl;
	__u64 ibs_op_rip;
	__u64 ibs_op_data;
	__u64 ibs_op_data2;
	__u64 ibs_op_data3;
	__u64 ibs_dc_linaddr;
	__u64 bp_ibstgt_rip;
	__u64 ic_ibs_extd_ctl;
	__u8 reserved_7c8[1080];
} __attribute__((packed));

struct vmcb_layout {
	struct vmcb_control_layout control;
	struct vmcb_save_layout save;
} __attribute__((packed));

_Static_assert(sizeof(struct vmcb_segment) == 16, "APM table B-2: a segment is 16 bytes");
_Static_assert(sizeof(struct vmcb_layout) == 4096, "APM 15.5.1: the VMCB is one 4 KiB page");
_Static_assert(offsetof(struct vmcb_layout, save) == 0x400, "APM appendix B: save area at 400h");

#define VMCB_CONTROL(offset, bytes, hi, lo, NAME, word, access, clean, feature, meaning, rule) \
	_Static_assert(offsetof(struct vmcb_layout, control.word) == (offset), #NAME " offset"); \
	_Static_assert(sizeof(((struct vmcb_layout *)0)->control.word) == (bytes), #NAME " width"); \
	_Static_assert((hi) >= (lo) && (hi) < (bytes) * 8, #NAME " bits");
#include <svmkit/vmcb_control.def>
#undef VMCB_CONTROL

#define VMCB_SAVE(offset, bytes, NAME, member, spec_name, loaded_by, clean, feature, meaning, rule) \
	_Static_assert(offsetof(struct vmcb_layout, save.member) == 0x400 + (offset), #NAME " offset"); \
	_Static_assert(sizeof(((struct vmcb_layout *)0)->save.member) == (bytes), #NAME " width");
#include <svmkit/vmcb_save.def>
#undef VMCB_SAVE

#endif
