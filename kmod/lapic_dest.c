// SPDX-License-Identifier: GPL-2.0-only
/* Who a message is for (APM volume 2, 16.6 and 16.11), and how ICR and MSI say it. */
#include "lapic.h"

#define MSI_ADDRESS 0xfee00000ULL
#define DFR_FLAT 0xf

static _Bool matches_logical(const struct svmrt_lapic *apic, __u32 dest, _Bool x2apic)
{
	__u32 ldr = apic->ldr;

	if (svmrt_lapic_x2(apic)) {
		if (x2apic ? dest == 0xffffffff : dest == 0xff)
			return 1;
		return dest >> 16 == ldr >> 16 && dest & ldr & 0xffff;
	}
	if (dest > 0xff)
		return dest == 0xffffffff;
	if (apic->dfr >> 28 == DFR_FLAT)
		return dest & ldr >> 24;
	return dest == 0xff || (dest >> 4 == ldr >> 28 && dest & ldr >> 24 & 0xf);
}

_Bool svmrt_lapic_matches(const struct svmrt_lapic *apic, const struct svmrt_apic_msg *msg)
{
	if (!svmrt_lapic_on(apic))
		return 0;
	if (msg->logical)
		return matches_logical(apic, msg->dest, msg->x2apic);
	return msg->dest == apic->id || msg->dest == (msg->x2apic ? 0xffffffff : 0xff);
}

void svmrt_apic_decode_icr(const struct svmrt_lapic *apic, __u64 icr, struct svmrt_apic_msg *msg)
{
	*msg = (struct svmrt_apic_msg) {
		.x2apic = svmrt_lapic_x2(apic),
		.dest = svmrt_lapic_x2(apic) ? (__u32)(icr >> 32) : (__u32)(icr >> 56),
		.vector = (__u8)icr, .mode = icr >> 8 & 7, .logical = icr >> 11 & 1,
		.level = icr >> 15 & 1, .deassert = !(icr >> 14 & 1), .shorthand = icr >> 18 & 3,
	};
}

_Bool svmrt_apic_decode_msi(__u64 address, __u32 data, struct svmrt_apic_msg *msg)
{
	if ((address & 0xfff00000) != MSI_ADDRESS || data >> 16)
		return 0;
	*msg = (struct svmrt_apic_msg) {
		/* Bits 63:40 are destination bits 31:8, as in the extended format of hypervisors. */
		.dest = (address >> 12 & 0xff) | (address >> 32 & 0xffffff00),
		.logical = address >> 2 & 1, .vector = (__u8)data, .mode = data >> 8 & 7,
		.level = data >> 15 & 1, .deassert = (data >> 15 & 1) && !(data >> 14 & 1),
		.x2apic = (address >> 40) != 0,
	};
	/* Redirection hint: any one of the destination. */
	if (address >> 3 & 1 && msg->mode == APIC_FIXED && msg->logical)
		msg->mode = APIC_LOWEST;
	return 1;
}
