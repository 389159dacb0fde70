/* SPDX-License-Identifier: MIT */
/* svmc measure: the launch digest of a confidential guest, and its ID block. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "fast_sha256.h"
#include "id_block.h"
#include "igvm_convert.h"
#include "load.h"
#include "measure.h"
#include "output.h"

static const char usage[] =
	"usage: svmc measure [--trace] [--json] [--id-block FILE] [--id-key KEY --id-auth FILE\n"
	"                    [--author-key KEY]] [-D NAME=VALUE]... [-W [no-|error=]NAME]...\n"
	"                    [--diagnostics=text|json] FILE\n"
	"\n"
	"Print the launch digest of the confidential guest that FILE describes: a spec, a "
	"template\n"
	"or an IGVM file.\n"
	"SEV-SNP: 96 hexadecimal digits (SHA-384); SEV-ES: 64 (SHA-256).\n"
	"\n"
	"  --trace                one line for each page before: GPA, type, digest of the "
	"contents,\n"
	"                         digest of the launch so far\n"
	"  --json                 one JSON object\n"
	"  --id-block FILE        write the ID block (96 bytes) that the spec's `id_block` "
	"describes\n"
	"  --id-key KEY           sign it with this private key (PEM, P-384) ...\n"
	"  --id-auth FILE         ... and write the ID authentication information (4096 bytes)\n"
	"  --author-key KEY       sign the ID key with this one, too\n"
	"  -D NAME=VALUE          set a variable of the spec\n"
	"  -W NAME                warnings of the spec, as for compile\n"
	"  --diagnostics=FORMAT   messages of the compiler: text (default) or json\n"
	"  -h, --help             this text\n"
	"\n"
	"Exit status: 0 measured, 1 errors in FILE or a key, 2 wrong usage, 3 a file could not be\n"
	"read or written.\n";

struct job {
	struct cmd_options options;
	bool trace, json;
	const char *path, *id_block, *id_auth, *id_key, *author_key;
	cJSON *steps;
	unsigned int digest_bytes;
	int status;
};

static void hex(const uint8_t *bytes, size_t count, char *text)
{
	for (size_t i = 0; i < count; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	text[2 * count] = 0;
}

static void show_step(void *argument, const struct measure_step *step)
{
	struct job *job = argument;
	char contents[97] = "-", digest[97], gpa[24];

	if (step->contents)
		hex(step->contents, 48, contents);
	hex(step->digest, job->digest_bytes, digest);
	snprintf(gpa, sizeof(gpa), "0x%" PRIx64, step->gpa);
	if (job->json) {
		cJSON *row = cJSON_CreateObject();

		cJSON_AddItemToArray(job->steps, row);
		cJSON_AddStringToObject(row, "gpa", gpa);
		cJSON_AddNumberToObject(row, "bytes", (double)step->bytes);
		cJSON_AddStringToObject(row, "type", launch_type_name(step->type));
		if (step->contents)
			cJSON_AddStringToObject(row, "contents", contents);
		cJSON_AddStringToObject(row, "digest", digest);
		return;
	}
	printf("%-14s %-10s %s %s\n", gpa, launch_type_name(step->type), contents, digest);
}

static int print_json(struct job *job, const struct measure_source *source, const char *digest)
{
	cJSON *root = cJSON_CreateObject();
	char *text;
	int result;

	cJSON_AddStringToObject(root, "kind", launch_kind_name(source->kind));
	cJSON_AddNumberToObject(root, "vcpus", source->vcpu_count);
	cJSON_AddStringToObject(root, "digest", digest);
	if (job->trace)
		cJSON_AddItemToObject(root, "trace", job->steps);
	else
		cJSON_Delete(job->steps);
	job->steps = NULL;
	text = cJSON_PrintUnformatted(root);
	result = text && printf("%s\n", text) > 0 ? SVMC_OK : SVMC_IO;
	cJSON_Delete(root);
	free(text);
	return result;
}

static int write_file(const char *path, const void *data, uint64_t bytes)
{
	if (!path || !output_write(path, data, bytes))
		return SVMC_OK;
	fprintf(stderr, "svmc measure: cannot write %s: %s\n", path, strerror(errno));
	return SVMC_IO;
}

static int make_id_block(struct job *job, const struct svmt_launch *launch,
			 const uint8_t *digest)
{
	struct id_block block;
	struct id_auth auth;
	int status = SVMC_OK;

	if (!job->id_block && !job->id_key)
		return SVMC_OK;
	if (!launch || !(launch->flags & SVMT_LAUNCH_F_ID_BLOCK)) {
		fprintf(stderr, "%s: error: there is no `id_block`; add one to `confidential` of a "
			"sev-snp guest\n", job->path);
		return SVMC_DIAGNOSED;
	}
	id_block_fill(&block, launch, digest);
	if (job->id_key)
		status = id_block_sign(&block, job->id_key, job->author_key, &auth);
	if (status == SVMC_OK)
		status = write_file(job->id_block, &block, sizeof(block));
	if (status == SVMC_OK && job->id_key)
		status = write_file(job->id_auth, &auth, sizeof(auth));
	return status;
}

static int run_measure(struct job *job, const struct measure_source *source,
		       const struct svmt_launch *launch)
{
	uint8_t digest[MEASURE_MAX_DIGEST];
	char text[2 * MEASURE_MAX_DIGEST + 1];
	int status;

	job->digest_bytes = measure_bytes(source->kind);
	job->steps = job->json ? cJSON_CreateArray() : NULL;
	measure(source, digest, job->trace ? show_step : NULL, job);
	hex(digest, job->digest_bytes, text);
	status = make_id_block(job, launch, digest);
	if (status != SVMC_OK)
		cJSON_Delete(job->steps);
	else if (job->json)
		status = print_json(job, source, text);
	else
		printf("%s\n", text);
	return status;
}

static int not_confidential(const struct job *job)
{
	fprintf(stderr, "%s: error: the guest is not confidential, so nothing measures its launch; "
		"`confidential` of the spec makes it so\n", job->path);
	return SVMC_DIAGNOSED;
}

/* A spec is measured as it is, without making, sealing and reading back a template. */
static void measure_spec(struct comp *c, void *argument)
{
	struct job *job = argument;
	struct measure_source source;
	struct measure_spec keep;

	if (!c->spec.launch.head.kind) {
		job->status = not_confidential(job);
		return;
	}
	measure_from_spec(&source, &keep, c);
	job->status = run_measure(job, &source, &c->spec.launch.head);
}

