// SPDX-License-Identifier: MIT
/*
 * What a guest may write into EFER, PAT and XCR0: all small values against the manual's rules said
 * another way, and the transitions that Linux makes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "sysreg.h"

#define ALLOWED (SVMRT_EFER_SCE | SVMRT_EFER_LME | SVMRT_EFER_NXE)

static _Bool written(__u64 from, __u64 value, _Bool paging, __u64 *efer)
{
	*efer = from;
	return svmrt_efer_write(efer, value, ALLOWED, paging);
}

static void efer_goes_from_real_mode_to_long_mode_and_svme_stays(void **state)
{
	__u64 efer;

	(void)state;
	assert_true(written(SVMRT_EFER_SVME, SVMRT_EFER_LME | SVMRT_EFER_NXE, 0, &efer));
	assert_int_equal(efer, SVMRT_EFER_SVME | SVMRT_EFER_LME | SVMRT_EFER_NXE);
	/* The processor set LMA when paging was turned on; software writes back what it read. */
	assert_true(written(efer | SVMRT_EFER_LMA, SVMRT_EFER_LME | SVMRT_EFER_LMA | SVMRT_EFER_SCE, 1,
			    &efer));
	assert_int_equal(efer, SVMRT_EFER_SVME | SVMRT_EFER_LME | SVMRT_EFER_LMA | SVMRT_EFER_SCE);
	/* LMA is not software's: neither set nor cleared. */
	assert_true(written(SVMRT_EFER_SVME | SVMRT_EFER_LME | SVMRT_EFER_LMA, SVMRT_EFER_LME, 1, &efer));
	assert_true(efer & SVMRT_EFER_LMA);
	assert_true(written(SVMRT_EFER_SVME, SVMRT_EFER_LMA, 0, &efer));
	assert_int_equal(efer, SVMRT_EFER_SVME);
}

static void efer_refuses_what_the_guest_cannot_have(void **state)
{
	__u64 efer;

	(void)state;
	for (unsigned int bit = 0; bit < 64; bit++) {
		const __u64 value = 1ULL << bit;
		const _Bool good = (value & (ALLOWED | SVMRT_EFER_LMA)) != 0;

		assert_int_equal(written(SVMRT_EFER_SVME, value, 0, &efer), good);
		assert_true(efer & SVMRT_EFER_SVME);
		assert_true(good || efer == SVMRT_EFER_SVME);
	}
	/* LME does not change while paging is on, in neither direction. */
	assert_false(written(SVMRT_EFER_SVME, SVMRT_EFER_LME, 1, &efer));
	assert_false(written(SVMRT_EFER_SVME | SVMRT_EFER_LME | SVMRT_EFER_LMA, 0, 1, &efer));
}

static void pat_takes_the_memory_types_and_nothing_else(void **state)
{
	(void)state;
	assert_true(svmrt_pat_good(0x0007040600070406));
	assert_true(svmrt_pat_good(0x0407050600070106));
	for (unsigned int byte = 0; byte < 8; byte++)
		for (__u64 type = 0; type < 256; type++)
			assert_int_equal(svmrt_pat_good(type << 8 * byte),
					 type == 0 || type == 1 || (type >= 4 && type <= 7));
}

/* The components' dependencies as a list of what each needs. */
static _Bool xcr0_by_needs(__u64 xcr0)
{
	static const struct { __u64 has, needs; } rules[] = {
		{ 4, 2 }, { 0x20, 0xc4 }, { 0x40, 0xa4 }, { 0x80, 0x64 }, { 0x100, ~0ULL },
		{ 8, ~0ULL }, { 0x10, ~0ULL },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (xcr0 & rules[i].has && (xcr0 & rules[i].needs) != rules[i].needs)
			return 0;
	return xcr0 & 1;
}

static void xcr0_has_x87_and_what_its_components_need(void **state)
{
	(void)state;
	for (__u64 xcr0 = 0; xcr0 < 0x200; xcr0++)
		assert_int_equal(svmrt_xcr0_good(xcr0, 0xe7), xcr0_by_needs(xcr0));
	assert_false(svmrt_xcr0_good(7, 3));
	assert_false(svmrt_xcr0_good(1ULL << 63 | 1, 0xe7));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(efer_goes_from_real_mode_to_long_mode_and_svme_stays),
		cmocka_unit_test(efer_refuses_what_the_guest_cannot_have),
		cmocka_unit_test(pat_takes_the_memory_types_and_nothing_else),
		cmocka_unit_test(xcr0_has_x87_and_what_its_components_need),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
