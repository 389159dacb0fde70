/* SPDX-License-Identifier: MIT */
/*
 * The exit policy before a spec changes it: one rule for every code that a VMCB can report. What
 * the module or the daemon can finish is finished; what nobody can finish stops the VM.
 */
#include "spec_read.h"

#define VECTOR_UD 6
#define VECTOR_GP 13

static const struct {
	enum svm_exit_row exit;
	uint8_t action;
	uint16_t vector;
} defaults[] = {
	{ SVM_ROW_CPUID, SVMRT_DO_TABLE, 0 }, { SVM_ROW_MSR, SVMRT_DO_TABLE, 0 },
	{ SVM_ROW_XSETBV, SVMRT_DO_TABLE, 0 },
	{ SVM_ROW_IOIO, SVMRT_DO_USER, 0 }, { SVM_ROW_NPF, SVMRT_DO_USER, 0 },
	{ SVM_ROW_HLT, SVMRT_DO_WAIT, 0 },
	/* Without their effect the guest still runs: caches are coherent under NPT. */
	{ SVM_ROW_PAUSE, SVMRT_DO_SKIP, 0 }, { SVM_ROW_WBINVD, SVMRT_DO_SKIP, 0 },
	{ SVM_ROW_INVD, SVMRT_DO_SKIP, 0 },
	/* As on a processor that does not have the instruction. */
	{ SVM_ROW_VMRUN, SVMRT_DO_INJECT, VECTOR_UD }, { SVM_ROW_VMMCALL, SVMRT_DO_INJECT, VECTOR_UD },
	{ SVM_ROW_VMLOAD, SVMRT_DO_INJECT, VECTOR_UD }, { SVM_ROW_VMSAVE, SVMRT_DO_INJECT, VECTOR_UD },
	{ SVM_ROW_STGI, SVMRT_DO_INJECT, VECTOR_UD }, { SVM_ROW_CLGI, SVMRT_DO_INJECT, VECTOR_UD },
	{ SVM_ROW_SKINIT, SVMRT_DO_INJECT, VECTOR_UD }, { SVM_ROW_INVLPGA, SVMRT_DO_INJECT, VECTOR_UD },
	{ SVM_ROW_MONITOR, SVMRT_DO_INJECT, VECTOR_UD }, { SVM_ROW_MWAIT, SVMRT_DO_INJECT, VECTOR_UD },
	{ SVM_ROW_MWAIT_CONDITIONAL, SVMRT_DO_INJECT, VECTOR_UD }, { SVM_ROW_RSM, SVMRT_DO_INJECT, VECTOR_UD },
	{ SVM_ROW_ICEBP, SVMRT_DO_INJECT, VECTOR_UD }, { SVM_ROW_RDPRU, SVMRT_DO_INJECT, VECTOR_UD },
	{ SVM_ROW_RDTSCP, SVMRT_DO_INJECT, VECTOR_UD }, { SVM_ROW_MCOMMIT, SVMRT_DO_INJECT, VECTOR_UD },
	{ SVM_ROW_INVLPGB, SVMRT_DO_INJECT, VECTOR_UD },
	{ SVM_ROW_INVLPGB_ILLEGAL, SVMRT_DO_INJECT, VECTOR_UD },
	{ SVM_ROW_TLBSYNC, SVMRT_DO_INJECT, VECTOR_UD }, { SVM_ROW_INVPCID, SVMRT_DO_INJECT, VECTOR_UD },
	{ SVM_ROW_RDPMC, SVMRT_DO_INJECT, VECTOR_GP },
	/* The module hands these to the host whatever the rule says. */
	{ SVM_ROW_INTR, SVMRT_DO_USER, 0 }, { SVM_ROW_NMI, SVMRT_DO_USER, 0 }, { SVM_ROW_SMI, SVMRT_DO_USER, 0 },
	{ SVM_ROW_INIT, SVMRT_DO_USER, 0 }, { SVM_ROW_EXC_MC, SVMRT_DO_USER, 0 },
};

/* Exceptions that an EVENTINJ of type 3 may deliver on every processor (C17); #MC is the host's. */
static bool is_injectable(uint64_t vector)
{
	return vector < 32 && (1u << vector & 0x002b7dfb) != 0;
}

static struct svmrt_exit_rule default_rule(const struct svm_exit_info *info)
{
	struct svmrt_exit_rule rule = {
		.code = info->code, .action = SVMRT_DO_STOP, .event = SVMRT_EVENT_COUNT,
	};

	if (info->kind == SVM_KIND_EXC && is_injectable(info->code - 0x40)) {
		rule.action = SVMRT_DO_INJECT;
		rule.vector = SVMRT_VECTOR_SAME;
	}
	return rule;
}

void exit_defaults(struct spec *spec)
{
	for (size_t i = 0; i < SVM_EXIT_ROWS; i++) {
		const struct svm_exit_info *info = &svm_exits[i];

		spec->exits[i].there = info->kind != SVM_KIND_GHCB &&
				       info->kind != SVM_KIND_VC_CODE &&
				       svmrt_exit_slot(info->code) >= 0;
		if (spec->exits[i].there)
			spec->exits[i].rule = default_rule(info);
	}
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		struct svmrt_exit_rule *rule = &spec->exits[defaults[i].exit].rule;

		rule->action = defaults[i].action;
		rule->vector = defaults[i].vector;
	}
}
