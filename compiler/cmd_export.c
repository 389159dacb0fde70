/* SPDX-License-Identifier: MIT */
/* svmc export: a template as a file of another format. What is lost on the way is told. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include "diff.h"
#include "igvm_convert.h"
#include "load.h"
#include "output.h"

static const char usage[] =
	"usage: svmc export --format igvm [-o FILE] [--allow-loss] [-D NAME=VALUE]...\n"
	"                   [-W [no-|error=]NAME]... [--diagnostics=text|json] SPEC|TEMPLATE\n"
	"\n"
	"Write the guest as an IGVM file: for the platform sev-snp or sev-es if it is "
	"confidential,\n"
	"else for native. What does not come back from the file by svmc import is lost; it is "
	"told,\n"
	"by area and name, and the file is only written if nothing is lost or --allow-loss is "
	"given.\n"
	"\n"
	"  --format igvm          the only format so far\n"
	"  -o, --output FILE      write FILE instead of the name with .igvm in the current\n"
	"                         directory; - is standard output\n"
	"  --allow-loss           write the file whatever is lost, and tell it on standard error\n"
	"  -D NAME=VALUE          set a variable of the spec\n"
	"  -W NAME                warnings of the spec, as for compile\n"
	"  --diagnostics=FORMAT   messages of the compiler: text (default) or json\n"
	"  -h, --help             this text\n"
	"\n"
	"Exit status: 0 written, 1 errors or a loss that is not allowed, 2 wrong usage, 3 a file\n"
	"could not be read or written.\n";

struct job {
	struct cmd_options options;
	const char *path, *output;
	bool allow_loss;
};

/* What the import is to call it, so that the name is no difference. */
static const char *name_of(const cJSON *meta)
{
	const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(meta, "name"));

	return name ? name : "igvm";
}

/* The differences to what comes back are the losses. Returns a status. */
static int report(const struct job *job, const struct svmt_view *view, const struct svmt_view *back)
{
	struct arena *arena = calloc(1, sizeof(*arena));
	struct differences lost = { .arena = arena };
	volatile int status = SVMC_IO;

	if (!arena || setjmp(arena->out_of_memory)) {
		fprintf(stderr, "svmc export: out of memory\n");
	} else {
		diff_templates(&lost, view, back);
		status = SVMC_OK;
		if (lost.count && !job->allow_loss) {
			fprintf(stderr,
				"%s: error: %zu thing%s of the guest have no home in an IGVM "
				"file; --allow-loss writes it without them:\n",
				job->path, lost.count, lost.count == 1 ? "" : "s");
			status = SVMC_DIAGNOSED;
		}
		diff_print(stderr, &lost, "lost: ");
	}
	if (arena)
		arena_free(arena);
	free(arena);
	return status;
}

static int check_loss(const struct job *job, const struct svmt_view *view, const uint8_t *file,
		      uint64_t bytes)
{
	cJSON *meta = cJSON_ParseWithLength(view->meta, (size_t)view->meta_bytes);
	struct igvm_import back;
	struct svmt_error error;
	struct svmt_view again;
	char *messages = NULL;
	size_t length = 0;
	FILE *sink = open_memstream(&messages, &length);
	int status = SVMC_IO;

	if (sink) {
		status = igvm_import(job->path, file, bytes, name_of(meta), IGVM_ANY_PLATFORM,
				     &back, sink);
		fclose(sink);
	}
	if (status != SVMC_OK) {
		fprintf(stderr,
			"%s: error: no IGVM file can hold this guest; svmc import says of the "
			"nearest one:\n%s",
			job->path, messages ? messages : "");
	} else {
		if (!svmt_view_open(&again, back.image.bytes, back.image.length, &error))
			status = report(job, view, &again);
		igvm_import_free(&back);
	}
	free(messages);
	cJSON_Delete(meta);
	return status;
}

/* "dir/hello.svmt" -> "hello.igvm"; caller frees. */
static char *default_output(const char *path)
{
	const char *base = strrchr(path, '/'), *dot;
	char *name;

	base = base ? base + 1 : path;
	dot = strrchr(base, '.');
	if (asprintf(&name, "%.*s.igvm", dot && dot != base ? (int)(dot - base) :
		     (int)strlen(base), base) < 0)
		return NULL;
	return name;
}

static int export(const struct job *job)
{
	char *name = job->output ? NULL : default_output(job->path);
	const char *output = job->output ? job->output : name;
	struct loaded loaded;
	uint8_t *file = NULL;
	uint64_t bytes = 0;
	int status = load_either(&cmd_export, job->path, &job->options.compile, &loaded);

	if (status != SVMC_OK) {
		free(name);
		return status;
	}
	if (igvm_export(&loaded.view, &file, &bytes)) {
		fprintf(stderr, "%s: error: %s\n", job->path, errno == EFBIG ?
			"the IGVM file would be larger than a GiB" : strerror(errno));
		status = errno == EFBIG ? SVMC_DIAGNOSED : SVMC_IO;
	} else {
		status = check_loss(job, &loaded.view, file, bytes);
	}
	if (status == SVMC_OK && (!output || output_write(output, file, bytes))) {
		fprintf(stderr, "svmc export: cannot write %s: %s\n", output ? output : "the file",
			strerror(errno));
		status = SVMC_IO;
	}
	free(file);
	free(name);
	load_free(&loaded);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "format", required_argument, NULL, 'f' },
		{ "allow-loss", no_argument, NULL, 'l' },
		{ "define", required_argument, NULL, CMD_DEFINE },
		{ "warning", required_argument, NULL, CMD_WARNING },
		{ "diagnostics", required_argument, NULL, CMD_DIAGNOSTICS },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	struct job job = { 0 };
	const char *format = NULL;
	int c;

	cmd_options_begin(&job.options);
	while ((c = getopt_long(argc, argv, "o:D:W:h", long_options, NULL)) >= 0) {
		switch (c) {
		case 'h': return cmd_help(&cmd_export);
		case 'o': job.output = optarg; break;
		case 'f': format = optarg; break;
		case 'l': job.allow_loss = true; break;
		case '?': return cmd_usage(&cmd_export, "unknown or incomplete option");
		default:
			if (cmd_common_option(&job.options, c, optarg))
				return SVMC_USAGE;
		}
	}
	if (argc - optind != 1)
		return cmd_usage(&cmd_export, "%s",
				 argc == optind ? "no spec or template is named"
						: "more than one file is named");
	if (!format || strcmp(format, "igvm"))
		return cmd_usage(&cmd_export, "the rule is `--format igvm`");
	job.path = argv[optind];
	return export(&job);
}

const struct command cmd_export = {
	"export", "write a guest as an IGVM file", usage, run,
};
