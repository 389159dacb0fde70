/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's operating mode, from its saved state (APM volume 2, 1.3 and table 1-1). */
#ifndef SVMRT_MODE_H
#define SVMRT_MODE_H

#include <svmkit/svmrt.h>
#include <svmkit/vmcb.h>

#define SVMRT_ATTRIB_L (1u << 9)
#define SVMRT_ATTRIB_D (1u << 10)

static inline enum svmrt_mode svmrt_vmcb_mode(const struct svmk_vmcb *vmcb)
{
	__u64 attrib = vmcb_get_CS_ATTRIB(vmcb);

	if (!(vmcb_get_CR0(vmcb) & 1))
		return SVMRT_REAL;
	if (vmcb_get_EFER(vmcb) & (1 << 10)) {
		if (attrib & SVMRT_ATTRIB_L)
			return SVMRT_LONG64;
		return SVMRT_COMPAT;
	}
	if (vmcb_get_RFLAGS(vmcb) & (1 << 17))
		return SVMRT_V86;
	return attrib & SVMRT_ATTRIB_D ? SVMRT_PROT32 : SVMRT_PROT16;
}

/* Default operand size of the code segment in bits: 16, 32 or 64. */
static inline unsigned int svmrt_vmcb_code_bits(const struct svmk_vmcb *vmcb)
{
	switch (svmrt_vmcb_mode(vmcb)) {
	case SVMRT_LONG64:
		return 64;
	case SVMRT_COMPAT:
	case SVMRT_PROT32:
		return vmcb_get_CS_ATTRIB(vmcb) & SVMRT_ATTRIB_D ? 32 : 16;
	default:
		return 16;
	}
}

#endif
