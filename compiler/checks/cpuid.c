/* SPDX-License-Identifier: MIT */
/*
 * Checks of `cpuid` against the rest: rows that no guest asks for, and control bits of a vCPU whose
 * feature the table denies. Leaves without a row of the spec's own are not judged: `base: host` is
 * the host's to fill, and a table may be about one leaf.
 */
#include <inttypes.h>
#include "checks.h"

#define GROUP(leaf) ((leaf) & 0xc0000000u)	/* each tells its highest leaf in its first */

enum { EAX, EBX, ECX, EDX };
static const char *const register_names[] = { "eax", "ebx", "ecx", "edx" };

static bool is_asked(const struct comp *c)
{
	return c->spec.exits[svm_exit_row(SVM_EXIT_CODE_CPUID)].rule.action == SVMRT_DO_TABLE;
}

/* The spec's row for subleaf 0 of the leaf, or NULL. */
static const struct spec_cpuid *row_of(const struct comp *c, uint32_t leaf)
{
	for (size_t i = 0; i < c->spec.cpuid_count; i++) {
		const struct spec_cpuid *x = &c->spec.cpuid[i];

		if (x->in_set && x->row.leaf == leaf && !x->row.subleaf)
			return x;
	}
	return NULL;
}

/* First leaves of the groups: basic, hypervisor, extended. */
static void range(struct comp *c, const struct check *check)
{
	static const uint32_t firsts[] = { 0, 0x40000000, 0x80000000 };

	for (size_t i = 0; is_asked(c) && i < sizeof(firsts) / sizeof(firsts[0]); i++) {
		const struct spec_cpuid *first = row_of(c, firsts[i]);

		for (size_t j = 0; first && !first->row.keep[EAX] && j < c->spec.cpuid_count; j++) {
			const struct spec_cpuid *x = &c->spec.cpuid[j];

			if (!x->in_set || GROUP(x->row.leaf) != firsts[i] || x == first ||
			    x->row.leaf <= first->row.set[EAX])
				continue;
			check_found(c, check, &x->range, "the leaf 0x%" PRIx32 " is above 0x%" PRIx32
				    ", which leaf 0x%" PRIx32 " names as the highest one (its eax): no "
				    "guest asks for it; raise that eax, or remove the row", x->row.leaf,
				    first->row.set[EAX], firsts[i]);
			diag_note(&c->diag, &first->range, "the highest leaf is told here");
			break;	/* one message a group: the remedy is one */
		}
	}
}
CHECK_WARNING(range, "cpuid-range", "APM volume 3, E.3.1", PART_CPUID | PART_EXITS);

/* APM volume 3, appendix E: what CPUID says of the bits of CR4 (3.1.3) and EFER (3.1.7). */
static const struct gate {
	uint8_t bit;
	char name[12];
	uint32_t leaf;
	uint8_t reg, feature;
} cr4_gates[] = {
	{ 0, "VME", 1, EDX, 1 }, { 1, "PVI", 1, EDX, 1 }, { 2, "TSD", 1, EDX, 4 },
	{ 3, "DE", 1, EDX, 2 }, { 4, "PSE", 1, EDX, 3 }, { 5, "PAE", 1, EDX, 6 },
	{ 6, "MCE", 1, EDX, 7 }, { 7, "PGE", 1, EDX, 13 }, { 9, "OSFXSR", 1, EDX, 24 },
	{ 10, "OSXMMEXCPT", 1, EDX, 25 }, { 11, "UMIP", 7, ECX, 2 }, { 12, "LA57", 7, ECX, 16 },
	{ 16, "FSGSBASE", 7, EBX, 0 }, { 17, "PCIDE", 1, ECX, 17 }, { 18, "OSXSAVE", 1, ECX, 26 },
	{ 20, "SMEP", 7, EBX, 7 }, { 21, "SMAP", 7, EBX, 20 }, { 22, "PKE", 7, ECX, 3 },
	{ 23, "CET", 7, ECX, 7 },
}, efer_gates[] = {
	{ 0, "SCE", 0x80000001, EDX, 11 }, { 8, "LME", 0x80000001, EDX, 29 },
	{ 11, "NXE", 0x80000001, EDX, 20 }, { 14, "FFXSR", 0x80000001, EDX, 25 },
	{ 15, "TCE", 0x80000001, ECX, 17 }, { 17, "MCOMMIT", 0x80000008, EBX, 8 },
	{ 18, "INTWB", 0x80000008, EBX, 13 }, { 20, "UAIE", 0x80000021, EAX, 7 },
	{ 21, "AIBRSE", 0x80000021, EAX, 8 },
};

static void test_register(struct comp *c, const struct check *check, const char *name, uint64_t value,
			  const struct gate *gates, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct gate *g = &gates[i];
		const struct spec_cpuid *x = value >> g->bit & 1 ? row_of(c, g->leaf) : NULL;

		if (!x || (x->row.keep[g->reg] | x->row.set[g->reg]) >> g->feature & 1)
			continue;
		/* The profile's bits only where the row tells of features at all. */
		if (!spec_sets_field(c, name) && !x->row.set[g->reg])
			continue;
		check_found(c, check, &x->range, "leaf 0x%" PRIx32 " has bit %u of %s clear, so that the "
			    "guest has no %s, but a vCPU begins with %s in %s; set the bit, or clear %s "
			    "there", g->leaf, g->feature, register_names[g->reg], g->name, g->name, name,
			    g->name);
		if (spec_sets_field(c, name))
			diag_note(&c->diag, spec_field_range(c, name), "%s is set here", name);
	}
}

static void denied(struct comp *c, const struct check *check)
{
	const struct svmk_vmcb *vmcb = c->spec.vmcb;

	if (!is_asked(c))
		return;
	test_register(c, check, "cr4", vmcb_get_CR4(vmcb), cr4_gates,
		      sizeof(cr4_gates) / sizeof(cr4_gates[0]));
	test_register(c, check, "efer", vmcb_get_EFER(vmcb), efer_gates,
		      sizeof(efer_gates) / sizeof(efer_gates[0]));
}
CHECK_WARNING(denied, "cpuid-feature", "APM volume 3, E", PART_CPUID | PART_EXITS | PART_PROFILE |
	      PART_VCPUS | EACH_VCPU_SET);

const struct check *const cpuid_checks[] = { &check_range, &check_denied, NULL };
