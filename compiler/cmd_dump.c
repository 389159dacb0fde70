/* SPDX-License-Identifier: MIT */
/* svmc dump: what is in a template. A broken one is refused with the byte offset. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cmd.h"
#include "dump.h"
#include "dump_bytes.h"

static const char usage[] =
	"usage: svmc dump [--json|--bytes] FILE\n"
	"\n"
	"Show the template FILE (- is standard input): identity, memory, the VMCB fields of every "
	"vCPU\n"
	"that are not zero, exit policy, devices and what the spec expects of a run.\n"
	"\n"
	"  --json       one JSON object; 64-bit values are hex strings\n"
	"  --bytes      every byte of the file with its offset and what it is\n"
	"  -h, --help   this text\n"
	"\n"
	"Exit status: 0 shown, 1 not a good template, 2 wrong usage, 3 FILE could not be read.\n";

enum form { FORM_TEXT, FORM_JSON, FORM_BYTES };

static int dump(const char *path, enum form form)
{
	uint64_t bytes = 0;
	uint8_t *data = cmd_read_file(path, SVMT_MAX_BYTES, &bytes);
	struct svmt_view view;
	struct svmt_error error;
	int status = SVMC_OK;

	if (!data) {
		fprintf(stderr, "svmc dump: cannot read %s: %s\n", path, strerror(errno));
		return SVMC_IO;
	}
	if (svmt_view_open(&view, data, bytes, &error)) {
		fprintf(stderr, "%s: error: %s\n", path, error.text);
		free(data);
		return SVMC_DIAGNOSED;
	}
	if (form == FORM_TEXT)
		dump_text(stdout, &view);
	else if (form == FORM_BYTES)
		dump_bytes(stdout, &view);
	else if (dump_json(stdout, &view))
		status = SVMC_IO;
	free(data);
	return cmd_finish_stdout(&cmd_dump, status);
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "json", no_argument, NULL, 'j' }, { "bytes", no_argument, NULL, 'b' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	enum form form = FORM_TEXT;
	int c;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
		if (c == 'h')
			return cmd_help(&cmd_dump);
		if (c == '?')
			return cmd_usage(&cmd_dump, "unknown or incomplete option");
		if (form != FORM_TEXT)
			return cmd_usage(&cmd_dump, "one form at a time: --json or --bytes");
		form = c == 'j' ? FORM_JSON : FORM_BYTES;
	}
	if (argc - optind != 1)
		return cmd_usage(&cmd_dump, "%s", argc == optind ? "no template is named" :
				 "more than one template is named");
	return dump(argv[optind], form);
}

const struct command cmd_dump = {
	"dump", "show what is in a template", usage, run,
};
