/* SPDX-License-Identifier: MIT */
/*
 * The X-macro tables of include/svmkit expanded into arrays, and searches by name and by code. It
 * holds no facts of its own: a new field, intercept or exit code is a new row in include/.
 */
#include <stdint.h>
#include <string.h>
#include "tables.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

const struct vmcb_field_info vmcb_fields[] = {
#define VMCB_CONTROL(offset_, bytes_, hi_, lo_, NAME, word, access_, clean_, feature_, about, rul) \
	{ .name = #NAME, .offset = offset_, .bytes = bytes_, .hi = hi_, .lo = lo_, .save = false, \
	  .access = access_, .loaded_by = VMCB_BY_VMRUN, .clean = clean_, \
	  .feature = feature_, .meaning = about, .rule = rul },
#include <svmkit/vmcb_control.def>
#undef VMCB_CONTROL
#define VMCB_SAVE(offset_, bytes_, NAME, member, spec_name, by_, clean_, feature_, about, rule_) \
	{ .name = spec_name, .offset = VMCB_SAVE_OFFSET + (offset_), .bytes = bytes_, \
	  .hi = (bytes_) * 8 - 1, .lo = 0, .save = true, .access = VMCB_INOUT, .loaded_by = by_, \
	  .clean = clean_, .feature = feature_, .meaning = about, .rule = rule_ },
#include <svmkit/vmcb_save.def>
#undef VMCB_SAVE
};
const size_t vmcb_field_count = ARRAY_SIZE(vmcb_fields);

const struct svm_intercept_info svm_intercepts[] = {
#define SVM_INTERCEPT(word_, bit_, NAME, code_, force_, feature_, safety_, meaning_) \
	{ .name = #NAME, .word = word_, .bit = bit_, .force = force_, .exitcode = code_, \
	  .feature = feature_, .safety = safety_, .meaning = meaning_ },
#include <svmkit/intercepts.def>
#undef SVM_INTERCEPT
};
const size_t svm_intercept_count = ARRAY_SIZE(svm_intercepts);

const struct svm_exit_info svm_exits[SVM_EXIT_ROWS] = {
#define SVM_EXIT(code_, NAME, kind_, nrip_, info1, info2, note_) \
	{ .name = #NAME, .code = code_, .kind = kind_, .nrip = nrip_, \
	  .exitinfo1 = info1, .exitinfo2 = info2, .note = note_ },
#include <svmkit/exitcodes.def>
#undef SVM_EXIT
};

