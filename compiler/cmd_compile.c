/* SPDX-License-Identifier: MIT */
/*
 * svmc compile: specs in, templates out. Nothing of a spec is written unless it compiled; messages
 * come in the order of the specs, whatever -j is.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cmd.h"
#include "compile_job.h"
#include "number.h"
#include "output.h"
#include "workers.h"
#include "write_all.h"

static const char usage[] =
	"usage: svmc compile [-o FILE|DIR] [--emit svmt|vmcb|json] [-M FILE] [-j N]\n"
	"                    [-D NAME=VALUE]... [-W [no-|error=]NAME]...\n"
	"                    [--diagnostics=text|json] SPEC...\n"
	"\n"
	"Compile each SPEC (svmspec(5); - is standard input) to a template (svmt(5)).\n"
	"\n"
	"  -o, --output FILE      write FILE instead of SPEC's name with .svmt in the current\n"
	"                         directory; - is standard output. A directory takes the\n"
	"                         templates of several specs\n"
	"      --emit KIND        svmt (default); vmcb: the VMCB page of every vCPU, one behind\n"
	"                         the other; json: what svmc dump --json shows\n"
	"  -M, --depfile FILE     write what each output is made of to FILE, as rules for make\n"
	"  -j, --jobs N           compile N specs at once (default 1; 0: one a processor)\n"
	"  -D NAME=VALUE          set a variable that the spec has under `vars:`\n"
	"  -W NAME                warn of NAME (svmc check --list), which is the default;\n"
	"                         -W no-NAME does not, -W error=NAME and -W error refuse the spec\n"
	"  --diagnostics=FORMAT   text (default) or json: one object a line\n"
	"  -h, --help             this text\n"
	"\n"
	"FILE is replaced only when the compilation succeeded. Exit status: 0 compiled, 1 errors "
	"in a\n"
	"spec, 2 wrong usage, 3 a file could not be read or written; of several the highest.\n";

#define OPTION_EMIT 0x200

struct work {
	struct cmd_options options;
	enum emit_kind kind;
	const char *output, *depfile;
	unsigned int threads;
	struct compile_job *jobs;
	size_t count;
	int worst;
};

/* "dir/hello.yaml" -> "hello.svmt", in the directory of -o if that is one; caller frees. */
static char *default_output(const char *spec, const char *directory, const char *suffix)
{
	const char *base = strrchr(spec, '/'), *dot;
	char *name;
	int length, separator = directory && *directory &&
				directory[strlen(directory) - 1] != '/';

	base = base ? base + 1 : spec;
	dot = strrchr(base, '.');
	length = dot && dot != base ? (int)(dot - base) : (int)strlen(base);
	if (asprintf(&name, "%s%s%.*s%s", directory ? directory : "", separator ? "/" : "", length,
		     base, suffix) < 0)
		return NULL;
	return name;
}

static bool is_directory(const char *path)
{
	struct stat status;

	return !stat(path, &status) && S_ISDIR(status.st_mode);
}

static int compare_output(const void *a, const void *b)
{
	const struct compile_job *const *x = a, *const *y = b;
	int order = strcmp((*x)->output, (*y)->output);

	return order ? order : (*x > *y) - (*x < *y);
}

/* Two specs of one name would write one file. Returns 0, or a status after a message. */
static int check_outputs(const struct work *work)
{
	const struct compile_job **sorted = calloc(work->count, sizeof(*sorted));
	int status = SVMC_OK;

	if (!sorted)
		return SVMC_IO;
	for (size_t i = 0; i < work->count; i++)
		sorted[i] = &work->jobs[i];
	qsort(sorted, work->count, sizeof(*sorted), compare_output);
	for (size_t i = 1; i < work->count && !status; i++)
		if (!strcmp(sorted[i - 1]->output, sorted[i]->output))
			status = cmd_usage(&cmd_compile, "%s and %s would both be written to %s; "
					   "compile them one by one, with -o", sorted[i - 1]->spec,
					   sorted[i]->spec, sorted[i]->output);
	free(sorted);
	return status;
}

static int name_outputs(struct work *work, char **specs)
{
	const bool directory = work->output && is_directory(work->output);

	if (work->count > 1 && work->output && !directory)
		return cmd_usage(&cmd_compile, "-o %s is no directory, but the templates of %zu "
				 "specs need one", work->output, work->count);
	for (size_t i = 0; i < work->count; i++) {
		struct compile_job *job = &work->jobs[i];

		job->spec = specs[i];
		if (!strcmp(specs[i], "-") && (!work->output || directory || work->count > 1))
			return cmd_usage(&cmd_compile, "a spec from standard input is compiled "
					 "alone and needs -o FILE");
		job->output = work->output && !directory ? strdup(work->output) :
			default_output(specs[i], work->output, emit_suffix(work->kind));
		if (!job->output)
			return SVMC_IO;
	}
	return check_outputs(work);
}

