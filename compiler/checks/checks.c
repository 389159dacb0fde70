/* SPDX-License-Identifier: MIT */
/* The list of families, and the loop over them. */
#include <stdarg.h>
#include <string.h>
#include "checks.h"

static const struct check *const *const families[] = {
	memory_checks, payload_checks, table_checks, save_checks, control_checks, intercept_checks,
	event_checks, exit_checks, device_checks, warning_checks, launch_checks,
	cpuid_checks, shadow_checks, vmsa_checks,
};

static bool is_allowed(const struct comp *c, const struct check *check)
{
	for (size_t i = 0; i < c->spec.allow_count; i++)
		if (!strcmp(c->spec.allow[i], check->name))
			return true;
	return false;
}

/* What the profile or `control` gives to all sets of vCPUs is told once, not once for each set. */
static bool is_repeated(struct comp *c, const struct check *check, const struct range *range,
			const char *message)
{
	struct check_told *told;

	if (!(check->needs & EACH_VCPU_SET) || c->spec.set_count == 1)
		return false;
	for (told = c->told; told; told = told->next)
		if (told->check == check && told->range.source == range->source &&
		    told->range.line == range->line && told->range.column == range->column &&
		    !strcmp(told->message, message))
			return true;
	told = arena_alloc(&c->arena, sizeof(*told));
	*told = (struct check_told){
		c->told, check, *range, arena_copy(&c->arena, message, strlen(message)),
	};
	c->told = told;
	return false;
}

/* What a VMM gives to its vCPUs is not the spec's to change: a warning would help nobody. */
static bool is_anothers(const struct comp *c, const struct check *check, const struct range *range)
{
	return check->kind == CHECK_KIND_WARNING && c->spec.launch.profile &&
	       range == &c->spec.profile_range;
}

void check_found(struct comp *c, const struct check *check, const struct range *range,
		 const char *format, ...)
{
	char message[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (is_repeated(c, check, range, message) || is_anothers(c, check, range))
		return;
	if (check->kind == CHECK_KIND_SAVE && is_allowed(c, check)) {
		c->spec.illegal_state = true;
		diag_note(&c->diag, range, "%s [%s, %s; allowed]", message, check->name,
			  check->section);
		return;
	}
	if (check->kind != CHECK_KIND_WARNING ||
	    check_level(c->options, check) == CHECK_LEVEL_ERROR)
		diag_error(&c->diag, range, "%s [%s, %s]", message, check->name, check->section);
	else
		diag_warning(&c->diag, range, "%s [%s, %s]", message, check->name, check->section);
}

const struct check *check_next(size_t index)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		for (size_t j = 0; families[i][j]; j++)
			if (!index--)
				return families[i][j];
	return NULL;
}

const struct check *check_find(const char *name)
{
	const struct check *check;

	for (size_t i = 0; (check = check_next(i)) != NULL; i++)
		if (!strcmp(check->name, name))
			return check;
	return NULL;
}

static void run_check(struct comp *c, const struct check *check)
{
	if (check->needs & c->spec.bad || (check->kind == CHECK_KIND_WARNING &&
	    check_level(c->options, check) == CHECK_LEVEL_OFF))
		return;
	if (!(check->needs & EACH_VCPU_SET)) {
		check->run(c, check);
		return;
	}
	for (size_t i = 0; i < c->spec.set_count; i++) {
		spec_select_set(c, i);
		check->run(c, check);
	}
	spec_select_set(c, 0);
}

void checks_run(struct comp *c)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		for (size_t j = 0; families[i][j]; j++)
			run_check(c, families[i][j]);
}
