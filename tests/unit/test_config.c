/* SPDX-License-Identifier: MIT */
/*
 * svmrund.conf without a daemon: scalars, and which role a peer gets. Messages for bad files are
 * tested through `svmrund --check-config` (tests/e2e/rpc_roles.py).
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include "config.h"
#include "config_value.h"
#include "roles.h"

static void numbers_have_units_and_never_wrap(void **state)
{
	static const struct {
		const char *text;
		enum config_unit unit;
		uint64_t value;
	} good[] = {
		{ "0", CONFIG_COUNT, 0 }, { "18446744073709551615", CONFIG_COUNT, UINT64_MAX },
		{ "4KiB", CONFIG_BYTES, 4096 }, { "7", CONFIG_BYTES, 7 },
		{ "3GiB", CONFIG_BYTES, 3ull << 30 }, { "250ms", CONFIG_MS, 250 },
		{ "2s", CONFIG_MS, 2000 }, { "1min", CONFIG_MS, 60000 }, { "9", CONFIG_MS, 9 },
	};
	static const struct {
		const char *text;
		enum config_unit unit;
	} bad[] = {
		{ "", CONFIG_COUNT }, { "-1", CONFIG_COUNT }, { "+1", CONFIG_COUNT },
		{ "01", CONFIG_COUNT }, { "1 ", CONFIG_COUNT }, { "0x10", CONFIG_COUNT },
		{ "18446744073709551616", CONFIG_COUNT }, { "1KiB", CONFIG_COUNT },
		{ "1kib", CONFIG_BYTES }, { "1 KiB", CONFIG_BYTES },
		{ "18014398509481984KiB", CONFIG_BYTES }, { "1h", CONFIG_MS },
		{ "1.5s", CONFIG_MS }, { "KiB", CONFIG_BYTES },
	};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(config_number(good[i].text, good[i].unit, &value));
		assert_true(value == good[i].value);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(config_number(bad[i].text, bad[i].unit, &value));
}

/* The highest role of all rules that fit, in whatever order they stand. */
static void a_peer_gets_its_highest_role(void **state)
{
	gid_t groups[] = { 50, 60 };
	struct role_rule rules[] = {
		{ ROLE_OPERATOR, true, 60 }, { ROLE_OBSERVER, false, 7 },
		{ ROLE_OPERATOR, false, 8 }, { ROLE_OBSERVER, true, 50 },
	};
	struct config config = { .default_role = ROLE_NONE, .rules = rules, .rule_count = 4 };
	struct peer peer = { .uid = 7, .groups = groups, .group_count = 0 };

	(void)state;
	assert_int_equal(peer_role(&peer, &config), ROLE_OBSERVER);
	peer.group_count = 1;
	assert_int_equal(peer_role(&peer, &config), ROLE_OBSERVER);
	peer.group_count = 2;
	assert_int_equal(peer_role(&peer, &config), ROLE_OPERATOR);
	peer.group_count = 0;
	peer.uid = 8;
	assert_int_equal(peer_role(&peer, &config), ROLE_OPERATOR);
	peer.uid = 9;
	assert_int_equal(peer_role(&peer, &config), ROLE_NONE);
	config.default_role = ROLE_OBSERVER;
	assert_int_equal(peer_role(&peer, &config), ROLE_OBSERVER);
	peer.uid = 0;
	assert_int_equal(peer_role(&peer, &config), ROLE_OPERATOR);
	peer.uid = geteuid();
	assert_int_equal(peer_role(&peer, &config), ROLE_OPERATOR);
}

static void the_defaults_fit_their_own_rules(void **state)
{
	char path[] = "/tmp/svmrund-conf-XXXXXX";
	struct config_error error;
	struct config *config = config_default(), *read;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	read = config_read(path, &error);	/* an empty file is the default, checked */
	unlink(path);
	assert_non_null(read);
	assert_memory_equal(&read->limits, &config->limits, sizeof(config->limits));
	assert_int_equal(read->default_role, ROLE_OPERATOR);
	config_free(read);
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_units_and_never_wrap),
		cmocka_unit_test(a_peer_gets_its_highest_role),
		cmocka_unit_test(the_defaults_fit_their_own_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
