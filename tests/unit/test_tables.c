/* SPDX-License-Identifier: MIT */
/* The tables as arrays: names are unique and found again, codes and rows agree, profiles name
 * fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "tables.h"
#include <svmkit/vmcb_layout.h>

static void every_field_is_found_by_its_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < vmcb_field_count; i++)
		assert_ptr_equal(vmcb_field_find(vmcb_fields[i].name, vmcb_fields[i].save),
				 &vmcb_fields[i]);
	assert_null(vmcb_field_find("cr0", false));
	assert_null(vmcb_field_find("TSC_OFFSET", true));
	assert_null(vmcb_field_find("", true));
}

static void every_intercept_is_found_and_its_bit_is_its_exit_code(void **state)
{
	(void)state;
	for (size_t i = 0; i < svm_intercept_count; i++) {
		const struct svm_intercept_info *row = &svm_intercepts[i];

		assert_ptr_equal(svm_intercept_find(row->name), row);
		/* APM appendix C: exit code of an intercept is its bit number, counted over all
		 * words. */
		assert_int_equal(row->exitcode, row->word * 32u + row->bit);
		assert_non_null(svm_exit_by_code(row->exitcode));
		assert_ptr_equal(svm_intercept_by_code(row->exitcode), row);
	}
	assert_null(svm_intercept_by_code(SVM_EXIT_CODE_NPF));
	assert_null(svm_intercept_by_code(~0ULL));
	assert_null(svm_intercept_find("NOSUCH"));
}

static void every_exit_is_found_by_name_and_by_code(void **state)
{
	(void)state;
	for (size_t i = 0; i < SVM_EXIT_ROWS; i++) {
		assert_ptr_equal(svm_exit_find(svm_exits[i].name), &svm_exits[i]);
		assert_ptr_equal(svm_exit_by_code(svm_exits[i].code), &svm_exits[i]);
	}
	assert_null(svm_exit_by_code(0x1234));
}

static void the_32_bit_form_of_invalid_is_known(void **state)
{
	(void)state;
	assert_string_equal(svm_exit_by_code(0xffffffff)->name, "INVALID");
	assert_string_equal(svm_exit_by_code(0xfffffffe)->name, "BUSY");
	assert_string_equal(svm_exit_by_code(~0ULL)->name, "INVALID");
}

static void msrs_are_found_by_name_and_by_index(void **state)
{
	(void)state;
	for (size_t i = 0; i < svm_msr_count; i++) {
		assert_ptr_equal(svm_msr_find(svm_msrs[i].name), &svm_msrs[i]);
		assert_ptr_equal(svm_msr_by_index(svm_msrs[i].index), &svm_msrs[i]);
	}
	assert_null(svm_msr_find("no such MSR"));
	assert_null(svm_msr_find(""));
}

static void exit_rows_and_slots_are_dense(void **state)
{
	(void)state;
	for (size_t i = 0; i < SVM_EXIT_ROWS; i++) {
		int slot = svmrt_exit_slot(svm_exits[i].code);

		assert_true(slot < SVMRT_SLOTS);
		if (svm_exits[i].kind != SVM_KIND_GHCB)
			assert_int_equal(svm_exit_row(svm_exits[i].code) < 0,
					 svm_exits[i].kind == SVM_KIND_VC_CODE);
	}
}

static void names_of_enumerations_go_both_ways(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < SVMRT_ACTIONS; i++)
		assert_int_equal(svmrt_action_find(svmrt_action_name(i)), i);
	for (unsigned int i = 0; i < SVMRT_EVENTS; i++)
		assert_int_equal(svmrt_event_class_find(svmrt_event_class_name(i)), i);
	assert_int_equal(svmrt_action_find("frob"), -1);
	assert_int_equal(svmrt_event_class_find("on"), -1);
	assert_null(svmrt_action_name(SVMRT_ACTIONS));
	assert_null(svmrt_event_class_name(SVMRT_EVENTS));
	assert_null(svmrt_mode_name(7));
	assert_string_equal(svmrt_mode_name(SVMRT_LONG64), "long64");
}

/* Writing one field changes its own bits, clears its clean bit, and nothing else. */
static void a_field_is_read_back_and_touches_nothing_else(void **state)
{
	static struct svmk_vmcb vmcb, before;

	(void)state;
	for (size_t i = 0; i < vmcb_field_count; i++) {
		const struct vmcb_field_info *f = &vmcb_fields[i];
		unsigned int width = f->hi - f->lo + 1u;
		uint64_t ones = width >= 64 ? ~0ULL : (1ULL << width) - 1, value;

		if (f->bytes > 8 || !strcmp(f->name, "VMCB_CLEAN"))
			continue;
		memset(&vmcb, 0xff, sizeof(vmcb));
		before = vmcb;
		vmcb_set_field(&vmcb, f->offset, f->bytes, f->hi, f->lo, f->clean, 0);
		assert_int_equal(vmcb_get_field(&vmcb, f->offset, f->bytes, f->hi, f->lo), 0);
		assert_int_equal(vmcb_get_VMCB_CLEAN(&vmcb),
				 f->clean == VMCB_NEVER_CACHED ? 0xffffffff : ~(1u << f->clean));
		vmcb_set_VMCB_CLEAN(&vmcb, 0xffffffff);
		vmcb_set_field(&vmcb, f->offset, f->bytes, f->hi, f->lo, VMCB_NEVER_CACHED, ones);
		value = vmcb_get_field(&vmcb, f->offset, f->bytes, f->hi, f->lo);
		assert_int_equal(value, ones);
		assert_memory_equal(&vmcb, &before, sizeof(vmcb));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_found_by_its_name),
		cmocka_unit_test(every_intercept_is_found_and_its_bit_is_its_exit_code),
		cmocka_unit_test(every_exit_is_found_by_name_and_by_code),
		cmocka_unit_test(the_32_bit_form_of_invalid_is_known),
		cmocka_unit_test(msrs_are_found_by_name_and_by_index),
		cmocka_unit_test(exit_rows_and_slots_are_dense),
		cmocka_unit_test(names_of_enumerations_go_both_ways),
		cmocka_unit_test(a_field_is_read_back_and_touches_nothing_else),
	};

	return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
