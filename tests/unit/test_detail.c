/* SPDX-License-Identifier: MIT */
/* The counters by port, MSR and page (kmod/detail.h) against a plain list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include "detail.h"

static uint64_t found(const struct svmrt_detail *d, uint32_t kind, uint64_t key)
{
	uint64_t count = 0;

	for (unsigned int i = 0; i < SVMRT_DETAIL_ROWS; i++) {
		if (d->rows[i].count && d->rows[i].kind == kind && d->rows[i].key == key) {
			assert_int_equal(count, 0);	/* one row a key */
			count = d->rows[i].count;
		}
	}
	return count;
}

static uint64_t total(const struct svmrt_detail *d, uint32_t kind)
{
	uint64_t sum = d->others[kind];

	for (unsigned int i = 0; i < SVMRT_DETAIL_ROWS; i++)
		sum += d->rows[i].kind == kind ? d->rows[i].count : 0;
	return sum;
}

static void the_ports_of_a_pc_are_counted_exactly(void **state)
{
	static const uint16_t ports[] = { 0x20, 0x21, 0xa0, 0xa1, 0x40, 0x43, 0x60, 0x61, 0x64, 0x70,
					  0x71, 0x80, 0x3f8, 0x3f9, 0x3fd, 0xcf8, 0xcfc };
	struct svmrt_detail *d = calloc(1, sizeof(*d));

	(void)state;
	for (unsigned int round = 0; round < 100; round++)
		for (unsigned int i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
			for (unsigned int n = 0; n <= i; n++)
				svmrt_detail_count(d, SVMRT_DETAIL_PORT, ports[i]);
	for (unsigned int i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		assert_int_equal(found(d, SVMRT_DETAIL_PORT, ports[i]), 100 * (i + 1));
	assert_int_equal(d->others[SVMRT_DETAIL_PORT], 0);
	free(d);
}

static void one_number_is_a_port_an_msr_and_a_page(void **state)
{
	struct svmrt_detail *d = calloc(1, sizeof(*d));

	(void)state;
	svmrt_detail_count(d, SVMRT_DETAIL_PORT, 0x10);
	svmrt_detail_count(d, SVMRT_DETAIL_MSR, 0x10);
	svmrt_detail_count(d, SVMRT_DETAIL_MSR, 0x10);
	svmrt_detail_count(d, SVMRT_DETAIL_GPA, 0x10);
	assert_int_equal(found(d, SVMRT_DETAIL_PORT, 0x10), 1);
	assert_int_equal(found(d, SVMRT_DETAIL_MSR, 0x10), 2);
	assert_int_equal(found(d, SVMRT_DETAIL_GPA, 0x10), 1);
	assert_int_equal(found(d, SVMRT_DETAIL_GPA, 0x11), 0);
	free(d);
}

static void a_guest_with_more_keys_than_rows_loses_names_but_no_count(void **state)
{
	struct svmrt_detail *d = calloc(1, sizeof(*d));
	uint64_t seed = 1;

	(void)state;
	for (unsigned int i = 0; i < 1000000; i++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		svmrt_detail_count(d, i % SVMRT_DETAIL_KINDS, seed >> 30);
	}
	for (unsigned int kind = 0; kind < SVMRT_DETAIL_KINDS; kind++) {
		assert_int_equal(total(d, kind), (1000000 + SVMRT_DETAIL_KINDS - 1 - kind) /
				 SVMRT_DETAIL_KINDS);
		assert_true(d->others[kind] > 0);
	}
	free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ports_of_a_pc_are_counted_exactly),
		cmocka_unit_test(one_number_is_a_port_an_msr_and_a_page),
		cmocka_unit_test(a_guest_with_more_keys_than_rows_loses_names_but_no_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
