/* SPDX-License-Identifier: MIT */
/*
 * MSRs of a guest with a chipset. Everything else is #GP, as on a processor that does not have it. The
 * names and numbers are those of the AMD64 Architecture Programmer's Manual, volume 2, appendix A, and
 * of the processor programming references of families 17h and 19h; those of the clock are KVM's
 * (Documentation/virt/kvm/x86/msr.rst of the kernel).
 */
#include <stdlib.h>
#include "platform.h"
#include "spec_read.h"

#define VALUE SVMRT_MSR_VALUE
#define STORE SVMRT_MSR_STORE
#define IGNORE SVMRT_MSR_IGNORE
#define STATE SVMRT_MSR_STATE

#define ROW(first_, last_, read_, value_, write_) \
	{ .first = (first_), .last = (last_), .read = (read_), .write = (write_), .value = (value_) }
#define ONE(index, read, value, write) ROW(index, index, read, value, write)
#define KEPT(index, value, why) { ONE(index, VALUE, value, STORE), why }
#define WRITE_BACK 0x0606060606060606u
#define WRITE_PROTECT 0x0505050505050505u

static const char mtrr_variable[] = "variable-range MTRRs: read and written without a question; all off";
static const char mtrr_ram[] = "fixed-range MTRR of RAM: write-back";
static const char mtrr_firmware[] = "fixed-range MTRR of the firmware's place: write-protect";

static const struct platform_msr rows[] = {	/* ascending */
	{ ONE(0x10, STATE, 0, STATE), "TSC: the vCPU's own" },
	{ ONE(0x8b, VALUE, 0, IGNORE), "PATCH_LEVEL: read at boot; no microcode was loaded. A write of "
	  "zero precedes a reading" },
	{ ONE(0xfe, VALUE, 0x508, 0), "MTRR_CAP: 8 variable ranges, fixed ranges, write-combining" },
	{ ONE(0x179, VALUE, 0, 0), "MCG_CAP: no bank reports machine checks; the host takes them" },
	{ ONE(0x17a, VALUE, 0, IGNORE), "MCG_STAT: no machine check is in progress" },
	{ ONE(0x1d9, VALUE, 0, IGNORE), "DEBUG_CTL: no branch is recorded, and BTF steps as TF does" },
	KEPT(0x200, 0, mtrr_variable), KEPT(0x201, 0, mtrr_variable),
	KEPT(0x202, 0, mtrr_variable), KEPT(0x203, 0, mtrr_variable),
	KEPT(0x204, 0, mtrr_variable), KEPT(0x205, 0, mtrr_variable),
	KEPT(0x206, 0, mtrr_variable), KEPT(0x207, 0, mtrr_variable),
	KEPT(0x208, 0, mtrr_variable), KEPT(0x209, 0, mtrr_variable),
	KEPT(0x20a, 0, mtrr_variable), KEPT(0x20b, 0, mtrr_variable),
	KEPT(0x20c, 0, mtrr_variable), KEPT(0x20d, 0, mtrr_variable),
	KEPT(0x20e, 0, mtrr_variable), KEPT(0x20f, 0, mtrr_variable),
	KEPT(0x250, WRITE_BACK, mtrr_ram), KEPT(0x258, WRITE_BACK, mtrr_ram),
	KEPT(0x259, 0, "fixed-range MTRR of the video memory's place: uncacheable"),
	KEPT(0x268, WRITE_PROTECT, mtrr_firmware), KEPT(0x269, WRITE_PROTECT, mtrr_firmware),
	KEPT(0x26a, WRITE_PROTECT, mtrr_firmware), KEPT(0x26b, WRITE_PROTECT, mtrr_firmware),
	KEPT(0x26c, WRITE_PROTECT, mtrr_firmware), KEPT(0x26d, WRITE_PROTECT, mtrr_firmware),
	KEPT(0x26e, WRITE_PROTECT, mtrr_firmware), KEPT(0x26f, WRITE_PROTECT, mtrr_firmware),
	{ ONE(0x277, STATE, 0, STATE), "PAT: the vCPU's own" },
	KEPT(0x2ff, 0xc06, "MTRR_DEF_TYPE: on, fixed ranges on, write-back"),
	{ ONE(SVMRT_MSR_WALL_CLOCK, STATE, 0, STATE), "where the kernel writes the time of day at which guest "
	  "time was 0" },
	{ ONE(SVMRT_MSR_SYSTEM_TIME, STATE, 0, STATE), "where the kernel writes which TSC was which nanosecond of "
	  "guest time, and how fast the TSC counts" },
	{ ONE(0xc0000080, STATE, 0, STATE), "EFER: the vCPU's own, without SVME" },
	{ ONE(0xc0000103, STATE, 0, STATE), "TSC_AUX: the vCPU's own, for RDTSCP" },
	KEPT(0xc0010010, 0, "SYSCFG: MTRRs mean what the manual says; no memory encryption"),
	KEPT(0xc0010015, 1u << 24, "HWCR: TscFreqSel, the TSC counts at the P0 frequency"),
	{ ONE(0xc0010055, VALUE, 0, IGNORE), "INT_PENDING: read at boot of family Fh; no C1E, nothing to work around" },
	KEPT(0xc0011029, 1u << 1, "DE_CFG: LFENCE waits for what is before it"),
};

const struct platform_msr *platform_msrs(size_t *count)
{
	*count = sizeof(rows) / sizeof(rows[0]);
	return rows;
}

static bool in_spec(const struct spec *spec, size_t count, const struct svmrt_msr_row *row)
{
	for (size_t i = 0; i < count; i++)
		if (spec->msrs[i].row.first <= row->last && row->first <= spec->msrs[i].row.last)
			return true;
	return false;
}

static int compare(const void *a, const void *b)
{
	const struct spec_msr *x = a, *y = b;

	return x->row.first < y->row.first ? -1 : x->row.first > y->row.first;
}

void platform_add(struct comp *c)
{
	struct spec *spec = &c->spec;
	const size_t own = spec->msr_count;

	if (!spec_has_chipset(spec))
		return;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (in_spec(spec, own, &rows[i].row))
			continue;
		spec->msrs = arena_grow(&c->arena, spec->msrs, spec->msr_count, &spec->msr_capacity,
					sizeof(*spec->msrs));
		spec->msrs[spec->msr_count++] = (struct spec_msr){
			.row = rows[i].row, .range = spec->acpi_range, .of_platform = true,
		};
	}
	if (spec->msr_count)
		qsort(spec->msrs, spec->msr_count, sizeof(*spec->msrs), compare);
	if (!node_get(c->root, "cpuid"))
		spec_add_cpuid_base(c, &spec->acpi_range);
}
