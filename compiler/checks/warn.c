/* SPDX-License-Identifier: MIT */
/*
 * -W: which named warnings are told, and which refuse the spec. Every warning is on by default.
 * Errors cannot be turned off; a save state that VMRUN refuses is wanted or not by the spec itself,
 * under `allow`, since it belongs to the machine and not to one run of the compiler.
 */
#include <string.h>
#include "suggest.h"
#include "checks.h"

/* The name in "name", "no-name" or "error=name", and what the option makes of it. */
static const char *split(const char *text, enum check_level *level)
{
	*level = CHECK_LEVEL_WARNING;
	if (!strncmp(text, "error=", 6)) {
		*level = CHECK_LEVEL_ERROR;
		return text + 6;
	}
	if (!strncmp(text, "no-", 3)) {
		*level = CHECK_LEVEL_OFF;
		return text + 3;
	}
	return text;
}

enum check_level check_level(const struct svmc_options *options, const struct check *check)
{
	enum check_level level = CHECK_LEVEL_WARNING, option;
	bool all_errors = false;

	for (size_t i = 0; i < options->warning_count; i++) {
		const char *name = split(options->warnings[i], &option);

		all_errors |= !strcmp(options->warnings[i], "error");
		if (!strcmp(name, check->name))
			level = option;
	}
	return all_errors && level == CHECK_LEVEL_WARNING ? CHECK_LEVEL_ERROR : level;
}

bool svmc_warning_option(const char *text, FILE *diag)
{
	enum check_level level;
	const char *name = split(text, &level);
	const struct check *check = check_find(name);
	struct suggest suggest;

	if (!strcmp(text, "error") || (check && check->kind == CHECK_KIND_WARNING))
		return true;
	if (check && check->kind == CHECK_KIND_SAVE) {
		fprintf(diag, "svmc: -W %s: %s is an error; a spec that wants this state says "
			"`allow: [%s]`\n", text, name, name);
		return false;
	}
	if (check) {
		fprintf(diag, "svmc: -W %s: %s is always an error\n", text, name);
		return false;
	}
	suggest_begin(&suggest, name);
	for (size_t i = 0; (check = check_next(i)) != NULL; i++)
		if (check->kind == CHECK_KIND_WARNING)
			suggest_offer(&suggest, check->name);
	if (suggest.best)
		fprintf(diag, "svmc: -W %s: no warning `%s`; did you mean `%s`?\n", text, name,
			suggest.best);
	else
		fprintf(diag, "svmc: -W %s: no warning `%s`; svmc check --list has them\n", text,
			name);
	return false;
}
