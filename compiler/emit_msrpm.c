/* SPDX-License-Identifier: MIT */
/*
 * The MSR permission map (APM volume 2, 15.11): two bits an MSR, read then write, set for an exit.
 * Clear only for MSRs that VMLOAD and VMSAVE switch; for those that the spec has a row for, as far as
 * it says `pass`.
 */
#include <string.h>
#include "emit_parts.h"
#include "spec_tables.h"

#define MSRPM_BYTES 8192u

/* Switched by VMLOAD/VMSAVE (APM volume 3, VMLOAD), and so safe to give to a guest. */
static const uint32_t switched_msrs[] = {
	0x174, 0x175, 0x176,			/* SYSENTER_CS, _ESP, _EIP */
	0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,	/* STAR, LSTAR, CSTAR, SFMASK */
	0xc0000100, 0xc0000101, 0xc0000102,	/* FS_BASE, GS_BASE, KERNEL_GS_BASE */
};

/* Number of the MSR's read bit. The three ranges of the map have 2 KiB each. */
static uint32_t bit_of(uint32_t msr)
{
	if (msr >= 0xc0010000)
		return 2 * 0x800 * 8 + 2 * (msr - 0xc0010000);
	if (msr >= 0xc0000000)
		return 0x800 * 8 + 2 * (msr - 0xc0000000);
	return 2 * msr;
}

bool msr_is_switched(uint32_t msr)
{
	for (size_t i = 0; i < sizeof(switched_msrs) / sizeof(switched_msrs[0]); i++)
		if (switched_msrs[i] == msr)
			return true;
	return false;
}

unsigned int msr_passes(const struct spec *spec, uint32_t msr)
{
	if (!msr_is_switched(msr))
		return 0;
	for (size_t i = 0; i < spec->msr_count; i++)
		if (msr >= spec->msrs[i].row.first && msr <= spec->msrs[i].row.last)
			return spec->msrs[i].pass;
	return MSR_PASS_READ | MSR_PASS_WRITE;
}

const void *emit_msrpm(struct comp *c, uint64_t *bytes)
{
	uint8_t *map = arena_alloc(&c->arena, MSRPM_BYTES);

	memset(map, 0xff, MSRPM_BYTES);
	for (size_t i = 0; i < sizeof(switched_msrs) / sizeof(switched_msrs[0]); i++) {
		const uint32_t bit = bit_of(switched_msrs[i]);
		const unsigned int clear = msr_passes(&c->spec, switched_msrs[i]);

		map[bit / 8] = (uint8_t)(map[bit / 8] & ~(clear << bit % 8));
	}
	*bytes = MSRPM_BYTES;
	return map;
}
