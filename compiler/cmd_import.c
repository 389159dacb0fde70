/* SPDX-License-Identifier: MIT */
/* svmc import: the template of an IGVM file. What a template has no words for is told. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "cmd.h"
#include "igvm_convert.h"
#include "output.h"

static const char usage[] =
	"usage: svmc import [-o FILE] [--allow-loss] [--platform native|sev-snp|sev-es] IGVM\n"
	"\n"
	"Make a template of the IGVM file IGVM. What has no home in a template is lost; it is "
	"told,\n"
	"and the template is only written if nothing is lost or --allow-loss is given. What an "
	"IGVM\n"
	"file does not say is as in the profile apm-reset; svmc decompile makes a spec of the "
	"result.\n"
	"\n"
	"  -o, --output FILE   write FILE instead of IGVM's name with .svmt in the current\n"
	"                      directory; - is standard output\n"
	"  --platform NAME     which platform of a file that has several\n"
	"  --allow-loss        write the template whatever is lost, and tell it on standard error\n"
	"  -h, --help          this text\n"
	"\n"
	"Exit status: 0 written, 1 errors or a loss that is not allowed, 2 wrong usage, 3 a file\n"
	"could not be read or written.\n";

/* "dir/guest.igvm": its name without directory and end, in printable ASCII of at most 63 bytes. */
static void name_of(const char *path, char name[64])
{
	const char *base = strrchr(path, '/'), *dot;
	size_t length;

	base = base ? base + 1 : path;
	dot = strrchr(base, '.');
	length = dot && dot != base ? (size_t)(dot - base) : strlen(base);
	snprintf(name, 64, "%.*s", (int)(length < 63 ? length : 63), base);
	for (char *p = name; *p; p++)
		if (*p < 0x20 || *p > 0x7e)
			*p = '_';
	if (!*name)
		strcpy(name, "igvm");
}

static int tell(const char *path, const struct igvm_import *import, bool allow_loss)
{
	if (import->loss_count && !allow_loss)
		fprintf(stderr, "%s: error: %zu thing%s of the file have no home in a template; "
			"--allow-loss writes it without them:\n", path, import->loss_count,
			import->loss_count == 1 ? "" : "s");
	for (size_t i = 0; i < import->loss_count; i++)
		fprintf(stderr, "lost: %s%s\n", import->losses[i].text,
			import->losses[i].measured ? " (the launch digest changes)" : "");
	return import->loss_count && !allow_loss ? SVMC_DIAGNOSED : SVMC_OK;
}

static int import_file(const char *path, const char *output, uint32_t platform, bool allow_loss)
{
	struct igvm_import import;
	uint64_t bytes = 0;
	uint8_t *data = cmd_read_file(path, IGVM_MAX_BYTES, &bytes);
	char name[64], own[80];
	int status;

	if (!data) {
		fprintf(stderr, "svmc import: cannot read %s: %s\n", path, strerror(errno));
		return SVMC_IO;
	}
	name_of(path, name);
	status = igvm_import(path, data, bytes, name, platform, &import, stderr);
	free(data);
	if (status != SVMC_OK)
		return status;
	status = tell(path, &import, allow_loss);
	snprintf(own, sizeof(own), "%s.svmt", name);
	if (status == SVMC_OK && output_write(output ? output : own, import.image.bytes,
					      import.image.length)) {
		fprintf(stderr, "svmc import: cannot write %s: %s\n", output ? output : own,
			strerror(errno));
		status = SVMC_IO;
	}
	igvm_import_free(&import);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "platform", required_argument, NULL, 'p' },
		{ "allow-loss", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	uint32_t platform = IGVM_ANY_PLATFORM;
	const char *output = NULL;
	bool allow_loss = false;
	int c;

	while ((c = getopt_long(argc, argv, "o:h", long_options, NULL)) >= 0) {
		switch (c) {
		case 'h': return cmd_help(&cmd_import);
		case 'o': output = optarg; break;
		case 'l': allow_loss = true; break;
		case 'p':
			platform = igvm_platform_find(optarg);
			if (platform == IGVM_ANY_PLATFORM)
				return cmd_usage(&cmd_import, "--platform %s: the rule is native, "
						 "sev-snp or sev-es", optarg);
			break;
		default: return cmd_usage(&cmd_import, "unknown or incomplete option");
		}
	}
	if (argc - optind != 1)
		return cmd_usage(&cmd_import, "%s", argc == optind ? "no IGVM file is named" :
				 "more than one file is named");
	return import_file(argv[optind], output, platform, allow_loss);
}

const struct command cmd_import = {
	"import", "make a template of an IGVM file", usage, run,
};
