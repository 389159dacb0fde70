// SPDX-License-Identifier: GPL-2.0-only
/*
 * One function a rule, named as in svmkit/consistency.def, whose words are what is reported. Rules
 * without a function are those that the module cannot break (intercepts and addresses of its own,
 * SEV), or that nothing but the processor knows.
 */
#include "consistency.h"

#define CR0_PE (1ULL << 0)
#define CR0_NW (1ULL << 29)
#define CR0_CD (1ULL << 30)
#define CR0_PG (1ULL << 31)
#define CR4_PAE (1ULL << 5)
#define CR4_KNOWN 0x00f71fffULL		/* VME to LA57, FSGSBASE to OSXSAVE, SMEP to CET */
#define EFER_LME (1ULL << 8)
#define EFER_SVME (1ULL << 12)
#define EFER_KNOWN 0x0036fd01ULL	/* SCE LME LMA NXE SVME LMSLE FFXSR TCE MCOMMIT INTWB .. */
#define ATTRIB_L (1u << 9)
#define ATTRIB_D (1u << 10)
#define EVENT_V (1ULL << 31)
#define EVENT_TYPE(event) ((event) >> 8 & 7)

struct host {
	unsigned int physical_bits;
	__u32 asids;
};

typedef _Bool broken(const struct svmk_vmcb *v, const struct host *host);

static _Bool long_paging(const struct svmk_vmcb *v)
{
	return vmcb_get_EFER(v) & EFER_LME && vmcb_get_CR0(v) & CR0_PG;
}

static _Bool C01(const struct svmk_vmcb *v, const struct host *host)
{
	(void)host;
	return !(vmcb_get_EFER(v) & EFER_SVME);
}

static _Bool C02(const struct svmk_vmcb *v, const struct host *host)
{
	(void)host;
	return (vmcb_get_CR0(v) & (CR0_CD | CR0_NW)) == CR0_NW;
}

static _Bool C03(const struct svmk_vmcb *v, const struct host *host)
{
	(void)host;
	return vmcb_get_CR0(v) >> 32;
}

static _Bool C04(const struct svmk_vmcb *v, const struct host *host)
{
	return long_paging(v) && vmcb_get_CR3(v) >> host->physical_bits;
}

static _Bool C05(const struct svmk_vmcb *v, const struct host *host)
{
	(void)host;
	return vmcb_get_CR4(v) & ~CR4_KNOWN;
}

static _Bool C06(const struct svmk_vmcb *v, const struct host *host)
{
	(void)host;
	return vmcb_get_DR6(v) >> 32;
}

static _Bool C07(const struct svmk_vmcb *v, const struct host *host)
{
	(void)host;
	return vmcb_get_DR7(v) >> 32;
}

static _Bool C08(const struct svmk_vmcb *v, const struct host *host)
{
	(void)host;
	return vmcb_get_EFER(v) & ~EFER_KNOWN;
}

static _Bool C10(const struct svmk_vmcb *v, const struct host *host)
{
	(void)host;
	return long_paging(v) && !(vmcb_get_CR4(v) & CR4_PAE);
}

static _Bool C11(const struct svmk_vmcb *v, const struct host *host)
{
	(void)host;
	return long_paging(v) && !(vmcb_get_CR0(v) & CR0_PE);
}

static _Bool C12(const struct svmk_vmcb *v, const struct host *host)
{
	(void)host;
	return long_paging(v) && vmcb_get_CR4(v) & CR4_PAE &&
	       (vmcb_get_CS_ATTRIB(v) & (ATTRIB_L | ATTRIB_D)) == (ATTRIB_L | ATTRIB_D);
}

static _Bool C13(const struct svmk_vmcb *v, const struct host *host)
{
	(void)host;
	return !(vmcb_get_intercepts(v, 4) & 1);
}

static _Bool C14(const struct svmk_vmcb *v, const struct host *host)
{
	return ((vmcb_get_MSRPM_BASE_PA(v) | 0xfff) + 0x1000) >> host->physical_bits;
}

static _Bool C15(const struct svmk_vmcb *v, const struct host *host)
{
	return ((vmcb_get_IOPM_BASE_PA(v) & ~0xfffULL) + 0x2000) >> host->physical_bits;
}

static _Bool C16(const struct svmk_vmcb *v, const struct host *host)
{
	(void)host;
	__u64 event = vmcb_get_EVENTINJ(v);

	return event & EVENT_V && EVENT_TYPE(event) != 0 &&
	       (EVENT_TYPE(event) < 2 || EVENT_TYPE(event) > 4);
}

static _Bool C17(const struct svmk_vmcb *v, const struct host *host)
{
	(void)host;
	__u64 event = vmcb_get_EVENTINJ(v);

	return event & EVENT_V && EVENT_TYPE(event) == 3 &&
	       ((event & 0xff) == 2 || (event & 0xff) >= 31);
}

static _Bool C19(const struct svmk_vmcb *v, const struct host *host)
{
	(void)host;
	__u64 event = vmcb_get_EVENTINJ(v);

	return event & EVENT_V && event & 0x7ffff000;
}

static _Bool C20(const struct svmk_vmcb *v, const struct host *host)
{
	(void)host;
	return !vmcb_get_GUEST_ASID(v);
}

static _Bool C21(const struct svmk_vmcb *v, const struct host *host)
{
	return vmcb_get_GUEST_ASID(v) >= host->asids;
}

static _Bool C24(const struct svmk_vmcb *v, const struct host *host)
{
	return vmcb_get_NP_ENABLE(v) && vmcb_get_N_CR3(v) >> host->physical_bits;
}

static _Bool C25(const struct svmk_vmcb *v, const struct host *host)
{
	(void)host;
	__u64 pat = vmcb_get_G_PAT(v);
	unsigned int i;

	for (i = 0; vmcb_get_NP_ENABLE(v) && i < 64; i += 8) {
		unsigned int type = pat >> i & 0xff;

		if (type > 7 || type == 2 || type == 3)
			return 1;
	}
	return 0;
}

enum {
#define SVM_RULE(id, class, illegal_when, result, decided, host_fact, apm) RULE_##id,
#include <svmkit/consistency.def>
#undef SVM_RULE
	RULES
};

static const struct svmrt_consistency rules[RULES + 1] = {
#define SVM_RULE(id, class, illegal_when, result, decided, host_fact, apm) \
	{ #id, illegal_when, apm },
#include <svmkit/consistency.def>
#undef SVM_RULE
	{ "-", "none of the rules that svmrt.ko looks at is broken", "15.5.1" },
};

static broken *const checks[RULES] = {
	[RULE_C01] = C01, [RULE_C02] = C02, [RULE_C03] = C03, [RULE_C04] = C04, [RULE_C05] = C05,
	[RULE_C06] = C06, [RULE_C07] = C07, [RULE_C08] = C08, [RULE_C10] = C10, [RULE_C11] = C11,
	[RULE_C12] = C12, [RULE_C13] = C13, [RULE_C14] = C14, [RULE_C15] = C15, [RULE_C16] = C16,
	[RULE_C17] = C17, [RULE_C19] = C19, [RULE_C20] = C20, [RULE_C21] = C21, [RULE_C24] = C24,
	[RULE_C25] = C25,
};

const struct svmrt_consistency *svmrt_consistency(const struct svmk_vmcb *vmcb,
						  unsigned int physical_bits, __u32 asids)
{
	const struct host host = { .physical_bits = physical_bits, .asids = asids };
	unsigned int i;

	for (i = 0; i < RULES; i++)
		if (checks[i] && checks[i](vmcb, &host))
			return &rules[i];
	return &rules[RULES];
}
