/* SPDX-License-Identifier: MIT */
/* Words of `confidential:` and the numbers that they stand for in a template. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "launch.h"

static const char *const kinds[] = {
	[SVMT_LAUNCH_SEV_ES] = "sev-es", [SVMT_LAUNCH_SEV_SNP] = "sev-snp",
};
static const char *const vmms[] = {
	[SVMT_VMM_QEMU] = "qemu", [SVMT_VMM_EC2] = "ec2", [SVMT_VMM_GCE] = "gce",
	[SVMT_VMM_RAW] = "raw",
};
static const char *const types[] = {
	[SVMT_PAGE_NORMAL] = "normal", [SVMT_PAGE_VMSA] = "vmsa", [SVMT_PAGE_ZERO] = "zero",
	[SVMT_PAGE_UNMEASURED] = "unmeasured", [SVMT_PAGE_SECRETS] = "secrets",
	[SVMT_PAGE_CPUID] = "cpuid",
};

/* The page types of the firmware's ABI are facts; the format takes its numbers from them. */
#define SNP_PAGE(NAME, value, note, source) \
	_Static_assert(SVMT_PAGE_##NAME == (value), "page type " #NAME);
#define SNP_SECTION(NAME, value, note, source)
#define SNP_GUID(NAME, value, note, source)
#define SNP_SIGNATURE(NAME, value, note, source)
#include <svmkit/snp_launch.def>
#undef SNP_PAGE
#undef SNP_SIGNATURE

static const struct {
	const char *name;
	uint32_t value;
} signatures[] = {
#define SNP_PAGE(NAME, value, note, source)
#define SNP_SIGNATURE(NAME, value, note, source) { #NAME, value },
#include <svmkit/snp_launch.def>
#undef SNP_PAGE
#undef SNP_SECTION
#undef SNP_GUID
#undef SNP_SIGNATURE
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint32_t find(const char *const names[], size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (names[i] && !strcmp(names[i], name))
			return (uint32_t)i;
	return 0;
}

const char *launch_kind_name(uint32_t kind)
{
	return kind < COUNT(kinds) ? kinds[kind] : NULL;
}

const char *launch_vmm_name(uint32_t vmm)
{
	return vmm < COUNT(vmms) ? vmms[vmm] : NULL;
}

const char *launch_type_name(uint32_t type)
{
	return type < COUNT(types) ? types[type] : NULL;
}

uint32_t launch_kind_find(const char *name)
{
	return find(kinds, COUNT(kinds), name);
}

uint32_t launch_vmm_find(const char *name)
{
	return find(vmms, COUNT(vmms), name);
}

uint32_t launch_type_find(const char *name)
{
	return find(types, COUNT(types), name);
}

const char *launch_signature_at(size_t index, uint32_t *signature)
{
	if (index >= COUNT(signatures))
		return NULL;
	*signature = signatures[index].value;
	return signatures[index].name;
}

void launch_date(uint32_t date, char out[16])
{
	snprintf(out, 16, "%04u-%02u-%02u", date / 10000 % 10000, date / 100 % 100, date % 100);
}
