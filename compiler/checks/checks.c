/* SPDX-License-Identifier: MIT */
/* The list of families, and the loop over them. */
#include <stdarg.h>
#include "checks.h"

static const struct check *const *const families[] = {
	memory_checks, payload_checks, save_checks, control_checks, exit_checks, device_checks,
};

void check_error(struct comp *c, const struct check *check, const struct range *range,
		 const char *format, ...)
{
	char message[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	diag_error(&c->diag, range, "%s [%s, %s]", message, check->name, check->section);
}

const struct check *check_next(size_t index)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		for (size_t j = 0; families[i][j]; j++)
			if (!index--)
				return families[i][j];
	return NULL;
}

void checks_run(struct comp *c)
{
	const struct check *check;

	for (size_t i = 0; (check = check_next(i)) != NULL; i++)
		if (!(check->needs & c->spec.bad))
			check->run(c, check);
}
