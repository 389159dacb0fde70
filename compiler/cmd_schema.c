/* SPDX-License-Identifier: MIT */
/* svmc schema: the language as JSON Schema, for editors and other people's programs. */
#include <getopt.h>
#include <stdlib.h>
#include "cmd.h"
#include "schema.h"

static const char usage[] =
	"usage: svmc schema\n"
	"\n"
	"Print the JSON Schema (draft 2020-12) of specs. YAML editors take it for completion and\n"
	"checking while typing; svmc check is the whole truth.\n"
	"\n"
	"  -h, --help   this text\n"
	"\n"
	"Exit status: 0 printed, 2 wrong usage, 3 standard output failed.\n";

static int print(void)
{
	char error[128];
	cJSON *schema = schema_make(error);
	char *text = schema ? cJSON_Print(schema) : NULL;

	if (text)
		printf("%s\n", text);
	else
		fprintf(stderr, "svmc schema: internal error, please report it: %s\n", error);
	cJSON_Delete(schema);
	if (!text)
		return SVMC_IO;
	free(text);
	return cmd_finish_stdout(&cmd_schema, SVMC_OK);
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	int c = getopt_long(argc, argv, "h", long_options, NULL);

	if (c == 'h')
		return cmd_help(&cmd_schema);
	if (c >= 0)
		return cmd_usage(&cmd_schema, "unknown option");
	if (argc != optind)
		return cmd_usage(&cmd_schema, "there is nothing to name");
	return print();
}

const struct command cmd_schema = {
	"schema", "print the JSON Schema of specs", usage, run,
};