static int measure_view(struct job *job, const struct svmt_view *view)
{
	struct measure_source source;

	if (!view->launch)
		return not_confidential(job);
	measure_template(&source, view);
	return run_measure(job, &source, view->launch);
}

static int measure_igvm(struct job *job)
{
	struct igvm_import import;
	struct svmt_error error;
	struct svmt_view view;
	uint64_t bytes = 0;
	uint8_t *data = cmd_read_file(job->path, IGVM_MAX_BYTES, &bytes);
	int status;

	if (!data) {
		fprintf(stderr, "svmc measure: cannot read %s: %s\n", job->path, strerror(errno));
		return SVMC_IO;
	}
	status = igvm_import(job->path, data, bytes, "igvm", IGVM_ANY_PLATFORM, &import, stderr);
	free(data);
	if (status != SVMC_OK)
		return status;
	for (size_t i = 0; i < import.loss_count; i++)
		if (import.losses[i].measured) {
			fprintf(stderr, "%s: error: cannot measure: %s\n", job->path,
				import.losses[i].text);
			status = SVMC_DIAGNOSED;
		}
	if (status == SVMC_OK && !svmt_view_open(&view, import.image.bytes, import.image.length,
						  &error))
		status = measure_view(job, &view);
	igvm_import_free(&import);
	return status;
}

/* The first bytes of an IGVM file; one that cannot be read is left to who reads it. */
static bool is_igvm(const char *path)
{
	FILE *file = fopen(path, "re");
	uint8_t magic[4];
	const bool is = file && fread(magic, 1, sizeof(magic), file) == sizeof(magic) &&
			igvm_is(magic, sizeof(magic));

	if (file)
		fclose(file);
	return is;
}

static int measure_file(struct job *job)
{
	struct loaded loaded;
	struct stat file;
	int status;

	if (is_igvm(job->path))
		return measure_igvm(job);
	if (!load_is_template(job->path)) {
		status =
			comp_with_spec(job->path, &job->options.compile, measure_spec, job, stderr);
		return status == SVMC_OK ? job->status : status;
	}
	/* Before anything of it is used, all of a template is hashed for its identity. */
	if (!stat(job->path, &file))
		fast_sha256_expect((uint64_t)file.st_size);
	status = load_template(&cmd_measure, job->path, &loaded);
	if (status != SVMC_OK)
		return status;
	status = measure_view(job, &loaded.view);
	load_free(&loaded);
	return status;
}

static int run(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "define", required_argument, NULL, CMD_DEFINE },
		{ "warning", required_argument, NULL, CMD_WARNING },
		{ "diagnostics", required_argument, NULL, CMD_DIAGNOSTICS },
		{ "trace", no_argument, NULL, 't' }, { "json", no_argument, NULL, 'j' },
		{ "id-block", required_argument, NULL, 'b' },
		{ "id-auth", required_argument, NULL, 'a' },
		{ "id-key", required_argument, NULL, 'k' },
		{ "author-key", required_argument, NULL, 'K' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	struct job job = { 0 };
	int c;

	cmd_options_begin(&job.options);
	while ((c = getopt_long(argc, argv, "D:W:h", long_options, NULL)) >= 0) {
		switch (c) {
		case 'h': return cmd_help(&cmd_measure);
		case 't': job.trace = true; break;
		case 'j': job.json = true; break;
		case 'b': job.id_block = optarg; break;
		case 'a': job.id_auth = optarg; break;
		case 'k': job.id_key = optarg; break;
		case 'K': job.author_key = optarg; break;
		case '?': return cmd_usage(&cmd_measure, "unknown or incomplete option");
		default:
			if (cmd_common_option(&job.options, c, optarg))
				return SVMC_USAGE;
		}
	}
	if (argc - optind != 1)
		return cmd_usage(&cmd_measure, "%s", argc == optind ? "no file is named" :
				 "more than one file is named");
	if (!job.id_key != !job.id_auth || (job.author_key && !job.id_key))
		return cmd_usage(&cmd_measure,
				 "--id-key and --id-auth go together, and --author-key "
				 "with both");
	job.path = argv[optind];
	return cmd_finish_stdout(&cmd_measure, measure_file(&job));
}

const struct command cmd_measure = {
	"measure", "print the launch digest of a confidential guest", usage, run,
};
