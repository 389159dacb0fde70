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
			    "Registers that are not shown are zero.\n";

static int list(void)
{
	for (size_t i = 0; profiles[i]; i++)
		printf("%-10s %s\n", profiles[i]->name, profiles[i]->summary);
	return cmd_finish_stdout(&cmd_profile, SVMC_OK);
}

static int show(const char *name)
{
	const struct profile *profile = profile_find(name);

	if (!profile) {
		fprintf(stderr, "svmc profile: no profile `%s`; svmc profile list names them\n",
			name);
		return SVMC_DIAGNOSED;
	}
	printf("name: %s\nas of: %s\nsource: %s\nsummary: %s\nasm: %u-bit code\nregisters:\n",
	       profile->name, profile->as_of, profile->source, profile->summary,
	       profile->code_bits);
	for (const struct profile_value *v = profile->values; v->field; v++)
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
