/* SPDX-License-Identifier: MIT */
/*
 * The X-macro tables of include/svmkit as arrays that programs can search: fields, intercepts, exit
 * codes, and the names of policy actions, event classes and CPU modes. One row there, every view here.
 */
#ifndef SVMKIT_TABLES_H
#define SVMKIT_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <svmkit/svmrt.h>
#include <svmkit/vmcb.h>

/* The texts are in the rows: pointers to them would each be relocated at every start of a program. */
struct vmcb_field_info {
	char name[32];		/* spec name: V_TPR (control), es.selector or cr0 (save) */
	uint16_t offset;	/* in the VMCB page, bytes */
	uint16_t bytes;		/* width of the word, bytes; may exceed 8 */
	uint16_t hi, lo;	/* bits of the word */
	bool save;		/* state save area */
	uint8_t access;		/* enum vmcb_access, control fields */
	uint8_t loaded_by;	/* enum vmcb_loaded_by, save fields */
	uint8_t clean;		/* clean bit or VMCB_NEVER_CACHED */
	char feature[64], meaning[136], rule[104];
};

struct svm_intercept_info {
	char name[24];
	uint8_t word, bit;
	uint8_t force;		/* enum svm_force */
	uint64_t exitcode;
	char feature[32], safety[64], meaning[72];
};

struct svm_exit_info {
	char name[24];
	uint64_t code;
	uint8_t kind;		/* enum svm_exit_kind */
	bool nrip;
	char exitinfo1[128], exitinfo2[104], note[64];
};

struct svm_msr_info {
	char name[32], meaning[56], source[32];
	uint32_t index;
};

extern const struct vmcb_field_info vmcb_fields[];
extern const size_t vmcb_field_count;
extern const struct svm_intercept_info svm_intercepts[];
extern const size_t svm_intercept_count;
extern const struct svm_exit_info svm_exits[SVM_EXIT_ROWS];
extern const struct svm_msr_info svm_msrs[];	/* ascending */
extern const size_t svm_msr_count;

/* Rows by name (exact; save fields in lower case as in specs), or NULL. */
const struct vmcb_field_info *vmcb_field_find(const char *name, bool save);
const struct svm_intercept_info *svm_intercept_find(const char *name);
const struct svm_exit_info *svm_exit_find(const char *name);
const struct svm_msr_info *svm_msr_find(const char *name);
const struct svm_msr_info *svm_msr_by_index(uint32_t index);

/* The intercept whose exits have the code, or NULL. */
const struct svm_intercept_info *svm_intercept_by_code(uint64_t code);

/* Row of an exit code, or NULL. Accepts the 32-bit form of VMEXIT_INVALID (0xffffffff) too. */
const struct svm_exit_info *svm_exit_by_code(uint64_t code);

/* The code of a slot, the other way round than svmrt_exit_slot(). */
uint64_t svm_slot_code(unsigned int slot);

/* Names for svmrt.h enumerations ("user", "stream", "long64"), or NULL; and back, or -1. */
const char *svmrt_action_name(unsigned int action);
int svmrt_action_find(const char *name);
const char *svmrt_event_class_name(unsigned int event);
int svmrt_event_class_find(const char *name);
const char *svmrt_mode_name(unsigned int mode);
extern const char *const svmrt_gpr_name[16];	/* "rax", "rcx", ... in encoding order */

#endif
