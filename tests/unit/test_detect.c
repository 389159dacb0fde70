// SPDX-License-Identifier: MIT
/*
 * Which processors and hosts the module refuses, with facts that no machine here has: the lab's
 * emulators know neither FRED nor SEV nor a firmware that disables SVM. And when a branch predictor
 * barrier is due, which no emulator shows either.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "barrier.h"
#include "detect.h"

/* As on an EPYC with SEV off: 32768 ASIDs, 509 of them able to be SEV's. */
static const struct svmrt_cpu_facts good = {
	.amd = 1, .max_extended = 0x80000028, .ext1_ecx = 1u << 2, .svm_ebx = 0x8000,
	.svm_edx = 0x119b9cff, .sev_eax = 0x1f, .sev_ecx = 509, .cr4 = 0x3506f0,
};

static const char *refusal(struct svmrt_cpu_facts facts)
{
	return svmrt_detect(&facts);
}

static void refused_for(struct svmrt_cpu_facts facts, const char *word)
{
	const char *why = svmrt_detect(&facts);

	if (!why)
		fail_msg("not refused; expected a text about %s", word);
	if (!strstr(why, word))
		fail_msg("refused for \"%s\", which does not speak of %s", why, word);
}

static void a_processor_with_all_that_is_needed_is_taken(void **state)
{
	struct svmrt_cpu_facts facts = good;

	(void)state;
	assert_null(refusal(facts));
	/* What QEMU's "max" says: 16 ASIDs, no SEV. */
	facts.svm_ebx = 16;
	facts.sev_eax = facts.sev_ecx = 0;
	assert_null(refusal(facts));
}

static void what_the_processor_lacks_is_named(void **state)
{
	struct svmrt_cpu_facts facts;

	(void)state;
	facts = good, facts.amd = 0;
	refused_for(facts, "not an AMD");
	facts = good, facts.max_extended = 0x80000009;
	refused_for(facts, "does not report SVM");
	facts = good, facts.ext1_ecx = ~(1u << 2);
	refused_for(facts, "does not report SVM");
	facts = good, facts.svm_ebx = 1;
	refused_for(facts, "no ASID");
	facts = good, facts.svm_ebx = 0;
	refused_for(facts, "no ASID");
	facts = good, facts.svm_edx = ~1u;
	refused_for(facts, "nested paging");
	facts = good, facts.vm_cr = 1 << 4;
	refused_for(facts, "SVMDIS");
	facts = good, facts.vm_cr = ~(1ULL << 4);
	assert_null(refusal(facts));
}

static void an_encrypted_guest_is_refused(void **state)
{
	struct svmrt_cpu_facts facts = good;

	(void)state;
	facts.sev_guest = 1;
	refused_for(facts, "SEV guest");
}

static void a_host_with_fred_is_refused(void **state)
{
	struct svmrt_cpu_facts facts = good;

	(void)state;
	facts.cr4 |= 1ULL << 32;
	refused_for(facts, "fred=off");
	facts.cr4 = ~(1ULL << 32);
	assert_null(refusal(facts));
}

static void a_host_whose_asids_are_all_for_sev_is_refused_while_sev_is_on(void **state)
{
	struct svmrt_cpu_facts facts = good;

	(void)state;
	facts.syscfg = 1 << 23;
	assert_null(refusal(facts));
	facts.sev_ecx = 0x7ffe;		/* ASID 0x7fff is left */
	assert_null(refusal(facts));
	facts.sev_ecx = 0x7fff;
	refused_for(facts, "encrypted guests");
	facts.sev_ecx = ~0u;
	refused_for(facts, "encrypted guests");
	/* Encryption off, or SME without SEV: nobody uses them. */
	facts.syscfg = ~(1ULL << 23);
	assert_null(refusal(facts));
	facts.syscfg = 1 << 23;
	facts.sev_eax = 1;
	assert_null(refusal(facts));
}

static void our_asids_are_above_those_of_encrypted_guests(void **state)
{
	struct svmrt_cpu_facts facts = good;
	uint32_t asids, sev, first, last;

	(void)state;
	for (asids = 2; asids < 40; asids++)
		for (sev = 0; sev < 42; sev++) {
			facts.svm_ebx = asids;
			facts.sev_ecx = sev;
			facts.syscfg = 1 << 23;
			svmrt_detect_asids(&facts, &first, &last);
			assert_int_equal(asids - 1, last);
			assert_in_range(first, 1, last);
			if (!svmrt_detect(&facts))
				assert_int_equal(sev + 1, first);
		}
	facts.sev_ecx = ~0u;
	svmrt_detect_asids(&facts, &first, &last);
	assert_int_equal(1, first);
}

static void processors_that_differ_are_told_apart(void **state)
{
	struct svmrt_cpu_facts other = good;

	(void)state;
	assert_null(svmrt_detect_differs(&good, &other));
	other.svm_edx |= 1u << 31;		/* more than the boot CPU has is no harm */
	other.svm_ebx++;
	other.cr4 |= 1 << 20;
	assert_null(svmrt_detect_differs(&good, &other));
	other = good, other.svm_edx &= ~(1u << 3);
	assert_non_null(strstr(svmrt_detect_differs(&good, &other), "features"));
	other = good, other.svm_ebx--;
	assert_non_null(strstr(svmrt_detect_differs(&good, &other), "fewer ASIDs"));
	other = good, other.cr4 |= 1 << 12;
	assert_non_null(strstr(svmrt_detect_differs(&good, &other), "LA57"));
}

/* A predictor holds what the vCPUs that ran since the last barrier trained. */
static void no_vcpu_meets_predictions_of_another(void **state)
{
	unsigned int sequence, step;

	(void)state;
	for (sequence = 0; sequence < 4u * 4 * 4 * 4 * 4 * 4; sequence++) {
		__u64 last = 0;
		unsigned int trained = 0, barriers = 0, changes = 0, before = 0, rest = sequence;

		for (step = 0; step < 6; step++, rest /= 4) {
			uint64_t id = rest % 4;

			if (!id) {		/* a barrier for another reason (VMSCAPE) */
				trained = 0;
				last = 0;
				continue;
			}
			if (svmrt_barrier_due(&last, id)) {
				trained = 0;
				barriers++;
			}
			assert_false(trained & ~(1u << id));
			trained |= 1u << id;
			changes += before && before != id;
			before = (unsigned int)id;
		}
		assert_true(barriers <= changes);	/* and none where nothing changed */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_processor_with_all_that_is_needed_is_taken),
		cmocka_unit_test(what_the_processor_lacks_is_named),
		cmocka_unit_test(an_encrypted_guest_is_refused),
		cmocka_unit_test(a_host_with_fred_is_refused),
		cmocka_unit_test(a_host_whose_asids_are_all_for_sev_is_refused_while_sev_is_on),
		cmocka_unit_test(our_asids_are_above_those_of_encrypted_guests),
		cmocka_unit_test(processors_that_differ_are_told_apart),
		cmocka_unit_test(no_vcpu_meets_predictions_of_another),
	};

	return cmocka_run_group_tests_name("detect", tests, NULL, NULL);
}
