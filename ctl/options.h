/* SPDX-License-Identifier: MIT */
/*
 * Command-line options as tables: one row gives the parser and the help text, so that the two cannot
 * disagree. Built on getopt_long; options and operands may be mixed, `--` ends the options.
 */
#ifndef SVMKIT_CTL_OPTIONS_H
#define SVMKIT_CTL_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum ctl_option_kind {
	CTL_FLAG,		/* bool */
	CTL_TEXT,		/* const char * */
	CTL_OPTIONAL_TEXT,	/* struct ctl_optional: --name or --name=TEXT */
	CTL_TIME,		/* int64_t, ns: 500ms, 5s, 2m; a bare number means seconds */
	CTL_NUMBER,		/* uint64_t, decimal or 0x */
	CTL_LIST,		/* struct ctl_list: may be given again */
};

struct ctl_option {
	char letter;		/* 0: long form only */
	const char *name;	/* NULL ends the table */
	enum ctl_option_kind kind;
	const char *argument;	/* for the help: "FILE"; NULL for CTL_FLAG */
	void *to;
	const char *help;	/* lines after the first are indented by the printer */
};

struct ctl_optional {
	bool given;
	const char *text;
};

struct ctl_list {
	const char **items;	/* point into argv */
	size_t count;
};

enum ctl_parsed { CTL_PARSED, CTL_PARSE_HELP, CTL_PARSE_VERSION, CTL_PARSE_ERROR };

/*
 * Parse argv[1..] by two tables (either may be NULL). *operands is the index of the first operand;
 * operands are moved behind the options. With `stop_at_operand` the first operand ends the options.
 */
enum ctl_parsed ctl_options_parse(const struct ctl_option *own, const struct ctl_option *common,
				  bool stop_at_operand, int argc, char **argv, int *operands);

void ctl_options_help(FILE *out, const struct ctl_option *options);

/* "500ms", "5s", "2m", "1h" or a bare number of seconds into ns; false: not a time, or too long. */
bool ctl_parse_time(const char *text, int64_t *ns);

/* Decimal or 0x number that fills the whole text. */
bool ctl_parse_number(const char *text, uint64_t *value);

#endif
