/* SPDX-License-Identifier: GPL-2.0-only */
/* Between policy.c, which sets the compiled tables of a VM, rules.c, and exit.c, which executes them. */
#ifndef SVMRT_POLICY_H
#define SVMRT_POLICY_H

#include "svmrt_priv.h"

#define SVMRT_SLOT_CPUID 0x72
#define SVMRT_SLOT_IOIO 0x7b
#define SVMRT_SLOT_MSR 0x7c
#define SVMRT_SLOT_XSETBV 0x8d
#define SVMRT_SLOT_NPF 0x100

/* `count` rows of the caller's; as vmemdup_user(), but charged. */
void *svmrt_dup_user(u64 from, u32 count, size_t row_bytes);

/* rules.c; under vm->lock, before there is a vCPU. */
int svmrt_rules_set(struct svmrt_vm *vm, struct svmrt_policy *arg);
void svmrt_rules_free(struct svmrt_vm *vm);
/* The finer rule for this leaf, MSR, port or GPA, or the one for the whole exit code. */
const struct svmrt_policy_slot *svmrt_rule_find(const struct svmrt_vm *vm, int slot, u64 key,
						bool write);

#endif
