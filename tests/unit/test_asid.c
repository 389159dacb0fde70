// SPDX-License-Identifier: MIT
/*
 * The ASID model against a model of what a processor caches: for every sequence of steps up to a
 * depth, no vCPU may ever enter where a translation of another vCPU, of an older nested page table
 * or of a former owner of SVM is still tagged with its ASID.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "asid.h"

#define CPUS 2
#define VCPUS 3
#define ASIDS 4		/* 0 is the host's; guests have 1 .. 3, fewer than vCPUs and moves need */
#define DEPTH 7

/* What is tagged with an ASID on a CPU: whose translations, of which nested page table. */
struct tag {
	int vcpu;		/* -1: nothing; -2: a former owner of SVM */
	uint64_t npt;
};

struct world {
	struct svmrt_asid_cpu cpu[CPUS];
	struct svmrt_asid_vcpu vcpu[VCPUS];
	struct tag tlb[CPUS][ASIDS];
	int vmcb_cpu[VCPUS];	/* where the VMCB's cached copy is */
	uint64_t npt;		/* all vCPUs are of one VM */
};

static uint64_t entered;

static void start(struct world *w, int flush_by_asid)
{
	int c, a, v;

	memset(w, 0, sizeof(*w));
	for (c = 0; c < CPUS; c++) {
		svmrt_asid_reset(&w->cpu[c], 1, ASIDS - 1, flush_by_asid);
		for (a = 0; a < ASIDS; a++)
			w->tlb[c][a].vcpu = -2;
	}
	for (v = 0; v < VCPUS; v++)
		w->vmcb_cpu[v] = -1;
}

static void enter(struct world *w, int v, int c)
{
	struct svmrt_asid_plan plan;
	struct tag *tag;
	int a;

	plan = svmrt_asid_enter(&w->cpu[c], &w->vcpu[v], w->npt);
	assert_in_range(plan.asid, 1, ASIDS - 1);
	if (plan.clean)
		assert_int_equal(c, w->vmcb_cpu[v]);
	w->vmcb_cpu[v] = c;
	if (plan.tlb_control == SVMRT_TLB_FLUSH_ALL) {
		for (a = 0; a < ASIDS; a++)
			w->tlb[c][a].vcpu = -1;
	} else if (plan.tlb_control == SVMRT_TLB_FLUSH_ASID) {
		assert_true(w->cpu[c].flush_by_asid);
		w->tlb[c][plan.asid].vcpu = -1;
	} else {
		assert_int_equal(SVMRT_TLB_KEEP, plan.tlb_control);
	}
	tag = &w->tlb[c][plan.asid];
	if (tag->vcpu != -1) {
		assert_int_equal(v, tag->vcpu);
		assert_true(tag->npt == w->npt);
	}
	tag->vcpu = v;
	tag->npt = w->npt;
	entered++;
}

/* Steps: enter vCPU v on CPU c; the nested page table moves; CPU c is released and claimed again. */
static void walk(const struct world *before, int depth)
{
	struct world w;
	int v, c, a;

	if (!depth)
		return;
	for (v = 0; v < VCPUS; v++)
		for (c = 0; c < CPUS; c++) {
			w = *before;
			/* Pointers into the copied world must be of the copy. */
			for (a = 0; a < VCPUS; a++)
				if (w.vcpu[a].cpu)
					w.vcpu[a].cpu = &w.cpu[w.vcpu[a].cpu - before->cpu];
			enter(&w, v, c);
			walk(&w, depth - 1);
		}
	w = *before;
	for (a = 0; a < VCPUS; a++)
		if (w.vcpu[a].cpu)
			w.vcpu[a].cpu = &w.cpu[w.vcpu[a].cpu - before->cpu];
	w.npt++;
	walk(&w, depth - 1);
	for (c = 0; c < CPUS; c++) {
		struct world again = w;

		for (a = 0; a < VCPUS; a++)
			if (again.vcpu[a].cpu)
				again.vcpu[a].cpu = &again.cpu[again.vcpu[a].cpu - w.cpu];
		svmrt_asid_reset(&again.cpu[c], 1, ASIDS - 1, again.cpu[c].flush_by_asid);
		for (a = 0; a < ASIDS; a++)
			again.tlb[c][a].vcpu = -2;
		walk(&again, depth - 1);
	}
}

static void no_stale_translation_is_ever_used(void **state)
{
	struct world w;
	int flush_by_asid;

	(void)state;
	for (flush_by_asid = 0; flush_by_asid < 2; flush_by_asid++) {
		start(&w, flush_by_asid);
		walk(&w, DEPTH);
	}
	assert_true(entered > 100000);
}

static void a_vcpu_that_stays_keeps_its_asid_without_a_flush(void **state)
{
	struct svmrt_asid_plan first, second;
	struct world w;

	(void)state;
	start(&w, 1);
	first = svmrt_asid_enter(&w.cpu[0], &w.vcpu[0], 0);
	assert_int_equal(SVMRT_TLB_FLUSH_ALL, first.tlb_control);
	assert_false(first.clean);
	second = svmrt_asid_enter(&w.cpu[0], &w.vcpu[0], 0);
	assert_int_equal(first.asid, second.asid);
	assert_int_equal(SVMRT_TLB_KEEP, second.tlb_control);
	assert_true(second.clean);
	second = svmrt_asid_enter(&w.cpu[0], &w.vcpu[0], 1);
	assert_int_equal(SVMRT_TLB_FLUSH_ASID, second.tlb_control);
	/* The second vCPU shares the generation: another ASID, no flush. */
	second = svmrt_asid_enter(&w.cpu[0], &w.vcpu[1], 1);
	assert_int_not_equal(first.asid, second.asid);
	assert_int_equal(SVMRT_TLB_KEEP, second.tlb_control);
}

static void one_asid_is_enough_to_be_safe(void **state)
{
	struct svmrt_asid_cpu cpu = { 0 };
	struct svmrt_asid_vcpu vcpu[2] = { { 0 } };
	int i;

	(void)state;
	svmrt_asid_reset(&cpu, 1, 1, 1);
	for (i = 0; i < 4; i++)
		assert_int_equal(SVMRT_TLB_FLUSH_ALL,
				 svmrt_asid_enter(&cpu, &vcpu[i & 1], 0).tlb_control);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_stale_translation_is_ever_used),
		cmocka_unit_test(a_vcpu_that_stays_keeps_its_asid_without_a_flush),
		cmocka_unit_test(one_asid_is_enough_to_be_safe),
	};

	return cmocka_run_group_tests_name("asid", tests, NULL, NULL);
}
