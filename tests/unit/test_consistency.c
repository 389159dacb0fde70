// SPDX-License-Identifier: MIT
/*
 * Why VMRUN refuses: a legal state breaks no rule, and each broken rule is found under its own name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "consistency.h"

#define PHYSICAL_BITS 40
#define ASIDS 16

static struct svmk_vmcb v;

static void legal(void)
{
	memset(&v, 0, sizeof(v));
	vmcb_set_intercepts(&v, 4, 1);
	vmcb_set_GUEST_ASID(&v, 1);
	vmcb_set_NP_ENABLE(&v, 1);
	vmcb_set_EFER(&v, 1 << 12);
	vmcb_set_G_PAT(&v, 0x0007040600070406);
	vmcb_set_DR6(&v, 0xffff0ff0);
	vmcb_set_DR7(&v, 0x400);
}

static void long_mode(void)
{
	legal();
	vmcb_set_CR0(&v, 0x80000011);
	vmcb_set_CR4(&v, 0x20);
	vmcb_set_EFER(&v, 0x1500);
	vmcb_set_CS_ATTRIB(&v, 0x29b);
}

static const char *broken(void)
{
	return svmrt_consistency(&v, PHYSICAL_BITS, ASIDS)->id;
}

static void legal_states_break_no_rule(void **state)
{
	(void)state;
	legal();
	assert_string_equal(broken(), "-");
	long_mode();
	assert_string_equal(broken(), "-");
	vmcb_set_EVENTINJ(&v, 0x80000b0d);
	assert_string_equal(broken(), "-");
	vmcb_set_GUEST_ASID(&v, ASIDS - 1);
	vmcb_set_CR3(&v, (1ULL << PHYSICAL_BITS) - 4096);
	vmcb_set_N_CR3(&v, (1ULL << PHYSICAL_BITS) - 4096);
	vmcb_set_MSRPM_BASE_PA(&v, (1ULL << PHYSICAL_BITS) - 8192);
	vmcb_set_IOPM_BASE_PA(&v, (1ULL << PHYSICAL_BITS) - 12288);
	assert_string_equal(broken(), "-");
}

static void each_broken_rule_is_named(void **state)
{
	(void)state;
#define BREAKS(base, id, change) do { base(); change; assert_string_equal(broken(), id); } while (0)
	BREAKS(legal, "C01", vmcb_set_EFER(&v, 0));
	BREAKS(legal, "C02", vmcb_set_CR0(&v, 1 << 29));
	BREAKS(legal, "C03", vmcb_set_CR0(&v, 1ULL << 32));
	BREAKS(long_mode, "C04", vmcb_set_CR3(&v, 1ULL << PHYSICAL_BITS));
	BREAKS(legal, "C05", vmcb_set_CR4(&v, 1 << 15));
	BREAKS(legal, "C05", vmcb_set_CR4(&v, 1ULL << 63));
	BREAKS(legal, "C06", vmcb_set_DR6(&v, 1ULL << 32));
	BREAKS(legal, "C07", vmcb_set_DR7(&v, 1ULL << 63));
	BREAKS(legal, "C08", vmcb_set_EFER(&v, 1 << 12 | 1 << 9));
	BREAKS(long_mode, "C10", vmcb_set_CR4(&v, 0));
	BREAKS(long_mode, "C11", vmcb_set_CR0(&v, 1ULL << 31));
	BREAKS(long_mode, "C12", vmcb_set_CS_ATTRIB(&v, 0x69b));
	BREAKS(legal, "C13", vmcb_set_intercepts(&v, 4, 0));
	BREAKS(legal, "C14", vmcb_set_MSRPM_BASE_PA(&v, (1ULL << PHYSICAL_BITS) - 4096));
	BREAKS(legal, "C15", vmcb_set_IOPM_BASE_PA(&v, (1ULL << PHYSICAL_BITS) - 8192));
	BREAKS(legal, "C16", vmcb_set_EVENTINJ(&v, 0x80000100));
	BREAKS(legal, "C16", vmcb_set_EVENTINJ(&v, 0x80000500));
	BREAKS(legal, "C17", vmcb_set_EVENTINJ(&v, 0x80000302));
	BREAKS(legal, "C17", vmcb_set_EVENTINJ(&v, 0x8000031f));
	BREAKS(legal, "C19", vmcb_set_EVENTINJ(&v, 0x8000130d));
	BREAKS(legal, "C20", vmcb_set_GUEST_ASID(&v, 0));
	BREAKS(legal, "C21", vmcb_set_GUEST_ASID(&v, ASIDS));
	BREAKS(legal, "C24", vmcb_set_N_CR3(&v, 1ULL << PHYSICAL_BITS));
	BREAKS(legal, "C25", vmcb_set_G_PAT(&v, 2));
	BREAKS(legal, "C25", vmcb_set_G_PAT(&v, 8ULL << 56));
#undef BREAKS
}

static void the_rule_has_the_words_of_the_table(void **state)
{
	const struct svmrt_consistency *rule;

	(void)state;
	legal();
	vmcb_set_CR0(&v, 1 << 29);
	rule = svmrt_consistency(&v, PHYSICAL_BITS, ASIDS);
	assert_string_equal(rule->rule, "CR0.CD == 0 && CR0.NW == 1");
	assert_string_equal(rule->apm, "15.5.1");
}

/* What the template alone decides of the save area has a function, so that no such row is forgotten. */
static void every_decidable_rule_of_the_save_area_can_be_found(void **state)
{
	static const struct { const char *id, *class, *decided; } rows[] = {
#define SVM_RULE(id, class, illegal_when, result, decided, host_fact, apm) { #id, class, decided },
#include <svmkit/consistency.def>
#undef SVM_RULE
	};
	static const char *const found[] = { "C01", "C02", "C03", "C06", "C07", "C10", "C11", "C12" };
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int known = 0;

		if (strcmp(rows[i].class, "save") || strcmp(rows[i].decided, "yes"))
			continue;
		for (size_t j = 0; j < sizeof(found) / sizeof(found[0]); j++)
			known |= !strcmp(rows[i].id, found[j]);
		if (!known)
			fail_msg("no function and no test for %s", rows[i].id);
		count++;
	}
	assert_int_equal(count, sizeof(found) / sizeof(found[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(legal_states_break_no_rule),
		cmocka_unit_test(each_broken_rule_is_named),
		cmocka_unit_test(the_rule_has_the_words_of_the_table),
		cmocka_unit_test(every_decidable_rule_of_the_save_area_can_be_found),
	};

	return cmocka_run_group_tests_name("consistency", tests, NULL, NULL);
}
