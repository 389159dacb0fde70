// SPDX-License-Identifier: MIT
/*
 * The module's pure parts, built in user space: the control allow-list bit by bit, and the rules for
 * events. What emulators do not check is decided here.
 */
#include "test_kmod.h"
#include <errno.h>
#include <string.h>
#include "control.h"
#include "event.h"

static const struct svmrt_host_features bare = { .first_asid = 1, .last_asid = 15 };
static const struct svmrt_host_features rich = {
	.svm_edx = ~0u, .ext_ebx = ~0u, .invpcid = 1, .first_asid = 1, .last_asid = 15,
};
static const struct svmrt_control_addresses addresses = {
	.iopm = 0x1111000, .msrpm = 0x2222000, .n_cr3 = 0x3333000,
};

/* Bits that the manual gives to the guest's own behaviour, by hand: not from control.c. */
static int may_set(unsigned int bit, int rich_host)
{
	unsigned int byte = bit / 8;

	if (byte < 0x10)
		return 1;			/* CR, DR, exception intercepts, misc 1 */
	if (byte < 0x14)
		return bit < 0x10 * 8 + 15;	/* VMRUN .. RDPRU */
	if (byte < 0x18)
		return rich_host && bit < 0x14 * 8 + 5;	/* INVLPGB .. TLBSYNC */
	if (byte >= 0x3c && byte < 0x40)
		return rich_host;		/* PAUSE filter */
	if (byte >= 0x50 && byte < 0x58)
		return 1;			/* TSC_OFFSET */
	if (byte == 0x60 || bit == 0x60 * 8 + 24)
		return 1;			/* V_TPR, V_INTR_MASKING */
	if (bit == 0xa8 * 8 + 31)
		return 1;			/* EVENTINJ: an interrupt with vector 0 */
	return bit == 0x68 * 8 || bit == 0x90 * 8;	/* interrupt shadow, NP_ENABLE */
}

static void every_control_bit_is_on_the_list_or_refused(void **state)
{
	static struct svmk_vmcb in, out;
	char error[128];
	unsigned int bit;
	int host;

	(void)state;
	for (host = 0; host < 2; host++)
		for (bit = 0; bit < 0x400 * 8; bit++) {
			int err;

			memset(&in, 0, sizeof(in));
			in.opaque_page[bit / 8] = (__u8)(1 << bit % 8);
			err = svmrt_control_build(&out, &in, host ? &rich : &bare, &addresses,
						  error, sizeof(error));
			if (err != (may_set(bit, host) ? 0 : -EINVAL))
				fail_msg("control bit %#x.%u: %d", bit / 8, bit % 8, err);
		}
}

