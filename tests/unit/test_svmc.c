/* SPDX-License-Identifier: MIT */
/* Parts of the compiler that need no file to compile: numbers, names, profiles, the page pool. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <svmkit/svmt.h>
#include "number.h"
#include "pool.h"
#include "profile.h"
#include "spec_read.h"
#include "suggest.h"

static void numbers_have_the_values_and_errors_of_the_language(void **state)
{
	static const struct {
		const char *text;
		enum unit unit;
		enum number_status status;
		uint64_t value;
	} rows[] = {
		{ "0", UNIT_NONE, NUMBER_GOOD, 0 },
		{ "10", UNIT_NONE, NUMBER_GOOD, 10 },
		{ "1_000", UNIT_NONE, NUMBER_GOOD, 1000 },
		{ "0xFf", UNIT_NONE, NUMBER_GOOD, 255 },
		{ "0x0010", UNIT_NONE, NUMBER_GOOD, 16 },
		{ "0x1_0", UNIT_NONE, NUMBER_GOOD, 16 },
		{ "18446744073709551615", UNIT_NONE, NUMBER_GOOD, UINT64_MAX },
		{ "18446744073709551616", UNIT_NONE, NUMBER_OVERFLOW, 0 },
		{ "0x10000000000000000", UNIT_NONE, NUMBER_OVERFLOW, 0 },
		{ "2KiB", UNIT_SIZE, NUMBER_GOOD, 2048 },
		{ "0x10MiB", UNIT_SIZE, NUMBER_GOOD, 16 << 20 },
		{ "17179869183GiB", UNIT_SIZE, NUMBER_GOOD, 17179869183ULL << 30 },
		{ "17179869184GiB", UNIT_SIZE, NUMBER_OVERFLOW, 0 },
		{ "2KiB", UNIT_NONE, NUMBER_UNIT, 0 },
		{ "2KB", UNIT_SIZE, NUMBER_UNIT, 0 },
		{ "2 KiB", UNIT_SIZE, NUMBER_UNIT, 0 },
		{ "2s", UNIT_SIZE, NUMBER_UNIT, 0 },
		{ "5s", UNIT_TIME, NUMBER_GOOD, 5000000000ULL },
		{ "7us", UNIT_TIME, NUMBER_GOOD, 7000 },
		{ "7ns", UNIT_TIME, NUMBER_GOOD, 7 },
		{ "3ms", UNIT_TIME, NUMBER_GOOD, 3000000 },
		{ "5", UNIT_TIME, NUMBER_NEEDS_UNIT, 0 },
		{ "5m", UNIT_TIME, NUMBER_UNIT, 0 },
		{ "010", UNIT_NONE, NUMBER_LEADING_ZERO, 0 },
		{ "00", UNIT_NONE, NUMBER_LEADING_ZERO, 0 },
		{ "0_1", UNIT_NONE, NUMBER_LEADING_ZERO, 0 },
		{ "0o17", UNIT_NONE, NUMBER_UNIT, 0 },
		{ "1_", UNIT_NONE, NUMBER_UNDERSCORE, 0 },
		{ "1__0", UNIT_NONE, NUMBER_UNDERSCORE, 0 },
		{ "_1", UNIT_NONE, NUMBER_NONE, 0 },
		{ "", UNIT_NONE, NUMBER_NONE, 0 },
		{ "0x", UNIT_NONE, NUMBER_NONE, 0 },
		{ "-1", UNIT_NONE, NUMBER_NONE, 0 },
		{ "+1", UNIT_NONE, NUMBER_NONE, 0 },
		{ " 1", UNIT_NONE, NUMBER_NONE, 0 },
		{ "1.5", UNIT_NONE, NUMBER_UNIT, 0 },
		{ "1e3", UNIT_NONE, NUMBER_UNIT, 0 },
		{ "true", UNIT_NONE, NUMBER_NONE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t value = 0;
		enum number_status status = number_parse(rows[i].text, rows[i].unit, &value);

		if (status != rows[i].status || (status == NUMBER_GOOD && value != rows[i].value))
			fail_msg("%s: status %d, value %llu", rows[i].text, status,
				 (unsigned long long)value);
	}
}

static const char *suggestion(const char *word)
{
	static const char *const names[] = { "memory", "vcpus", "rip", "rsp", "CPUID", "long64" };
	struct suggest suggest;

	suggest_begin(&suggest, word);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		suggest_offer(&suggest, names[i]);
	return suggest.best;
}

static void near_names_are_suggested_and_far_ones_are_not(void **state)
{
	(void)state;
	assert_string_equal(suggestion("memroy"), "memory");
	assert_string_equal(suggestion("vcpu"), "vcpus");
	assert_string_equal(suggestion("rpi"), "rip");
	assert_string_equal(suggestion("cpuid"), "CPUID");
	assert_string_equal(suggestion("long32"), "long64");
	assert_null(suggestion("linux"));
	assert_null(suggestion(""));
	assert_null(suggestion("a-word-that-is-much-longer-than-any-name-of-the-language"));
}

/* A compilation with the tables that profiles and policies need. */
static struct comp *new_comp(const struct profile *profile)
{
	struct comp *c = calloc(1, sizeof(*c));

	c->spec.vmcb = aligned_alloc(4096, sizeof(*c->spec.vmcb));
	memset(c->spec.vmcb, 0, sizeof(*c->spec.vmcb));
	c->spec.state = calloc(1, sizeof(*c->spec.state));
	c->spec.profile = profile;
	return c;
}

