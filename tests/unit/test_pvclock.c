/* SPDX-License-Identifier: MIT */
/* The guest's clock by its TSC: any frequency gives nanoseconds again, to a few parts in 10^9. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "pvclock.h"

static void a_second_is_a_second(uint32_t khz)
{
	struct svmrt_pvclock_scale scale = svmrt_pvclock_scale(khz);
	uint64_t ns = svmrt_pvclock_ns(scale, (uint64_t)khz * 1000), slack = 2 + 1000000000ull / khz;

	if (ns > 1000000000ull || ns + slack < 1000000000ull)
		fail_msg("%u kHz: a second has %llu ns (shift %d, factor %u)", khz, (unsigned long long)ns,
			 scale.shift, scale.factor);
	assert_true(scale.factor >= 0x7fffffff);	/* all the precision there is */
}

static void every_frequency_gives_nanoseconds(void **state)
{
	(void)state;
	for (uint32_t khz = 1; khz < 1u << 27; khz += 1 + khz / 997)
		a_second_is_a_second(khz);
}

static void the_bounds_of_shifts(void **state)
{
	static const uint32_t khz[] = { 1, 2, 499999, 500000, 500001, 999999, 1000000, 1000001, 1999999,
					2000000, 2000001, 2595358, 4000000, 4000001, 1u << 27 };

	(void)state;
	for (size_t i = 0; i < sizeof(khz) / sizeof(khz[0]); i++)
		a_second_is_a_second(khz[i]);
}

static void long_times_do_not_drift(void **state)
{
	struct svmrt_pvclock_scale scale = svmrt_pvclock_scale(2595358);
	const uint64_t day = 86400, ns = svmrt_pvclock_ns(scale, day * 2595358000ull);

	(void)state;
	assert_in_range(day * 1000000000 - ns, 0, day * 3);	/* 3 parts in 10^9 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_frequency_gives_nanoseconds),
		cmocka_unit_test(the_bounds_of_shifts),
		cmocka_unit_test(long_times_do_not_drift),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
