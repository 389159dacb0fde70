/* SPDX-License-Identifier: MIT */
/* svmc profile: the built-in starting points of a vCPU. */
#include <inttypes.h>
#include <string.h>
#include "cmd.h"
#include "profile.h"

static const char usage[] = "usage: svmc profile list\n"
			    "       svmc profile show NAME\n"
			    "\n"
			    "List the built-in profiles that a spec can name with `extends`, or "
			    "show the registers of one.\n"
			    "Registers that are not shown are zero. Profiles with a date are\n"
			    "for confidential guests; each of their values names its source.\n";

static int list(void)
{
	struct launch_profile confidential;

	for (size_t i = 0; profiles[i]; i++)
		printf("%-15s %s\n", profiles[i]->name, profiles[i]->summary);
	for (size_t i = 0; launch_profile_at(i, &confidential); i++)
		printf("%-15s %s\n", confidential.name, confidential.summary);
	return cmd_finish_stdout(&cmd_profile, SVMC_OK);
}

/* A register of a confidential guest's profile, and who says so. */
static void show_value(const struct launch_value *v)
{
	static const struct {
		const char *value, *text;
	} words[] = {
		{ "signature", "vcpu_signature" }, { "eip", "start address" },
		{ "eip-high", "start address & 0xffff0000" },
		{ "eip-low", "start address & 0xffff" },
	};
	const char *value = v->value, *who = "";

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(words[i].value, value))
			value = words[i].text;
	if (!strcmp(v->cpu, "bsp"))
		who = " (first vCPU)";
	else if (!strcmp(v->cpu, "ap"))
		who = " (other vCPUs)";
	else if (!strcmp(v->cpu, "snp"))
		who = " (sev-snp)";
	printf("  %s: %s%s  # %s\n", v->field, value, who, v->source);
}

static int show_confidential(const struct launch_profile *profile)
{
	const bool raw = !strcmp(profile->vmm, "raw");
	char date[16];

	launch_date(profile->since, date);
	printf("name: %s\nas of: %s\nsummary: %s\n", profile->name, date, profile->summary);
	if (raw)
		printf("spec: extends: %s and confidential: { vmm: raw }\n", profile->name);
	else
		printf("spec: confidential: { vmm: %s, as_of: %s }, or a later day until the next "
		       "profile\n", profile->vmm, date);
	printf("registers of the VMSA (the others are zero):\n");
	for (size_t i = 0; i < profile->count; i++)
		show_value(&launch_values[profile->first + i]);
	return cmd_finish_stdout(&cmd_profile, SVMC_OK);
}

static int show(const char *name)
{
	const struct profile *profile = profile_find(name);
	struct launch_profile confidential;

	for (size_t i = 0; launch_profile_at(i, &confidential); i++)
		if (!strcmp(confidential.name, name))
			return show_confidential(&confidential);
	if (!profile) {
		fprintf(stderr, "svmc profile: no profile `%s`; svmc profile list names them\n",
			name);
		return SVMC_DIAGNOSED;
	}
	printf("name: %s\nas of: %s\nsource: %s\nsummary: %s\nasm: %u-bit code\nregisters:\n",
	       profile->name, profile->as_of, profile->source, profile->summary,
	       profile->code_bits);
	for (const struct profile_value *v = profile->values; *v->field; v++)
		printf("  %s: 0x%" PRIx64 "\n", v->field, v->value);
	printf("x87 control word: 0x%x\nintercepts besides the forced ones:", profile->fcw);
	for (size_t i = 0; profile_intercepts[i]; i++)
		printf(" %s", profile_intercepts[i]);
	printf("\n");
	if (profile->builds_page_tables)
		printf("built in guest memory: page tables (CR3), descriptor table (GDTR, TR)\n");
	else if (profile->builds_gdt)
		printf("built in guest memory: descriptor table (GDTR, TR)\n");
	return cmd_finish_stdout(&cmd_profile, SVMC_OK);
}

static int run(int argc, char **argv)
{
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return cmd_help(&cmd_profile);
	if (argc == 2 && !strcmp(argv[1], "list"))
		return list();
	if (argc == 3 && !strcmp(argv[1], "show"))
		return show(argv[2]);
	return cmd_usage(&cmd_profile, "the rule is `list` or `show NAME`");
}

const struct command cmd_profile = {
	"profile", "list and show built-in profiles", usage, run,
};