static void free_comp(struct comp *c)
{
	free(c->spec.vmcb);
	free(c->spec.state);
	free(c);
}

static void every_profile_names_registers_that_exist_and_sets_them(void **state)
{
	(void)state;
	for (size_t i = 0; profiles[i]; i++) {
		struct comp *c = new_comp(profiles[i]);

		profile_apply(c);
		for (const struct profile_value *v = profiles[i]->values; *v->field; v++) {
			struct register_place place;

			if (!register_find(c, v->field, &place) ||
			    register_get(c, &place) != v->value)
				fail_msg("%s: %s", profiles[i]->name, v->field);
		}
		assert_ptr_equal(profile_find(profiles[i]->name), profiles[i]);
		assert_true(vmcb_get_NP_ENABLE(c->spec.vmcb) &&
			    vmcb_get_V_INTR_MASKING(c->spec.vmcb));
		assert_true(vmcb_get_EFER(c->spec.vmcb) & 1 << 12);
		free_comp(c);
	}
	for (size_t i = 0; profile_intercepts[i]; i++)
		assert_non_null(svm_intercept_find(profile_intercepts[i]));
}

static void every_profile_keeps_the_forced_intercepts(void **state)
{
	(void)state;
	for (size_t i = 0; profiles[i]; i++) {
		struct comp *c = new_comp(profiles[i]);

		profile_apply(c);
		for (size_t j = 0; j < svm_intercept_count; j++)
			if (svm_intercepts[j].force == SVM_FORCE_ALWAYS)
				assert_true(
					vmcb_get_intercepts(c->spec.vmcb, svm_intercepts[j].word) &
					1u << svm_intercepts[j].bit);
		free_comp(c);
	}
}

/* Physical addresses, ASID, TLB control and everything that the module owns are zero. */
static void a_profile_leaves_the_modules_control_fields_zero(void **state)
{
	(void)state;
	for (size_t i = 0; profiles[i]; i++) {
		struct comp *c = new_comp(profiles[i]);

		profile_apply(c);
		for (size_t j = 0; j < vmcb_field_count; j++) {
			const struct vmcb_field_info *f = &vmcb_fields[j];

			if (f->save || f->offset < 24 || f->bytes > 8 ||
			    !strcmp(f->name, "NP_ENABLE") || !strcmp(f->name, "V_INTR_MASKING"))
				continue;
			assert_int_equal(
				vmcb_get_field(c->spec.vmcb, f->offset, f->bytes, f->hi, f->lo), 0);
		}
		free_comp(c);
	}
}

static void every_exit_code_of_a_vmcb_has_a_default_rule(void **state)
{
	struct comp *c = new_comp(profiles[0]);

	(void)state;
	exit_defaults(&c->spec);
	for (size_t i = 0; i < SVM_EXIT_ROWS; i++) {
		const struct svmrt_exit_rule *rule = &c->spec.exits[i].rule;

		if (!c->spec.exits[i].there) {
			assert_true(svm_exits[i].kind == SVM_KIND_GHCB ||
				    svm_exits[i].kind == SVM_KIND_VC_CODE ||
				    svmrt_exit_slot(svm_exits[i].code) < 0);
			continue;
		}
		assert_int_equal(rule->code, svm_exits[i].code);
		assert_int_equal(rule->event, SVMRT_EVENT_COUNT);
		if (svm_exits[i].kind == SVM_KIND_ERROR)
			assert_int_equal(rule->action, SVMRT_DO_STOP);
		if (svm_exits[i].kind == SVM_KIND_INTR)
			assert_int_equal(rule->action, SVMRT_DO_USER);
		if (rule->action == SVMRT_DO_INJECT)
			assert_int_equal(rule->vector == SVMRT_VECTOR_SAME,
					 svm_exits[i].kind == SVM_KIND_EXC);
	}
	free_comp(c);
}

static void equal_pages_are_stored_once_and_zero_pages_never(void **state)
{
	static uint8_t pages[300][SVMT_PAGE_BYTES], twin[SVMT_PAGE_BYTES], zero[SVMT_PAGE_BYTES];
	struct arena arena = { 0 };
	struct pool pool = { .arena = &arena };
	const uint8_t *bytes;

	(void)state;
	assert_int_equal(setjmp(arena.out_of_memory), 0);
	for (uint32_t i = 0; i < 300; i++) {
		memcpy(pages[i] + 4 * (i % 1000), &(uint32_t){ i + 1 }, 4);
		assert_int_equal(pool_add(&pool, pages[i]), i);
	}
	memcpy(twin, pages[123], sizeof(twin));
	assert_int_equal(pool_add(&pool, twin), 123);
	assert_int_equal(pool_add(&pool, zero), SVMT_ZERO_PAGE);
	assert_int_equal(pool.count, 300);
	bytes = pool_bytes(&pool);
	assert_memory_equal(bytes + 299 * SVMT_PAGE_BYTES, pages[299], SVMT_PAGE_BYTES);
	arena_free(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_the_values_and_errors_of_the_language),
		cmocka_unit_test(near_names_are_suggested_and_far_ones_are_not),
		cmocka_unit_test(every_profile_names_registers_that_exist_and_sets_them),
		cmocka_unit_test(every_profile_keeps_the_forced_intercepts),
		cmocka_unit_test(a_profile_leaves_the_modules_control_fields_zero),
		cmocka_unit_test(every_exit_code_of_a_vmcb_has_a_default_rule),
		cmocka_unit_test(equal_pages_are_stored_once_and_zero_pages_never),
	};

	return cmocka_run_group_tests_name("svmc", tests, NULL, NULL);
}
