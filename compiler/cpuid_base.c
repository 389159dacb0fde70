/* SPDX-License-Identifier: MIT */
/*
 * `base: host` of `cpuid` (APM volume 3, appendix E). Kept from the host: what a guest can use without
 * our help. Not kept: MONITOR, VMX, SVM, TOPOEXT, OSVW, which nothing here gives, nor APIC IDs and core
 * counts, which are the host's. A chipset adds what its local APICs and the number of vCPUs say.
 */
#include <string.h>
#include "platform.h"

#define SUBLEAF SVMRT_CPUID_SUBLEAF
#define ALL 0xffffffff
#define XCR0_KEPT 0xe7			/* x87, SSE, AVX, AVX-512: svmrt.ko switches them */

enum { EAX, EBX, ECX, EDX };
#define X2APIC (1u << 21)		/* leaf 1 ECX */
#define TSC_DEADLINE (1u << 24)
#define HYPERVISOR (1u << 31)
#define KVM_CLOCKSOURCE2 (1u << 3)	/* leaf 4000_0101 EAX */
#define KVM_CLOCKSOURCE_STABLE (1u << 24)
#define HTT (1u << 28)			/* leaf 1 EDX: EBX[23:16] counts */
#define CMP_LEGACY (1u << 1)		/* leaf 8000_0001 ECX: they are cores */
#define INVARIANT_TSC (1u << 8)		/* leaf 8000_0007 EDX */

static const struct svmrt_cpuid_row host_rows[] = {
	{ .leaf = 0x0, .keep = { ALL, ALL, ALL, ALL } },
	{ .leaf = 0x1, .keep = { ALL, 0x0000ff00, 0x76d83201, 0x078bfbff },
	  .live = SVMRT_CPUID_LIVE_OSXSAVE },
	{ .leaf = 0x7, .subleaf = 0, .flags = SUBLEAF, .keep = { 0, 0x219c01a9, 0, 0 } },
	{ .leaf = 0xd, .subleaf = 0, .flags = SUBLEAF, .keep = { XCR0_KEPT, 0, ALL, 0 },
	  .live = SVMRT_CPUID_LIVE_XSAVE },
	{ .leaf = 0xd, .subleaf = 2, .flags = SUBLEAF, .keep = { ALL, ALL, ALL, ALL } },
	{ .leaf = 0x80000000, .keep = { ALL, ALL, ALL, ALL } },
	{ .leaf = 0x80000001, .keep = { ALL, 0, 0x000001e1, 0x2fd3fbff } },
	{ .leaf = 0x80000002, .keep = { ALL, ALL, ALL, ALL } },
	{ .leaf = 0x80000003, .keep = { ALL, ALL, ALL, ALL } },
	{ .leaf = 0x80000004, .keep = { ALL, ALL, ALL, ALL } },
	{ .leaf = 0x80000005, .keep = { ALL, ALL, ALL, ALL } },
	{ .leaf = 0x80000006, .keep = { ALL, ALL, ALL, ALL } },
	{ .leaf = 0x80000007, .keep = { 0, 0, 0, INVARIANT_TSC } },
	{ .leaf = 0x80000008, .keep = { 0xffff, 0, 0, 0 } },
};
#define HOST_ROWS (sizeof(host_rows) / sizeof(host_rows[0]))

/* Leaf Bh: one thread a core, all cores in one package; ECX is level type and number. */
static const struct svmrt_cpuid_row topology_rows[] = {
	{ .leaf = 0xb, .subleaf = 0, .flags = SUBLEAF, .set = { 0, 1, 0x100, 0 },
	  .live = SVMRT_CPUID_LIVE_EDX_ID },
	{ .leaf = 0xb, .subleaf = 1, .flags = SUBLEAF, .set = { 0, 0, 0x201, 0 },
	  .live = SVMRT_CPUID_LIVE_EDX_ID },
	{ .leaf = 0xb, .live = SVMRT_CPUID_LIVE_EDX_ID },
	/* Who says that HYPERVISOR is set: "svmkitsvmkit"; there are no other leaves of it. */
	{ .leaf = 0x40000000, .set = { 0x40000000, 0x6b6d7673, 0x76737469, 0x74696b6d } },
	/*
	 * Further interfaces follow at multiples of 100h, each with the signature of who defined it. Of KVM's
	 * there is the clock (Documentation/virt/kvm/x86/cpuid.rst of the kernel), for all vCPUs the same.
	 */
	{ .leaf = 0x40000100, .set = { 0x40000101, 0x4b4d564b, 0x564b4d56, 0x0000004d } },
	{ .leaf = 0x40000101, .set = { KVM_CLOCKSOURCE2 | KVM_CLOCKSOURCE_STABLE, 0, 0, 0 } },
};
#define TOPOLOGY_ROWS (sizeof(topology_rows) / sizeof(topology_rows[0]))

/* Bits of an APIC ID that tell the package's vCPUs apart. */
static uint32_t id_bits(uint32_t vcpus)
{
	uint32_t bits = 0;

	while (1u << bits < vcpus)
		bits++;
	return bits;
}

static void adapt(struct svmrt_cpuid_row *row, uint32_t vcpus)
{
	switch (row->leaf) {
	case 0x1:
		row->set[EBX] = vcpus << 16;
		row->set[ECX] = X2APIC | TSC_DEADLINE | HYPERVISOR;
		row->set[EDX] = vcpus > 1 ? HTT : 0;
		row->live |= SVMRT_CPUID_LIVE_EBX_ID;
		break;
	case 0xb:
		if (row->subleaf == 1) {
			row->set[EAX] = id_bits(vcpus);
			row->set[EBX] = vcpus;
		}
		break;
	case 0x80000001:
		row->set[ECX] = vcpus > 1 ? CMP_LEGACY : 0;
		break;
	case 0x80000007:
		/* True of every processor with nested paging; emulators do it and do not say so. */
		row->set[EDX] = INVARIANT_TSC;
		break;
	case 0x80000008:
		row->set[ECX] = (vcpus - 1) | id_bits(vcpus) << 12;
		break;
	default:
		break;
	}
}

const struct svmrt_cpuid_row *cpuid_base_rows(struct arena *arena, bool chipset, uint32_t vcpus,
					      size_t *count)
{
	struct svmrt_cpuid_row *rows = arena_alloc(arena, (HOST_ROWS + TOPOLOGY_ROWS) * sizeof(*rows));

	memcpy(rows, host_rows, sizeof(host_rows));
	*count = HOST_ROWS;
	if (!chipset)
		return rows;
	memcpy(rows + HOST_ROWS, topology_rows, sizeof(topology_rows));
	*count += TOPOLOGY_ROWS;
	for (size_t i = 0; i < *count; i++)
		adapt(&rows[i], vcpus);
	return rows;
}
