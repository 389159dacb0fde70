/* SPDX-License-Identifier: MIT */
/*
 * The exit policy before a spec changes it: one rule for every code that a VMCB can report. What
 * the module or the daemon can finish is finished; what nobody can finish stops the VM.
 */
#include <string.h>
#include "spec_read.h"

#define VECTOR_UD 6
#define VECTOR_GP 13

static const struct {
	const char *exit;
	uint8_t action;
	uint16_t vector;
} defaults[] = {
	{ "CPUID", SVMRT_DO_TABLE, 0 }, { "MSR", SVMRT_DO_TABLE, 0 },
	{ "IOIO", SVMRT_DO_USER, 0 }, { "NPF", SVMRT_DO_USER, 0 },
	{ "HLT", SVMRT_DO_WAIT, 0 },
	/* Without their effect the guest still runs: caches are coherent under NPT. */
	{ "PAUSE", SVMRT_DO_SKIP, 0 }, { "WBINVD", SVMRT_DO_SKIP, 0 },
	{ "INVD", SVMRT_DO_SKIP, 0 },
	/* As on a processor that does not have the instruction. */
	{ "VMRUN", SVMRT_DO_INJECT, VECTOR_UD }, { "VMMCALL", SVMRT_DO_INJECT, VECTOR_UD },
	{ "VMLOAD", SVMRT_DO_INJECT, VECTOR_UD }, { "VMSAVE", SVMRT_DO_INJECT, VECTOR_UD },
	{ "STGI", SVMRT_DO_INJECT, VECTOR_UD }, { "CLGI", SVMRT_DO_INJECT, VECTOR_UD },
	{ "SKINIT", SVMRT_DO_INJECT, VECTOR_UD }, { "INVLPGA", SVMRT_DO_INJECT, VECTOR_UD },
	{ "MONITOR", SVMRT_DO_INJECT, VECTOR_UD }, { "MWAIT", SVMRT_DO_INJECT, VECTOR_UD },
	{ "MWAIT_CONDITIONAL", SVMRT_DO_INJECT, VECTOR_UD }, { "RSM", SVMRT_DO_INJECT, VECTOR_UD },
	{ "ICEBP", SVMRT_DO_INJECT, VECTOR_UD }, { "RDPRU", SVMRT_DO_INJECT, VECTOR_UD },
	{ "RDTSCP", SVMRT_DO_INJECT, VECTOR_UD }, { "MCOMMIT", SVMRT_DO_INJECT, VECTOR_UD },
	{ "INVLPGB", SVMRT_DO_INJECT, VECTOR_UD },
	{ "INVLPGB_ILLEGAL", SVMRT_DO_INJECT, VECTOR_UD },
	{ "TLBSYNC", SVMRT_DO_INJECT, VECTOR_UD }, { "INVPCID", SVMRT_DO_INJECT, VECTOR_UD },
	{ "RDPMC", SVMRT_DO_INJECT, VECTOR_GP }, { "XSETBV", SVMRT_DO_INJECT, VECTOR_GP },
	/* The module hands these to the host whatever the rule says. */
	{ "INTR", SVMRT_DO_USER, 0 }, { "NMI", SVMRT_DO_USER, 0 }, { "SMI", SVMRT_DO_USER, 0 },
	{ "INIT", SVMRT_DO_USER, 0 }, { "EXC_MC", SVMRT_DO_USER, 0 },
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
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		if (strcmp(defaults[i].exit, info->name))
			continue;
		rule.action = defaults[i].action;
		rule.vector = defaults[i].vector;
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
}
