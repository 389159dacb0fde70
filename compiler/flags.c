/* SPDX-License-Identifier: MIT */
/*
 * Registers whose bits have names: a number, or a list of names. Every name signed: relative to the
 * profile's value. None signed: exactly those bits. A mixture could mean either and is an error.
 */
#include <string.h>
#include "flags.h"
#include "read.h"
#include "suggest.h"

struct flag {
	const char *name;
	unsigned int bit;
};

/* APM volume 2, 3.1.1, 3.1.3, 3.1.6 and 3.1.7; `end` closes each list. */
static const struct flag cr0_flags[] = {
	{ "PE", 0 }, { "MP", 1 }, { "EM", 2 }, { "TS", 3 }, { "ET", 4 }, { "NE", 5 }, { "WP", 16 },
	{ "AM", 18 }, { "NW", 29 }, { "CD", 30 }, { "PG", 31 }, { NULL, 0 },
};
static const struct flag cr4_flags[] = {
	{ "VME", 0 }, { "PVI", 1 }, { "TSD", 2 }, { "DE", 3 }, { "PSE", 4 }, { "PAE", 5 },
	{ "MCE", 6 }, { "PGE", 7 }, { "PCE", 8 }, { "OSFXSR", 9 }, { "OSXMMEXCPT", 10 },
	{ "UMIP", 11 }, { "LA57", 12 }, { "FSGSBASE", 16 }, { "PCIDE", 17 }, { "OSXSAVE", 18 },
	{ "SMEP", 20 }, { "SMAP", 21 }, { "PKE", 22 }, { "CET", 23 }, { NULL, 0 },
};
static const struct flag efer_flags[] = {
	{ "SCE", 0 }, { "LME", 8 }, { "LMA", 10 }, { "NXE", 11 }, { "SVME", 12 }, { "LMSLE", 13 },
	{ "FFXSR", 14 }, { "TCE", 15 }, { "MCOMMIT", 17 }, { "INTWB", 18 }, { "UAIE", 20 },
	{ "AIBRSE", 21 }, { NULL, 0 },
};
static const struct flag rflags_flags[] = {
	{ "CF", 0 }, { "PF", 2 }, { "AF", 4 }, { "ZF", 6 }, { "SF", 7 }, { "TF", 8 }, { "IF", 9 },
	{ "DF", 10 }, { "OF", 11 }, { "NT", 14 }, { "RF", 16 }, { "VM", 17 }, { "AC", 18 },
	{ "VIF", 19 }, { "VIP", 20 }, { "ID", 21 }, { NULL, 0 },
};

/* SEV_FEATURES of the VMSA, facts/vmsa.csv. */
static const struct flag sev_features_flags[] = {
	{ "SNPActive", 0 }, { "vTOM", 1 }, { "ReflectVC", 2 }, { "RestrictedInjection", 3 },
	{ "AlternateInjection", 4 }, { "DebugVirt", 5 }, { "PreventHostIBS", 6 },
	{ "BTBIsolation", 7 }, { "VmplSSS", 8 }, { "SecureTSC", 9 }, { "VmgexitParameter", 10 },
	{ "PmcVirt", 11 }, { "IbsVirt", 12 }, { "GuestInterceptCtl", 13 }, { "VmsaRegProt", 14 },
	{ "SmtProtection", 15 }, { "SecureAvic", 16 }, { "IbpbOnEntry", 21 }, { NULL, 0 },
};

static const struct {
	const char *reg;
	const struct flag *flags;
	uint64_t always;	/* bits that an absolute list includes: they read as one */
} registers[] = {
	{ "cr0", cr0_flags, 1 << 4 },		/* ET */
	{ "cr4", cr4_flags, 0 },
	{ "efer", efer_flags, 0 },
	{ "rflags", rflags_flags, 1 << 1 },
	{ "sev_features", sev_features_flags, 0 },
};

static int find_register(const char *reg)
{
	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
		if (!strcmp(registers[i].reg, reg))
			return (int)i;
	return -1;
}

bool has_flags(const char *reg)
{
	return find_register(reg) >= 0;
}

static bool unknown_flag(struct comp *c, const struct node *node, const char *reg,
			 const struct flag *flags, const char *name)
{
	const char *list = "";
	struct suggest suggest;

	suggest_begin(&suggest, name);
	for (const struct flag *f = flags; f->name; f++) {
		suggest_offer(&suggest, f->name);
		list = arena_printf(&c->arena, "%s%s%s", list, *list ? " " : "", f->name);
	}
	if (suggest.best)
		diag_error(&c->diag, &node->range, "%s is no bit of %s; did you mean `%s`?",
			   node_quote(&c->arena, node), reg, suggest.best);
	else
		diag_error(&c->diag, &node->range, "%s is no bit of %s; its bits are %s",
			   node_quote(&c->arena, node), reg, list);
	return false;
}

/* One name of the list: its sign (0: none) and its bit. */
static bool read_flag(struct comp *c, const struct node *node, const char *reg,
		      const struct flag *flags, char *sign, uint64_t *bit)
{
	const char *name;

	if (!read_text(c, node, reg, &name))
		return false;
	*sign = *name == '+' || *name == '-' ? *name : 0;
	if (*sign)
		name++;
	for (const struct flag *f = flags; f->name; f++) {
		if (strcmp(f->name, name))
			continue;
		*bit = 1ULL << f->bit;
		return true;
	}
	return unknown_flag(c, node, reg, flags, name);
}

bool read_flags(struct comp *c, const struct node *node, const char *reg, uint64_t base,
		uint64_t *value)
{
	const int index = find_register(reg);
	const struct node *first = NULL;
	char first_sign = 0;
	bool good = true;

	if (node->kind != NODE_LIST)
		return read_number(c, node, reg, 64, UNIT_NONE, value);
	*value = registers[index].always;
	for (size_t i = 0; i < node->count; i++) {
		uint64_t bit = 0;
		char sign = 0;

		if (!read_flag(c, node->items[i], reg, registers[index].flags, &sign, &bit)) {
			good = false;
			continue;
		}
		if (!first) {
			first = node->items[i];
			first_sign = sign;
			*value = sign ? base : *value;
		}
		if (!sign != !first_sign) {
			diag_error(&c->diag, &node->items[i]->range,
				   "%s mixes signed and unsigned names: "
				   "sign all of them (relative to the profile) or none (exactly "
				   "these)",
				   reg);
			diag_note(&c->diag, &first->range, "the first name is %s",
				  first_sign ? "signed" : "not signed");
			return false;
		}
		*value = sign == '-' ? *value & ~bit : *value | bit;
	}
	return good;
}

const char *flags_name(const char *reg, size_t index)
{
	const int row = find_register(reg);
	const struct flag *f = row < 0 ? NULL : registers[row].flags;

	for (; f && f->name && index; index--)
		f++;
	return f ? f->name : NULL;
}

uint64_t flags_bit(const char *reg, size_t index)
{
	const int row = find_register(reg);

	return row < 0 ? 0 : 1ULL << registers[row].flags[index].bit;
}

void flags_text(const char *reg, uint64_t value, char *text, size_t bytes)
{
	const int index = find_register(reg);
	size_t used = 0;

	*text = 0;
	if (index < 0)
		return;
	for (const struct flag *f = registers[index].flags; f->name && used < bytes; f++)
		if (value & 1ULL << f->bit)
			used += (size_t)snprintf(text + used, bytes - used, "%s%s", used ? " " : "",
						 f->name);
}