const struct svm_msr_info svm_msrs[] = {
#define SVM_MSR(index_, NAME, meaning_, source_) \
	{ .index = index_, .name = #NAME, .meaning = meaning_, .source = source_ },
#include <svmkit/msrs.def>
#undef SVM_MSR
};
const size_t svm_msr_count = ARRAY_SIZE(svm_msrs);

/* svm_exit_row() of vmcb.h relies on this: the first rows are the codes 0 .. 0xa6 in order. */
#define SVM_EXIT(code, NAME, kind, nrip, info1, info2, note) \
	_Static_assert((code) > 0xa6 || SVM_ROW_##NAME == (code), #NAME " is not at its own row");
#include <svmkit/exitcodes.def>
#undef SVM_EXIT

static const char *const action_names[SVMRT_ACTIONS] = {
	[SVMRT_DO_USER] = "user", [SVMRT_DO_TABLE] = "table", [SVMRT_DO_SKIP] = "skip",
	[SVMRT_DO_INJECT] = "inject", [SVMRT_DO_WAIT] = "wait", [SVMRT_DO_STOP] = "stop",
};

static const char *const event_names[SVMRT_EVENTS] = {
	[SVMRT_EVENT_NONE] = "none", [SVMRT_EVENT_COUNT] = "count",
	[SVMRT_EVENT_SAMPLE] = "sample", [SVMRT_EVENT_STREAM] = "stream",
};

static const char *const mode_names[] = {
	[SVMRT_REAL] = "real", [SVMRT_V86] = "v86", [SVMRT_PROT16] = "prot16",
	[SVMRT_PROT32] = "prot32", [SVMRT_COMPAT] = "compat", [SVMRT_LONG64] = "long64",
};

const char *const svmrt_gpr_name[16] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
};

/* Number of the first row of the save area; the control area's are before it. */
enum {
#define VMCB_CONTROL(offset, bytes, hi, lo, NAME, ...) CONTROL_ROW_##NAME,
#include <svmkit/vmcb_control.def>
#undef VMCB_CONTROL
	FIRST_SAVE_ROW
};

static const uint16_t control_slots[] = {
#define CONTROL_SLOTS(...) __VA_ARGS__,
#include <svmkit/name_slots.def>
};
static const uint16_t save_slots[] = {
#define SAVE_SLOTS(...) __VA_ARGS__,
#include <svmkit/name_slots.def>
};
static const uint16_t intercept_slots[] = {
#define INTERCEPT_SLOTS(...) __VA_ARGS__,
#include <svmkit/name_slots.def>
};
static const uint16_t exit_slots[] = {
#define EXIT_SLOTS(...) __VA_ARGS__,
#include <svmkit/name_slots.def>
};
static const uint16_t msr_slots[] = {
#define MSR_SLOTS(...) __VA_ARGS__,
#include <svmkit/name_slots.def>
};

/*
 * The row that has the name, or NULL: rows are of `row_bytes`, begin with their name, and are found
 * through `count` slots, a power of two. A table is at most half full, so the search ends.
 */
static const void *find_row(const char *name, const uint16_t *slots, size_t count, const void *rows,
			    size_t row_bytes)
{
	uint32_t hash = 0;

	for (const char *p = name; *p; p++)
		hash = hash * 31 + (unsigned char)*p;
	for (size_t at = hash & (count - 1); slots[at]; at = (at + 1) & (count - 1)) {
		const char *row = (const char *)rows + (slots[at] - 1u) * row_bytes;

		if (!strcmp(row, name))
			return row;
	}
	return NULL;
}

#define FIND_ROW(name, slots, rows) find_row(name, slots, ARRAY_SIZE(slots), rows, sizeof(*(rows)))

const struct vmcb_field_info *vmcb_field_find(const char *name, bool save)
{
	return save ? FIND_ROW(name, save_slots, vmcb_fields + FIRST_SAVE_ROW)
		    : FIND_ROW(name, control_slots, vmcb_fields);
}

const struct svm_intercept_info *svm_intercept_find(const char *name)
{
	return FIND_ROW(name, intercept_slots, svm_intercepts);
}

const struct svm_intercept_info *svm_intercept_by_code(uint64_t code)
{
	enum {
#define SVM_INTERCEPT(word, bit, NAME, ...) ROW_##NAME,
#include <svmkit/intercepts.def>
#undef SVM_INTERCEPT
	};
	static const uint8_t rows[] = {	/* counted from 1; an exit code is the number of a bit */
#define SVM_INTERCEPT(word, bit, NAME, ...) [(word) * 32 + (bit)] = ROW_##NAME + 1,
#include <svmkit/intercepts.def>
#undef SVM_INTERCEPT
	};

	return code < ARRAY_SIZE(rows) && rows[code] ? &svm_intercepts[rows[code] - 1] : NULL;
}

const struct svm_exit_info *svm_exit_find(const char *name)
{
	return FIND_ROW(name, exit_slots, svm_exits);
}

const struct svm_msr_info *svm_msr_find(const char *name)
{
	return FIND_ROW(name, msr_slots, svm_msrs);
}

const struct svm_msr_info *svm_msr_by_index(uint32_t index)
{
	size_t low = 0, high = svm_msr_count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (svm_msrs[middle].index == index)
			return &svm_msrs[middle];
		if (svm_msrs[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct svm_exit_info *svm_exit_by_code(uint64_t code)
{
	int row;

	/* QEMU before 10.1 and the 32-bit code of an event record: VMEXIT_INVALID and its like. */
	if (code >= 0xfffffffcULL && code <= 0xffffffffULL)
		code |= 0xffffffff00000000ULL;
	row = svm_exit_row(code);
	if (row >= 0)
		return &svm_exits[row];
	for (size_t i = 0; i < SVM_EXIT_ROWS; i++)
		if (svm_exits[i].code == code)
			return &svm_exits[i];
	return NULL;
}

uint64_t svm_slot_code(unsigned int slot)
{
	if (slot < 0x100)
		return slot;
	if (slot < 0x110)
		return 0x400 + slot - 0x100;
	return ~0ULL - (slot - 0x110);
}

static int name_find(const char *const names[], size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (*names[i] == *name && !strcmp(names[i], name))
			return (int)i;
	return -1;
}

const char *svmrt_action_name(unsigned int action)
{
	return action < SVMRT_ACTIONS ? action_names[action] : NULL;
}

int svmrt_action_find(const char *name)
{
	return name_find(action_names, SVMRT_ACTIONS, name);
}

const char *svmrt_event_class_name(unsigned int event)
{
	return event < SVMRT_EVENTS ? event_names[event] : NULL;
}

int svmrt_event_class_find(const char *name)
{
	return name_find(event_names, SVMRT_EVENTS, name);
}

const char *svmrt_mode_name(unsigned int mode)
{
	return mode < ARRAY_SIZE(mode_names) ? mode_names[mode] : NULL;
}