static void compile_one(void *argument, size_t i)
{
	struct work *work = argument;

	compile_job_run(&work->jobs[i], &work->options.compile, work->kind, work->depfile);
}

static void show_one(void *argument, size_t i)
{
	struct work *work = argument;
	struct compile_job *job = &work->jobs[i];

	if (job->message_bytes)
		write_all(STDERR_FILENO, (const uint8_t *)job->messages, job->message_bytes);
	free(job->messages);
	job->messages = NULL;
	if (job->status > work->worst)
		work->worst = job->status;
	if (job->files.failed)
		work->worst = SVMC_IO;
}

/* The rules of all specs, which have all compiled. */
static int write_depfile(const struct work *work)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *out = open_memstream(&text, &bytes);
	int status = SVMC_OK;

	for (size_t i = 0; out && i < work->count; i++)
		depfile_print(out, work->jobs[i].output, &work->jobs[i].files);
	if (!out || fclose(out) || output_write(work->depfile, (const uint8_t *)text, bytes)) {
		compile_cannot_write(stderr, &work->options.compile, work->depfile);
		status = SVMC_IO;
	}
	free(text);
	return status;
}

static int compile_all(struct work *work, char **specs)
{
	work->jobs = calloc(work->count, sizeof(*work->jobs));
	work->worst = work->jobs ? name_outputs(work, specs) : SVMC_IO;
	if (work->worst == SVMC_OK) {
		workers_run(work->threads, work->count, compile_one, show_one, work);
		if (work->worst == SVMC_OK && work->depfile)
			work->worst = write_depfile(work);
	} else if (work->worst == SVMC_IO) {
		fprintf(stderr, "svmc compile: out of memory\n");
	}
	for (size_t i = 0; work->jobs && i < work->count; i++)
		compile_job_free(&work->jobs[i]);
	free(work->jobs);
	return work->worst;
}

static int read_emit(struct work *work, const char *argument)
{
	static const char *const kinds[] = { "svmt", "vmcb", "json" };

	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(argument, kinds[i])) {
			work->kind = (enum emit_kind)i;
			return 0;
		}
	return cmd_usage(&cmd_compile, "--emit %s: the rule is svmt, vmcb or json", argument);
}

static int read_jobs(struct work *work, const char *argument)
{
	uint64_t jobs = 0;

	if (number_parse(argument, UNIT_NONE, &jobs) != NUMBER_GOOD || jobs > WORKERS_MAX)
		return cmd_usage(&cmd_compile, "-j %s: the rule is a number up to %u", argument,
				 WORKERS_MAX);
	work->threads = jobs ? (unsigned int)jobs : workers_processors();
	return 0;
}

static int read_option(struct work *work, int c, const char *argument)
{
	switch (c) {
	case 'o':
		work->output = argument;
		return 0;
	case 'M':
		work->depfile = argument;
		return 0;
	case 'j':
		return read_jobs(work, argument);
	case OPTION_EMIT:
		return read_emit(work, argument);
	case '?':
		return cmd_usage(&cmd_compile, "unknown or incomplete option");
	default:
		return cmd_common_option(&work->options, c, argument);
	}
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "emit", required_argument, NULL, OPTION_EMIT },
		{ "depfile", required_argument, NULL, 'M' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "define", required_argument, NULL, CMD_DEFINE },
		{ "warning", required_argument, NULL, CMD_WARNING },
		{ "diagnostics", required_argument, NULL, CMD_DIAGNOSTICS },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	struct work work = { .threads = 1 };
	int c;

	cmd_options_begin(&work.options);
	while ((c = getopt_long(argc, argv, "o:M:j:D:W:h", long_options, NULL)) >= 0) {
		if (c == 'h')
			return cmd_help(&cmd_compile);
		if (read_option(&work, c, optarg))
			return SVMC_USAGE;
	}
	if (argc == optind)
		return cmd_usage(&cmd_compile, "no spec is named");
	if (work.depfile && work.output && !strcmp(work.output, "-"))
		return cmd_usage(&cmd_compile, "-M names the output of -o, and standard output "
				 "has no name");
	work.count = (size_t)(argc - optind);
	return compile_all(&work, argv + optind);
}

const struct command cmd_compile = {
	"compile", "compile specs to templates", usage, run,
};