static void no_template_turns_a_forced_intercept_off(void **state)
{
	static struct svmk_vmcb in, out;
	char error[128];

	(void)state;
	memset(&in, 0, sizeof(in));
	assert_int_equal(0, svmrt_control_build(&out, &in, &bare, &addresses, error, sizeof(error)));
#define SVM_INTERCEPT(word, bit, NAME, exitcode, force, feature, safety, meaning) \
	if (force == SVM_FORCE_ALWAYS && !(vmcb_get_intercepts(&out, word) >> (bit) & 1)) \
		fail_msg("intercept " #NAME " is not forced");
#include <svmkit/intercepts.def>
#undef SVM_INTERCEPT
	assert_int_equal(1, vmcb_get_V_INTR_MASKING(&out));
	assert_int_equal(1, vmcb_get_NP_ENABLE(&out));
	assert_int_equal(0, vmcb_get_SEV_ENABLE(&out));
	assert_int_equal(0, vmcb_get_INTERCEPT_VEC5(&out));
	assert_int_equal(0x1111000, vmcb_get_IOPM_BASE_PA(&out));
	assert_int_equal(0x2222000, vmcb_get_MSRPM_BASE_PA(&out));
	assert_int_equal(0x3333000, vmcb_get_N_CR3(&out));
	assert_int_equal(1, vmcb_get_GUEST_ASID(&out));
	assert_int_equal(0, vmcb_get_VMCB_CLEAN(&out));
	assert_int_equal(0, svmrt_control_build(&out, &in, &rich, &addresses, error, sizeof(error)));
	assert_int_equal(3, vmcb_get_INTERCEPT_VEC5(&out));
}

static void save_fields_are_taken_as_they_are_and_the_rest_must_be_zero(void **state)
{
	static struct svmk_vmcb in, out;
	char error[128];
	unsigned int byte, taken = 0;

	(void)state;
	for (byte = 0x400; byte < 4096; byte++) {
		int err;

		memset(&in, 0, sizeof(in));
		in.opaque_page[byte] = 0x80;
		err = svmrt_control_build(&out, &in, &rich, &addresses, error, sizeof(error));
		if (!err) {
			assert_int_equal(0x80, out.opaque_page[byte]);
			taken++;
		} else {
			assert_int_equal(-EINVAL, err);
		}
	}
	/*
	 * By hand from APM table B-2: 10 segment-shaped registers of 16 bytes, CPL, and 8 bytes each
	 * of EFER CR4 CR3 CR0 DR7 DR6 RFLAGS RIP RSP S_CET SSP ISST RAX STAR LSTAR CSTAR SFMASK
	 * KERNEL_GS_BASE SYSENTER x3 CR2 G_PAT.
	 */
	assert_int_equal(10 * 16 + 1 + 23 * 8, taken);
	memset(&in, 0, sizeof(in));
	vmcb_set_SPEC_CTRL(&in, 1);
	assert_int_equal(-EINVAL, svmrt_control_build(&out, &in, &rich, &addresses, error,
						      sizeof(error)));
	assert_non_null(strstr(error, "spec_ctrl"));
}

static void scrubbing_leaves_no_host_address(void **state)
{
	static struct svmk_vmcb in, out;
	char error[128];

	(void)state;
	memset(&in, 0, sizeof(in));
	assert_int_equal(0, svmrt_control_build(&out, &in, &bare, &addresses, error, sizeof(error)));
	svmrt_control_scrub(&out);
	assert_int_equal(0, vmcb_get_IOPM_BASE_PA(&out));
	assert_int_equal(0, vmcb_get_MSRPM_BASE_PA(&out));
	assert_int_equal(0, vmcb_get_N_CR3(&out));
	assert_int_equal(0, vmcb_get_GUEST_ASID(&out));
}

#define EXC(v) (SVMRT_EV_V | SVMRT_EV_EXCEPTION | (v))

/* C16, C17 and C19, and software interrupts, which need an nRIP that the module does not take. */
static void an_event_at_the_start_is_one_that_vmrun_takes(void **state)
{
	static const unsigned int exceptions[] = {
		0, 1, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 16, 17, 18, 19, 21, 28, 29, 30,
	};
	static struct svmk_vmcb in, out;
	unsigned int vector, i = 0;
	char error[128];

	(void)state;
	for (vector = 0; vector < 256; vector++) {
		_Bool is = i < sizeof(exceptions) / sizeof(exceptions[0]) && exceptions[i] == vector;

		i += is;
		assert_int_equal(is, svmrt_event_is_legal(EXC(vector)));
		assert_int_equal(is, svmrt_event_is_legal(EXC(vector) | SVMRT_EV_ERROR_VALID |
							  7ULL << 32));
		assert_true(svmrt_event_is_legal(SVMRT_EV_V | SVMRT_EV_INTR | vector));
		assert_false(svmrt_event_is_legal(SVMRT_EV_V | SVMRT_EV_SOFT | vector));
	}
	assert_true(svmrt_event_is_legal(SVMRT_EV_V | SVMRT_EV_NMI | 2));
	assert_false(svmrt_event_is_legal(EXC(13) & ~SVMRT_EV_V));
	assert_false(svmrt_event_is_legal(EXC(13) | 1ULL << 12));
	assert_false(svmrt_event_is_legal(EXC(13) | 1ULL << 32));
	assert_false(svmrt_event_is_legal(SVMRT_EV_V | SVMRT_EV_NMI | SVMRT_EV_ERROR_VALID));
	for (i = 1; i < 8; i++)
		assert_int_equal(i == 2 || i == 3, svmrt_event_is_legal(SVMRT_EV_V | i << 8));
	memset(&in, 0, sizeof(in));
	vmcb_set_EVENTINJ(&in, EXC(2));
	assert_int_equal(-EINVAL, svmrt_control_build(&out, &in, &rich, &addresses, error,
						      sizeof(error)));
	assert_non_null(strstr(error, "EVENTINJ 0x80000302"));
}

static void exceptions_have_the_error_codes_of_their_vectors(void **state)
{
	unsigned int v;

	(void)state;
	for (v = 0; v < 32; v++) {
		int coded = v == 8 || (v >= 10 && v <= 14) || v == 17 || v == 21 || v == 29 ||
			    v == 30;
		__u64 event = svmrt_event_exception(v, 0xabcd);

		assert_int_equal(EXC(v), event & 0xfffff7ff);
		assert_int_equal(coded, !!(event & SVMRT_EV_ERROR_VALID));
		assert_int_equal(coded ? 0xabcd : 0, event >> 32);
	}
}

/* APM volume 2, 8.2.9: contributory 0 10 11 12 13 21; then #PF; then #DF. */
static int class_of(unsigned int v)
{
	if (v == 0 || (v >= 10 && v <= 13) || v == 21)
		return 1;
	return v == 14 ? 2 : v == 8 ? 3 : 0;
}

static void two_exceptions_become_what_the_manual_says(void **state)
{
	unsigned int a, b;

	(void)state;
	for (a = 0; a < 32; a++)
		for (b = 0; b < 32; b++) {
			int ca = class_of(a), cb = class_of(b), serious = cb == 1 || cb == 2;
			__u64 got = svmrt_event_merge(EXC(a), svmrt_event_exception(b, 7));

			if (ca == 3 && serious)
				assert_true(got == SVMRT_EV_SHUTDOWN);
			else if ((ca == 1 && cb == 1) || (ca == 2 && serious))
				assert_true(got == (EXC(8) | SVMRT_EV_ERROR_VALID));
			else
				assert_true(got == svmrt_event_exception(b, 7));
		}
	/* Nothing, or an interrupt, before: the second is delivered as it is. */
	assert_true(svmrt_event_merge(0, EXC(14)) == EXC(14));
	assert_true(svmrt_event_merge(SVMRT_EV_V | SVMRT_EV_INTR | 32, EXC(13)) == EXC(13));
}

static void interrupted_deliveries_are_repeated(void **state)
{
	(void)state;
	assert_true(svmrt_event_reinject(0x300 | 14, 0) == 0);	/* V clear: stale */
	assert_true(svmrt_event_reinject(EXC(14) | SVMRT_EV_ERROR_VALID | 5ULL << 32, 0) ==
		    (EXC(14) | SVMRT_EV_ERROR_VALID | 5ULL << 32));
	assert_true(svmrt_event_reinject(EXC(6) | 5ULL << 32, 0) == EXC(6));
	assert_true(svmrt_event_reinject(EXC(0x40), 0) == (SVMRT_EV_V | SVMRT_EV_INTR | 0x40));
	assert_true(svmrt_event_reinject(SVMRT_EV_V | SVMRT_EV_NMI | 2, 0) ==
		    (SVMRT_EV_V | SVMRT_EV_NMI | 2));
	assert_true(svmrt_event_reinject(SVMRT_EV_V | SVMRT_EV_SOFT | 0x80, 0) == 0);
	assert_true(svmrt_event_reinject(EXC(3), 0) == 0);
	assert_true(svmrt_event_reinject(EXC(29) | SVMRT_EV_ERROR_VALID, 0) == 0);
}

/* Every type and vector against every injected one: the same event comes again, whole. */
static void what_was_injected_is_injected_again(void **state)
{
	unsigned int type, vector, other;

	(void)state;
	for (type = 0; type < 8; type++)
		for (vector = 0; vector < 256; vector++) {
			__u64 injected = SVMRT_EV_V | type << 8 | vector | SVMRT_EV_ERROR_VALID |
					 77ULL << 32;
			__u64 info = SVMRT_EV_V | type << 8 | vector;

			assert_true(svmrt_event_reinject(info, injected) == injected);
			assert_true(svmrt_event_reinject(info & ~SVMRT_EV_V, injected) == 0);
			assert_true(svmrt_event_reinject(info, injected & ~SVMRT_EV_V) ==
				    svmrt_event_reinject(info, 0));
			for (other = 0; other < 256; other += 5)
				if (other != vector)
					assert_true(svmrt_event_reinject(info, (injected & ~0xffULL) |
									 other) ==
						    svmrt_event_reinject(info, 0));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_control_bit_is_on_the_list_or_refused),
		cmocka_unit_test(no_template_turns_a_forced_intercept_off),
		cmocka_unit_test(save_fields_are_taken_as_they_are_and_the_rest_must_be_zero),
		cmocka_unit_test(an_event_at_the_start_is_one_that_vmrun_takes),
		cmocka_unit_test(scrubbing_leaves_no_host_address),
		cmocka_unit_test(exceptions_have_the_error_codes_of_their_vectors),
		cmocka_unit_test(two_exceptions_become_what_the_manual_says),
		cmocka_unit_test(interrupted_deliveries_are_repeated),
		cmocka_unit_test(what_was_injected_is_injected_again),
		cmocka_unit_test(a_step_knows_what_zydis_knows),
		cmocka_unit_test(every_intercepted_instruction_has_the_length_that_zydis_gives),
		cmocka_unit_test(prefixes_and_operands_agree_with_zydis),
		cmocka_unit_test(truncated_bytes_have_no_length),
		cmocka_unit_test(other_instructions_have_no_length),
	};

	return cmocka_run_group_tests_name("kmod", tests, NULL, NULL);
}
